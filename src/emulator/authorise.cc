#include "emulator/authorise.h"

namespace tenantseal::emulator {

std::optional<Fault> DeniedByIdentity(const Call& call, const std::string& action,
                                      const std::string& resource) {
  const Caller& caller = *call.caller;
  aws::AccessRequest request{caller.identity, action, resource, {}, {}};
  request.context["aws:requestedregion"] = {call.region};
  request.context["aws:sourceip"] = {call.source_ip};
  request.context["aws:securetransport"] = {call.secure ? "true" : "false"};
  request.context["aws:currenttime"] = {base::FormatUtcSeconds(call.time)};
  for (const auto& [key, value] : caller.tags) request.context["aws:principaltag/" + key] = {value};
  std::vector<const aws::CompiledPolicy*> policies;
  for (const auto& policy : caller.identity_policies) policies.push_back(policy.get());
  const aws::AccessDecision decision =
      aws::Decide(request, nullptr, {}, policies, caller.session_policy.get());
  if (decision.allowed || (caller.identity.root() && !decision.explicit_deny)) return std::nullopt;
  std::string message = "User: " + caller.identity.arn + " is not authorized to perform: " + action;
  if (resource != "*") message += " on resource: " + resource;
  if (decision.explicit_deny) {
    message += " with an explicit deny in an identity-based policy";
  } else if (decision.lacking == aws::AccessDecision::Lacking::kSessionPolicy) {
    message += " because no session policy allows the " + action + " action";
  } else {
    message += " because no identity-based policy allows the " + action + " action";
  }
  return Fault{400, "AccessDeniedException", std::move(message)};
}

}  // namespace tenantseal::emulator
