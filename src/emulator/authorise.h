// What a caller's identity policies say of actions that have no resource policy.
#pragma once

#include <optional>
#include <string>

#include "emulator/call.h"

namespace tenantseal::emulator {

// AWS's AccessDeniedException when the identity and session policies do not allow `action` on
// `resource`; nothing when they do. The root user may do everything in its account.
std::optional<Fault> DeniedByIdentity(const Call& call, const std::string& action,
                                      const std::string& resource);

}  // namespace tenantseal::emulator
