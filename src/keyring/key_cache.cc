#include "keyring/key_cache.h"

#include <algorithm>
#include <utility>

namespace tenantseal::keyring {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kShards = 64;
constexpr auto kLoadPoll = 10ms;
constexpr base::Duration kAskAfterChange = 5s;  // A provider that has become current; jittered.
constexpr base::Duration kRenewalLead = 3s;     // A renewal's 2 s, and the time until it begins.

// Without I/O there is no answer.
Error WouldBlock() { return {ErrorCode::kWouldBlock, "needs I/O"}; }

Error Unknown() { return NotFound("There is no such tenant."); }

// The owner's refusal, in the words that the caller of an API reads.
Error Revoked() {
  return {ErrorCode::kKeyRevoked,
          "The tenant's key provider refuses the use of its key. Its owner must allow it again."};
}

}  // namespace

base::Duration Between(const base::Random& random, base::Duration low, base::Duration high) {
  std::array<std::uint8_t, 4> bytes{};
  random.FillPublic(bytes);
  const std::uint32_t draw = base::ByteReader(bytes).U32();
  return low + base::Duration(static_cast<std::int64_t>(static_cast<double>((high - low).count()) *
                                                        draw / 4294967296.0));
}

KeyCache::KeyCache(const KeyringOptions& options, const base::Random& random)
    : options_(options),
      random_(random),
      shard_count_(options.tenants_max >= 16 * kShards ? kShards : 1),
      shards_(new Shard[shard_count_]) {}

KeyCache::Slot* KeyCache::FindSlot(Entry& entry, std::uint32_t version) {
  if (!entry.slots.empty() && entry.slots.back().version == version) return &entry.slots.back();
  const auto at =
      std::lower_bound(entry.slots.begin(), entry.slots.end(), version,
                       [](const Slot& slot, std::uint32_t v) { return slot.version < v; });
  return at != entry.slots.end() && at->version == version ? &*at : nullptr;
}

KeyCache::Slot& KeyCache::MakeSlot(Entry& entry, std::uint32_t version) {
  if (Slot* slot = FindSlot(entry, version)) return *slot;
  const auto at =
      std::lower_bound(entry.slots.begin(), entry.slots.end(), version,
                       [](const Slot& slot, std::uint32_t v) { return slot.version < v; });
  Slot slot;
  slot.version = version;
  return *entry.slots.insert(at, std::move(slot));
}

std::optional<Error> KeyCache::Forbidden(const Entry& entry) {
  if (entry.state->tenant.status == model::TenantStatus::kDestroyed) return Unknown();
  if (entry.state->tenant.status != model::TenantStatus::kActive) {
    return Error{ErrorCode::kConflict, "The tenant is deactivated."};
  }
  if (entry.refusal) return Revoked();
  return std::nullopt;
}

Result<LeasedKey> KeyCache::Find(const model::TenantId& tenant,
                                 std::optional<std::uint32_t> version, base::BootTime now) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(tenant);
  if (found == shard.entries.end()) {
    return shard.missing.contains(tenant) ? Unknown() : WouldBlock();
  }
  Entry& entry = found->second;
  entry.last_used = now;
  if (!Fresh(entry, now)) {
    if (entry.state_failure && now < entry.state_retry_at) return *entry.state_failure;
    return WouldBlock();
  }
  if (auto forbidden = Forbidden(entry)) return std::move(*forbidden);
  const std::uint32_t wanted = version.value_or(entry.state->tenant.active_version);
  Slot* slot = FindSlot(entry, wanted);
  if (slot == nullptr)
    return entry.state->FindKey(wanted) == nullptr ? DecryptFailed() : WouldBlock();
  slot->last_used = now;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(slot->usable_until - now);
  if (slot->held == nullptr || left < 1ms) {
    if (slot->failure && now < slot->retry_at) return *slot->failure;
    return WouldBlock();
  }
  entry.last_use = now - slot->sent;
  shard.longest_use.any = std::max(shard.longest_use.any, entry.last_use);
  LeasedKey key;
  key.held_ = slot->held;
  key.usable_for_ = left;
  return key;
}

Result<KeyCache::StatePtr> KeyCache::FindState(const model::TenantId& tenant, base::BootTime now) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(tenant);
  if (found == shard.entries.end()) {
    return shard.missing.contains(tenant) ? Unknown() : WouldBlock();
  }
  found->second.last_used = now;
  if (Fresh(found->second, now)) return found->second.state;
  if (found->second.state_failure && now < found->second.state_retry_at)
    return *found->second.state_failure;
  return WouldBlock();
}

