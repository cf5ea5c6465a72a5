// The key policy that a customer gives to a key so that the service may use it for one tenant or
// several, and nothing else; and the check whether a policy does that.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aws/policy.h"
#include "base/clock.h"

namespace tenantseal::aws {

struct KeyPolicyParties {
  std::vector<std::string> principals;  // ARNs of the roles that the service works as. Not empty.
  std::vector<std::string> tenants;     // Tenant ids. Not empty.
};

// The two statements to paste into a key's policy: Encrypt, Decrypt and GenerateDataKey under
// kms:EncryptionContext:TenantId, and DescribeKey. A JSON array, indented by two spaces.
// kInvalidArgument (field "principals") when a principal is not an IAM ARN of `partition`.
// kTooLarge when AWS KMS would not take it; so below.
Result<std::string> KeyPolicyStatements(const KeyPolicyParties& parties,
                                        std::string_view partition);

// A whole policy: the account's own access, the administrators, and the statements above.
Result<std::string> WholeKeyPolicy(const KeyPolicyParties& parties, std::string_view partition,
                                   std::string_view account, std::span<const std::string> admins);

struct KeyPolicyCheck {
  enum class Answer : std::uint8_t {
    kNo,
    kYes,
    kUntold,  // It depends on what is not known offline, such as the caller's address.
  };
  struct Line {
    std::string principal;
    std::string action;             // "kms:Encrypt".
    std::string context;            // "this tenant", "another tenant", "none".
    Answer expected = Answer::kNo;  // kNo or kYes.
    Answer allowed = Answer::kNo;
    std::vector<std::string> reasons = {};
    bool ok() const { return expected == allowed; }
    bool wrong() const { return !ok() && allowed != Answer::kUntold; }
  };
  std::vector<Line> lines;
  bool ok() const;     // Every line is.
  bool wrong() const;  // Some line is.
  // The policy with what is missing added (JSON); empty when nothing is missing, or when it cannot
  // be told. A policy that admits too much is not narrowed: the lines say which statement does.
  std::string mended;
};
// May each principal Encrypt, Decrypt and GenerateDataKey with the tenant's context and
// DescribeKey; are all other contexts refused, at any time and whatever else AWS may know of a
// request. A refusal that cannot be shown is kUntold, so ok() is never said of a policy that admits
// somebody else's context. Other tenants of a shared key keep their access in `mended`.
// `key_account` may be empty: then principals of any account are taken as foreign. kTooLarge when
// `mended` would be more than AWS KMS takes.
Result<KeyPolicyCheck> CheckKeyPolicy(std::string_view policy_json, const KeyPolicyParties& parties,
                                      std::string_view key_account, base::UtcTime now);

}  // namespace tenantseal::aws
