#include "store/sqlite/data_key_rows.h"

#include "store/sqlite/columns.h"
#include "store/sqlite/schema.h"

namespace tenantseal::store {
namespace {

constexpr const char* kCountAt = "SELECT count(*) FROM data_keys WHERE tenant=? AND version=?";
constexpr const char* kSelectNumber = "SELECT number FROM tenants WHERE id=?";
constexpr const char* kCountBelow =
    "SELECT count(*) FILTER (WHERE version<?), max(position) FROM data_keys "
    "WHERE tenant=? AND position>?";
constexpr const char* kDeleteOf = "DELETE FROM data_keys WHERE tenant=?";
#define JOB_COLUMNS \
  "tenant,id,to_version,state,total,done,failed,cursor,fence,started_by,started_at,finished_at"
constexpr const char* kSelectJob = "SELECT " JOB_COLUMNS " FROM rewrap_jobs WHERE tenant=?";
constexpr const char* kSelectRunning =
    "SELECT " JOB_COLUMNS " FROM rewrap_jobs WHERE state=1 ORDER BY started_at,tenant";
constexpr const char* kPutJob =
    "INSERT OR REPLACE INTO rewrap_jobs(" JOB_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?)";

Result<model::RewrapJob> JobOf(const Statement& row) {
  Columns in(row);
  model::RewrapJob job;
  job.tenant = in.Id<model::TenantId>(0);
  job.id = row.Text(1);
  job.to_version = in.U32(2);
  job.state = in.Enum<model::RewrapState>(3, 1, 4);
  job.total = in.U64(4);
  job.done = in.U64(5);
  job.failed = in.U64(6);
  job.cursor = in.U64(7);
  job.fence = in.U64(8);
  job.started_by = row.Text(9);
  job.started_at = row.Time(10);
  job.finished_at = row.OptionalTime(11);
  if (!in.ok()) return TamperedRow("rewrap_jobs", row.Text(0));
  return job;
}

}  // namespace

Result<std::int64_t> TenantNumber(Connection& db, const model::TenantId& id) {
  Statement row(db, kSelectNumber);
  row.Bind(id);
  const std::int64_t number = row.Step() ? row.Int(0) : 0;
  TS_RETURN_IF_ERROR(row.Check());
  return number;
}

Result<std::uint64_t> CountDataKeysAt(Session& session, std::int64_t tenant,
                                      std::uint32_t version) {
  Statement row(session.db, kCountAt);
  row.Bind(tenant).Bind(kStoredVersionOffset + version);
  const std::int64_t count = row.Step() ? row.Int(0) : 0;
  TS_RETURN_IF_ERROR(row.Check());
  return static_cast<std::uint64_t>(count);
}

Result<DataKeyCount> CountDataKeysBelow(Session& session, std::int64_t tenant,
                                        std::uint32_t version, std::int64_t after_position) {
  Statement row(session.db, kCountBelow);
  row.Bind(kStoredVersionOffset + version).Bind(tenant).Bind(after_position);
  DataKeyCount out{0, after_position};
  if (row.Step() && !row.Null(1)) out = {static_cast<std::uint64_t>(row.Int(0)), row.Int(1)};
  TS_RETURN_IF_ERROR(row.Check());
  return out;
}

Result<void> DeleteDataKeysOf(Session& session, std::int64_t tenant) {
  return Statement(session.db, kDeleteOf).Bind(tenant).Run();
}

Result<std::optional<model::RewrapJob>> ReadRewrapJob(Connection& db,
                                                      const model::TenantId& tenant) {
  Statement row(db, kSelectJob);
  row.Bind(tenant);
  if (!row.Step()) {
    TS_RETURN_IF_ERROR(row.Check());
    return std::optional<model::RewrapJob>();
  }
  TS_ASSIGN_OR_RETURN(model::RewrapJob job, JobOf(row));
  return std::optional(std::move(job));
}

Result<std::vector<model::RewrapJob>> ReadRunningRewrapJobs(Connection& db) {
  std::vector<model::RewrapJob> out;
  Statement row(db, kSelectRunning);
  while (row.Step()) {
    TS_ASSIGN_OR_RETURN(model::RewrapJob job, JobOf(row));
    out.push_back(std::move(job));
  }
  TS_RETURN_IF_ERROR(row.Check());
  return out;
}

Result<void> PutRewrapJob(Connection& db, const model::RewrapJob& job) {
  Statement put(db, kPutJob);
  put.Bind(job.tenant).Bind(job.id).Bind(job.to_version).Bind(job.state).Bind(job.total);
  put.Bind(job.done).Bind(job.failed).Bind(job.cursor).Bind(job.fence).Bind(job.started_by);
  return put.Bind(job.started_at).Bind(job.finished_at).Run();
}

}  // namespace tenantseal::store
