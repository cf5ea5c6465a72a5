// The methods of SqliteStore that concern tenants, tenant keys and API keys.
#include <limits>

#include "store/rules.h"
#include "store/sqlite/access.h"
#include "store/sqlite/data_key_rows.h"
#include "store/sqlite/migration_rows.h"
#include "store/sqlite/tenant_rows.h"
#include "store/sqlite/webhook_rows.h"

namespace tenantseal::store {
namespace {

constexpr const char* kSelectDue =
    "SELECT id FROM tenants WHERE destroy_at IS NOT NULL AND destroy_at<=? AND status=? "
    "ORDER BY destroy_at,id";
constexpr const char* kDeleteWraps = "DELETE FROM tenant_key_wraps WHERE tenant=?";
constexpr const char* kDeleteKeys = "DELETE FROM tenant_keys WHERE tenant=?";
constexpr const char* kDeleteProviders = "DELETE FROM providers WHERE tenant=?";
constexpr const char* kDeleteFormerProviders = "DELETE FROM former_providers WHERE tenant=?";
constexpr const char* kDeleteJob = "DELETE FROM rewrap_jobs WHERE tenant=?";
constexpr const char* kDeleteValidations = "DELETE FROM validations WHERE tenant=?";
constexpr const char* kDeleteQuarantine = "DELETE FROM quarantine WHERE tenant=?";
constexpr const char* kDeleteApiKeys = "DELETE FROM api_keys WHERE scope=?";
constexpr const char* kDeleteApiKey = "DELETE FROM api_keys WHERE id=?";

Result<void> DeleteRows(Session& session, const VerifiedTenant& tenant) {
  const model::TenantId& id = tenant.state.tenant.id;
  const model::Scope scope = model::Scope::Of(id);
  TS_ASSIGN_OR_RETURN(const ApiKeySet keys,
                      ReadApiKeySet(session, scope, session.Floor(kApiKeyManifest, scope)));
  TS_RETURN_IF_ERROR(DeleteDataKeysOf(session, tenant.number));
  for (const char* sql : {kDeleteWraps, kDeleteKeys, kDeleteValidations, kDeleteProviders,
                          kDeleteFormerProviders, kDeleteQuarantine, kDeleteJob}) {
    TS_RETURN_IF_ERROR(Statement(session.db, sql).Bind(id).Run());
  }
  TS_RETURN_IF_ERROR(DeleteWebhooksOf(session, scope));
  TS_RETURN_IF_ERROR(Statement(session.db, kDeleteApiKeys).Bind(scope).Run());
  if (keys.manifest.version == 0) return {};
  return session.StoreManifest(kApiKeyManifest, scope, keys.manifest, {});
}

}  // namespace

// --- Tenants ---

Result<std::uint64_t> SqliteStore::CreateTenant(const model::TenantState& state,
                                                const model::NewEvent& event) {
  TS_RETURN_IF_ERROR(CheckNewTenant(state));
  const model::Scope scope = model::Scope::Of(state.tenant.id);
  return Write([&](Session& session) -> Result<std::uint64_t> {
    VerifiedTenant created{state, {}, 0};
    TS_ASSIGN_OR_RETURN(created.number, InsertTenantRow(session, state.tenant));
    for (const auto& row : state.providers) TS_RETURN_IF_ERROR(InsertProvider(session, row));
    for (const auto& row : state.keys) TS_RETURN_IF_ERROR(InsertTenantKey(session, row));
    for (const auto& row : state.wraps) TS_RETURN_IF_ERROR(InsertWrap(session, row));
    TS_ASSIGN_OR_RETURN(
        created.manifest,
        session.LoadManifest(kTenantManifest, scope, session.Floor(kTenantManifest, scope)));
    if (created.manifest.version != 0) return TamperedRow("tenants", state.tenant.id.text());
    return Conclude(session, created, event);
  });
}

Result<model::TenantState> SqliteStore::LoadTenant(const model::TenantId& id) const {
  const std::uint64_t floor = guard_.Floor(kTenantManifest, model::Scope::Of(id));
  return Read([&](Session& session) -> Result<model::TenantState> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadTenant(session, id, floor));
    return std::move(tenant.state);
  });
}

