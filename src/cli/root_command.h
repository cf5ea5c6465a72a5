// `tenantseal root init|status|rotate|retire`: the root key of a data directory, offline or beside
// a running service.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {

void AddRootCommand(CLI::App& app);

}  // namespace tenantseal::cli
