#include "store/memory/memory_store.h"

#include <algorithm>

#include "store/row_mac.h"
#include "store/rules.h"

namespace tenantseal::store {

using base::MutexLock;

void MemoryStore::Append(const model::NewEvent& event) {
  std::vector<model::Event>& chain = events_[event.scope];
  model::Event next;
  next.content = event;
  next.sequence = chain.size() + 1;
  if (!chain.empty()) next.previous_hash = chain.back().hash;
  next.hash = EventHash(next.previous_hash, next.sequence, event);
  chain.push_back(std::move(next));
}

std::uint64_t MemoryStore::Record(const model::Scope& changed,
                                  const std::optional<model::NewEvent>& event) {
  if (event) Append(*event);
  changes_.push_back({++epoch_, changed});
  if (changes_.size() > kChangesMax) changes_.pop_front();
  return epoch_;
}

// --- Deployment, epoch, processes ---

Result<std::optional<Deployment>> MemoryStore::LoadDeployment() const {
  MutexLock lock(mutex_);
  return deployment_;
}

Result<void> MemoryStore::CreateDeployment(const Deployment& deployment) {
  MutexLock lock(mutex_);
  if (deployment_) return Error{ErrorCode::kAlreadyExists, "The database belongs to a deployment."};
  deployment_ = deployment;
  return {};
}

Result<void> MemoryStore::ReplaceRoot(const std::string& old_root_id, const std::string& root_id,
                                      const std::array<std::uint8_t, 32>& root_check) {
  MutexLock lock(mutex_);
  TS_RETURN_IF_ERROR(CheckRootReplacement(deployment_, old_root_id));
  deployment_->root_id = root_id;
  deployment_->root_check = root_check;
  return {};
}

Result<Changes> MemoryStore::ReadChanges(std::uint64_t since) const {
  MutexLock lock(mutex_);
  Changes out;
  out.epoch = epoch_;
  const std::uint64_t first = changes_.empty() ? 0 : changes_.front().epoch;
  if (!LogReachesBack(since, first, epoch_)) {
    out.everything = true;
    return out;
  }
  std::map<model::Scope, std::uint64_t> latest;
  for (const Change& change : changes_) {
    if (change.epoch > since) latest[change.scope] = change.epoch;
  }
  for (const auto& [scope, epoch] : latest) out.changed.push_back({epoch, scope});
  return out;
}

Result<bool> MemoryStore::Acknowledge(const model::ProcessId& process, std::uint64_t epoch) {
  MutexLock lock(mutex_);
  return !processes_.insert_or_assign(process, epoch).second;
}

Result<void> MemoryStore::RemoveProcess(const model::ProcessId& process) {
  MutexLock lock(mutex_);
  processes_.erase(process);
  return {};
}

Result<std::vector<model::ProcessId>> MemoryStore::LaggingProcesses(std::uint64_t epoch) const {
  MutexLock lock(mutex_);
  std::vector<model::ProcessId> out;
  for (const auto& [process, acknowledged] : processes_) {
    if (acknowledged < epoch) out.push_back(process);
  }
  return out;
}

Result<void> MemoryStore::RemoveLagging(std::uint64_t epoch) {
  MutexLock lock(mutex_);
  std::erase_if(processes_, [&](const auto& entry) { return entry.second < epoch; });
  return {};
}

// --- Tenants ---

Result<std::uint64_t> MemoryStore::CreateTenant(const model::TenantState& state,
                                                const model::NewEvent& event) {
  TS_RETURN_IF_ERROR(CheckNewTenant(state));
  MutexLock lock(mutex_);
  if (!tenants_.emplace(state.tenant.id, state).second) {
    return Error{ErrorCode::kAlreadyExists, "There is a tenant with this id."};
  }
  return Record(model::Scope::Of(state.tenant.id), event);
}

Result<model::TenantState> MemoryStore::LoadTenant(const model::TenantId& id) const {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(id);
  if (found == tenants_.end()) return TenantNotFound();
  return found->second;
}

Result<Page<model::Tenant>> MemoryStore::ListTenants(const TenantPage& page) const {
  TS_ASSIGN_OR_RETURN(const std::optional<TenantCursor> after, CheckPage(page));
  MutexLock lock(mutex_);
  std::map<TenantCursor, const model::Tenant*> in_order;
  for (const auto& [id, state] : tenants_) {
    in_order[{state.tenant.created_at.time_since_epoch().count(), id.text()}] = &state.tenant;
  }
  Page<model::Tenant> out;
  auto at = after ? in_order.upper_bound(*after) : in_order.begin();
  for (; at != in_order.end(); ++at) {
    if (out.items.size() == page.limit) {
      out.next = FormatCursor(std::prev(at)->first);
      break;
    }
    out.items.push_back(*at->second);
  }
  return out;
}

Result<std::uint64_t> MemoryStore::ChangeTenant(const model::Tenant& expected,
                                                model::TenantStatus status,
                                                std::optional<base::UtcTime> destroy_at,
                                                const model::NewEvent& event) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(expected.id);
  if (found == tenants_.end()) return TenantNotFound();
  TS_RETURN_IF_ERROR(ApplyChange(found->second.tenant, expected, status, destroy_at));
  return Record(model::Scope::Of(expected.id), event);
}