Result<Page<model::Tenant>> SqliteStore::ListTenants(const TenantPage& page) const {
  TS_ASSIGN_OR_RETURN(const std::optional<TenantCursor> after, CheckPage(page));
  const TenantCursor from =
      after.value_or(TenantCursor{std::numeric_limits<std::int64_t>::min(), ""});
  return Read([&](Session& session) -> Result<Page<model::Tenant>> {
    Page<model::Tenant> out;
    TS_ASSIGN_OR_RETURN(out.items,
                        ReadTenantsAfter(session, from.created_ms, from.id, page.limit + 1));
    if (out.items.size() > page.limit) {
      out.items.pop_back();
      const model::Tenant& last = out.items.back();
      out.next = FormatCursor({last.created_at.time_since_epoch().count(), last.id.text()});
    }
    return out;
  });
}

Result<std::uint64_t> SqliteStore::ChangeTenant(const model::Tenant& expected,
                                                model::TenantStatus status,
                                                std::optional<base::UtcTime> destroy_at,
                                                const model::NewEvent& event) {
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadForChange(session, expected.id));
    TS_RETURN_IF_ERROR(ApplyChange(tenant.state.tenant, expected, status, destroy_at));
    TS_RETURN_IF_ERROR(UpdateTenantRow(session, tenant));
    return Conclude(session, tenant, event);
  });
}

// Unverified: DestroyTenant() verifies.
Result<std::vector<model::TenantId>> SqliteStore::TenantsToDestroy(base::UtcTime now) const {
  return Read([&](Session& session) -> Result<std::vector<model::TenantId>> {
    std::vector<model::TenantId> out;
    Statement row(session.db, kSelectDue);
    row.Bind(now).Bind(model::TenantStatus::kDeactivated);
    while (row.Step()) {
      Result<model::TenantId> id = model::TenantId::Parse(row.Text(0));
      if (!id) return TamperedRow("tenants", row.Text(0));
      out.push_back(std::move(*id));
    }
    TS_RETURN_IF_ERROR(row.Check());
    return out;
  });
}

Result<std::uint64_t> SqliteStore::DestroyTenant(const model::TenantId& id, base::UtcTime now,
                                                 const model::NewEvent& event) {
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadForChange(session, id));
    TS_RETURN_IF_ERROR(ApplyDestruction(tenant.state, now));
    TS_RETURN_IF_ERROR(DeleteRows(session, tenant));
    if (tenant.state.migration) TS_RETURN_IF_ERROR(PutMigration(session, *tenant.state.migration));
    TS_RETURN_IF_ERROR(UpdateTenantRow(session, tenant));
    return Conclude(session, tenant, event);
  });
}

Result<std::uint64_t> SqliteStore::SetProviderRevoked(const model::TenantId& id,
                                                      const model::Fingerprint& provider,
                                                      std::optional<base::UtcTime> revoked_at,
                                                      const std::optional<model::NewEvent>& event) {
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadForChange(session, id));
    for (model::KeyProvider& row : tenant.state.providers) {
      if (row.fingerprint != provider) continue;
      row.revoked_at = revoked_at;
      TS_RETURN_IF_ERROR(UpdateProvider(session, row));
      return Conclude(session, tenant, event);
    }
    return NotFound("The tenant has no such key provider.");
  });
}

// --- Tenant keys ---

Result<std::uint64_t> SqliteStore::ActivateTenantKey(const model::TenantKey& key,
                                                     std::span<const model::TenantKeyWrap> wraps,
                                                     std::uint32_t expected_active,
                                                     const std::optional<model::RewrapJob>& job,
                                                     const model::NewEvent& event) {
  DataKeyCount before;
  if (job) {
    TS_ASSIGN_OR_RETURN(before, CountToMove(key.tenant, key.version));
  }
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadForChange(session, key.tenant));
    TS_ASSIGN_OR_RETURN(const auto last, ReadRewrapJob(session.db, key.tenant));
    TS_RETURN_IF_ERROR(
        CheckActivation(tenant.state, key, wraps, expected_active, last ? &*last : nullptr));
    TS_RETURN_IF_ERROR(InsertTenantKey(session, key));
    for (const auto& wrap : wraps) TS_RETURN_IF_ERROR(InsertWrap(session, wrap));
    tenant.state.keys.push_back(key);
    tenant.state.wraps.insert(tenant.state.wraps.end(), wraps.begin(), wraps.end());
    tenant.state.tenant.active_version = key.version;
    TS_RETURN_IF_ERROR(UpdateTenantRow(session, tenant));
    if (job) {
      model::RewrapJob started = *job;
      TS_ASSIGN_OR_RETURN(
          const DataKeyCount since,
          CountDataKeysBelow(session, tenant.number, key.version, before.last_position));
      started.total = before.below + since.below;
      TS_RETURN_IF_ERROR(PutRewrapJob(session.db, started));
    }
    return Conclude(session, tenant, event);
  });
}

