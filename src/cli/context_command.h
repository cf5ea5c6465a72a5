// `tenantseal context`: services by name, so that commands need no --server and no environment.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddContextCommand(CLI::App& app);
}
