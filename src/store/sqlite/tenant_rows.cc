#include "store/sqlite/tenant_rows.h"

#include <limits>

#include "store/rules.h"
#include "store/sqlite/columns.h"
#include "store/sqlite/migration_rows.h"

namespace tenantseal::store {
namespace {

#define TENANT_COLUMNS \
  "number,id,name,region,status,created_at,destroy_at,current_provider,active_version,mac"
constexpr const char* kSelectTenant = "SELECT " TENANT_COLUMNS " FROM tenants WHERE id=?";
constexpr const char* kSelectTenants =
    "SELECT " TENANT_COLUMNS
    " FROM tenants WHERE (created_at,id)>(?,?) ORDER BY created_at,id LIMIT ?";
constexpr const char* kSelectNextNumber = "SELECT coalesce(max(number),0)+1 FROM tenants";
constexpr const char* kInsertTenant =
    "INSERT INTO tenants(" TENANT_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?)";
constexpr const char* kUpdateTenant =
    "UPDATE tenants SET status=?,destroy_at=?,current_provider=?,active_version=?,mac=? WHERE id=?";
constexpr const char* kSelectProviders =
    "SELECT fingerprint,kind,arn,replica_arn,name,description,created_at,promoted_at,demoted_at,"
    "revoked_at,mac FROM providers WHERE tenant=? ORDER BY created_at,fingerprint";
constexpr const char* kInsertProvider =
    "INSERT INTO providers(tenant,fingerprint,kind,arn,replica_arn,name,description,created_at,"
    "promoted_at,demoted_at,revoked_at,mac) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)";
constexpr const char* kUpdateProvider =
    "UPDATE providers SET replica_arn=?,name=?,description=?,promoted_at=?,demoted_at=?,"
    "revoked_at=?,mac=? WHERE tenant=? AND fingerprint=?";
constexpr const char* kDeleteProvider = "DELETE FROM providers WHERE tenant=? AND fingerprint=?";
constexpr const char* kSelectKeys =
    "SELECT version,check_value,created_at,mac FROM tenant_keys WHERE tenant=? ORDER BY version";
constexpr const char* kInsertKey =
    "INSERT INTO tenant_keys(tenant,version,check_value,created_at,mac) VALUES(?,?,?,?,?)";
constexpr const char* kDeleteKey = "DELETE FROM tenant_keys WHERE tenant=? AND version=?";
constexpr const char* kSelectWraps =
    "SELECT version,provider,wrapped,mac FROM tenant_key_wraps WHERE tenant=? ORDER BY "
    "version,provider";
constexpr const char* kInsertWrap =
    "INSERT INTO tenant_key_wraps(tenant,version,provider,wrapped,mac) VALUES(?,?,?,?,?)";
constexpr const char* kDeleteWraps = "DELETE FROM tenant_key_wraps WHERE tenant=? AND version=?";
constexpr const char* kDeleteWrapsBy = "DELETE FROM tenant_key_wraps WHERE tenant=? AND provider=?";

constexpr const char* kTaken = "There is a tenant with this id.";

// A row that breaks a constraint here was put there by somebody else.
constexpr const char* kForeignRow = "A row of this tenant is there already.";

Result<TenantRow> TenantOf(const Session& session, const Statement& row) {
  Columns in(row);
  TenantRow out;
  model::Tenant& tenant = out.tenant;
  out.number = row.Int(0);
  tenant.id = in.Id<model::TenantId>(1);
  tenant.name = row.Text(2);
  tenant.region = row.Text(3);
  tenant.status = in.Enum<model::TenantStatus>(4, 1, 3);
  tenant.created_at = row.Time(5);
  tenant.destroy_at = row.OptionalTime(6);
  tenant.current_provider = in.Id<model::Fingerprint>(7);
  tenant.active_version = in.U32(8);
  if (!in.ok() || !RowMac::Same(row.Blob(9), session.row_mac.Of(tenant, out.number))) {
    return TamperedRow("tenants", row.Text(1));
  }
  return out;
}

Result<void> ReadProviders(const Session& session, model::TenantState& state) {
  const model::TenantId& id = state.tenant.id;
  Statement row(session.db, kSelectProviders);
  row.Bind(id);
  while (row.Step()) {
    Columns in(row);
    model::KeyProvider& out = state.providers.emplace_back();
    out.tenant = id;
    out.fingerprint = in.Id<model::Fingerprint>(0);
    out.kind = in.Enum<model::ProviderKind>(1, 1, 2);
    out.arn = row.Text(2);
    out.replica_arn = row.Text(3);
    out.name = row.Text(4);
    out.description = row.Text(5);
    out.created_at = row.Time(6);
    out.promoted_at = row.OptionalTime(7);
    out.demoted_at = row.OptionalTime(8);
    out.revoked_at = row.OptionalTime(9);
    if (!in.ok() || !RowMac::Same(row.Blob(10), session.row_mac.Of(out))) {
      return TamperedRow("providers", id.text() + " " + std::string(row.Text(0)));
    }
  }
  return row.Check();
}

Result<void> ReadKeys(const Session& session, model::TenantState& state) {
  const model::TenantId& id = state.tenant.id;
  Statement row(session.db, kSelectKeys);
  row.Bind(id);
  while (row.Step()) {
    Columns in(row);
    model::TenantKey& out = state.keys.emplace_back();
    out.tenant = id;
    out.version = in.U32(0);
    out.check_value = base::ToBytes(row.Blob(1));
    out.created_at = row.Time(2);
    if (!in.ok() || !RowMac::Same(row.Blob(3), session.row_mac.Of(out))) {
      return TamperedRow("tenant_keys", id.text() + " " + std::to_string(row.Int(0)));
    }
  }
  return row.Check();
}

Result<void> ReadWraps(const Session& session, model::TenantState& state) {
  const model::TenantId& id = state.tenant.id;
  Statement row(session.db, kSelectWraps);
  row.Bind(id);
  while (row.Step()) {
    Columns in(row);
    model::TenantKeyWrap& out = state.wraps.emplace_back();
    out.tenant = id;
    out.version = in.U32(0);
    out.provider = in.Id<model::Fingerprint>(1);
    out.wrapped = base::ToBytes(row.Blob(2));
    if (!in.ok() || !RowMac::Same(row.Blob(3), session.row_mac.Of(out))) {
      return TamperedRow("tenant_key_wraps", id.text() + " " + std::to_string(row.Int(0)));
    }
  }
  return row.Check();
}

}  // namespace

