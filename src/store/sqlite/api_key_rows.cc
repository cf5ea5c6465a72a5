#include <algorithm>

#include "store/rules.h"
#include "store/sqlite/columns.h"
#include "store/sqlite/tenant_rows.h"

namespace tenantseal::store {
namespace {

#define API_KEY_COLUMNS "id,scope,description,role,secret_hash,created_at,expires_at,created_by,mac"
constexpr const char* kSelectApiKey = "SELECT " API_KEY_COLUMNS " FROM api_keys WHERE id=?";
constexpr const char* kSelectApiKeys =
    "SELECT " API_KEY_COLUMNS " FROM api_keys WHERE scope=? ORDER BY created_at,id";
constexpr const char* kSelectScope = "SELECT scope FROM api_keys WHERE id=?";
constexpr const char* kSelectMacs = "SELECT mac FROM api_keys WHERE scope=?";
constexpr const char* kInsertApiKey =
    "INSERT INTO api_keys(" API_KEY_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?)";

Result<model::ApiKey> ApiKeyOf(const Session& session, const Statement& row) {
  Columns in(row);
  model::ApiKey out;
  out.id = in.Id<model::ApiKeyId>(0);
  if (row.Text(1) != model::Scope::Deployment().text()) out.tenant = in.Id<model::TenantId>(1);
  out.description = row.Text(2);
  out.role = in.Enum<model::Role>(3, 1, 4);
  const bool whole = CopyHash(row.Blob(4), out.secret_hash);
  out.created_at = row.Time(5);
  out.expires_at = row.OptionalTime(6);
  out.created_by = row.Text(7);
  if (!whole || !in.ok() || !RowMac::Same(row.Blob(8), session.row_mac.Of(out))) {
    return TamperedRow("api_keys", row.Text(0));
  }
  return out;
}

}  // namespace

Result<ApiKeySet> ReadApiKeySet(Session& session, const model::Scope& scope, std::uint64_t floor) {
  ApiKeySet out;
  Statement row(session.db, kSelectMacs);
  row.Bind(scope);
  while (row.Step()) {
    if (!CopyHash(row.Blob(0), out.macs.emplace_back()))
      return TamperedRow("api_keys", scope.text());
  }
  TS_RETURN_IF_ERROR(row.Check());
  TS_ASSIGN_OR_RETURN(out.manifest, session.LoadManifest(kApiKeyManifest, scope, floor));
  TS_RETURN_IF_ERROR(
      VerifyManifest(session.row_mac, kApiKeyManifest, scope, out.manifest, out.macs));
  session.Saw(kApiKeyManifest, scope, out.manifest.version);
  return out;
}

Result<std::optional<model::Scope>> ApiKeyScope(Connection& db, const model::ApiKeyId& id) {
  Statement row(db, kSelectScope);
  row.Bind(id);
  const bool found = row.Step();
  TS_RETURN_IF_ERROR(row.Check());
  if (!found) return std::optional<model::Scope>();
  if (row.Text(0) == model::Scope::Deployment().text())
    return std::optional(model::Scope::Deployment());
  const auto tenant = model::TenantId::Parse(row.Text(0));
  if (!tenant) return TamperedRow("api_keys", id.text());
  return std::optional(model::Scope::Of(*tenant));
}

Result<model::ApiKey> ReadApiKey(Session& session, const model::ApiKeyId& id,
                                 const model::Scope& scope, std::uint64_t floor) {
  TS_ASSIGN_OR_RETURN(const ApiKeySet set, ReadApiKeySet(session, scope, floor));
  Statement row(session.db, kSelectApiKey);
  row.Bind(id);
  if (!row.Step()) {
    TS_RETURN_IF_ERROR(row.Check());
    return ApiKeyNotFound();
  }
  TS_ASSIGN_OR_RETURN(model::ApiKey key, ApiKeyOf(session, row));
  // The set comes from an index, which somebody may have made to differ from the table.
  const Mac mac = session.row_mac.Of(key);
  if (std::find(set.macs.begin(), set.macs.end(), mac) == set.macs.end()) {
    return TamperedRow("api_keys", id.text());
  }
  return key;
}

Result<std::vector<model::ApiKey>> ReadApiKeys(Session& session, const model::Scope& scope,
                                               std::uint64_t floor) {
  std::vector<model::ApiKey> out;
  std::vector<Mac> macs;
  Statement row(session.db, kSelectApiKeys);
  row.Bind(scope);
  while (row.Step()) {
    TS_ASSIGN_OR_RETURN(model::ApiKey key, ApiKeyOf(session, row));
    macs.push_back(session.row_mac.Of(key));
    out.push_back(std::move(key));
  }
  TS_RETURN_IF_ERROR(row.Check());
  TS_ASSIGN_OR_RETURN(const Manifest manifest, session.LoadManifest(kApiKeyManifest, scope, floor));
  TS_RETURN_IF_ERROR(
      VerifyManifest(session.row_mac, kApiKeyManifest, scope, manifest, std::move(macs)));
  session.Saw(kApiKeyManifest, scope, manifest.version);
  return out;
}

Result<void> InsertApiKey(Session& session, const model::ApiKey& row) {
  const Mac mac = session.row_mac.Of(row);
  const model::Scope scope = row.scope();
  Statement insert(session.db, kInsertApiKey);
  insert.Bind(row.id).Bind(scope).Bind(row.description).Bind(row.role).Bind(row.secret_hash);
  insert.Bind(row.created_at).Bind(row.expires_at).Bind(row.created_by).Bind(mac);
  return insert.RunInsert("There is an API key with this id.");
}

}  // namespace tenantseal::store
