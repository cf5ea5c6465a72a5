// Sessions of people who have signed in, and short-lived access tokens of machines.
//
// A token is 256 random bits; the store has only its keyed hash, so sessions outlive a restart and
// hold on every process. What was made with an API key ends with that key; what belongs to a tenant
// is refused while the tenant is not active. A session ends when it is idle or old, or is ended.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "keyring/store_lease.h"
#include "store/session_store.h"
#include "store/store.h"

namespace tenantseal::identity {

struct SessionOptions {
  base::Duration idle = std::chrono::minutes(30);  // At least a minute.
  base::Duration max = std::chrono::hours(12);     // From signing in, however it is used.
  base::Duration access_token = std::chrono::hours(1);
  store::SessionBounds bounds = {};
};

// Someone whose credentials have been checked.
struct Identity {
  std::string principal;  // "api-key:ID" or "user:SUBJECT".
  std::string name = {};  // Up to kNameBytesMax; may be empty.
  std::string email = {};
  model::Role role = model::Role::kAuditor;
  std::optional<model::TenantId> tenant = {};
  model::SignedInWith with = model::SignedInWith::kApiKey;
  std::optional<model::ApiKeyId> api_key = {};
  std::optional<base::UtcTime> expires_at = {};  // Of the credentials themselves.
};

struct OpenedSession {
  base::SecretBytes token;  // 47 characters; shown once.
  model::Session session;
};

// Whether someone uses a session, or a page that is left open looks whether it still lives.
enum class SessionUse : std::uint8_t { kUse, kLook };

// "api-key" or "oidc".
std::string_view SignedInWithName(model::SignedInWith with);

// What begins the tokens that Sessions makes.
inline constexpr std::string_view kSessionTokenPrefix = "tss_";
inline constexpr std::string_view kAccessTokenPrefix = "tsa_";

// Thread-safe. Everything but the CSRF token blocks.
class Sessions {
 public:
  Sessions(store::Store& store, store::SessionStore& sessions, keyring::StoreLease& lease,
           const base::Clock& clock, const base::Random& random, const base::Secret256& pepper,
           SessionOptions options);

  // Whose API key `token` is. UnknownApiKey() for every bad one.
  Result<Identity> CheckApiKey(std::string_view token) const;

  // Opens a session with a new token. kPermissionDenied when the tenant is not active or not there;
  // kRateLimited when too many are open.
  Result<OpenedSession> Open(const Identity& who);
  // The same for an access token. It is no event: machines get them all the time.
  Result<OpenedSession> GrantAccessToken(const Identity& who);

  // The session of a token, which is used now: the end of its idleness moves. UnknownSession() when
  // it is unknown, of another kind, has run out, its API key is gone or its tenant is not active.
  // With kLook nothing moves.
  Result<model::Session> Use(std::string_view token, model::SessionKind kind,
                             SessionUse use = SessionUse::kUse);
  // Ends it; returns once every process refuses it. Ending what has ended is no error.
  Result<void> End(std::string_view token);

  // What a page must send with a change, so that no other site's page can make one: bound to the
  // session, the same for its whole life.
  std::string CsrfToken(std::string_view session_token) const;
  bool IsCsrfToken(std::string_view session_token, std::string_view presented) const;

  // How long a session that has been looked up may be relied on without Use().
  base::Duration reliance() const;
  const SessionOptions& options() const { return options_; }

 private:
  Result<OpenedSession> Make(const Identity& who, model::SessionKind kind);
  Result<void> CheckStanding(const model::Session& session) const;
  model::NewEvent EventOf(std::string_view type, const model::Session& session) const;

  store::Store& store_;
  store::SessionStore& sessions_;
  keyring::StoreLease& lease_;
  const base::Clock& clock_;
  const base::Random& random_;
  const base::Secret256 pepper_;
  const base::Secret256 key_;  // Of the hashes of session tokens, and of CSRF tokens.
  const SessionOptions options_;
};

}  // namespace tenantseal::identity
