// All pages of a list of the service.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "sdk/rest.h"

namespace tenantseal::cli {

// The elements of "data" of every page, following links.next.href. Only its path and query are
// used: the client stays with the server it was told of. kTooLarge beyond 1,000 pages.
Result<nlohmann::json> ListPages(const sdk::Rest& rest, const std::string& path);

// Path and query of the page after this one; "" when there is none.
std::string NextPagePath(const nlohmann::json& page);

}  // namespace tenantseal::cli
