// The rows of data keys and rewrap jobs. Every function works inside its caller's transaction;
// tenants are named by TenantRow::number.
#pragma once

#include "store/sqlite/session.h"

namespace tenantseal::store {

// Data keys of a tenant below a version, and the last position that was looked at. To count a
// million takes a second: too long for a write, which counts only what has come since.
struct DataKeyCount {
  std::uint64_t below = 0;
  std::int64_t last_position = 0;
};

// The number of a tenant, 0 when there is none. Not verified.
Result<std::int64_t> TenantNumber(Connection& db, const model::TenantId& id);

Result<std::uint64_t> CountDataKeysAt(Session& session, std::int64_t tenant, std::uint32_t version);
Result<DataKeyCount> CountDataKeysBelow(Session& session, std::int64_t tenant,
                                        std::uint32_t version, std::int64_t after_position = 0);
Result<void> DeleteDataKeysOf(Session& session, std::int64_t tenant);

Result<std::optional<model::RewrapJob>> ReadRewrapJob(Connection& db,
                                                      const model::TenantId& tenant);
Result<std::vector<model::RewrapJob>> ReadRunningRewrapJobs(Connection& db);
Result<void> PutRewrapJob(Connection& db, const model::RewrapJob& job);  // Inserts or replaces.

}  // namespace tenantseal::store
