#include "events/usage.h"

#include <atomic>
#include <functional>

namespace tenantseal::events {
namespace {

// Where what overflows is added up.
const std::string kDeploymentScope = model::Scope::Deployment().text();

}  // namespace

std::size_t UsageCounter::Hash::operator()(const KeyView& key) const noexcept {
  const std::hash<std::string_view> hash;
  // Operations and outcomes are few: the principal tells most entries apart.
  return hash(key.principal) * 31 + hash(key.operation) + hash(key.outcome) * 7 +
         static_cast<std::size_t>(key.minute);
}

UsageCounter::Shard& UsageCounter::Mine(std::array<Shard, kShards>& shards) {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t mine = next++ % kShards;
  return shards[mine];
}

void UsageCounter::Add(std::string_view scope, std::string_view principal,
                       std::string_view operation, std::string_view outcome, std::uint64_t count) {
  const auto minute =
      std::chrono::duration_cast<std::chrono::minutes>(clock_.Utc().time_since_epoch()).count();
  Shard& shard = Mine(shards_);
  base::MutexLock lock(shard.mutex);
  KeyView key{minute, scope, principal, operation, outcome};
  auto found = shard.counts.find(key);
  if (found == shard.counts.end()) {
    if (shard.counts.size() >= kEntriesPerShardMax) {
      key.scope = kDeploymentScope;
      key.principal = "others";
    }
    found = shard.counts
                .try_emplace({minute, std::string(key.scope), std::string(key.principal),
                              std::string(operation), std::string(outcome)})
                .first;
  }
  found->second += count;
}

Result<void> UsageCounter::Flush() {
  std::vector<model::UsageCount> counts;
  for (Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    for (const auto& [key, count] : shard.counts) {
      const auto tenant = model::TenantId::Parse(key.scope);
      counts.push_back({key.minute, tenant ? model::Scope::Of(*tenant) : model::Scope::Deployment(),
                        key.principal, key.operation, key.outcome, count});
    }
    shard.counts.clear();
  }
  if (counts.empty()) return {};
  auto added = store_.AddUsage(counts);
  if (added) return added;
  Shard& shard = Mine(shards_);
  base::MutexLock lock(shard.mutex);
  for (const model::UsageCount& c : counts) {
    shard.counts[{c.minute, c.scope.text(), c.principal, c.operation, c.outcome}] += c.count;
  }
  return added;
}

}  // namespace tenantseal::events
