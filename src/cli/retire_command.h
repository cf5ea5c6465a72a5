// `tenantseal retire`: removes a tenant key version that nothing needs.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddRetireCommand(CLI::App& app);
}
