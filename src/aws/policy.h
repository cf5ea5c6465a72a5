// IAM policy documents: the model, and its parser.
// Rules: AWS IAM User Guide, "IAM JSON policy element reference"; AWS KMS Developer Guide, "Key
// policies in AWS KMS".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tenantseal::aws {

inline constexpr std::size_t kKeyPolicyBytesMax = 32'768;  // AWS KMS quotas: key policy document.

struct PolicyPrincipals {
  bool everyone = false;             // "*" or {"AWS": "*"}.
  std::vector<std::string> aws;      // Account ids and ARNs, as written.
  std::vector<std::string> service;  // "delivery.logs.amazonaws.com".
  std::vector<std::string> federated;
};

// One operator and key of a Condition block, with its values.
struct PolicyCondition {
  enum class Set : std::uint8_t { kNone, kForAnyValue, kForAllValues };
  std::string text;       // As written, e.g. "ForAnyValue:StringLikeIfExists".
  std::string operation;  // Without qualifiers, e.g. "StringLike".
  Set set = Set::kNone;
  bool if_exists = false;
  std::string key;  // As written; compared without case.
  std::vector<std::string> values;
};

struct PolicyStatement {
  std::string sid;
  bool allow = false;
  std::optional<PolicyPrincipals> principal, not_principal;
  std::vector<std::string> action, not_action;
  std::vector<std::string> resource, not_resource;
  std::vector<PolicyCondition> conditions;  // All must hold.
};

enum class PolicyKind : std::uint8_t {
  kKey,       // Principal is required.
  kIdentity,  // Principal is forbidden, Resource and Action required.
  kTrust,     // Of a role: Principal required, no Resource.
};

struct Policy {
  PolicyKind kind = PolicyKind::kKey;
  std::string version;  // "2012-10-17" or "2008-10-17", the latter when it is absent.
  std::string id;
  std::vector<PolicyStatement> statements;
};

// kTooLarge: over kKeyPolicyBytesMax. kInvalidArgument: not JSON, a duplicate key or Sid, an
// unknown element, a wrong type, an invalid principal; the field is the JSON pointer of what is
// wrong
// ("/Statement/0/Principal"), and the message quotes it and shows the right form. A statement of a
// key policy without Action or Resource is accepted, as by AWS, and has no effect. So is an
// operator or condition key that is not known; the evaluator then fails closed.
Result<Policy> ParsePolicy(std::string_view json, PolicyKind kind);

}  // namespace tenantseal::aws
