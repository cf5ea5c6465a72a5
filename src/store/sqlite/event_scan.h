// Reads every event of a database file without its keys: for whoever checks a copy of it. Nothing
// is verified here, and nothing is changed.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "model/records.h"

namespace tenantseal::store {

// Chain by chain, each in the order of its sequence. Returns the id of the database's deployment.
// kNotFound, kIntegrity for a file that is no Tenantseal database, kUnavailable.
Result<std::string> ScanEvents(const std::string& path,
                               const std::function<void(const model::Event&)>& visit);

}  // namespace tenantseal::store
