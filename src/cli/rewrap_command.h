// `tenantseal rewrap`: puts sealed files under the tenant's active key.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddRewrapCommand(CLI::App& app);
}