KeyCache::Step KeyCache::Begin(const model::TenantId& tenant, bool want_key,
                               std::optional<std::uint32_t> version, base::BootTime now) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  Step step;
  auto found = shard.entries.find(tenant);
  if (found == shard.entries.end()) {
    if (shard.missing.contains(tenant)) return step;
    if (size_.fetch_add(1) >= options_.tenants_max) EvictOne(shard, tenant);
    found = shard.entries.try_emplace(tenant).first;
    found->second.last_used = now;
    found->second.purges = ++shard.purge_count;
  }
  Entry& entry = found->second;
  if (!Fresh(entry, now)) {
    if (entry.loading) {
      lock.WaitFor(shard.changed, kLoadPoll);
      return step;
    }
    entry.loading = true;
    step.kind = Step::Kind::kLoadState;
    step.generation = shard.generation;
    return step;
  }
  if (!want_key || Forbidden(entry)) return step;
  const std::uint32_t wanted = version.value_or(entry.state->tenant.active_version);
  const model::TenantKey* row = entry.state->FindKey(wanted);
  if (row == nullptr) return step;
  Slot& slot = MakeSlot(entry, wanted);
  if (slot.fetching) {
    lock.WaitFor(shard.changed, kLoadPoll);
    return step;
  }
  if (slot.held != nullptr && slot.usable_until - now >= 1ms) return step;
  if (slot.failure && now < slot.retry_at) return step;
  slot.fetching = true;
  slot.check_value = row->check_value;
  slot.last_used = now;
  step.kind = Step::Kind::kFetchKey;
  step.purges = entry.purges;
  step.state = entry.state;
  step.version = wanted;
  return step;
}

void KeyCache::PutState(const model::TenantId& tenant, std::uint64_t generation, StatePtr state,
                        base::BootTime sent) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  shard.changed.notify_all();
  const auto found = shard.entries.find(tenant);
  if (found == shard.entries.end()) return;
  found->second.loading = false;
  if (shard.generation != generation) return;  // It may be older than a change: load again.
  found->second.state_failure.reset();
  found->second.state = std::move(state);
  found->second.state_sent = sent;
  Reconcile(shard, found->second, sent);
}

// Lets the keys that are held follow the fresh state.
void KeyCache::Reconcile(Shard& shard, Entry& entry, base::BootTime now) {
  const model::TenantState& state = *entry.state;
  const model::Fingerprint& current = state.tenant.current_provider;
  const model::KeyProvider* provider = state.FindProvider(current);
  const bool refused = provider != nullptr && provider->revoked_at.has_value();
  if (refused && (!entry.refusal || entry.refusal->provider != current)) {
    Refusal refusal;
    refusal.provider = current;
    refusal.since = *provider->revoked_at;
    refusal.stored = refusal.told = true;
    refusal.next_probe = now + Between(random_, 1s, 5s);
    Refuse(shard, entry, std::move(refusal));
  } else if (!refused && entry.refusal &&
             (entry.refusal->stored || entry.refusal->provider != current)) {
    entry.refusal.reset();  // Another process has found it reinstated.
  }
  if (entry.refusal || state.tenant.status != model::TenantStatus::kActive)
    return Purge(shard, entry);
  const auto gone = [&state](const Slot& slot) {
    const model::TenantKey* row = state.FindKey(slot.version);
    return row == nullptr || row->check_value != slot.check_value;
  };
  std::erase_if(entry.slots, gone);
  for (Slot& slot : entry.slots) {
    if (slot.provider != current) {
      // After a migration a lease runs on, but what is said of the key is the new provider's word,
      // and it is asked soon.
      slot.failure.reset();
      slot.renew_at = std::min(slot.renew_at, now + Between(random_, 0s, kAskAfterChange));
    }
    if (slot.held == nullptr || slot.held->fingerprint == state.label()) continue;
    slot.held =
        std::make_shared<const LeasedKey::Held>(slot.held->key.Copy(), slot.version, state.label());
  }
}

void KeyCache::PutMissing(const model::TenantId& tenant, std::uint64_t generation) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  shard.changed.notify_all();
  if (shard.entries.erase(tenant) != 0) size_.fetch_sub(1);
  if (shard.generation != generation) return;
  if (shard.missing.size() >= kMissingMax) shard.missing.clear();
  shard.missing.insert(tenant);
}

void KeyCache::FailState(const model::TenantId& tenant, const Error& error,
                         std::optional<base::BootTime> retry_at) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  shard.changed.notify_all();
  const auto found = shard.entries.find(tenant);
  if (found == shard.entries.end()) return;
  found->second.loading = false;
  if (retry_at) {
    found->second.state.reset();
    found->second.state_failure = error;
    found->second.state_retry_at = *retry_at;
  }
}

KeyCache::Slot* KeyCache::EndFetch(Shard& shard, const model::TenantId& tenant, const Step& step) {
  shard.changed.notify_all();
  const auto found = shard.entries.find(tenant);
  if (found == shard.entries.end() || found->second.purges != step.purges) return nullptr;
  Slot* slot = FindSlot(found->second, step.version);
  if (slot != nullptr) slot->fetching = false;
  return slot;
}

KeyCache::Slot* KeyCache::EndFailedFetch(Shard& shard, const model::TenantId& tenant,
                                         const Step& step) {
  Slot* slot = EndFetch(shard, tenant, step);
  if (slot == nullptr || Outdated(shard.entries.find(tenant)->second, step)) return nullptr;
  slot->provider = step.state->tenant.current_provider;
  return slot;
}

