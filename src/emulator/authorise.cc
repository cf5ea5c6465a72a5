#include "emulator/authorise.h"

#include "aws/policy_pattern.h"

namespace tenantseal::emulator {
namespace {

struct TimeTexts {
  std::chrono::sys_seconds time{std::chrono::seconds(-1)};
  std::string utc, epoch;
};
// Formatting costs as much as the rest of the conditions, and the second seldom changes.
const TimeTexts& TextsOf(base::UtcTime time) {
  thread_local TimeTexts last;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  if (seconds != last.time) {
    last = {seconds, base::FormatUtcSeconds(time),
            std::to_string(seconds.time_since_epoch().count())};
  }
  return last;
}

}  // namespace

void AddCallConditions(const Call& call, aws::ConditionContext& out) {
  const TimeTexts& now = TextsOf(call.time);
  out["aws:sourceip"] = {call.source_ip};
  out.try_emplace("aws:requestedregion", std::vector<std::string>{call.region});
  out["aws:securetransport"] = {call.secure ? "true" : "false"};
  out["aws:currenttime"] = {now.utc};
  out["aws:epochtime"] = {now.epoch};
  if (!call.user_agent.empty()) out["aws:useragent"] = {call.user_agent};
  for (const auto& [name, value] : call.caller->tags)
    out["aws:principaltag/" + aws::ToLower(name)] = {value};
  if (!call.caller->identity.role_arn.empty()) {
    out["aws:tokenissuetime"] = {base::FormatUtcSeconds(call.caller->session_created)};
    out["aws:multifactorauthpresent"] = {"false"};
  }
}

std::optional<Fault> DeniedByIdentity(const Call& call, const std::string& action,
                                      const std::string& resource) {
  const Caller& caller = *call.caller;
  aws::AccessRequest request{caller.identity, action, resource, {}, {}};
  AddCallConditions(call, request.context);
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