Result<std::uint64_t> SqliteStore::RetireTenantKey(const model::TenantId& id, std::uint32_t version,
                                                   const model::NewEvent& event) {
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(VerifiedTenant tenant, ReadForChange(session, id));
    TS_ASSIGN_OR_RETURN(const std::uint64_t needed_by,
                        CountDataKeysAt(session, tenant.number, version));
    TS_RETURN_IF_ERROR(CheckRetirement(tenant.state, version, needed_by));
    TS_RETURN_IF_ERROR(DeleteTenantKey(session, id, version));
    std::erase_if(tenant.state.keys, [&](const auto& row) { return row.version == version; });
    std::erase_if(tenant.state.wraps, [&](const auto& row) { return row.version == version; });
    return Conclude(session, tenant, event);
  });
}

// --- API keys ---

Result<std::uint64_t> SqliteStore::CreateApiKey(const model::ApiKey& key,
                                                const model::NewEvent& event) {
  const model::Scope scope = key.scope();
  return Write([&](Session& session) -> Result<std::uint64_t> {
    std::optional<TenantRow> tenant;
    if (key.tenant) {
      TS_ASSIGN_OR_RETURN(tenant, ReadTenantRow(session, *key.tenant));
    }
    TS_ASSIGN_OR_RETURN(ApiKeySet set,
                        ReadApiKeySet(session, scope, session.Floor(kApiKeyManifest, scope)));
    TS_RETURN_IF_ERROR(CheckNewApiKey(key, tenant ? &tenant->tenant : nullptr, set.macs.size()));
    TS_RETURN_IF_ERROR(InsertApiKey(session, key));
    set.macs.push_back(session.row_mac.Of(key));
    TS_RETURN_IF_ERROR(
        session.StoreManifest(kApiKeyManifest, scope, set.manifest, std::move(set.macs)));
    return session.Record(scope, event);
  });
}

Result<model::ApiKey> SqliteStore::LoadApiKey(const model::ApiKeyId& id) const {
  // The scope first and by itself, so that the floor is known before the snapshot.
  TS_ASSIGN_OR_RETURN(const std::optional<model::Scope> scope,
                      Read([&](Session& session) { return ApiKeyScope(session.db, id); }));
  if (!scope) return ApiKeyNotFound();
  const std::uint64_t floor = guard_.Floor(kApiKeyManifest, *scope);
  return Read([&](Session& session) { return ReadApiKey(session, id, *scope, floor); });
}

Result<std::vector<model::ApiKey>> SqliteStore::ListApiKeys(const model::Scope& scope) const {
  const std::uint64_t floor = guard_.Floor(kApiKeyManifest, scope);
  return Read([&](Session& session) { return ReadApiKeys(session, scope, floor); });
}

Result<std::uint64_t> SqliteStore::DeleteApiKey(const model::ApiKeyId& id,
                                                const model::NewEvent& event) {
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(const std::optional<model::Scope> scope, ApiKeyScope(session.db, id));
    if (!scope) return ApiKeyNotFound();
    const std::uint64_t floor = session.Floor(kApiKeyManifest, *scope);
    TS_ASSIGN_OR_RETURN(const model::ApiKey key, ReadApiKey(session, id, *scope, floor));
    TS_ASSIGN_OR_RETURN(ApiKeySet set, ReadApiKeySet(session, *scope, floor));
    if (key.role == model::Role::kPlatformOperator) {
      TS_ASSIGN_OR_RETURN(const auto all, ReadApiKeys(session, *scope, floor));
      TS_RETURN_IF_ERROR(CheckApiKeyDeletion(key, all));
    }
    std::erase(set.macs, session.row_mac.Of(key));
    TS_RETURN_IF_ERROR(Statement(session.db, kDeleteApiKey).Bind(id).Run());
    TS_RETURN_IF_ERROR(
        session.StoreManifest(kApiKeyManifest, *scope, set.manifest, std::move(set.macs)));
    return session.Record(*scope, event);
  });
}

}  // namespace tenantseal::store
