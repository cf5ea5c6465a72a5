// The rows of data keys that are set aside. Every function works inside its caller's transaction.
#pragma once

#include <span>

#include "store/sqlite/session.h"

namespace tenantseal::store {

Result<std::uint64_t> CountQuarantined(Connection& db, const model::TenantId& tenant);
// Those whose data key is below `version` still. `number` is the tenant's.
Result<std::uint64_t> CountQuarantinedBelow(Connection& db, const model::TenantId& tenant,
                                            std::int64_t number, std::uint32_t version);
Result<std::vector<model::QuarantinedDataKey>> ReadQuarantine(Connection& db,
                                                              const model::TenantId& tenant,
                                                              const std::string& after,
                                                              std::size_t limit);
Result<bool> IsQuarantined(Connection& db, const model::TenantId& tenant,
                           const model::DataKeyId& id);
// Sets aside those data keys of the tenant that are there and still of their version; one that is
// set aside already stays as it is.
Result<void> InsertQuarantine(Connection& db, const model::TenantId& tenant, std::int64_t number,
                              std::span<const model::QuarantinedDataKey> rows);
Result<void> EndQuarantine(Connection& db, const model::TenantId& tenant,
                           const model::DataKeyId& id);
// Of the data key in this row of data_keys.
Result<void> EndQuarantineAt(Connection& db, const model::TenantId& tenant, std::uint64_t position);

}  // namespace tenantseal::store
