#include "store/sqlite/migration_rows.h"

#include "store/sqlite/columns.h"

namespace tenantseal::store {
namespace {

#define MIGRATION_COLUMNS                                              \
  "tenant,id,from_provider,to_provider,state,pause,detail,to_version," \
  "quarantine_accepted,fence,owner,started_by,started_at,finished_at,mac"
constexpr const char* kSelect = "SELECT " MIGRATION_COLUMNS " FROM migrations WHERE tenant=?";
constexpr const char* kSelectUnfinished =
    "SELECT " MIGRATION_COLUMNS " FROM migrations WHERE state IN (1, 2) ORDER BY tenant";
constexpr const char* kPut = "INSERT OR REPLACE INTO migrations(" MIGRATION_COLUMNS
                             ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

Result<model::Migration> MigrationOf(const Session& session, const Statement& row) {
  Columns in(row);
  model::Migration out;
  out.tenant = in.Id<model::TenantId>(0);
  out.id = row.Text(1);
  out.from = in.Id<model::Fingerprint>(2);
  out.to = in.Id<model::Fingerprint>(3);
  out.state = in.Enum<model::MigrationState>(4, 1, 5);
  out.pause = in.Enum<model::Pause>(5, 0, 5);
  out.detail = row.Text(6);
  out.to_version = in.U32(7);
  out.quarantine_accepted = in.U64(8);
  out.fence = in.U64(9);
  if (!row.Text(10).empty()) out.owner = in.Id<model::ProcessId>(10);
  out.started_by = row.Text(11);
  out.started_at = row.Time(12);
  out.finished_at = row.OptionalTime(13);
  if (!in.ok() || !RowMac::Same(row.Blob(14), session.row_mac.Of(out))) {
    return TamperedRow("migrations", row.Text(0));
  }
  return out;
}

}  // namespace

Result<std::optional<model::Migration>> ReadMigration(Session& session,
                                                      const model::TenantId& tenant) {
  Statement row(session.db, kSelect);
  row.Bind(tenant);
  if (!row.Step()) {
    TS_RETURN_IF_ERROR(row.Check());
    return std::optional<model::Migration>();
  }
  TS_ASSIGN_OR_RETURN(model::Migration out, MigrationOf(session, row));
  return std::optional(std::move(out));
}

Result<std::vector<model::Migration>> ReadUnfinishedMigrations(Session& session) {
  std::vector<model::Migration> out;
  Statement row(session.db, kSelectUnfinished);
  while (row.Step()) {
    TS_ASSIGN_OR_RETURN(model::Migration migration, MigrationOf(session, row));
    out.push_back(std::move(migration));
  }
  TS_RETURN_IF_ERROR(row.Check());
  return out;
}

Result<void> PutMigration(Session& session, const model::Migration& row) {
  const Mac mac = session.row_mac.Of(row);
  Statement put(session.db, kPut);
  put.Bind(row.tenant).Bind(row.id).Bind(row.from).Bind(row.to).Bind(row.state).Bind(row.pause);
  put.Bind(row.detail).Bind(row.to_version).Bind(row.quarantine_accepted).Bind(row.fence);
  put.Bind(row.owner).Bind(row.started_by).Bind(row.started_at).Bind(row.finished_at);
  return put.Bind(mac).Run();
}

}  // namespace tenantseal::store
