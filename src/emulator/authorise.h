// What every service asks of a call: the conditions that it comes with, and what the caller's
// identity policies say of actions that have no resource policy.
#pragma once

#include <optional>
#include <string>

#include "emulator/call.h"

namespace tenantseal::emulator {

// The condition keys of a call that do not depend on what is called: aws:SourceIp, aws:CurrentTime,
// aws:PrincipalTag/* and so on. One that is there already, aws:RequestedRegion, stays.
void AddCallConditions(const Call& call, aws::ConditionContext& out);

// AWS's AccessDeniedException when the identity and session policies do not allow `action` on
// `resource`; nothing when they do. The root user may do everything in its account.
std::optional<Fault> DeniedByIdentity(const Call& call, const std::string& action,
                                      const std::string& resource);

}  // namespace tenantseal::emulator