void KeyCache::PutKey(const model::TenantId& tenant, const Step& step, base::Secret256 key,
                      base::BootTime sent) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  Slot* slot = EndFetch(shard, tenant, step);
  if (slot == nullptr) return;
  const Entry& entry = shard.entries.find(tenant)->second;
  const model::TenantState& state = entry.state != nullptr ? *entry.state : *step.state;
  slot->held = std::make_shared<const LeasedKey::Held>(std::move(key), step.version, state.label());
  slot->provider = step.state->tenant.current_provider;
  slot->sent = sent;
  slot->usable_until = sent + options_.revocation_bound;
  // Between two thirds and three quarters of the bound, so that processes and tenants spread; of a
  // short bound earlier, so that a slow renewal is back in time.
  const base::Duration bound = options_.revocation_bound;
  const base::Duration latest = std::min(bound * 3 / 4, std::max(bound / 2, bound - kRenewalLead));
  slot->renew_at = sent + Between(random_, latest - bound / 12, latest);
  if (Outdated(entry, step))
    slot->renew_at = std::min(slot->renew_at, sent + Between(random_, 0s, kAskAfterChange));
  slot->failure.reset();
}

void KeyCache::NoteUnavailable(const model::TenantId& tenant, const Step& step, const Error& error,
                               base::BootTime now) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  Slot* slot = EndFailedFetch(shard, tenant, step);
  if (slot == nullptr) return;
  // Counted from the last success, so an outage never extends itself.
  slot->usable_until = slot->sent + options_.revocation_bound + options_.outage_grace;
  slot->failure = error;
  slot->failure->code = ErrorCode::kKeyUnavailable;
  slot->failure->retry_after_s = 2;
  const base::Duration pause = std::min<base::Duration>(1s, options_.revocation_bound / 8);
  slot->retry_at = now + pause;
  slot->renew_at = now + Between(random_, pause, 5 * pause);
}

void KeyCache::NoteIntegrity(const model::TenantId& tenant, const Step& step, const Error& error,
                             base::BootTime now) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  Slot* slot = EndFailedFetch(shard, tenant, step);
  if (slot == nullptr) return;
  slot->held.reset();
  slot->failure = error;
  slot->retry_at = now + 60s;
}

void KeyCache::Refuse(Shard& shard, Entry& entry, Refusal refusal) {
  refusal.last_use = entry.last_use;
  shard.longest_use.before_refusal =
      std::max(shard.longest_use.before_refusal, std::exchange(entry.last_use, {}));
  entry.refusal = std::move(refusal);
}

void KeyCache::Purge(Shard& shard, Entry& entry) {
  entry.slots.clear();
  entry.purges = ++shard.purge_count;
}

void KeyCache::DropChanged(const store::Changes& changes) {
  for (std::size_t i = 0; changes.everything && i < shard_count_; ++i) {
    base::MutexLock lock(shards_[i].mutex);
    ++shards_[i].generation;
    shards_[i].missing.clear();
    for (auto& [tenant, entry] : shards_[i].entries) {
      entry.state.reset();
      entry.state_failure.reset();
    }
  }
  if (changes.everything) return;
  for (const store::Change& change : changes.changed) {
    if (change.scope.is_deployment()) continue;
    if (const auto tenant = model::TenantId::Parse(change.scope.text())) Drop(*tenant);
  }
}

void KeyCache::Drop(const model::TenantId& tenant) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  ++shard.generation;
  shard.missing.erase(tenant);
  const auto found = shard.entries.find(tenant);
  if (found == shard.entries.end()) return;
  found->second.state.reset();
  found->second.state_failure.reset();
}

void KeyCache::Erase(const model::TenantId& tenant) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  ++shard.generation;
  shard.missing.erase(tenant);
  if (shard.entries.erase(tenant) != 0) size_.fetch_sub(1);
  shard.changed.notify_all();
}

void KeyCache::EvictOne(Shard& shard, const model::TenantId& keep) {
  auto oldest = shard.entries.end();
  for (auto it = shard.entries.begin(); it != shard.entries.end(); ++it) {
    if (it->first == keep || it->second.loading) continue;
    if (oldest == shard.entries.end() || it->second.last_used < oldest->second.last_used)
      oldest = it;
  }
  if (oldest == shard.entries.end()) return;
  shard.entries.erase(oldest);
  size_.fetch_sub(1);
}

LongestUse KeyCache::longest_use() const {
  LongestUse longest;
  for (std::size_t i = 0; i < shard_count_; ++i) {
    base::MutexLock lock(shards_[i].mutex);
    const LongestUse here = shards_[i].longest_use;
    longest.any = std::max(longest.any, here.any);
    longest.before_refusal = std::max(longest.before_refusal, here.before_refusal);
  }
  return longest;
}

}  // namespace tenantseal::keyring
