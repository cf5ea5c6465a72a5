// Migrations between key providers, within `tenantseal encryption keyprovider`.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
// Adds migrate, migration-details, reset-to-default-provider, plan, pause, resume, cancel and
// quarantine.
void AddMigrationCommands(CLI::App& family);
}  // namespace tenantseal::cli
