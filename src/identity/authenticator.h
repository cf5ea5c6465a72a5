// The check of a presented token.
#pragma once

#include <array>
#include <map>
#include <shared_mutex>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "identity/principal.h"
#include "keyring/keyring.h"
#include "keyring/store_lease.h"
#include "store/store.h"

namespace tenantseal::identity {

// Thread-safe. Remembers valid tokens (by a digest under a key of this process) while the store
// lease lives; forgets those of a scope whose keys changed before the lease is renewed.
class Authenticator {
 public:
  // Registers itself with `lease`; `pepper` is the key of RecordOf().
  Authenticator(store::Store& store, keyring::StoreLease& lease, const base::Clock& clock,
                const base::Random& random, base::Secret256 pepper);

  // kUnauthenticated for every token that is unknown, deleted, expired or misshapen, in the same
  // words; kUnavailable when the store lease has run out and cannot be renewed; kWouldBlock.
  Result<Principal> Authenticate(std::string_view token, keyring::Wait wait);

 private:
  using Digest = std::array<std::uint8_t, 32>;
  struct Entry {
    Principal principal;
    model::Scope scope = model::Scope::Deployment();
    std::optional<base::UtcTime> expires_at;
    base::BootTime sent;  // Just before it was read.
  };
  // A token that was looked up longer ago is looked up and verified again, whatever the epoch says:
  // the rows that tell of changes carry no MAC.
  static constexpr base::Duration kEntryAgeMax = std::chrono::seconds(60);
  static constexpr std::size_t kEntriesMax = 10'000;

  void Drop(const store::Changes& changes);
  Result<Principal> Load(std::string_view token, const Digest& digest);

  store::Store& store_;
  keyring::StoreLease& lease_;
  const base::Clock& clock_;
  const base::Secret256 pepper_;
  const base::Secret256 digest_key_;
  mutable std::shared_mutex mutex_;
  std::map<Digest, Entry> entries_;  // Guarded by mutex_.
  std::uint64_t generation_ = 0;     // Guarded by mutex_; grows with every Drop.
};

}  // namespace tenantseal::identity
