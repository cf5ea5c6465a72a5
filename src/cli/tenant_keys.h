// A tenant's key versions, as the service lists them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "sdk/rest.h"

namespace tenantseal::cli {

Result<nlohmann::json> GetTenantKeys(const sdk::Rest& rest);
void PrintTenantKeys(const nlohmann::json& keys, bool json);

}  // namespace tenantseal::cli
