// Data keys and the jobs that rewrap them, in memory.
#include <algorithm>

#include "store/memory/memory_store.h"
#include "store/migration_rules.h"
#include "store/rules.h"

namespace tenantseal::store {

using base::MutexLock;

std::uint64_t MemoryStore::Count(const model::TenantId& tenant,
                                 std::optional<std::uint32_t> version) const {
  return static_cast<std::uint64_t>(
      std::count_if(data_keys_.begin(), data_keys_.end(), [&](const auto& entry) {
        return entry.second.tenant == tenant && (!version || entry.second.version == *version);
      }));
}

std::uint64_t MemoryStore::CountLeft(const model::TenantId& tenant, std::uint32_t below) const {
  std::uint64_t left = 0;
  for (const auto& [position, key] : data_keys_) {
    if (key.tenant != tenant || key.version >= below) continue;
    if (!quarantine_.contains({tenant, key.id})) ++left;
  }
  return left;
}

Result<void> MemoryStore::InsertDataKeys(std::span<const model::DataKey> keys) {
  MutexLock lock(mutex_);
  std::set<model::DataKeyId> ids;
  for (const model::DataKey& key : keys) {
    const auto found = tenants_.find(key.tenant);
    if (found == tenants_.end()) return TenantNotFound();
    TS_RETURN_IF_ERROR(CheckInsert(found->second.tenant, key.version));
    if (positions_.contains(key.id) || !ids.insert(key.id).second) {
      return Error{ErrorCode::kAlreadyExists, "There is a data key with this id."};
    }
  }
  for (const model::DataKey& key : keys) {
    positions_[key.id] = ++last_position_;
    data_keys_.emplace(last_position_, key);
  }
  return {};
}

Result<model::DataKey> MemoryStore::LoadDataKey(const model::TenantId& tenant,
                                                const model::DataKeyId& id) const {
  MutexLock lock(mutex_);
  const auto found = positions_.find(id);
  if (found == positions_.end() || data_keys_.at(found->second).tenant != tenant) {
    return DataKeyNotFound();
  }
  return data_keys_.at(found->second);
}

Result<void> MemoryStore::DeleteDataKey(const model::TenantId& tenant, const model::DataKeyId& id) {
  MutexLock lock(mutex_);
  const auto found = positions_.find(id);
  if (found == positions_.end() || data_keys_.at(found->second).tenant != tenant) {
    return DataKeyNotFound();
  }
  TS_RETURN_IF_ERROR(CheckActive(tenants_.at(tenant).tenant));
  quarantine_.erase({tenant, id});
  data_keys_.erase(found->second);
  positions_.erase(found);
  return {};
}

Result<std::uint64_t> MemoryStore::CountDataKeys(const model::TenantId& tenant,
                                                 std::optional<std::uint32_t> version) const {
  MutexLock lock(mutex_);
  return Count(tenant, version);
}

// --- Rewrap jobs ---

model::RewrapJob* MemoryStore::Job(const model::TenantId& tenant) {
  const auto found = jobs_.find(tenant);
  return found == jobs_.end() ? nullptr : &found->second;
}

Result<std::optional<model::RewrapJob>> MemoryStore::LoadRewrapJob(
    const model::TenantId& tenant) const {
  MutexLock lock(mutex_);
  const auto found = jobs_.find(tenant);
  if (found == jobs_.end()) return std::optional<model::RewrapJob>();
  return std::optional(found->second);
}

Result<std::vector<model::RewrapJob>> MemoryStore::RunningRewrapJobs() const {
  MutexLock lock(mutex_);
  std::vector<model::RewrapJob> out;
  for (const auto& [tenant, job] : jobs_) {
    if (job.state == model::RewrapState::kRunning) out.push_back(job);
  }
  return out;
}

Result<model::RewrapJob> MemoryStore::ClaimRewrapJob(const model::TenantId& tenant) {
  MutexLock lock(mutex_);
  const auto found = jobs_.find(tenant);
  if (found == jobs_.end()) return RewrapJobNotFound();
  TS_RETURN_IF_ERROR(CheckFence(found->second, found->second));
  ++found->second.fence;
  return found->second;
}

Result<std::vector<StoredDataKey>> MemoryStore::ScanDataKeys(const model::TenantId& tenant,
                                                             std::uint64_t after,
                                                             std::uint32_t below_version,
                                                             std::size_t limit) const {
  MutexLock lock(mutex_);
  std::vector<StoredDataKey> out;
  for (auto at = data_keys_.upper_bound(after); at != data_keys_.end() && out.size() < limit;
       ++at) {
    if (at->second.tenant != tenant ||
        (below_version != kAnyVersion && at->second.version >= below_version)) {
      continue;
    }
    out.push_back({at->first, at->second});
  }
  return out;
}

Result<void> MemoryStore::CommitRewrapBatch(std::span<const DataKeyUpdate> updates,
                                            std::span<const model::QuarantinedDataKey> quarantined,
                                            const model::RewrapJob& job,
                                            const std::optional<model::NewEvent>& event) {
  MutexLock lock(mutex_);
  const auto stored = jobs_.find(job.tenant);
  if (stored == jobs_.end()) return RewrapJobNotFound();
  TS_RETURN_IF_ERROR(CheckFence(stored->second, job));
  for (const DataKeyUpdate& update : updates) {
    const auto row = data_keys_.find(update.position);
    if (row == data_keys_.end() || row->second.tenant != job.tenant ||
        row->second.version != update.old_version) {
      continue;
    }
    row->second.version = update.version;
    row->second.wrapped = update.wrapped;
    quarantine_.erase({job.tenant, row->second.id});
  }
  for (const model::QuarantinedDataKey& row : quarantined) {
    const auto position = positions_.find(row.id);
    if (position == positions_.end()) continue;
    const model::DataKey& key = data_keys_.at(position->second);
    if (row.tenant != job.tenant || key.tenant != job.tenant || key.version != row.version)
      continue;
    quarantine_.emplace(std::pair(job.tenant, row.id), row);
  }
  stored->second.cursor = job.cursor;
  stored->second.done = job.done;
  stored->second.failed = job.failed;
  if (event) Append(*event);
  return {};
}

Result<void> MemoryStore::FinishRewrapJob(const model::RewrapJob& job,
                                          const model::NewEvent& event) {
  MutexLock lock(mutex_);
  const auto stored = jobs_.find(job.tenant);
  if (stored == jobs_.end()) return RewrapJobNotFound();
  TS_RETURN_IF_ERROR(CheckFence(stored->second, job));
  stored->second.cursor = job.cursor;
  stored->second.done = job.done;
  stored->second.failed = job.failed;
  stored->second.state = model::RewrapState::kDone;
  stored->second.finished_at = std::max(event.time, stored->second.started_at);
  Append(event);
  return {};
}

// --- Quarantine ---

Result<std::vector<model::QuarantinedDataKey>> MemoryStore::ListQuarantine(
    const model::TenantId& tenant, const std::string& after, std::size_t limit) const {
  MutexLock lock(mutex_);
  std::vector<model::QuarantinedDataKey> out;
  for (const auto& [key, row] : quarantine_) {
    if (out.size() == limit) break;
    if (key.first == tenant && key.second.text() > after) out.push_back(row);
  }
  return out;
}

Result<std::uint64_t> MemoryStore::CountQuarantine(const model::TenantId& tenant) const {
  MutexLock lock(mutex_);
  return static_cast<std::uint64_t>(
      std::count_if(quarantine_.begin(), quarantine_.end(),
                    [&](const auto& entry) { return entry.first.first == tenant; }));
}

Result<void> MemoryStore::ReleaseDataKey(const model::DataKey& rewrapped,
                                         std::uint32_t old_version) {
  MutexLock lock(mutex_);
  const auto found = quarantine_.find({rewrapped.tenant, rewrapped.id});
  if (found == quarantine_.end()) return NotInQuarantine();
  model::DataKey& stored = data_keys_.at(positions_.at(rewrapped.id));
  TS_RETURN_IF_ERROR(
      CheckRelease(tenants_.at(rewrapped.tenant).tenant, stored, rewrapped, old_version));
  stored.version = rewrapped.version;
  stored.wrapped = rewrapped.wrapped;
  quarantine_.erase(found);
  return {};
}

}  // namespace tenantseal::store
