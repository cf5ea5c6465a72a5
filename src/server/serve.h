// The main loop of `tenantseal serve`.
#pragma once

#include "base/result.h"
#include "server/settings.h"

namespace tenantseal::server {

// Opens the data directory, serves until SIGTERM or SIGINT, drains and returns. SIGHUP reads the
// certificate again. On a first start it makes the operator's API key: the one in
// TENANTSEAL_OPERATOR_KEY, or a random one that it writes to <data-dir>/operator.key. Call from the
// main thread, before any other thread exists. Errors say what is wrong and how to mend it; then
// nothing has been changed.
Result<void> Serve(const Settings& settings);

}  // namespace tenantseal::server
