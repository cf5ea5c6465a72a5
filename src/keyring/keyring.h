// keyring/ holds tenant keys in memory under leases and does with them all that a request asks for:
// values (values.h), data keys (data_keys.h), rotation (rotation.h), tenants (tenants.h).
//
// A tenant key may be used until the moment its last successful Decrypt was sent plus the
// revocation bound (default 60 s), measured on CLOCK_BOOTTIME; renewal is a real Decrypt of the
// wrapped key, ahead of expiry, jittered, one in flight per key, only for tenants in use. Besides,
// status and active version are relied on only under the store lease. No renewal, no use.
//
// A provider's refusal stops the use of what it protects at once, on every process, through the
// epoch. The keyring never hands a key to anyone above: callers get a LeasedKey to pass to
// formats/, and it never calls the provider for a data key or a request.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "keyring/executor.h"
#include "keyring/store_lease.h"
#include "kms/kms_client.h"
#include "model/tenant.h"
#include "store/store.h"

namespace tenantseal::keyring {

// Whether a call may do I/O. With kNever it answers kWouldBlock instead, and the caller repeats
// the call on a worker thread with kAllowed.
enum class Wait : std::uint8_t { kNever, kAllowed };

struct KeyringOptions {
  base::Duration revocation_bound = std::chrono::seconds(60);  // 2 s to 1 h.
  base::Duration outage_grace = std::chrono::seconds(0);  // Beyond the bound, while unavailable.
  base::Duration idle_after = std::chrono::minutes(10);   // Unused this long: not renewed.
  std::size_t tenants_max = 10'000;  // Tenants cached; least recently used go first.
};

// A tenant key that may be used now. Hold it for one request only. Copying is cheap.
class LeasedKey {
 public:
  const base::Secret256& key() const { return held_->key; }
  std::uint32_t version() const { return held_->version; }
  // The provider that is current: what new texts are labelled with.
  const model::Fingerprint& fingerprint() const { return held_->fingerprint; }
  // How long the key, or anything unwrapped with it, may be kept. At least 1 ms, whole ms.
  std::chrono::milliseconds usable_for() const { return usable_for_; }

 private:
  friend class Keyring;
  friend class KeyCache;
  struct Held {
    base::Secret256 key;
    std::uint32_t version = 0;
    model::Fingerprint fingerprint;
  };
  std::shared_ptr<const Held> held_;  // Wiped when the last holder lets go.
  std::chrono::milliseconds usable_for_{};
};

// What the service measures of itself, for metrics.
struct KeyringStats {
  std::uint64_t tenants_cached = 0;
  std::uint64_t renewals = 0;  // Successful Decrypts.
  std::uint64_t renewal_failures = 0;
  std::uint64_t revocations = 0;
  std::uint64_t integrity_alarms = 0;
  std::uint64_t service_faults = 0;  // The provider refused our own credentials.
  // Longest time after its Decrypt was sent that a key was used: at most the bound.
  std::int64_t longest_use_ms = 0;
  // The same, of the last uses before a provider's refusal: how long a revocation took at most.
  std::int64_t longest_use_before_refusal_ms = 0;
};

class KeyCache;     // key_cache.h
class KeySource;    // key_source.h
struct CacheStep;   // key_cache.h
struct DueWork;     // key_cache.h
struct KeyRefusal;  // key_cache.h

// Thread-safe. Adds a listener to the store lease, so it is made before the first Refresh() and
// outlives the last.
class Keyring {
 public:
  // Without `executor`, Tick() itself renews and probes. With one, it has run the last task, or
  // dropped it, before the keyring is destroyed.
  Keyring(store::Store& store, const kms::KmsClient& kms, StoreLease& lease,
          const base::Clock& clock, const base::Random& random, KeyringOptions options,
          Executor* executor = nullptr);
  ~Keyring();

  // The key that seals for the tenant now. Errors: kNotFound (no such tenant, or destroyed),
  // kConflict (deactivated), kKeyRevoked, kKeyUnavailable, kIntegrity, kUnavailable (store),
  // kWouldBlock with Wait::kNever.
  Result<LeasedKey> Active(const model::TenantId& tenant, Wait wait, base::Deadline deadline);
  // A given version, for opening. Besides the above, DecryptFailed() when the tenant has none such,
  // also by what the store says now: another process may have made it a moment ago.
  Result<LeasedKey> Version(const model::TenantId& tenant, std::uint32_t version, Wait wait,
                            base::Deadline deadline);
  // The tenant's state under the store lease (status, providers, versions).
  Result<std::shared_ptr<const model::TenantState>> State(const model::TenantId& tenant, Wait wait);

