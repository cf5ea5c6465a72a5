// The methods of SqliteStore that concern data keys and their rewrapping.
#include <algorithm>

#include "store/migration_rules.h"
#include "store/rules.h"
#include "store/sqlite/access.h"
#include "store/sqlite/columns.h"
#include "store/sqlite/data_key_rows.h"
#include "store/sqlite/quarantine_rows.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/tenant_rows.h"

namespace tenantseal::store {
namespace {

constexpr const char* kInsert =
    "INSERT INTO data_keys(id,tenant,version,created_at,context,wrapped) VALUES(?,?,?,?,?,?)";
constexpr const char* kSelect =
    "SELECT k.version,k.created_at,k.context,k.wrapped FROM data_keys k JOIN tenants t "
    "ON t.number=k.tenant WHERE k.id=? AND t.id=?";
constexpr const char* kDelete =
    "DELETE FROM data_keys WHERE id=? AND tenant=(SELECT number FROM tenants WHERE id=?)";
constexpr const char* kCount = "SELECT count(*) FROM data_keys WHERE tenant=?";
constexpr const char* kScan =
    "SELECT position,version,created_at,context,wrapped,id FROM data_keys "
    "WHERE tenant=? AND position>? AND version<? ORDER BY position LIMIT ?";
// No column of an index changes, and the row keeps its size: only its own page is written.
constexpr const char* kUpdate =
    "UPDATE data_keys SET version=?,wrapped=? WHERE position=? AND tenant=? AND version=?";
constexpr const char* kUpdateById =
    "UPDATE data_keys SET version=?,wrapped=? WHERE id=? AND tenant=?";

bool ReadKey(const Statement& row, int first, model::DataKey& out) {
  const std::int64_t version = row.Int(first) - kStoredVersionOffset;
  out.version = static_cast<std::uint32_t>(version);
  out.created_at = row.Time(first + 1);
  out.context = base::ToBytes(row.Blob(first + 2));
  out.wrapped = row.Text(first + 3);
  return version >= 0 && version <= std::numeric_limits<std::uint32_t>::max();
}

// Checks tenant and version of each key, once for a run of keys that share both. Returns the
// numbers of the keys' tenants.
class InsertGate {
 public:
  explicit InsertGate(Session& session) : session_(session) {}

  Result<std::int64_t> Admit(const model::DataKey& key) {
    if (tenant_ && tenant_->tenant.id == key.tenant && version_ == key.version)
      return tenant_->number;
    TS_ASSIGN_OR_RETURN(tenant_, ReadTenantRow(session_, key.tenant));
    if (!tenant_) return TenantNotFound();
    version_ = key.version;
    TS_RETURN_IF_ERROR(CheckInsert(tenant_->tenant, key.version));
    return tenant_->number;
  }

