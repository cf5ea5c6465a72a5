// --demo: a ready account, role, multi-region key with replica and policy, and what to type.
#pragma once

#include <string>

#include "emulator/world.h"

namespace tenantseal::emulator {

// Adds the demonstration's key to a world that has the default accounts, unless it is there.
Result<void> AddDemoKey(World& world);
// The text to print. `url`: where the emulator listens.
std::string DemoText(const std::string& url);

}  // namespace tenantseal::emulator
