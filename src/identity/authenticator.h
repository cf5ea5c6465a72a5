// The check of presented credentials: bearer tokens and the cookies of sessions.
#pragma once

#include <array>
#include <map>
#include <shared_mutex>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "identity/principal.h"
#include "identity/sessions.h"
#include "keyring/keyring.h"
#include "keyring/store_lease.h"
#include "store/store.h"

namespace tenantseal::identity {

// Checks bearer tokens that another party has issued. Thread-safe.
class TokenVerifier {
 public:
  struct Verified {
    Principal principal;
    base::UtcTime expires_at;
  };
  virtual ~TokenVerifier() = default;
  // Whether `token` is of the kind that Verify() judges. Cheap.
  virtual bool Claims(std::string_view token) const = 0;
  // kUnauthenticated for every bad token; kPermissionDenied when it is good and gives no role here,
  // or names no active tenant; kUnavailable when its issuer's keys cannot be had. The message says
  // what is wrong and is for the log alone: see RefusedToken(). May block.
  virtual Result<Verified> Verify(std::string_view token) const = 0;
};

// What else than API keys is taken; null: not.
struct OtherCredentials {
  Sessions* sessions = nullptr;
  const TokenVerifier* verifier = nullptr;
};

// Thread-safe. Remembers valid tokens (by a digest under a key of this process) while the store
// lease lives; forgets those of a scope whose keys, sessions or tenant changed before the lease is
// renewed.
class Authenticator {
 public:
  // Registers itself with `lease`; `pepper` is the key of RecordOf().
  Authenticator(store::Store& store, keyring::StoreLease& lease, const base::Clock& clock,
                const base::Random& random, base::Secret256 pepper, OtherCredentials others = {});

  // The holder of a bearer token: an API key, an access token, or what the verifier takes.
  // kUnauthenticated for every token that is unknown, deleted, expired or misshapen, in the same
  // words; kUnavailable when the store lease has run out and cannot be renewed; kWouldBlock.
  Result<Principal> Authenticate(std::string_view token, keyring::Wait wait);
  // The holder of a session's token. The same errors.
  Result<Principal> AuthenticateSession(std::string_view token, keyring::Wait wait,
                                        SessionUse use = SessionUse::kUse);

 private:
  using Digest = std::array<std::uint8_t, 32>;
  enum class Kind : std::uint8_t { kBearer, kSession };
  struct Entry {
    Principal principal;
    model::Scope scope = model::Scope::Deployment();
    std::optional<base::UtcTime> expires_at;  // Then it is looked up again.
    base::BootTime sent;                      // Just before it was read.
    std::optional<base::BootTime> used = {};  // Of a session: when its use was last noted.
  };
  // A token that was looked up longer ago is looked up and verified again, whatever the epoch says:
  // the rows that tell of changes carry no MAC.
  static constexpr base::Duration kEntryAgeMax = std::chrono::seconds(60);
  static constexpr std::size_t kEntriesMax = 10'000;

  Result<Principal> Check(Kind kind, std::string_view token, keyring::Wait wait, SessionUse use);
  void Drop(const store::Changes& changes);
  Result<Principal> Load(Kind kind, std::string_view token, const Digest& digest, SessionUse use);
  Result<Entry> LookUp(Kind kind, std::string_view token, SessionUse use);
  Result<Entry> LookUpSession(std::string_view token, model::SessionKind kind, SessionUse use);
  Result<Entry> LookUpForeign(std::string_view token);
  bool IsFresh(Kind kind, const Entry& entry, base::BootTime now, SessionUse use) const;

  store::Store& store_;
  keyring::StoreLease& lease_;
  const base::Clock& clock_;
  const base::Secret256 pepper_;
  const base::Secret256 digest_key_;
  const OtherCredentials others_;
  mutable std::shared_mutex mutex_;
  std::map<Digest, Entry> entries_;  // Guarded by mutex_.
  std::uint64_t generation_ = 0;     // Guarded by mutex_; grows with every Drop.
};

}  // namespace tenantseal::identity
