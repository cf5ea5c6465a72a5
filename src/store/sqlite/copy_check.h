// Looks for damage in a copy of a database without its keys, for whoever restores it.
#pragma once

#include <string>

#include "base/result.h"

namespace tenantseal::store {

// Reads every page of the file at `path`. kNotFound, kIntegrity for one that is damaged or no
// Tenantseal database, kUnavailable. Errors call the file `name`.
Result<void> CheckCopy(const std::string& path, const std::string& name);

}  // namespace tenantseal::store
