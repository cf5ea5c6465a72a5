// Key providers and migrations, in memory.
#include "store/memory/memory_store.h"
#include "store/migration_rules.h"
#include "store/rules.h"

namespace tenantseal::store {

using base::MutexLock;

// --- Key providers ---

Result<std::uint64_t> MemoryStore::AddProvider(const model::KeyProvider& provider,
                                               const model::NewEvent& event) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(provider.tenant);
  if (found == tenants_.end()) return TenantNotFound();
  TS_RETURN_IF_ERROR(ApplyNewProvider(found->second, provider));
  return Record(model::Scope::Of(provider.tenant), event);
}

Result<std::uint64_t> MemoryStore::ChangeProvider(const model::KeyProvider& expected,
                                                  const model::KeyProvider& changed,
                                                  const std::optional<model::NewEvent>& event) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(expected.tenant);
  if (found == tenants_.end()) return TenantNotFound();
  TS_RETURN_IF_ERROR(ApplyProviderChange(found->second, expected, changed));
  return Record(model::Scope::Of(expected.tenant), event);
}

Result<std::uint64_t> MemoryStore::DeleteProvider(const model::TenantId& tenant,
                                                  const model::Fingerprint& provider,
                                                  const model::NewEvent& event) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return TenantNotFound();
  TS_ASSIGN_OR_RETURN(const model::FormerProvider kept,
                      ApplyProviderDeletion(found->second, provider));
  model::FormerProvider& former = former_providers_[{tenant, provider}];
  former.arn = kept.arn;
  if (kept.demoted_at) former.demoted_at = kept.demoted_at;
  validations_.erase({tenant, provider});
  return Record(model::Scope::Of(tenant), event);
}

Result<std::optional<model::FormerProvider>> MemoryStore::LoadFormerProvider(
    const model::TenantId& tenant, const model::Fingerprint& provider) const {
  MutexLock lock(mutex_);
  const auto found = former_providers_.find({tenant, provider});
  if (found == former_providers_.end()) return std::optional<model::FormerProvider>();
  return std::optional(found->second);
}

Result<std::uint64_t> MemoryStore::CountTenantsUsing(const std::string& arn,
                                                     const model::TenantId& except) const {
  MutexLock lock(mutex_);
  std::uint64_t count = 0;
  for (const auto& [id, state] : tenants_) {
    if (id == except) continue;
    for (const model::KeyProvider& row : state.providers) count += row.arn == arn ? 1 : 0;
  }
  return count;
}

Result<void> MemoryStore::SaveValidation(const model::ProviderValidation& validation,
                                         const std::optional<model::NewEvent>& event) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(validation.tenant);
  if (found == tenants_.end()) return TenantNotFound();
  if (found->second.FindProvider(validation.provider) == nullptr) return ProviderNotFound();
  validations_[{validation.tenant, validation.provider}] = validation;
  if (event) Append(*event);
  return {};
}

Result<std::optional<model::ProviderValidation>> MemoryStore::LoadValidation(
    const model::TenantId& tenant, const model::Fingerprint& provider) const {
  MutexLock lock(mutex_);
  const auto found = validations_.find({tenant, provider});
  if (found == validations_.end()) return std::optional<model::ProviderValidation>();
  return std::optional(found->second);
}

// --- Migrations ---

Result<std::uint64_t> MemoryStore::StartMigration(const model::Migration& migration,
                                                  const model::NewEvent& event) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(migration.tenant);
  if (found == tenants_.end()) return TenantNotFound();
  TS_RETURN_IF_ERROR(ApplyMigrationStart(found->second, migration, Job(migration.tenant)));
  return Record(model::Scope::Of(migration.tenant), event);
}

Result<std::vector<model::Migration>> MemoryStore::UnfinishedMigrations() const {
  MutexLock lock(mutex_);
  std::vector<model::Migration> out;
  for (const auto& [id, state] : tenants_) {
    if (state.migration && state.migration->unfinished()) out.push_back(*state.migration);
  }
  return out;
}

Result<model::Migration> MemoryStore::ClaimMigration(const model::TenantId& tenant,
                                                     const model::ProcessId& process) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return TenantNotFound();
  TS_RETURN_IF_ERROR(ApplyMigrationClaim(found->second, process));
  return *found->second.migration;
}

Result<std::uint64_t> MemoryStore::ActivateMigration(const model::Migration& migration,
                                                     const model::TenantKey& key,
                                                     std::span<const model::TenantKeyWrap> wraps,
                                                     const model::RewrapJob& job) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(migration.tenant);
  if (found == tenants_.end()) return TenantNotFound();
  TS_RETURN_IF_ERROR(ApplyMigrationActivation(found->second, migration, key, wraps, job));
  model::RewrapJob started = job;
  started.total = Count(key.tenant, std::nullopt) - Count(key.tenant, key.version);
  jobs_[key.tenant] = std::move(started);
  return Record(model::Scope::Of(migration.tenant), std::nullopt);
}

Result<std::uint64_t> MemoryStore::ChangeMigration(const model::Migration& migration,
                                                   const std::optional<model::NewEvent>& event) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(migration.tenant);
  if (found == tenants_.end()) return TenantNotFound();
  TS_RETURN_IF_ERROR(ApplyMigrationChange(found->second, migration, Job(migration.tenant)));
  return Record(model::Scope::Of(migration.tenant), event);
}

Result<std::uint64_t> MemoryStore::FinishMigration(const model::Migration& migration,
                                                   bool with_data_keys_left,
                                                   const std::vector<model::NewEvent>& events) {
  MutexLock lock(mutex_);
  const auto found = tenants_.find(migration.tenant);
  if (found == tenants_.end()) return TenantNotFound();
  const std::uint64_t left = CountLeft(migration.tenant, RecountBelow(found->second));
  TS_RETURN_IF_ERROR(ApplyMigrationFinish(found->second, migration, left, with_data_keys_left,
                                          Job(migration.tenant)));
  for (const model::NewEvent& event : events) Append(event);
  return Record(model::Scope::Of(migration.tenant), std::nullopt);
}

}  // namespace tenantseal::store
