// The methods of SqliteStore that concern migrations.
#include "store/migration_rules.h"
#include "store/sqlite/access.h"
#include "store/sqlite/data_key_rows.h"
#include "store/sqlite/migration_rows.h"
#include "store/sqlite/quarantine_rows.h"
#include "store/sqlite/tenant_rows.h"

namespace tenantseal::store {
namespace {

model::RewrapJob* PointerTo(std::optional<model::RewrapJob>& job) { return job ? &*job : nullptr; }

// Stores the migration of a tenant that was changed, and the job that may have followed it.
Result<void> PutBoth(Session& session, const VerifiedTenant& tenant,
                     const std::optional<model::RewrapJob>& job) {
  TS_RETURN_IF_ERROR(PutMigration(session, *tenant.state.migration));
  if (job) return PutRewrapJob(session.db, *job);
  return {};
}

// Once a migration has its version, what is left below it only becomes less: nothing is inserted
// under an older one. So what was counted before a write is not exceeded in it, as long as the
// migration's fence is the same.
Result<std::uint64_t> CountLeft(Session& session, const VerifiedTenant& tenant) {
  const std::uint32_t below = RecountBelow(tenant.state);
  TS_ASSIGN_OR_RETURN(const DataKeyCount all, CountDataKeysBelow(session, tenant.number, below));
  TS_ASSIGN_OR_RETURN(
      const std::uint64_t aside,
      CountQuarantinedBelow(session.db, tenant.state.tenant.id, tenant.number, below));
  return all.below - aside;
}

}  // namespace

Result<std::uint64_t> SqliteStore::StartMigration(const model::Migration& migration,
                                                  const model::NewEvent& event) {
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadForChange(session, migration.tenant));
    TS_ASSIGN_OR_RETURN(auto job, ReadRewrapJob(session.db, migration.tenant));
    TS_RETURN_IF_ERROR(ApplyMigrationStart(tenant.state, migration, PointerTo(job)));
    TS_RETURN_IF_ERROR(DeleteWrapsBy(session, migration.tenant, migration.to));
    TS_RETURN_IF_ERROR(PutMigration(session, *tenant.state.migration));
    return Conclude(session, tenant, event);
  });
}

// Each by its own MAC: ClaimMigration() verifies that it is the tenant's present one.
Result<std::vector<model::Migration>> SqliteStore::UnfinishedMigrations() const {
  return Read([](Session& session) { return ReadUnfinishedMigrations(session); });
}

Result<model::Migration> SqliteStore::ClaimMigration(const model::TenantId& tenant,
                                                     const model::ProcessId& process) {
  return Write([&](Session& session) -> Result<model::Migration> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant verified, ReadForChange(session, tenant));
    TS_RETURN_IF_ERROR(ApplyMigrationClaim(verified.state, process));
    TS_RETURN_IF_ERROR(PutMigration(session, *verified.state.migration));
    return std::move(*verified.state.migration);
  });
}

Result<std::uint64_t> SqliteStore::ActivateMigration(const model::Migration& migration,
                                                     const model::TenantKey& key,
                                                     std::span<const model::TenantKeyWrap> wraps,
                                                     const model::RewrapJob& job) {
  TS_ASSIGN_OR_RETURN(const DataKeyCount before, CountToMove(migration.tenant, key.version));
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadForChange(session, migration.tenant));
    TS_RETURN_IF_ERROR(ApplyMigrationActivation(tenant.state, migration, key, wraps, job));
    TS_RETURN_IF_ERROR(InsertTenantKey(session, key));
    for (const auto& wrap : wraps) TS_RETURN_IF_ERROR(InsertWrap(session, wrap));
    TS_RETURN_IF_ERROR(UpdateTenantRow(session, tenant));
    model::RewrapJob started = job;
    TS_ASSIGN_OR_RETURN(
        const DataKeyCount since,
        CountDataKeysBelow(session, tenant.number, key.version, before.last_position));
    started.total = before.below + since.below;
    TS_RETURN_IF_ERROR(PutBoth(session, tenant, started));
    return Conclude(session, tenant, std::nullopt);
  });
}

Result<std::uint64_t> SqliteStore::ChangeMigration(const model::Migration& migration,
                                                   const std::optional<model::NewEvent>& event) {
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadForChange(session, migration.tenant));
    TS_ASSIGN_OR_RETURN(auto job, ReadRewrapJob(session.db, migration.tenant));
    TS_RETURN_IF_ERROR(ApplyMigrationChange(tenant.state, migration, PointerTo(job)));
    const model::Migration& stored = *tenant.state.migration;
    if (!stored.unfinished()) TS_RETURN_IF_ERROR(DeleteWrapsBy(session, stored.tenant, stored.to));
    TS_RETURN_IF_ERROR(PutBoth(session, tenant, job));
    return Conclude(session, tenant, event);
  });
}

Result<std::uint64_t> SqliteStore::FinishMigration(const model::Migration& migration,
                                                   bool with_data_keys_left,
                                                   const std::vector<model::NewEvent>& events) {
  const std::uint64_t floor = guard_.Floor(kTenantManifest, model::Scope::Of(migration.tenant));
  const auto left = Read([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(const VerifiedTenant tenant, ReadTenant(session, migration.tenant, floor));
    return CountLeft(session, tenant);
  });
  if (!left) return left.error();
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadForChange(session, migration.tenant));
    TS_ASSIGN_OR_RETURN(auto job, ReadRewrapJob(session.db, migration.tenant));
    TS_RETURN_IF_ERROR(
        ApplyMigrationFinish(tenant.state, migration, *left, with_data_keys_left, PointerTo(job)));
    const model::Migration& stored = *tenant.state.migration;
    for (const auto* fingerprint : {&stored.from, &stored.to}) {
      TS_RETURN_IF_ERROR(UpdateProvider(session, *tenant.state.FindProvider(*fingerprint)));
    }
    TS_RETURN_IF_ERROR(DeleteWrapsBy(session, stored.tenant, stored.from));
    TS_RETURN_IF_ERROR(UpdateTenantRow(session, tenant));
    TS_RETURN_IF_ERROR(PutBoth(session, tenant, job));
    for (const model::NewEvent& event : events) TS_RETURN_IF_ERROR(session.Append(event));
    return Conclude(session, tenant, std::nullopt);
  });
}

}  // namespace tenantseal::store