Result<std::vector<model::TenantId>> MemoryStore::TenantsToDestroy(base::UtcTime now) const {
  MutexLock lock(mutex_);
  std::vector<model::TenantId> out;
  for (const auto& [id, state] : tenants_) {
    const model::Tenant& tenant = state.tenant;
    if (tenant.status == model::TenantStatus::kDeactivated && tenant.destroy_at &&
        *tenant.destroy_at <= now) {
      out.push_back(id);
    }
  }
  return out;
}

Result<std::uint64_t> MemoryStore::DestroyTenant(const model::TenantId& id, base::UtcTime now,
                                                 const model::NewEvent& event) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(id);
  if (found == tenants_.end()) return TenantNotFound();
  TS_RETURN_IF_ERROR(ApplyDestruction(found->second, now));
  for (auto it = positions_.begin(); it != positions_.end();) {
    it = data_keys_[it->second].tenant == id ? positions_.erase(it) : std::next(it);
  }
  std::erase_if(data_keys_, [&](const auto& entry) { return entry.second.tenant == id; });
  std::erase_if(api_keys_, [&](const auto& entry) { return entry.second.tenant == id; });
  jobs_.erase(id);
  std::erase_if(quarantine_, [&](const auto& entry) { return entry.first.first == id; });
  std::erase_if(former_providers_, [&](const auto& entry) { return entry.first.first == id; });
  std::erase_if(validations_, [&](const auto& entry) { return entry.first.first == id; });
  std::erase_if(webhooks_, [&](const auto& entry) { return entry.first.scope == id.text(); });
  return Record(model::Scope::Of(id), event);
}

Result<std::uint64_t> MemoryStore::SetProviderRevoked(const model::TenantId& id,
                                                      const model::Fingerprint& provider,
                                                      std::optional<base::UtcTime> revoked_at,
                                                      const std::optional<model::NewEvent>& event) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(id);
  if (found == tenants_.end()) return TenantNotFound();
  for (model::KeyProvider& row : found->second.providers) {
    if (row.fingerprint != provider) continue;
    row.revoked_at = revoked_at;
    return Record(model::Scope::Of(id), event);
  }
  return NotFound("The tenant has no such key provider.");
}

// --- Tenant keys ---

Result<std::uint64_t> MemoryStore::ActivateTenantKey(const model::TenantKey& key,
                                                     std::span<const model::TenantKeyWrap> wraps,
                                                     std::uint32_t expected_active,
                                                     const std::optional<model::RewrapJob>& job,
                                                     const model::NewEvent& event) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(key.tenant);
  if (found == tenants_.end()) return TenantNotFound();
  model::TenantState& state = found->second;
  TS_RETURN_IF_ERROR(CheckActivation(state, key, wraps, expected_active, Job(key.tenant)));
  state.keys.push_back(key);
  state.wraps.insert(state.wraps.end(), wraps.begin(), wraps.end());
  state.tenant.active_version = key.version;
  if (job) {
    model::RewrapJob started = *job;
    started.total = Count(key.tenant, std::nullopt) - Count(key.tenant, key.version);
    jobs_[key.tenant] = std::move(started);
  }
  return Record(model::Scope::Of(key.tenant), event);
}

