// Signing in at an OpenID Connect provider: authorization code with PKCE (RFC 7636, S256), state
// and nonce.
//
// Begin() needs no memory of ours: what Finish() must know stands, under a MAC, in a cookie of the
// browser that began, and state, nonce and code verifier are derived from it under a key of the
// deployment. So a sign-in can be finished only in the browser that began it, on any process, for
// ten minutes, and once.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/secret.h"
#include "identity/claims.h"
#include "identity/oidc_provider.h"
#include "store/session_store.h"

namespace tenantseal::identity {

struct OidcSignInOptions {
  ClaimRules rules;
  std::string scopes = "openid profile email";
  std::string redirect_uri;    // ".../login/callback".
  std::string after_sign_out;  // Where the provider sends people back to after signing out.
  base::SecretBytes client_secret = {};  // Empty: a public client.
};

// Why somebody is not signed in, as the page that shows it is told.
enum class SignInFailure : std::uint8_t {
  kDenied,    // The provider, or the person there, has refused.
  kState,     // Not begun in this browser, or finished before.
  kExpired,   // Begun more than ten minutes ago.
  kProvider,  // The provider cannot be reached, or does not do as agreed.
  kToken,     // The provider's token is not right.
  kRole,      // The provider gives no role here.
  kTenant,    // The provider names no tenant that is there and active.
  kBusy,      // Too many attempts or sessions.
  kInternal,  // The reason is in the log.
};
std::string_view SignInFailureName(SignInFailure failure);  // "denied", "state" ...

struct SignInRefusal {
  SignInFailure failure = SignInFailure::kInternal;
  std::string reason;  // For the log alone.
};

// Thread-safe.
class OidcSignIn {
 public:
  OidcSignIn(OidcProvider& provider, store::SessionStore& sessions, const base::Clock& clock,
             const base::Random& random, const base::Secret256& pepper, OidcSignInOptions options);

  static constexpr base::Duration kLife = std::chrono::minutes(10);

  struct Begun {
    std::string url;     // Of the provider, to send the browser to.
    std::string cookie;  // For the browser to keep for kLife.
  };
  // `return_to` must be a local path; see IsLocalPath(). kUnavailable: the provider.
  Result<Begun> Begin(std::string_view return_to);

  struct Answer {  // The parameters that the browser brings back; empty: not there.
    std::string code, state, issuer, error;
  };
  struct Finished {
    Identity who;
    std::string return_to;
  };
  // Blocks.
  std::expected<Finished, SignInRefusal> Finish(const Answer& answer, std::string_view cookie);

  // Where the provider's own session is ended. Nothing when it does not say, or cannot be asked.
  std::optional<std::string> EndSessionUrl();

 private:
  struct Start;  // What the cookie says.
  std::string Derived(std::string_view label, const Start& start) const;
  std::string CookieOf(const Start& start) const;
  std::expected<Start, SignInRefusal> ReadCookie(std::string_view cookie) const;
  std::expected<void, SignInRefusal> CheckAnswer(const Answer& answer, const Start& start,
                                                 const OidcMetadata& metadata);
  std::expected<void, SignInRefusal> Spend(const Start& start);
  Result<base::SecretBytes> Exchange(const OidcMetadata& metadata, std::string_view code,
                                     std::string_view verifier) const;

  OidcProvider& provider_;
  store::SessionStore& sessions_;
  const base::Clock& clock_;
  const base::Random& random_;
  const base::Secret256 key_;
  const OidcSignInOptions options_;
};

// Whether `path` leads nowhere but to this service, whatever a browser makes of it: it begins with
// one slash, has up to 1,024 visible ASCII characters, and no backslash.
bool IsLocalPath(std::string_view path);

}  // namespace tenantseal::identity
