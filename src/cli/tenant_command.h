// `tenantseal tenant`: manages tenants.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddTenantCommand(CLI::App& app);
}