 private:
  Session& session_;
  std::optional<TenantRow> tenant_;
  std::uint32_t version_ = 0;
};

Result<model::DataKey> ReadDataKey(Connection& db, const model::TenantId& tenant,
                                   const model::DataKeyId& id) {
  Statement row(db, kSelect);
  row.Bind(id).Bind(tenant);
  if (!row.Step()) {
    TS_RETURN_IF_ERROR(row.Check());
    return DataKeyNotFound();
  }
  model::DataKey out;
  out.id = id;
  out.tenant = tenant;
  if (!ReadKey(row, 0, out)) return TamperedRow("data_keys", id.text());
  return out;
}

// The stored job, if `given` may go on with it.
Result<model::RewrapJob> FencedJob(Connection& db, const model::RewrapJob& given) {
  TS_ASSIGN_OR_RETURN(std::optional<model::RewrapJob> stored, ReadRewrapJob(db, given.tenant));
  if (!stored) return RewrapJobNotFound();
  TS_RETURN_IF_ERROR(CheckFence(*stored, given));
  stored->cursor = given.cursor;
  stored->done = given.done;
  stored->failed = given.failed;
  return std::move(*stored);
}

}  // namespace

// --- Data keys ---

Result<DataKeyCount> SqliteStore::CountToMove(const model::TenantId& tenant,
                                              std::uint32_t version) const {
  return Read([&](Session& session) -> Result<DataKeyCount> {
    TS_ASSIGN_OR_RETURN(const std::int64_t number, TenantNumber(session.db, tenant));
    return CountDataKeysBelow(session, number, version);
  });
}

Result<void> SqliteStore::InsertDataKeys(std::span<const model::DataKey> keys) {
  if (keys.empty()) return {};
  // As long as this has not returned, nobody knows of a key that a power cut takes.
  const auto insert_all = [&](Session& session) -> Result<void> {
    InsertGate gate(session);
    Statement insert(session.db, kInsert);
    for (const model::DataKey& key : keys) {
      TS_ASSIGN_OR_RETURN(const std::int64_t tenant, gate.Admit(key));
      insert.Reset();
      insert.Bind(key.id)
          .Bind(tenant)
          .Bind(kStoredVersionOffset + key.version)
          .Bind(key.created_at);
      insert.Bind(base::ByteSpan(key.context)).Bind(key.wrapped);
      TS_RETURN_IF_ERROR(insert.RunInsert("There is a data key with this id."));
    }
    return {};
  };
  return Write(insert_all, Survives::kPowerCutOnceReturned);
}

Result<model::DataKey> SqliteStore::LoadDataKey(const model::TenantId& tenant,
                                                const model::DataKeyId& id) const {
  return Read([&](Session& session) { return ReadDataKey(session.db, tenant, id); });
}

Result<void> SqliteStore::DeleteDataKey(const model::TenantId& tenant, const model::DataKeyId& id) {
  return Write([&](Session& session) -> Result<void> {
    TS_RETURN_IF_ERROR(Statement(session.db, kDelete).Bind(id).Bind(tenant).Run());
    if (session.db.changes() == 0) return DataKeyNotFound();
    TS_RETURN_IF_ERROR(EndQuarantine(session.db, tenant, id));
    TS_ASSIGN_OR_RETURN(const std::optional<TenantRow> row, ReadTenantRow(session, tenant));
    if (!row) return DataKeyNotFound();
    return CheckActive(row->tenant);
  });
}

Result<std::uint64_t> SqliteStore::CountDataKeys(const model::TenantId& tenant,
                                                 std::optional<std::uint32_t> version) const {
  return Read([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(const std::int64_t number, TenantNumber(session.db, tenant));
    if (version) return CountDataKeysAt(session, number, *version);
    Statement row(session.db, kCount);
    row.Bind(number);
    const std::int64_t count = row.Step() ? row.Int(0) : 0;
    TS_RETURN_IF_ERROR(row.Check());
    return static_cast<std::uint64_t>(count);
  });
}

// --- Rewrap jobs ---

Result<std::optional<model::RewrapJob>> SqliteStore::LoadRewrapJob(
    const model::TenantId& tenant) const {
  return Read([&](Session& session) { return ReadRewrapJob(session.db, tenant); });
}

Result<std::vector<model::RewrapJob>> SqliteStore::RunningRewrapJobs() const {
  return Read([](Session& session) { return ReadRunningRewrapJobs(session.db); });
}

Result<model::RewrapJob> SqliteStore::ClaimRewrapJob(const model::TenantId& tenant) {
  return Write([&](Session& session) -> Result<model::RewrapJob> {
    TS_ASSIGN_OR_RETURN(std::optional<model::RewrapJob> job, ReadRewrapJob(session.db, tenant));
    if (!job) return RewrapJobNotFound();
    TS_RETURN_IF_ERROR(CheckFence(*job, *job));
    ++job->fence;
    TS_RETURN_IF_ERROR(PutRewrapJob(session.db, *job));
    return std::move(*job);
  });
}

Result<std::vector<StoredDataKey>> SqliteStore::ScanDataKeys(const model::TenantId& tenant,
                                                             std::uint64_t after,
                                                             std::uint32_t below_version,
                                                             std::size_t limit) const {
  return Read([&](Session& session) -> Result<std::vector<StoredDataKey>> {
    std::vector<StoredDataKey> out;
    TS_ASSIGN_OR_RETURN(const std::int64_t number, TenantNumber(session.db, tenant));
    Statement row(session.db, kScan);
    // Every version means every value of the column, so that none hides.
    const std::int64_t below = below_version == kAnyVersion
                                   ? std::numeric_limits<std::int64_t>::max()
                                   : kStoredVersionOffset + below_version;
    row.Bind(number).Bind(after).Bind(below).Bind(limit);
    while (row.Step()) {
      StoredDataKey& stored = out.emplace_back();
      Columns in(row);
      stored.position = in.U64(0);
      stored.key.tenant = tenant;
      stored.key.id = in.Id<model::DataKeyId>(5);
      if (!ReadKey(row, 1, stored.key) || !in.ok()) return TamperedRow("data_keys", row.Text(5));
    }
    TS_RETURN_IF_ERROR(row.Check());
    return out;
  });
}

Result<void> SqliteStore::CommitRewrapBatch(std::span<const DataKeyUpdate> updates,
                                            std::span<const model::QuarantinedDataKey> quarantined,
                                            const model::RewrapJob& job,
                                            const std::optional<model::NewEvent>& event) {
  // Rows and cursor go back together, and what is lost is done again: its old form opens as long as
  // the job is not done, and the write that ends the job survives with all before it.
  const auto commit = [&](Session& session) -> Result<void> {
    TS_ASSIGN_OR_RETURN(const model::RewrapJob stored, FencedJob(session.db, job));
    TS_ASSIGN_OR_RETURN(const std::int64_t number, TenantNumber(session.db, job.tenant));
    TS_ASSIGN_OR_RETURN(const std::uint64_t aside, CountQuarantined(session.db, job.tenant));
    Statement update(session.db, kUpdate);
    for (const DataKeyUpdate& u : updates) {
      update.Reset();
      update.Bind(kStoredVersionOffset + u.version).Bind(u.wrapped).Bind(u.position).Bind(number);
      TS_RETURN_IF_ERROR(update.Bind(kStoredVersionOffset + u.old_version).Run());
      if (aside > 0 && session.db.changes() > 0)
        TS_RETURN_IF_ERROR(EndQuarantineAt(session.db, job.tenant, u.position));
    }
    TS_RETURN_IF_ERROR(InsertQuarantine(session.db, job.tenant, number, quarantined));
    TS_RETURN_IF_ERROR(PutRewrapJob(session.db, stored));
    if (event) return session.Append(*event);
    return {};
  };
  if (!quarantined.empty()) return Write(commit, Survives::kPowerCut);
  return Write(commit, event ? Survives::kPowerCutOnceReturned : Survives::kKill);
}

Result<void> SqliteStore::FinishRewrapJob(const model::RewrapJob& job,
                                          const model::NewEvent& event) {
  return Write([&](Session& session) -> Result<void> {
    TS_ASSIGN_OR_RETURN(model::RewrapJob stored, FencedJob(session.db, job));
    stored.state = model::RewrapState::kDone;
    stored.finished_at = std::max(event.time, stored.started_at);
    TS_RETURN_IF_ERROR(PutRewrapJob(session.db, stored));
    return session.Append(event);
  });
}

// --- Quarantine ---

Result<std::vector<model::QuarantinedDataKey>> SqliteStore::ListQuarantine(
    const model::TenantId& tenant, const std::string& after, std::size_t limit) const {
  return Read([&](Session& session) { return ReadQuarantine(session.db, tenant, after, limit); });
}

Result<std::uint64_t> SqliteStore::CountQuarantine(const model::TenantId& tenant) const {
  return Read([&](Session& session) { return CountQuarantined(session.db, tenant); });
}

Result<void> SqliteStore::ReleaseDataKey(const model::DataKey& rewrapped,
                                         std::uint32_t old_version) {
  const model::TenantId& id = rewrapped.tenant;
  return Write([&](Session& session) -> Result<void> {
    TS_ASSIGN_OR_RETURN(const bool aside, IsQuarantined(session.db, id, rewrapped.id));
    if (!aside) return NotInQuarantine();
    TS_ASSIGN_OR_RETURN(const std::optional<TenantRow> tenant, ReadTenantRow(session, id));
    if (!tenant) return TenantNotFound();
    TS_ASSIGN_OR_RETURN(const model::DataKey stored, ReadDataKey(session.db, id, rewrapped.id));
    TS_RETURN_IF_ERROR(CheckRelease(tenant->tenant, stored, rewrapped, old_version));
    Statement update(session.db, kUpdateById);
    update.Bind(kStoredVersionOffset + rewrapped.version).Bind(rewrapped.wrapped);
    TS_RETURN_IF_ERROR(update.Bind(rewrapped.id).Bind(tenant->number).Run());
    return EndQuarantine(session.db, id, rewrapped.id);
  });
}

}  // namespace tenantseal::store
