// tenantseal serve
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {

void AddServeCommand(CLI::App& app);

}  // namespace tenantseal::cli
