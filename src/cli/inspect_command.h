// `tenantseal inspect`: shows what a sealed file says of itself.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddInspectCommand(CLI::App& app);
}
