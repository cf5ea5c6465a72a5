// What a process remembers of tenants: their state under the store lease, their keys under theirs,
// and who refuses. Private to keyring/; it does no I/O, keyring.cc does.
//
// Sharded by tenant; each shard has one short lock. Entries are bounded by `tenants_max`, unknown
// tenants by kMissingMax. A state that was read before a change and arrives after it is recognised
// by the shard's generation and not kept.
#pragma once

#include <condition_variable>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "keyring/keyring.h"

namespace tenantseal::keyring {

// A duration between the two, drawn evenly.
base::Duration Between(const base::Random& random, base::Duration low, base::Duration high);

// A piece of I/O that the cache asks one caller to do.
struct CacheStep {
  enum class Kind : std::uint8_t {
    kAgain,      // Somebody else did it, or waited for: look again.
    kLoadState,  // The caller must load the state, then PutState, PutMissing or FailState.
    kFetchKey,   // The caller must fetch the key, then PutKey or one of the Note functions.
  } kind = Kind::kAgain;
  std::uint64_t generation = 0;                     // kLoadState: for PutState.
  std::uint64_t purges = 0;                         // kFetchKey: for PutKey.
  std::shared_ptr<const model::TenantState> state;  // kFetchKey.
  std::uint32_t version = 0;                        // kFetchKey.
};

// A provider that refuses a tenant.
struct KeyRefusal {
  model::Fingerprint provider;
  base::UtcTime since;
  bool stored = false;  // The store knows of it.
  bool ours = false;    // This process met it first and tells of it once it is confirmed.
  bool told = false;    // Its event is committed.
  bool probing = false;
  int probes = 0;
  base::Duration last_use{};  // How long after its Decrypt was sent a key was used last.
  base::BootTime next_probe;
};

// Work that is due. Its flags are set: whoever gets it must end it, or Abandon() it.
struct DueWork {
  enum class Kind : std::uint8_t { kReload, kRenew, kProbe } kind = Kind::kReload;
  model::TenantId tenant;
  CacheStep step;
  base::BootTime until = {};  // kRenew: when the lease runs out.
};

// How long after their Decrypts were sent keys were used.
struct LongestUse {
  base::Duration any{};
  base::Duration before_refusal{};  // Of the last uses before refusals.
};

// Of one tenant at once, so that one with a thousand versions does not take every place.
inline constexpr int kRenewalsPerTenantMax = 4;

// A state that was read longer ago is read and verified again, whatever the epoch says: the rows
// that tell of changes carry no MAC, so somebody who edits them could otherwise keep a process on
// the past for ever. In use, it is read again ahead of time, so that no request waits for it.
inline constexpr base::Duration kStateAgeMax = std::chrono::seconds(60);
inline constexpr base::Duration kStateReadAgainAfter = std::chrono::seconds(45);

class KeyCache {
 public:
  using StatePtr = std::shared_ptr<const model::TenantState>;

  KeyCache(const KeyringOptions& options, const base::Random& random);

  // --- The fast path. The caller has a live store lease at `now`. ---
  // kWouldBlock when only I/O can tell. Without `version`: the active one.
  Result<LeasedKey> Find(const model::TenantId& tenant, std::optional<std::uint32_t> version,
                         base::BootTime now);
  Result<StatePtr> FindState(const model::TenantId& tenant, base::BootTime now);

  // --- The slow path: one caller at a time does the I/O that a tenant or version needs. ---
  using Step = CacheStep;
  // What is to be done; waits a few ms where another thread is at it. Without `want_key` only the
  // state is wanted.
  Step Begin(const model::TenantId& tenant, bool want_key, std::optional<std::uint32_t> version,
             base::BootTime now);

  // `sent` is the moment before it was read.
  void PutState(const model::TenantId& tenant, std::uint64_t generation, StatePtr state,
                base::BootTime sent);
  void PutMissing(const model::TenantId& tenant, std::uint64_t generation);
  // The state could not be loaded; with `retry_at` nobody tries again before, nor relies on what
  // was read earlier.
  void FailState(const model::TenantId& tenant, const Error& error,
                 std::optional<base::BootTime> retry_at);

  // Ends a fetch. A key is kept unless something was purged meanwhile. Of a provider that is no
  // longer current only a success counts, since the lease runs from when it was sent.
  void PutKey(const model::TenantId& tenant, const Step& step, base::Secret256 key,
              base::BootTime sent);
  // The lease may now run on for the outage grace; the next attempt comes after a backoff.
  void NoteUnavailable(const model::TenantId& tenant, const Step& step, const Error& error,
                       base::BootTime now);
  // Drops the key and refuses until a backoff has passed.
  void NoteIntegrity(const model::TenantId& tenant, const Step& step, const Error& error,
                     base::BootTime now);
  // Drops every key of the tenant. Returns false when the refusal was known already.
  bool NoteRevoked(const model::TenantId& tenant, const Step& step, base::UtcTime since,
                   base::BootTime now);

