// What signing in needs of HTTP: cookies, where a request comes from, how often one may try.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "api/rate_limit.h"
#include "base/clock.h"
#include "base/result.h"
#include "identity/oidc_sign_in.h"
#include "identity/sessions.h"
#include "net/message.h"

namespace tenantseal::api {

struct SignInOptions {
  bool with_api_key = true;     // Whether POST /api/v1/session takes API keys.
  bool secure_cookies = false;  // Everybody comes over HTTPS.
  std::string public_origin;    // "https://seal.example.com"; empty: what each request names.
  bool emulated = false;        // A label only: AWS is the emulator.
  std::string emulated_page;    // Its own page; empty: none.
  std::string version;
  std::string oidc_name = {};             // What the provider is called, if there is one.
  double attempts_per_minute = 60;        // Of one address; a failed one counts six times.
  double all_attempts_per_minute = 3000;  // Of all addresses.
  double sessions_per_minute = 10;        // Of one principal.
};

enum class SignInOutcome : std::uint8_t {
  kSignedIn,
  kRefused,
  kTokenGranted,
  kTokenRefused,
  kForgeryRefused,  // A change that another site's page may have made.
};
inline constexpr std::array<std::string_view, 5> kSignInOutcomes = {
    "signed-in", "refused", "token-granted", "token-refused", "forgery-refused"};

// The value of the cookie `name` in a Cookie header (RFC 6265 section 5.4). Nothing when it is not
// there or stands twice: then somebody else may have set one of them.
std::optional<std::string_view> CookieValue(std::string_view header, std::string_view name);

// Thread-safe.
class SignIn {
 public:
  // `oidc` may be null: there is no provider.
  SignIn(identity::Sessions& sessions, const base::Clock& clock, SignInOptions options,
         identity::OidcSignIn* oidc = nullptr);

  identity::Sessions& sessions() const { return sessions_; }
  identity::OidcSignIn* oidc() const { return oidc_; }
  const SignInOptions& options() const { return options_; }

  // The session that a request shows: none when it has the header Authorization, which counts
  // alone.
  std::optional<std::string_view> SessionToken(const net::Request& request) const;
  // The value of a cookie of ours; `name` as in SetCookie().
  std::optional<std::string_view> Cookie(const net::Request& request, std::string_view name) const;

  // Headers that set or clear a cookie of ours, for this host only, never shown to scripts. `name`
  // is without "__Host-", which it gets where cookies are secure. `life` of zero: until the
  // browser is closed.
  net::ResponseHeader SetCookie(std::string_view name, std::string_view value,
                                base::Duration life = {}) const;
  net::ResponseHeader ClearCookie(std::string_view name) const;

  // Refuses what a page of another site makes a browser send. kPermissionDenied.
  Result<void> CheckSameOrigin(const net::Request& request) const;

  // Admits one attempt to sign in; kRateLimited. Counts a failed one.
  Result<void> AdmitAttempt(const net::Request& request);
  void CountFailure(const net::Request& request);
  // Admits a new session of someone whose credentials are good; kRateLimited.
  Result<void> AdmitSession(std::string_view principal);

  void Count(SignInOutcome outcome) { ++outcomes_[static_cast<std::size_t>(outcome)]; }
  std::uint64_t CountOf(SignInOutcome outcome) const {
    return outcomes_[static_cast<std::size_t>(outcome)];
  }

  static constexpr std::string_view kSessionCookie = "tenantseal_session";

 private:
  std::string CookieName(std::string_view name) const;

  identity::Sessions& sessions_;
  const SignInOptions options_;
  identity::OidcSignIn* const oidc_;
  std::array<std::atomic<std::uint64_t>, kSignInOutcomes.size()> outcomes_{};
  RateLimit by_address_;
  RateLimit in_all_;
  RateLimit by_principal_;
};

}  // namespace tenantseal::api
