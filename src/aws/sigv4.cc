#include "aws/sigv4.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto/hmac.h"
#include "net/message.h"

namespace tenantseal::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";

bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

// Percent-encodes all but the unreserved characters of RFC 3986, and '/' with `keep_slash`.
void AppendEncoded(std::string_view text, bool keep_slash, std::string& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : text) {
    if (IsUnreserved(c) || (keep_slash && c == '/')) {
      out += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
}

// A '%' that no two hexadecimal digits follow stands for itself.
std::string PercentDecoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && base::HexDigit(text[i + 1]) >= 0 &&
        base::HexDigit(text[i + 2]) >= 0) {
      out += static_cast<char>(base::HexDigit(text[i + 1]) * 16 + base::HexDigit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Without empty, "." and ".." segments (RFC 3986 section 5.2.4), then encoded once more.
void AppendCanonicalPath(std::string_view path, std::string& out) {
  if (path.empty() || path == "/") {
    out += '/';
    return;
  }
  std::vector<std::string_view> kept;
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    rest.remove_prefix(slash == rest.npos ? rest.size() : slash + 1);
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!segment.empty() && segment != ".") {
      kept.push_back(segment);
    }
  }
  for (const std::string_view segment : kept) {
    out += '/';
    AppendEncoded(segment, false, out);
  }
  const bool directory = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  if (kept.empty() || directory) out += '/';
}

void AppendCanonicalQuery(std::string_view query, std::string& out) {
  if (query.empty()) return;
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::string_view rest = query; !rest.empty();) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto& [name, value] = pairs.emplace_back();
    AppendEncoded(PercentDecoded(pair.substr(0, equals)), false, name);
    if (equals != pair.npos) AppendEncoded(PercentDecoded(pair.substr(equals + 1)), false, value);
  }
  std::ranges::sort(pairs);
  for (bool first = true; const auto& [name, value] : pairs) {
    if (!std::exchange(first, false)) out += '&';
    out.append(name) += '=';
    out += value;
  }
}

// Trimmed, with runs of white space as one space.
void AppendCanonicalValue(std::string_view value, std::string& out) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!value.empty() && is_space(value.front())) value.remove_prefix(1);
  while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
  bool in_space = false;
  for (const char c : value) {
    const bool space = is_space(c);
    if (!space) {
      out += c;
    } else if (!in_space) {
      out += ' ';
    }
    in_space = space;
  }
}

