// The parts of KeyCache that run in the background: refusals, renewals, wiping.
#include <algorithm>

#include "keyring/key_cache.h"

namespace tenantseal::keyring {
namespace {

using namespace std::chrono_literals;

// 5 s after the first denials, then longer and longer, 55 s at most, jittered downwards: with the
// call itself and the other processes' store leases, a key opens things 60 s after it is allowed.
base::Duration ProbeInterval(const base::Random& random, int probes) {
  const base::Duration longest = std::min<base::Duration>(55s, 5s * (1 << std::min(probes, 4)));
  return Between(random, std::max<base::Duration>(5s, longest * 3 / 4), longest);
}

}  // namespace

bool KeyCache::NoteRevoked(const model::TenantId& tenant, const Step& step, base::UtcTime since,
                           base::BootTime now) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  shard.changed.notify_all();
  const auto found = shard.entries.find(tenant);
  if (found == shard.entries.end()) return false;
  Entry& entry = found->second;
  if (Outdated(entry, step)) {
    EndFetch(shard, tenant, step);
    return false;
  }
  Purge(shard, entry);
  const model::Fingerprint& provider = step.state->tenant.current_provider;
  if (entry.refusal && entry.refusal->provider == provider) return false;
  Refusal refusal;
  refusal.provider = provider;
  refusal.since = since;
  refusal.ours = true;
  refusal.next_probe = now + Between(random_, 1s, 5s);  // The second denial confirms it.
  Refuse(shard, entry, std::move(refusal));
  return true;
}

std::optional<KeyCache::Refusal> KeyCache::FindRefusal(const model::TenantId& tenant) const {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(tenant);
  if (found == shard.entries.end()) return std::nullopt;
  return found->second.refusal;
}

void KeyCache::MarkStored(const model::TenantId& tenant, bool ours) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  ++shard.generation;  // A state that was read before is older than this.
  const auto found = shard.entries.find(tenant);
  if (found == shard.entries.end() || !found->second.refusal) return;
  found->second.state.reset();
  found->second.refusal->stored = true;
  found->second.refusal->ours = ours;
  found->second.refusal->told = !ours;
}

void KeyCache::MarkTold(const model::TenantId& tenant) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(tenant);
  if (found != shard.entries.end() && found->second.refusal) found->second.refusal->told = true;
}

void KeyCache::EndProbe(const model::TenantId& tenant, base::BootTime now) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.entries.find(tenant);
  if (found == shard.entries.end() || !found->second.refusal) return;
  Refusal& refusal = *found->second.refusal;
  refusal.probing = false;
  refusal.next_probe = now + ProbeInterval(random_, refusal.probes++);
}

void KeyCache::ClearRefusal(const model::TenantId& tenant) {
  Shard& shard = ShardOf(tenant);
  base::MutexLock lock(shard.mutex);
  ++shard.generation;
  const auto found = shard.entries.find(tenant);
  if (found == shard.entries.end()) return;
  found->second.refusal.reset();
  found->second.state.reset();
}

void KeyCache::WipeExpired(Entry& entry, base::BootTime now) const {
  // Within the grace a key is kept, though not used unless the provider cannot be reached.
  const base::Duration kept = options_.revocation_bound + options_.outage_grace;
  const auto done = [&](Slot& slot) {
    if (slot.held != nullptr && now >= slot.sent + kept) slot.held.reset();
    return slot.held == nullptr && !slot.fetching && (!slot.failure || now >= slot.retry_at);
  };
  std::erase_if(entry.slots, done);
}

void KeyCache::CollectEntry(Shard& shard, const model::TenantId& tenant, Entry& entry,
                            base::BootTime now, std::vector<Due>& due) {
  const bool idle = now - entry.last_used > options_.idle_after;
  if (entry.state == nullptr) {
    // What is held must follow the change that dropped the state, whether it is asked for or not.
    const bool wanted = !entry.slots.empty() || entry.refusal;
    if (!wanted || entry.loading || (entry.state_failure && now < entry.state_retry_at)) return;
    entry.loading = true;
    due.push_back(
        {Due::Kind::kReload, tenant, {Step::Kind::kLoadState, shard.generation, 0, nullptr, 0}});
    return;
  }
  if (!idle && !entry.loading && now - entry.state_sent >= kStateReadAgainAfter) {
    entry.loading = true;
    due.push_back(
        {Due::Kind::kReload, tenant, {Step::Kind::kLoadState, shard.generation, 0, nullptr, 0}});
  }
  if (entry.refusal) {
    if (entry.refusal->probing || now < entry.refusal->next_probe) return;
    if (entry.state->tenant.status != model::TenantStatus::kActive) return;
    entry.refusal->probing = true;
    due.push_back({Due::Kind::kProbe,
                   tenant,
                   {Step::Kind::kFetchKey, 0, entry.purges, entry.state,
                    entry.state->tenant.active_version}});
    return;
  }
  if (idle) return;
  auto running = std::count_if(entry.slots.begin(), entry.slots.end(),
                               [](auto& slot) { return slot.fetching; });
  for (Slot& slot : entry.slots) {
    if (running >= kRenewalsPerTenantMax) return;
    if (slot.held == nullptr || slot.fetching || now < slot.renew_at) continue;
    if (now - slot.last_used > options_.idle_after) continue;
    slot.fetching = true;
    ++running;
    due.push_back({Due::Kind::kRenew,
                   tenant,
                   {Step::Kind::kFetchKey, 0, entry.purges, entry.state, slot.version},
                   slot.usable_until});
  }
}

void KeyCache::Abandon(const Due& due) {
  Shard& shard = ShardOf(due.tenant);
  base::MutexLock lock(shard.mutex);
  if (due.kind == Due::Kind::kRenew) EndFetch(shard, due.tenant, due.step);
  const auto found = shard.entries.find(due.tenant);
  if (due.kind == Due::Kind::kProbe && found != shard.entries.end() && found->second.refusal)
    found->second.refusal->probing = false;
}

std::vector<KeyCache::Due> KeyCache::CollectDue(base::BootTime now) {
  std::vector<Due> due;
  for (std::size_t i = 0; i < shard_count_; ++i) {
    Shard& shard = shards_[i];
    base::MutexLock lock(shard.mutex);
    for (auto it = shard.entries.begin(); it != shard.entries.end();) {
      Entry& entry = it->second;
      WipeExpired(entry, now);
      const bool idle = now - entry.last_used > options_.idle_after;
      if (idle && entry.slots.empty() && !entry.refusal && !entry.loading) {
        it = shard.entries.erase(it);
        size_.fetch_sub(1);
        continue;
      }
      CollectEntry(shard, it->first, entry, now, due);
      ++it;
    }
  }
  std::stable_sort(due.begin(), due.end(),
                   [](const Due& a, const Due& b) { return a.until < b.until; });
  return due;
}

}  // namespace tenantseal::keyring
