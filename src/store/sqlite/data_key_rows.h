// The rows of data keys and rewrap jobs. Every function works inside its caller's transaction;
// tenants are named by TenantRow::number.
#pragma once

#include "store/sqlite/session.h"

namespace tenantseal::store {

Result<std::uint64_t> CountDataKeysAt(Session& session, std::int64_t tenant, std::uint32_t version);
Result<std::uint64_t> CountDataKeysBelow(Session& session, std::int64_t tenant,
                                         std::uint32_t version);
Result<void> DeleteDataKeysOf(Session& session, std::int64_t tenant);

Result<std::optional<model::RewrapJob>> ReadRewrapJob(Connection& db,
                                                      const model::TenantId& tenant);
Result<std::vector<model::RewrapJob>> ReadRunningRewrapJobs(Connection& db);
Result<void> PutRewrapJob(Connection& db, const model::RewrapJob& job);  // Inserts or replaces.

}  // namespace tenantseal::store
