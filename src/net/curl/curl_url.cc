#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/check.h"
#include "net/header_rules.h"
#include "net/url.h"

namespace tenantseal::net {
namespace {

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Parsed = std::unique_ptr<CURLU, UrlDeleter>;

bool HasPart(const Parsed& url, CURLUPart part) {
  char* text = nullptr;
  const CURLUcode code = curl_url_get(url.get(), part, &text, 0);
  curl_free(text);
  return code == CURLUE_OK;
}

std::string Part(const Parsed& url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, flags) != CURLUE_OK) return "";
  std::string out(text);
  curl_free(text);
  return out;
}

}  // namespace

Result<UrlParts> SplitUrl(const std::string& url) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return InvalidArgument("url", "the URL does not start with http:// or https://");
  }
  if (url.size() > kUrlBytesMax) return InvalidArgument("url", "the URL is too long");
  if (!IsHeaderValue(url) || url.find(' ') != url.npos) {
    return InvalidArgument("url", "the URL holds a control character or a space");
  }
  const Parsed parsed(curl_url());
  TS_CHECK(parsed != nullptr);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return InvalidArgument("url", "the URL is malformed");
  }
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_FRAGMENT}) {
    if (HasPart(parsed, part)) {
      return InvalidArgument("url", "the URL holds a user, a password or a fragment");
    }
  }
  UrlParts out;
  out.scheme = Part(parsed, CURLUPART_SCHEME);
  out.host = Part(parsed, CURLUPART_HOST);
  std::ranges::transform(out.host, out.host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  const std::string port = Part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size() || out.host.empty())
    return InvalidArgument("url", "the URL is malformed");
  return out;
}

}  // namespace tenantseal::net
