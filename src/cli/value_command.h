// `tenantseal value`: seals and opens small values in the service.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddValueCommand(CLI::App& app);
}
