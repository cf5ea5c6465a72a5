#include "events/webhook_input.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "events/event.h"
#include "events/webhook_filter.h"
#include "net/header_rules.h"
#include "net/message.h"
#include "net/url.h"

namespace tenantseal::events {
namespace {

// What deliveries set themselves, what frames a message, and what names another receiver.
constexpr std::string_view kReservedHeaders[] = {
    "Host",    "Content-Type",     "Content-Length", "Content-Encoding", "Transfer-Encoding",
    "Expect",  "Connection",       "Keep-Alive",     "Upgrade",          "TE",
    "Trailer", "Proxy-Connection", "User-Agent",     "Qlik-Signature",   "Proxy-Authorization"};
constexpr const char* kLoopback = "127.0.0.1";

Result<void> CheckText(const char* field, const std::string& text, std::size_t bytes_min,
                       std::size_t bytes_max) {
  if (text.size() >= bytes_min && text.size() <= bytes_max && base::IsPlainText(text)) return {};
  return InvalidArgument(field, std::string("The field ") + field + " must have " +
                                    std::to_string(bytes_min) + " to " + std::to_string(bytes_max) +
                                    " bytes of text without control characters.");
}

Result<void> CheckTypes(const std::vector<std::string>& types) {
  std::set<std::string_view> seen;
  for (const std::string& type : types) {
    const auto known = AllEventTypes();
    if (std::ranges::find(known, type) == known.end()) {
      const std::string shown = base::IsPlainText(type) ? type.substr(0, 128) : "";
      return InvalidArgument("eventTypes", "There is no event type \"" + shown +
                                               "\"; GET /api/v1/webhooks/event-types lists them.");
    }
    if (!seen.insert(type).second)
      return InvalidArgument("eventTypes", "The event type " + type + " stands twice.");
  }
  return {};
}

Result<void> CheckHeader(const char* field, const std::string& name, std::string_view value) {
  const std::string shown = net::IsToken(name) ? name.substr(0, 64) : "";
  if (shown.empty())
    return InvalidArgument(field, "A header's name may have letters, digits and !#$%&'*+-.^_`|~.");
  if (!net::IsHeaderValue(value) || value.starts_with(' ') || value.ends_with(' '))
    return InvalidArgument(field, "The value of the header " + shown +
                                      " holds a control character, or a space at an end.");
  const auto is_reserved = [&name](std::string_view one) {
    return net::EqualsIgnoreCase(name, one);
  };
  if (std::ranges::any_of(kReservedHeaders, is_reserved))
    return InvalidArgument(field, "The header " + shown + " is the service's own.");
  return {};
}

std::string_view ValueOf(const model::WebhookHeader& header) { return header.value; }
std::string_view ValueOf(const SecretHeader& header) { return header.value.RevealText(); }

template <typename Headers>
Result<void> CheckHeaders(const char* field, const Headers& headers) {
  std::size_t bytes = 0;
  for (const auto& header : headers) {
    TS_RETURN_IF_ERROR(CheckHeader(field, header.name, ValueOf(header)));
    bytes += header.name.size() + ValueOf(header).size();
  }
  if (bytes <= model::kWebhookHeaderBytesMax) return {};
  return InvalidArgument(field, std::string("The ") + field + " must have at most " +
                                    std::to_string(model::kWebhookHeaderBytesMax) +
                                    " bytes, names and values together.");
}

template <typename Names>
Result<void> CheckDistinct(const Names& names) {
  for (auto one = names.begin(); one != names.end(); ++one) {
    for (auto other = names.begin(); other != one; ++other) {
      if (net::EqualsIgnoreCase(*one, *other))
        return InvalidArgument("headers", "The header " + *one + " stands twice.");
    }
  }
  return {};
}

Result<void> CheckSecret(const base::SecretBytes& secret) {
  const auto printable = [](std::uint8_t c) { return c >= 0x21 && c <= 0x7e; };
  if (secret.empty() || (secret.size() >= model::kWebhookSecretCharsMin &&
                         secret.size() <= model::kWebhookSecretCharsMax &&
                         std::ranges::all_of(secret.Reveal(), printable)))
    return {};
  return InvalidArgument("secret",
                         "The field secret must have 32 to 64 printable ASCII characters.");
}

Error BadUrl(std::string message) { return InvalidArgument("url", std::move(message)); }

}  // namespace

Result<void> CheckWebhookUrl(const std::string& url, const net::Egress& egress) {
  if (url.empty() || url.size() > model::kWebhookUrlBytesMax)
    return BadUrl("The field url must have 1 to 2048 bytes.");
  const auto parts = net::SplitUrl(url);
  if (!parts)
    return BadUrl(
        "The field url must be an https URL without user, password, fragment and spaces.");
  const bool local = parts->host == "localhost" || parts->host.ends_with(".localhost") ||
                     parts->host == "localhost.";
  const auto address = net::ParseIpAddress(local ? kLoopback : parts->host);
  if (address && !egress.Allows(*address))
    return BadUrl(
        "The host of the field url is an address that webhooks may not reach. The "
        "operator can allow its network with --webhook-allow-network.");
  if (parts->scheme == "https") return {};
  const bool loopback =
      address && (address->v6 ? *address == net::ParseIpAddress("::1") : address->bytes[0] == 127);
  if (loopback) return {};
  return BadUrl("The field url must begin with https://.");
}

Result<void> CheckHeaderNames(const model::Webhook& webhook) {
  std::vector<std::string> names = webhook.encrypted_headers;
  for (const model::WebhookHeader& header : webhook.headers) names.push_back(header.name);
  return CheckDistinct(names);
}

Result<void> CheckWebhookInput(const WebhookInput& input, const net::Egress& egress) {
  TS_RETURN_IF_ERROR(CheckText("name", input.name, 1, model::kWebhookNameBytesMax));
  TS_RETURN_IF_ERROR(
      CheckText("description", input.description, 0, model::kWebhookDescriptionBytesMax));
  TS_RETURN_IF_ERROR(CheckWebhookUrl(input.url, egress));
  TS_RETURN_IF_ERROR(CheckTypes(input.event_types));
  TS_RETURN_IF_ERROR(CheckText("filter", input.filter, 0, model::kWebhookFilterBytesMax));
  TS_RETURN_IF_ERROR(WebhookFilter::Parse(input.filter));
  TS_RETURN_IF_ERROR(CheckHeaders("headers", input.headers));
  TS_RETURN_IF_ERROR(CheckHeaders("encryptedHeaders", input.encrypted_headers));
  std::vector<std::string> names;
  names.reserve(input.headers.size() + input.encrypted_headers.size());
  for (const auto& header : input.headers) names.push_back(header.name);
  for (const auto& header : input.encrypted_headers) names.push_back(header.name);
  TS_RETURN_IF_ERROR(CheckDistinct(names));
  return CheckSecret(input.secret);
}

Result<void> CheckWebhookChange(const WebhookChange& change, const net::Egress& egress) {
  if (change.name)
    TS_RETURN_IF_ERROR(CheckText("name", *change.name, 1, model::kWebhookNameBytesMax));
  if (change.description)
    TS_RETURN_IF_ERROR(
        CheckText("description", *change.description, 0, model::kWebhookDescriptionBytesMax));
  if (change.url) TS_RETURN_IF_ERROR(CheckWebhookUrl(*change.url, egress));
  if (change.event_types) TS_RETURN_IF_ERROR(CheckTypes(*change.event_types));
  if (change.headers) TS_RETURN_IF_ERROR(CheckHeaders("headers", *change.headers));
  if (change.encrypted_headers)
    TS_RETURN_IF_ERROR(CheckHeaders("encryptedHeaders", *change.encrypted_headers));
  if (change.secret) TS_RETURN_IF_ERROR(CheckSecret(*change.secret));
  return {};
}

}  // namespace tenantseal::events