  // --- Refusals ---
  using Refusal = KeyRefusal;
  std::optional<Refusal> FindRefusal(const model::TenantId& tenant) const;
  void MarkStored(const model::TenantId& tenant, bool ours);
  void MarkTold(const model::TenantId& tenant);
  // The provider was asked again and refused, or could not be asked.
  void EndProbe(const model::TenantId& tenant, base::BootTime now);
  void ClearRefusal(const model::TenantId& tenant);

  // --- Upkeep ---
  using Due = DueWork;
  // Wipes what has run out or is idle, and returns what is due, the most urgent first.
  std::vector<Due> CollectDue(base::BootTime now);
  // Nobody does it now: it becomes due again.
  void Abandon(const Due& due);
  // Forgets the state of what changed (keys wait for the fresh state, unusable meanwhile).
  void DropChanged(const store::Changes& changes);
  void Drop(const model::TenantId& tenant);
  // Forgets everything about the tenant.
  void Erase(const model::TenantId& tenant);

  std::uint64_t size() const { return size_.load(std::memory_order_relaxed); }
  LongestUse longest_use() const;

 private:
  struct Slot {
    std::uint32_t version = 0;
    base::Bytes check_value;
    std::shared_ptr<const LeasedKey::Held> held;
    model::Fingerprint provider;  // Who was asked last.
    base::BootTime sent, usable_until, renew_at, last_used;
    bool fetching = false;
    std::optional<Error> failure;
    base::BootTime retry_at;
  };
  struct Entry {
    StatePtr state;
    base::BootTime state_sent;
    std::vector<Slot> slots;  // Sorted by version.
    std::optional<Refusal> refusal;
    bool loading = false;
    std::optional<Error> state_failure;
    base::BootTime state_retry_at;
    base::BootTime last_used;
    base::Duration last_use{};  // How long after its Decrypt was sent a key was used last.
    std::uint64_t purges = 0;
  };
  using Entries = std::unordered_map<model::TenantId, Entry>;
  struct Shard {
    mutable base::Mutex mutex;
    std::condition_variable changed;
    Entries entries TS_GUARDED_BY(mutex);
    std::unordered_set<model::TenantId> missing TS_GUARDED_BY(mutex);
    std::uint64_t generation TS_GUARDED_BY(mutex) = 1;
    std::uint64_t purge_count TS_GUARDED_BY(mutex) =
        1;  // So that a new entry is told from an old one.
    LongestUse longest_use TS_GUARDED_BY(mutex);
  };

  static constexpr std::size_t kMissingMax = 256;  // Per shard.

  Shard& ShardOf(const model::TenantId& tenant) const {
    return shards_[std::hash<model::TenantId>()(tenant) % shard_count_];
  }
  static Slot* FindSlot(Entry& entry, std::uint32_t version);
  static Slot& MakeSlot(Entry& entry, std::uint32_t version);
  // Whether the state is there and young enough.
  static bool Fresh(const Entry& entry, base::BootTime now) {
    return entry.state != nullptr && now - entry.state_sent < kStateAgeMax;
  }
  // Why the state alone forbids use, or nothing.
  static std::optional<Error> Forbidden(const Entry& entry);
  void EvictOne(Shard& shard, const model::TenantId& keep) TS_REQUIRES(shard.mutex);
  void Purge(Shard& shard, Entry& entry) TS_REQUIRES(shard.mutex);
  void Refuse(Shard& shard, Entry& entry, Refusal refusal) TS_REQUIRES(shard.mutex);
  void Reconcile(Shard& shard, Entry& entry, base::BootTime now) TS_REQUIRES(shard.mutex);
  void CollectEntry(Shard& shard, const model::TenantId& tenant, Entry& entry, base::BootTime now,
                    std::vector<Due>& due) TS_REQUIRES(shard.mutex);
  void WipeExpired(Entry& entry, base::BootTime now) const;
  // Whether it was begun under a provider that is current no more: its word does not count.
  static bool Outdated(const Entry& entry, const Step& step) {
    return entry.state != nullptr &&
           entry.state->tenant.current_provider != step.state->tenant.current_provider;
  }
  // The slot that a fetch was begun for, its flag cleared; nullptr when it was purged.
  Slot* EndFetch(Shard& shard, const model::TenantId& tenant, const Step& step)
      TS_REQUIRES(shard.mutex);
  // The same after a failure; nullptr, too, when the step is outdated: the provider that is current
  // by now is asked next.
  Slot* EndFailedFetch(Shard& shard, const model::TenantId& tenant, const Step& step)
      TS_REQUIRES(shard.mutex);

  const KeyringOptions options_;
  const base::Random& random_;
  const std::size_t shard_count_;
  const std::unique_ptr<Shard[]> shards_;
  std::atomic<std::uint64_t> size_{0};
};

}  // namespace tenantseal::keyring
