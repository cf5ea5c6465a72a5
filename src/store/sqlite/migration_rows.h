// The rows of migrations. Every function works inside its caller's transaction.
#pragma once

#include "store/sqlite/session.h"

namespace tenantseal::store {

// The tenant's migration, its MAC verified; whether it is the one that should be there is for the
// tenant's manifest to tell, see ReadTenant().
Result<std::optional<model::Migration>> ReadMigration(Session& session,
                                                      const model::TenantId& tenant);
// By tenant, verified likewise.
Result<std::vector<model::Migration>> ReadUnfinishedMigrations(Session& session);
Result<void> PutMigration(Session& session, const model::Migration& row);  // Inserts or replaces.

}  // namespace tenantseal::store
