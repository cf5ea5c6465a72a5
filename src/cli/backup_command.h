// `tenantseal backup` and `tenantseal restore`.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {

void AddBackupCommands(CLI::App& app);

}  // namespace tenantseal::cli
