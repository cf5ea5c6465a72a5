// What printing, checking and mending a key policy share. Only for key_policy*.cc.
#pragma once

#include <string>
#include <string_view>

#include "aws/key_policy.h"

namespace tenantseal::aws {

inline constexpr const char* kUseActions[] = {"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"};
inline constexpr const char* kDescribeAction = "kms:DescribeKey";

Result<void> CheckKeyPolicyParties(const KeyPolicyParties& parties);

// A policy that has been parsed, with what is missing of the two statements: that on use, that on
// kms:DescribeKey. Statements that serve nobody but the parties are widened, else one is added.
Result<std::string> MendedKeyPolicy(std::string_view policy_json, const KeyPolicyParties& parties,
                                    bool use, bool describe);

}  // namespace tenantseal::aws
