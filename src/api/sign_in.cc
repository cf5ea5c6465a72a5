#include "api/sign_in.h"

#include <algorithm>

namespace tenantseal::api {
namespace {

constexpr std::string_view kHostPrefix = "__Host-";
constexpr std::uint64_t kFailureCost = 5;  // Beyond the one of the attempt itself.

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Host and port of an origin; empty for "null" and whatever else is not one.
std::string_view AuthorityOf(std::string_view origin) {
  const std::size_t begin = origin.find("://");
  if (begin == origin.npos) return {};
  return origin.substr(begin + 3);
}

Error CrossSite(std::string_view header) {
  return {ErrorCode::kPermissionDenied,
          "This request was made by another site's page. Open this service's own address and try "
          "again there.",
          std::string(header)};
}

}  // namespace

std::optional<std::string_view> CookieValue(std::string_view header, std::string_view name) {
  std::optional<std::string_view> value;
  while (!header.empty()) {
    const std::string_view pair = header.substr(0, header.find(';'));
    header.remove_prefix(std::min(header.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals == pair.npos || Trimmed(pair.substr(0, equals)) != name) continue;
    if (value) return std::nullopt;
    value = Trimmed(pair.substr(equals + 1));
  }
  return value;
}

SignIn::SignIn(identity::Sessions& sessions, const base::Clock& clock, SignInOptions options,
               identity::OidcSignIn* oidc)
    : sessions_(sessions),
      options_(std::move(options)),
      oidc_(oidc),
      by_address_(options_.attempts_per_minute / 60, options_.attempts_per_minute, clock),
      in_all_(options_.all_attempts_per_minute / 60, options_.all_attempts_per_minute, clock),
      by_principal_(options_.sessions_per_minute / 60, options_.sessions_per_minute * 3, clock) {}

std::string SignIn::CookieName(std::string_view name) const {
  return std::string(options_.secure_cookies ? kHostPrefix : "").append(name);
}

std::optional<std::string_view> SignIn::Cookie(const net::Request& request,
                                               std::string_view name) const {
  std::optional<std::string_view> value;
  for (const net::HeaderField& field : request.headers) {
    if (!net::EqualsIgnoreCase(field.name, "Cookie")) continue;
    if (value) return std::nullopt;
    value = field.value;
  }
  return value ? CookieValue(*value, CookieName(name)) : std::nullopt;
}

std::optional<std::string_view> SignIn::SessionToken(const net::Request& request) const {
  if (request.Header("Authorization")) return std::nullopt;
  return Cookie(request, kSessionCookie);
}

net::ResponseHeader SignIn::SetCookie(std::string_view name, std::string_view value,
                                      base::Duration life) const {
  std::string text = CookieName(name).append("=").append(value);
  text += "; Path=/; HttpOnly; SameSite=Lax";
  if (options_.secure_cookies) text += "; Secure";
  if (life > base::Duration::zero()) {
    text += "; Max-Age=" +
            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(life).count());
  }
  return {"Set-Cookie", std::move(text)};
}

net::ResponseHeader SignIn::ClearCookie(std::string_view name) const {
  net::ResponseHeader header = SetCookie(name, "");
  header.value += "; Max-Age=0";
  return header;
}

Result<void> SignIn::CheckSameOrigin(const net::Request& request) const {
  // Browsers always send the first of these, and the second with every change; no script can.
  const auto site = request.Header("Sec-Fetch-Site");
  if (site && *site != "same-origin" && *site != "none") return CrossSite("Sec-Fetch-Site");
  const auto origin = request.Header("Origin");
  if (!origin) return {};
  if (!options_.public_origin.empty() && net::EqualsIgnoreCase(*origin, options_.public_origin))
    return {};
  const std::string_view authority = AuthorityOf(*origin);
  const auto host = request.Header("Host");
  if (!authority.empty() && host && net::EqualsIgnoreCase(authority, *host)) return {};
  return CrossSite("Origin");
}

Result<void> SignIn::AdmitAttempt(const net::Request& request) {
  std::uint32_t wait_s = by_address_.Take(request.peer);
  if (wait_s == 0) wait_s = in_all_.Take("");
  if (wait_s == 0) return {};
  return Error{ErrorCode::kRateLimited, "", "", wait_s};
}

void SignIn::CountFailure(const net::Request& request) {
  by_address_.Charge(request.peer, kFailureCost);
}

Result<void> SignIn::AdmitSession(std::string_view principal) {
  const std::uint32_t wait_s = by_principal_.Take(principal);
  if (wait_s == 0) return {};
  return Error{ErrorCode::kRateLimited, "", "", wait_s};
}

}  // namespace tenantseal::api
