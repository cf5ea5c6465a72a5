#include "store/sqlite/quarantine_rows.h"

#include "store/sqlite/columns.h"
#include "store/sqlite/schema.h"

namespace tenantseal::store {
namespace {

constexpr const char* kCount = "SELECT count(*) FROM quarantine WHERE tenant=?";
constexpr const char* kCountBelow =
    "SELECT count(*) FROM quarantine q JOIN data_keys k ON k.id=q.id "
    "WHERE q.tenant=? AND k.tenant=? AND k.version<?";
constexpr const char* kSelect =
    "SELECT id,version,since,reason FROM quarantine WHERE tenant=? AND id>? ORDER BY id LIMIT ?";
constexpr const char* kExists = "SELECT 1 FROM quarantine WHERE tenant=? AND id=?";
constexpr const char* kInsert =
    "INSERT INTO quarantine(tenant,id,version,since,reason) SELECT ?,?,?,?,? FROM data_keys "
    "WHERE id=? AND tenant=? AND version=? ON CONFLICT DO NOTHING";
constexpr const char* kDelete = "DELETE FROM quarantine WHERE tenant=? AND id=?";
constexpr const char* kDeleteAt =
    "DELETE FROM quarantine WHERE tenant=? AND id=(SELECT id FROM data_keys WHERE position=?)";

Result<std::uint64_t> FirstNumber(Statement& row) {
  const std::int64_t count = row.Step() ? row.Int(0) : 0;
  TS_RETURN_IF_ERROR(row.Check());
  return static_cast<std::uint64_t>(count);
}

}  // namespace

Result<std::uint64_t> CountQuarantined(Connection& db, const model::TenantId& tenant) {
  Statement row(db, kCount);
  return FirstNumber(row.Bind(tenant));
}

Result<std::uint64_t> CountQuarantinedBelow(Connection& db, const model::TenantId& tenant,
                                            std::int64_t number, std::uint32_t version) {
  Statement row(db, kCountBelow);
  return FirstNumber(row.Bind(tenant).Bind(number).Bind(kStoredVersionOffset + version));
}

Result<std::vector<model::QuarantinedDataKey>> ReadQuarantine(Connection& db,
                                                              const model::TenantId& tenant,
                                                              const std::string& after,
                                                              std::size_t limit) {
  std::vector<model::QuarantinedDataKey> out;
  Statement row(db, kSelect);
  row.Bind(tenant).Bind(after).Bind(limit);
  while (row.Step()) {
    Columns in(row);
    model::QuarantinedDataKey& key = out.emplace_back();
    key.tenant = tenant;
    key.id = in.Id<model::DataKeyId>(0);
    key.version = in.U32(1);
    key.since = row.Time(2);
    key.reason = row.Text(3);
    if (!in.ok()) return TamperedRow("quarantine", row.Text(0));
  }
  TS_RETURN_IF_ERROR(row.Check());
  return out;
}

Result<bool> IsQuarantined(Connection& db, const model::TenantId& tenant,
                           const model::DataKeyId& id) {
  Statement row(db, kExists);
  TS_ASSIGN_OR_RETURN(const std::uint64_t one, FirstNumber(row.Bind(tenant).Bind(id)));
  return one == 1;
}

Result<void> InsertQuarantine(Connection& db, const model::TenantId& tenant, std::int64_t number,
                              std::span<const model::QuarantinedDataKey> rows) {
  Statement insert(db, kInsert);
  for (const model::QuarantinedDataKey& row : rows) {
    if (row.tenant != tenant) continue;
    insert.Reset();
    insert.Bind(tenant).Bind(row.id).Bind(row.version).Bind(row.since).Bind(row.reason);
    insert.Bind(row.id).Bind(number).Bind(kStoredVersionOffset + row.version);
    TS_RETURN_IF_ERROR(insert.Run());
  }
  return {};
}

Result<void> EndQuarantine(Connection& db, const model::TenantId& tenant,
                           const model::DataKeyId& id) {
  return Statement(db, kDelete).Bind(tenant).Bind(id).Run();
}

Result<void> EndQuarantineAt(Connection& db, const model::TenantId& tenant,
                             std::uint64_t position) {
  return Statement(db, kDeleteAt).Bind(tenant).Bind(position).Run();
}

}  // namespace tenantseal::store