Result<std::optional<TenantRow>> ReadTenantRow(Session& session, const model::TenantId& id) {
  Statement row(session.db, kSelectTenant);
  row.Bind(id);
  if (!row.Step()) {
    TS_RETURN_IF_ERROR(row.Check());
    return std::optional<TenantRow>();
  }
  TS_ASSIGN_OR_RETURN(TenantRow out, TenantOf(session, row));
  return std::optional(std::move(out));
}

Result<std::vector<model::Tenant>> ReadTenantsAfter(Session& session, std::int64_t cursor_ms,
                                                    const std::string& cursor_id,
                                                    std::size_t limit) {
  std::vector<model::Tenant> out;
  Statement row(session.db, kSelectTenants);
  row.Bind(cursor_ms).Bind(cursor_id).Bind(limit);
  while (row.Step()) {
    TS_ASSIGN_OR_RETURN(TenantRow tenant, TenantOf(session, row));
    out.push_back(std::move(tenant.tenant));
  }
  TS_RETURN_IF_ERROR(row.Check());
  return out;
}

Result<VerifiedTenant> ReadTenant(Session& session, const model::TenantId& id,
                                  std::uint64_t floor) {
  VerifiedTenant out;
  const model::Scope scope = model::Scope::Of(id);
  TS_ASSIGN_OR_RETURN(std::optional<TenantRow> row, ReadTenantRow(session, id));
  TS_ASSIGN_OR_RETURN(out.manifest, session.LoadManifest(kTenantManifest, scope, floor));
  if (!row) {
    if (out.manifest.version == 0) return TenantNotFound();
    return TamperedRow("tenants", id.text());  // It was there once, and tenants stay.
  }
  out.number = row->number;
  out.state.tenant = std::move(row->tenant);
  TS_RETURN_IF_ERROR(ReadProviders(session, out.state));
  TS_RETURN_IF_ERROR(ReadKeys(session, out.state));
  TS_RETURN_IF_ERROR(ReadWraps(session, out.state));
  TS_ASSIGN_OR_RETURN(out.state.migration, ReadMigration(session, id));
  TS_RETURN_IF_ERROR(VerifyManifest(session.row_mac, kTenantManifest, scope, out.manifest,
                                    MemberMacs(session.row_mac, out.state, out.number)));
  session.Saw(kTenantManifest, scope, out.manifest.version);
  return out;
}

