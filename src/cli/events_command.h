// `tenantseal events ls` lists events; `tenantseal events verify` checks event chains offline.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {

void AddEventsCommand(CLI::App& app);

}  // namespace tenantseal::cli