  // Makes a fresh tenant key of `version` under `provider`, confirmed: its wrapped form has been
  // decrypted again and compared. Nothing is stored.
  struct MintedKey {
    model::TenantKey key;
    model::TenantKeyWrap wrap;
  };
  Result<MintedKey> Mint(const model::TenantId& tenant, const model::KeyProvider& provider,
                         std::uint32_t version, base::Deadline deadline);

  // For migrations. `state` was read from the store just now; nothing is stored, nothing cached is
  // used. What is wrapped is unwrapped again, by the replica, too, if there is one, and compared.
  // Errors are kKeyRevoked, kKeyUnavailable, kServiceFault and kIntegrity; their `field` says whose
  // fault it is: "source", the current provider, or "target".
  // The key of `version`, freshly decrypted by the current provider, as `target` wraps it.
  Result<model::TenantKeyWrap> WrapFor(const model::TenantState& state, std::uint32_t version,
                                       const model::KeyProvider& target, base::Deadline deadline);
  struct MintedPair {
    model::TenantKey key;
    model::TenantKeyWrap by_target, by_current;
  };
  // A fresh key of `version`, made by `target`, as it and the current provider wrap it.
  Result<MintedPair> MintForBoth(const model::TenantState& state, std::uint32_t version,
                                 const model::KeyProvider& target, base::Deadline deadline);
  // Whether `provider` unwraps `version` now, and to the right key. Besides the above,
  // DecryptFailed() when the tenant never had it.
  Result<void> CheckUnwraps(const model::TenantState& state, std::uint32_t version,
                            const model::KeyProvider& provider, base::Deadline deadline);

  // Asks the current provider once more whether it unwraps, if it refused, without waiting for the
  // next probe; where it does, the refusal is over. Errors: that of the provider, or of the store.
  Result<void> AskAgain(const model::TenantId& tenant, base::Deadline deadline);

  // Has renewed what is due, drops what has run out or is idle, re-probes revoked providers. Does
  // not wait for a provider where there is an executor. Called about every 250 ms, and at least
  // eight times in a revocation bound, by the server's background thread.
  void Tick();

  // Drops the tenant's state; the next use reads it afresh, and its keys follow it.
  void ForgetState(const model::TenantId& tenant);
  // Drops every key and state of the tenant; the next use fetches afresh.
  void Forget(const model::TenantId& tenant);

  KeyringStats Stats() const;

 private:
  // The moment, just now, at which the store lease lived.
  Result<base::BootTime> EnsureLease(Wait wait);
  Result<LeasedKey> Key(const model::TenantId& tenant, std::optional<std::uint32_t> version,
                        Wait wait, base::Deadline deadline);
  Result<void> LoadState(const model::TenantId& tenant, const CacheStep& step);
  void FetchKey(const model::TenantId& tenant, const CacheStep& step, kms::CallLimits limits);
  void NoteFailure(const model::TenantId& tenant, const CacheStep& step, const Error& error);
  void Run(const DueWork& due);
  void RecordRefusal(const model::TenantId& tenant);
  void Probe(const model::TenantId& tenant, const CacheStep& step);
  void TellOfRefusal(const model::TenantId& tenant, const KeyRefusal& refusal);
  Result<void> Reinstate(const model::TenantId& tenant, const KeyRefusal& refusal);
  enum class Asked : std::uint8_t { kToUnwrap, kToWrap };  // Of the current provider.
  void NoteMigrationFailure(const model::TenantState& state, std::uint32_t version, Asked asked,
                            const Error& error);
  void NoteRefusal(const model::TenantState& state);
  model::NewEvent ProviderEvent(std::string_view type, const model::TenantState& state,
                                const model::KeyProvider& provider, base::UtcTime since) const;

  store::Store& store_;
  StoreLease& lease_;
  const base::Clock& clock_;
  const base::Random& random_;
  const std::unique_ptr<KeyCache> cache_;
  const std::unique_ptr<KeySource> source_;
  Executor* const executor_;
  std::atomic<std::uint64_t> renewals_{0}, renewal_failures_{0}, revocations_{0},
      integrity_alarms_{0}, service_faults_{0};
  std::atomic<std::int64_t> quiet_until_ns_{0};  // Failures of providers are logged now and then.
};

}  // namespace tenantseal::keyring