Result<VerifiedTenant> ReadForChange(Session& session, const model::TenantId& id) {
  return ReadTenant(session, id, session.Floor(kTenantManifest, model::Scope::Of(id)));
}

Result<std::uint64_t> Conclude(Session& session, const VerifiedTenant& changed,
                               const std::optional<model::NewEvent>& event) {
  const model::Scope scope = model::Scope::Of(changed.state.tenant.id);
  TS_RETURN_IF_ERROR(
      session.StoreManifest(kTenantManifest, scope, changed.manifest,
                            MemberMacs(session.row_mac, changed.state, changed.number)));
  return session.Record(scope, event);
}

Result<std::int64_t> InsertTenantRow(Session& session, const model::Tenant& row) {
  // Rows of tenants stay for ever, so a number is never given twice.
  TS_ASSIGN_OR_RETURN(const std::int64_t number, session.db.QueryInt(kSelectNextNumber));
  const Mac mac = session.row_mac.Of(row, number);
  Statement insert(session.db, kInsertTenant);
  insert.Bind(number).Bind(row.id).Bind(row.name).Bind(row.region).Bind(row.status);
  insert.Bind(row.created_at).Bind(row.destroy_at).Bind(row.current_provider);
  TS_RETURN_IF_ERROR(insert.Bind(row.active_version).Bind(mac).RunInsert(kTaken));
  return number;
}

Result<void> UpdateTenantRow(Session& session, const VerifiedTenant& tenant) {
  const model::Tenant& row = tenant.state.tenant;
  const Mac mac = session.row_mac.Of(row, tenant.number);
  Statement update(session.db, kUpdateTenant);
  update.Bind(row.status).Bind(row.destroy_at).Bind(row.current_provider).Bind(row.active_version);
  return update.Bind(mac).Bind(row.id).Run();
}

Result<void> InsertProvider(Session& session, const model::KeyProvider& row) {
  const Mac mac = session.row_mac.Of(row);
  Statement insert(session.db, kInsertProvider);
  insert.Bind(row.tenant).Bind(row.fingerprint).Bind(row.kind).Bind(row.arn);
  insert.Bind(row.replica_arn).Bind(row.name).Bind(row.description).Bind(row.created_at);
  insert.Bind(row.promoted_at).Bind(row.demoted_at).Bind(row.revoked_at);
  return insert.Bind(mac).RunInsert(kForeignRow);
}

Result<void> UpdateProvider(Session& session, const model::KeyProvider& row) {
  const Mac mac = session.row_mac.Of(row);
  Statement update(session.db, kUpdateProvider);
  update.Bind(row.replica_arn).Bind(row.name).Bind(row.description);
  update.Bind(row.promoted_at).Bind(row.demoted_at).Bind(row.revoked_at).Bind(mac);
  return update.Bind(row.tenant).Bind(row.fingerprint).Run();
}

Result<void> InsertTenantKey(Session& session, const model::TenantKey& row) {
  const Mac mac = session.row_mac.Of(row);
  Statement insert(session.db, kInsertKey);
  insert.Bind(row.tenant).Bind(row.version).Bind(base::ByteSpan(row.check_value));
  return insert.Bind(row.created_at).Bind(mac).RunInsert(kForeignRow);
}

Result<void> InsertWrap(Session& session, const model::TenantKeyWrap& row) {
  const Mac mac = session.row_mac.Of(row);
  Statement insert(session.db, kInsertWrap);
  insert.Bind(row.tenant).Bind(row.version).Bind(row.provider).Bind(base::ByteSpan(row.wrapped));
  return insert.Bind(mac).RunInsert(kForeignRow);
}

Result<void> DeleteProviderRow(Session& session, const model::TenantId& id,
                               const model::Fingerprint& provider) {
  return Statement(session.db, kDeleteProvider).Bind(id).Bind(provider).Run();
}

Result<void> DeleteWrapsBy(Session& session, const model::TenantId& id,
                           const model::Fingerprint& provider) {
  return Statement(session.db, kDeleteWrapsBy).Bind(id).Bind(provider).Run();
}

Result<void> DeleteTenantKey(Session& session, const model::TenantId& id, std::uint32_t version) {
  TS_RETURN_IF_ERROR(Statement(session.db, kDeleteWraps).Bind(id).Bind(version).Run());
  return Statement(session.db, kDeleteKey).Bind(id).Bind(version).Run();
}

}  // namespace tenantseal::store