Result<std::uint64_t> MemoryStore::RetireTenantKey(const model::TenantId& id, std::uint32_t version,
                                                   const model::NewEvent& event) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(id);
  if (found == tenants_.end()) return TenantNotFound();
  model::TenantState& state = found->second;
  TS_RETURN_IF_ERROR(CheckRetirement(state, version, Count(id, version)));
  std::erase_if(state.keys, [&](const auto& row) { return row.version == version; });
  std::erase_if(state.wraps, [&](const auto& row) { return row.version == version; });
  return Record(model::Scope::Of(id), event);
}

// --- API keys ---

std::size_t MemoryStore::CountApiKeys(const model::Scope& scope) const {
  return static_cast<std::size_t>(
      std::count_if(api_keys_.begin(), api_keys_.end(),
                    [&](const auto& entry) { return entry.second.scope() == scope; }));
}

Result<std::uint64_t> MemoryStore::CreateApiKey(const model::ApiKey& key,
                                                const model::NewEvent& event) {
  MutexLock lock(mutex_);
  const auto tenant = key.tenant ? tenants_.find(*key.tenant) : tenants_.end();
  TS_RETURN_IF_ERROR(CheckNewApiKey(
      key, tenant == tenants_.end() ? nullptr : &tenant->second.tenant, CountApiKeys(key.scope())));
  if (!api_keys_.emplace(key.id, key).second) {
    return Error{ErrorCode::kAlreadyExists, "There is an API key with this id."};
  }
  return Record(key.scope(), event);
}

Result<model::ApiKey> MemoryStore::LoadApiKey(const model::ApiKeyId& id) const {
  MutexLock lock(mutex_);
  const auto found = api_keys_.find(id);
  if (found == api_keys_.end()) return ApiKeyNotFound();
  return found->second;
}

Result<std::vector<model::ApiKey>> MemoryStore::ListApiKeys(const model::Scope& scope) const {
  MutexLock lock(mutex_);
  std::vector<model::ApiKey> out;
  for (const auto& [id, key] : api_keys_) {
    if (key.scope() == scope) out.push_back(key);
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
  });
  return out;
}

Result<std::uint64_t> MemoryStore::DeleteApiKey(const model::ApiKeyId& id,
                                                const model::NewEvent& event) {
  MutexLock lock(mutex_);
  const auto found = api_keys_.find(id);
  if (found == api_keys_.end()) return ApiKeyNotFound();
  const model::Scope scope = found->second.scope();
  std::vector<model::ApiKey> of_scope;
  for (const auto& entry : api_keys_) {
    if (entry.second.scope() == scope) of_scope.push_back(entry.second);
  }
  TS_RETURN_IF_ERROR(CheckApiKeyDeletion(found->second, of_scope));
  api_keys_.erase(found);
  return Record(scope, event);
}

// --- Events and counts ---

Result<std::vector<model::Event>> MemoryStore::ListEvents(const model::Scope& scope,
                                                          std::uint64_t after_sequence,
                                                          std::size_t limit) const {
  MutexLock lock(mutex_);
  std::vector<model::Event> out;
  const auto chain = events_.find(scope);
  if (chain == events_.end()) return out;
  for (const model::Event& event : chain->second) {
    if (out.size() == limit) break;
    if (event.sequence > after_sequence) out.push_back(event);
  }
  return out;
}

Result<void> MemoryStore::AddUsage(std::span<const model::UsageCount> counts) {
  MutexLock lock(mutex_);
  std::int64_t newest = 0;
  for (const model::UsageCount& c : counts) {
    newest = std::max(newest, c.minute);
    usage_[{c.minute, c.scope, c.principal, c.operation, c.outcome}] += c.count;
  }
  std::erase_if(usage_, [&](const auto& entry) {
    return std::get<0>(entry.first) < newest - kUsageMinutesKept;
  });
  return {};
}

Result<std::vector<model::UsageCount>> MemoryStore::ListUsage(const model::Scope& scope,
                                                              std::int64_t from_minute,
                                                              std::int64_t to_minute) const {
  MutexLock lock(mutex_);
  std::vector<model::UsageCount> out;
  for (const auto& [key, count] : usage_) {
    const auto& [minute, of, principal, operation, outcome] = key;
    if (of != scope || minute < from_minute || minute > to_minute) continue;
    out.push_back({minute, of, principal, operation, outcome, count});
  }
  return out;
}

Result<void> MemoryStore::Backup(const std::string&) const {
  return Error{ErrorCode::kUnavailable, "A store in memory has no file to copy."};
}

}  // namespace tenantseal::store
