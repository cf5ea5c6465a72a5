// What a key's policy has to say so that this deployment may use the key for a tenant.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "server/settings.h"
#include "store/store.h"

namespace tenantseal::server {

// Those that stand in printed policies: --aws-policy-principal, else the role. May be empty.
std::vector<std::string> PolicyPrincipals(const Settings& settings);

// The two statements, as a JSON array, for the partition of the tenant's region. kConflict when no
// principal is known, or one is of another partition.
Result<std::string> KeyPolicyFor(const Settings& settings, const store::Store& store,
                                 const model::TenantId& tenant);

}  // namespace tenantseal::server