void AppendCanonicalHeaders(const SignableRequest& request,
                            std::span<const std::string> signed_headers, std::string& out) {
  for (const std::string& name : signed_headers) {
    out.append(name) += ':';
    bool first = true;
    for (const auto& [header, value] : request.headers) {
      if (!net::EqualsIgnoreCase(header, name)) continue;
      if (!std::exchange(first, false)) out += ',';
      AppendCanonicalValue(value, out);
    }
    out += '\n';
  }
  out += '\n';
  for (bool first = true; const std::string& name : signed_headers) {
    if (!std::exchange(first, false)) out += ';';
    out += name;
  }
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// Headers that intermediaries and HTTP libraries change, as in the AWS SDKs.
bool IsNeverSigned(std::string_view lower_name) {
  constexpr std::array<std::string_view, 6> kNames = {"authorization", "connection",
                                                      "expect",        "transfer-encoding",
                                                      "user-agent",    "x-amzn-trace-id"};
  return std::ranges::find(kNames, lower_name) != kNames.end();
}

void AppendScope(const Scope& scope, std::string& out) {
  out.append(scope.date) += '/';
  out.append(scope.region) += '/';
  out.append(scope.service) += '/';
  out += kTerminator;
}

std::optional<int> Number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::string Scope::text() const {
  std::string out;
  out.reserve(date.size() + region.size() + service.size() + kTerminator.size() + 3);
  AppendScope(*this, out);
  return out;
}

std::string AmzDate(base::UtcTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  char text[32];
  const int size = std::snprintf(
      text, sizeof(text), "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return {text, static_cast<std::size_t>(size)};
}

Result<base::UtcTime> ParseAmzDate(std::string_view text) {
  const auto wrong = [] {
    return Error{ErrorCode::kInvalidArgument,
                 "Date must be in ISO-8601 'basic format', for example 20150830T123600Z."};
  };
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return wrong();
  const auto year = Number(text.substr(0, 4)), month = Number(text.substr(4, 2)),
             day = Number(text.substr(6, 2)), hour = Number(text.substr(9, 2)),
             minute = Number(text.substr(11, 2)), second = Number(text.substr(13, 2));
  if (!year || !month || !day || !hour || !minute || !second) return wrong();
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return wrong();
  return base::UtcTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second);
}

std::string CanonicalRequest(const SignableRequest& request,
                             std::span<const std::string> signed_headers,
                             std::string_view payload_hash) {
  std::size_t room = 128 + request.method.size() + 3 * (request.path.size() + request.query.size());
  for (const std::string& name : signed_headers) room += 2 * name.size() + 4;
  for (const auto& [name, value] : request.headers) room += value.size() + 1;
  std::string out;
  out.reserve(room);
  out.append(request.method) += '\n';
  AppendCanonicalPath(request.path, out);
  out += '\n';
  AppendCanonicalQuery(request.query, out);
  out += '\n';
  AppendCanonicalHeaders(request, signed_headers, out);
  out += '\n';
  return out += payload_hash;
}

std::string StringToSign(std::string_view amz_date, const Scope& scope,
                         std::string_view canonical_request) {
  std::string out;
  out.reserve(192);
  out.append(kAlgorithm) += '\n';
  out.append(amz_date) += '\n';
  AppendScope(scope, out);
  out += '\n';
  return out += base::HexEncode(crypto::Sha256(base::AsBytes(canonical_request)));
}

base::Secret256 SigningKey(const base::SecretBytes& secret_access_key, const Scope& scope) {
  constexpr std::string_view kPrefix = "AWS4";
  const auto secret = secret_access_key.Reveal();
  base::SecretArray<128> room;  // AWS's secrets have 40 characters.
  base::SecretBytes more(secret.size() + kPrefix.size() > 128 ? secret.size() + 4 : 0);
  base::MutableByteSpan seed =
      more.empty() ? base::MutableByteSpan(room.RevealMutable()) : more.RevealMutable();
  seed = seed.first(kPrefix.size() + secret.size());
  std::ranges::copy(kPrefix, seed.begin());
  std::ranges::copy(secret, seed.begin() + kPrefix.size());

  crypto::Sha256Digest key = crypto::HmacSha256(seed, base::AsBytes(scope.date));
  key = crypto::HmacSha256(key, base::AsBytes(scope.region));
  key = crypto::HmacSha256(key, base::AsBytes(scope.service));
  key = crypto::HmacSha256(key, base::AsBytes(kTerminator));
  base::Secret256 out{std::span<const std::uint8_t, 32>(key)};
  base::Wipe(key);
  return out;
}

std::string Signature(const base::Secret256& signing_key, std::string_view string_to_sign) {
  return base::HexEncode(crypto::HmacSha256(signing_key.Reveal(), base::AsBytes(string_to_sign)));
}

std::vector<std::pair<std::string, std::string>> Sign(const SignableRequest& request,
                                                      std::string_view access_key_id,
                                                      const base::SecretBytes& secret_access_key,
                                                      std::string_view session_token,
                                                      std::string_view region,
                                                      std::string_view service, base::UtcTime now) {
  const std::string date = AmzDate(now);
  std::vector<std::pair<std::string_view, std::string_view>> headers(request.headers.begin(),
                                                                     request.headers.end());
  headers.emplace_back("x-amz-date", date);
  if (!session_token.empty()) headers.emplace_back("x-amz-security-token", session_token);
  std::vector<std::string> names;
  names.reserve(headers.size());
  for (const auto& [name, value] : headers) {
    std::string lower = Lower(name);
    if (!IsNeverSigned(lower)) names.push_back(std::move(lower));
  }
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());

  SignableRequest signable = request;
  signable.headers = headers;
  const Scope scope{date.substr(0, 8), std::string(region), std::string(service)};
  const std::string canonical =
      CanonicalRequest(signable, names, base::HexEncode(crypto::Sha256(request.body)));
  const std::string signature =
      Signature(SigningKey(secret_access_key, scope), StringToSign(date, scope, canonical));
  std::string authorization(kAlgorithm);
  authorization.append(" Credential=").append(access_key_id) += '/';
  authorization.append(scope.text()) += ", SignedHeaders=";
  for (bool first = true; const std::string& name : names) {
    if (!std::exchange(first, false)) authorization += ';';
    authorization += name;
  }
  authorization.append(", Signature=") += signature;

  std::vector<std::pair<std::string, std::string>> added;
  added.emplace_back("X-Amz-Date", date);
  if (!session_token.empty()) added.emplace_back("X-Amz-Security-Token", session_token);
  added.emplace_back("Authorization", std::move(authorization));
  return added;
}

}  // namespace tenantseal::aws
