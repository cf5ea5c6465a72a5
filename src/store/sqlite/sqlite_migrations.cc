#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "store/sqlite/sqlite_store.h"

namespace tenantseal::store {

Result<std::uint64_t> SqliteStore::AddProvider(const model::KeyProvider& provider,
                                    const model::NewEvent& event) {
  return Internal("not yet");
}

Result<std::uint64_t> SqliteStore::ChangeProvider(const model::KeyProvider& expected,
                                       const model::KeyProvider& changed,
                                       const std::optional<model::NewEvent>& event) {
  return Internal("not yet");
}

Result<std::uint64_t> SqliteStore::DeleteProvider(const model::TenantId& tenant,
                                       const model::Fingerprint& provider,
                                       const model::NewEvent& event) {
  return Internal("not yet");
}

Result<std::uint64_t> SqliteStore::CountTenantsUsing(const std::string& arn,
                                          const model::TenantId& except) const {
  return Internal("not yet");
}

Result<void> SqliteStore::SaveValidation(const model::ProviderValidation& validation,
                              const std::optional<model::NewEvent>& event) {
  return Internal("not yet");
}

Result<std::optional<model::ProviderValidation>> SqliteStore::LoadValidation(
      const model::TenantId& tenant, const model::Fingerprint& provider) const {
  return Internal("not yet");
}

Result<std::uint64_t> SqliteStore::StartMigration(const model::Migration& migration,
                                       const model::NewEvent& event) {
  return Internal("not yet");
}

Result<std::vector<model::Migration>> SqliteStore::UnfinishedMigrations() const {
  return Internal("not yet");
}

Result<model::Migration> SqliteStore::ClaimMigration(const model::TenantId& tenant) {
  return Internal("not yet");
}

Result<std::uint64_t> SqliteStore::ActivateMigration(const model::Migration& migration,
                                          const model::TenantKey& key,
                                          std::span<const model::TenantKeyWrap> wraps,
                                          const model::RewrapJob& job) {
  return Internal("not yet");
}

Result<std::uint64_t> SqliteStore::ChangeMigration(const model::Migration& migration,
                                        const std::optional<model::NewEvent>& event) {
  return Internal("not yet");
}

Result<std::uint64_t> SqliteStore::FinishMigration(const model::Migration& migration,
                                        bool with_data_keys_left,
                                        const model::NewEvent& event) {
  return Internal("not yet");
}

Result<std::vector<model::QuarantinedDataKey>> SqliteStore::ListQuarantine(const model::TenantId& tenant,
                                                                const std::string& after,
                                                                std::size_t limit) const {
  return Internal("not yet");
}

Result<std::uint64_t> SqliteStore::CountQuarantine(const model::TenantId& tenant) const {
  return Internal("not yet");
}

Result<void> SqliteStore::ReleaseDataKey(const model::DataKey& rewrapped, std::uint32_t old_version) {
  return Internal("not yet");
}

}  // namespace tenantseal::store
