// The key policy that a customer gives to a key so that the service may use it for one tenant or
// several, and nothing else; and the check whether a policy does that.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aws/policy.h"

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
  struct Line {
    std::string principal;
    std::string action;   // "kms:Encrypt".
    std::string context;  // "this tenant", "another tenant", "none".
    bool expected = false;
    bool allowed = false;
    std::vector<std::string> reasons;
    bool ok() const { return expected == allowed; }
  };
  std::vector<Line> lines;
  bool ok() const;
  // The policy with what is missing added (JSON); empty when nothing is missing. A policy that
  // admits too much is not narrowed: the lines say which statement does.
  std::string mended;
};
// May each principal Encrypt, Decrypt and GenerateDataKey with the tenant's context and
// DescribeKey; are another tenant's context and none refused. Other tenants of a shared key keep
// their access in `mended`. `key_account` may be empty: then principals of any account are taken as
// foreign. kTooLarge when `mended` would be more than AWS KMS takes.
Result<KeyPolicyCheck> CheckKeyPolicy(std::string_view policy_json, const KeyPolicyParties& parties,
                                      std::string_view key_account);

}  // namespace tenantseal::aws
