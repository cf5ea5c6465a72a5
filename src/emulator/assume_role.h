// What AssumeRole and AssumeRoleWithWebIdentity ask for: read, checked, and as the trail tells it.
// Rules: AWS STS API Reference; AWS IAM User Guide, "Pass session tags in AWS STS".
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "emulator/call.h"
#include "emulator/kms_fault.h"

namespace tenantseal::emulator {

// The parameters of a query-protocol request, percent-decoded. A fault: not a form, a name given
// twice, or more than 500 parameters.
using StsForm = std::map<std::string, std::string, std::less<>>;
Answer<StsForm> ParseStsForm(std::string_view body);
std::string FormValue(const StsForm& form, std::string_view name);  // Empty when it is absent.

// STS's name for what KMS calls a ValidationException.
inline Fault ValidationError(std::string message) {
  return {400, "ValidationError", std::move(message)};
}

struct AssumeRoleInput {
  std::string role_arn, name, external_id;
  std::chrono::seconds duration{3600};
  std::string policy_text;
  std::shared_ptr<const aws::CompiledPolicy> policy;
  // With those that the caller's session hands down.
  std::map<std::string, std::string> tags;
  std::set<std::string> transitive_tags;  // Names of `tags`.
};

// Refuses every parameter that the emulator does not implement, so that none is silently without
// effect. `caller`'s transitive tags are inherited, and may not be set anew.
Answer<AssumeRoleInput> ReadAssumeRole(const StsForm& form, const Caller& caller,
                                       std::string_view operation);
std::string AssumeRoleParametersJson(const StsForm& form, const Caller& caller);

}  // namespace tenantseal::emulator
