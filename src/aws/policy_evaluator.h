// Decides whether a policy lets a principal do something, and says why.
// Rules: AWS IAM User Guide, "Policy evaluation logic"; AWS KMS Developer Guide, "Determining
// access to AWS KMS keys".
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aws/policy.h"

namespace tenantseal::aws {

// Who asks. A user: arn ".../user/NAME". A role's session: arn is the session's STS ARN, role_arn
// the role's IAM ARN. The account's root user: "arn:P:iam::A:root".
struct PrincipalIdentity {
  std::string account;
  std::string arn;
  std::string role_arn;   // Empty unless a role's session.
  std::string user_id;    // "AIDA..." or "AROA...:SESSION".
  std::string user_name;  // Empty for sessions.
  bool root() const;
};

// Condition keys and their values. Names are lower case ("kms:encryptioncontext:tenantid").
// Absent: not in the request.
using ConditionContext = std::map<std::string, std::vector<std::string>, std::less<>>;

struct AccessRequest {
  PrincipalIdentity principal;
  std::string action;        // "kms:Encrypt".
  std::string resource;      // The key's ARN, or "*" where there is none.
  std::string key_account;   // The account that owns the key; empty where there is no key.
  ConditionContext context;  // Without what follows from `principal`: the evaluator adds
                             // aws:PrincipalArn, aws:PrincipalAccount, aws:userid, aws:username
                             // and kms:CallerAccount.
};

// A grant that stands beside the key policy (DESIGN of AWS: kms:CreateGrant).
struct GrantView {
  std::string grantee;                  // Principal ARN.
  std::vector<std::string> operations;  // "Decrypt".
  std::map<std::string, std::string> context_equals, context_subset;
  bool constrained_equals = false, constrained_subset = false;
};

struct AccessDecision {
  bool allowed = false;
  bool explicit_deny = false;
  // In words: the statement that decided, or, for an implicit denial, what each statement that
  // came close lacked ("statement \"Enable ...\": condition StringEquals
  // kms:EncryptionContext:TenantId wants \"a\", the request has \"b\"").
  std::vector<std::string> reasons;
  enum class Lacking : std::uint8_t { kNothing, kResourcePolicy, kIdentityPolicy, kSessionPolicy };
  Lacking lacking = Lacking::kNothing;  // What an implicit denial lacked: AWS's messages differ.
};

// A policy made ready for many evaluations: patterns split, keys lowered. Immutable, cheap to copy.
class CompiledPolicy {
 public:
  explicit CompiledPolicy(Policy policy);
  const Policy& policy() const;

  // Whether a decision may depend on a condition key of the request whose name begins so (lower
  // case): a caller need not put together what no policy reads. True for every key when the policy
  // holds a variable.
  bool Reads(std::string_view prefix) const;

  // What a policy alone says, the stronger the later.
  enum class Match : std::uint8_t {
    kNone,
    kAllowByAccount,  // Only through a statement that names the caller's account, which delegates
                      // to identity policies.
    kAllow,           // Through "*" or the role's ARN, or by a policy without principals.
    kAllowDirect,     // Names the user's or session's own ARN: a session policy does not limit it.
    kDeny,
  };
  // Fails closed: an operator or condition key that is not known makes an Allow ineffective and a
  // Deny effective. `reasons` may be null, and then hardly anything is allocated.
  Match Evaluate(const AccessRequest& request, std::vector<std::string>* reasons) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

// Key policy, grants, identity policies and session policy together. Without `key_policy` (actions
// that have no key, e.g. kms:CreateKey) the identity policies alone decide, and an account's root
// user may do everything. A role's trust policy stands in place of a key policy when a role is
// assumed. Without `explain` the reasons stay empty, which is several times faster.
AccessDecision Decide(const AccessRequest& request, const CompiledPolicy* key_policy,
                      std::span<const GrantView> grants,
                      std::span<const CompiledPolicy* const> identity_policies,
                      const CompiledPolicy* session_policy, bool explain = true);

}  // namespace tenantseal::aws
