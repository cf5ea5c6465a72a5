// Key providers, their validation and their migrations, for people.
#pragma once

#include "cli/api_command.h"

namespace tenantseal::cli {

extern const View kKeyProvider;
extern const View kKeyProviders;
extern const View kKeyUsage;
extern const View kValidation;
extern const View kMigration;  // Also the {"message"} of a reset that has nothing to do.
extern const View kMigrationPlan;
extern const View kQuarantine;

// "InProgress 40 %, 400 of 1000 data keys, 2 quarantined; paused: target-refuses".
std::string MigrationLine(const nlohmann::json& migration);

}  // namespace tenantseal::cli
