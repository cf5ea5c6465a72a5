#include "aws/policy_outlook.h"

#include <algorithm>
#include <span>

#include "aws/arn.h"
#include "aws/policy_condition.h"
#include "aws/policy_pattern.h"
#include "aws/quote.h"

namespace tenantseal::aws {
namespace {

constexpr std::string_view kTenantKey = "kms:encryptioncontext:tenantid";

// What follows from the caller, and from the key that the service insists on.
constexpr std::string_view kAlwaysKnown[] = {"aws:principalaccount",
                                             "aws:principalarn",
                                             "aws:principaltype",
                                             "aws:username",
                                             "kms:calleraccount",
                                             "kms:customermasterkeyspec",
                                             "kms:customermasterkeyusage",
                                             "kms:encryptionalgorithm",
                                             "kms:keyorigin",
                                             "kms:keyspec",
                                             "kms:keyusage"};

// What else is known of the service's own calls: they are made now, directly and encrypted.
constexpr std::string_view kKnownOfOurs[] = {"aws:calledvia",
                                             "aws:calledviafirst",
                                             "aws:calledvialast",
                                             "aws:currenttime",
                                             "aws:epochtime",
                                             "aws:principalisawsservice",
                                             "aws:principalservicename",
                                             "aws:principalservicenameslist",
                                             "aws:securetransport",
                                             "aws:sourceaccount",
                                             "aws:sourcearn",
                                             "aws:sourceorgid",
                                             "aws:sourceorgpaths",
                                             "aws:tagkeys",
                                             "aws:viaawsservice"};

// What AWS knows of the key, of all that begins with "kms:".
constexpr std::string_view kOfTheKey[] = {"kms:multiregion", "kms:multiregionkeytype",
                                          "kms:resourcealiases"};

bool Holds(std::span<const std::string_view> keys, std::string_view key) {
  return std::ranges::find(keys, key) != keys.end();
}

// `key` is lower case.
bool IsKnownKey(std::string_view key, const Unknowns& unknowns) {
  if (key == kTenantKey || Holds(kAlwaysKnown, key)) return true;
  if (key == "aws:resourceaccount") return unknowns.key_account;
  if (unknowns.call) return false;
  if (key.starts_with("kms:")) return !Holds(kOfTheKey, key);
  return Holds(kKnownOfOurs, key) || key.starts_with("aws:requesttag/");
}

// Whether all tenant ids that the condition does not name in full fare alike under it.
bool TreatsOthersAlike(const PolicyCondition& condition) {
  const std::string& name = condition.operation;
  if (name == "StringEquals" || name == "StringNotEquals" || name == "Null") return true;
  if (name != "StringLike" && name != "StringNotLike") return false;
  return std::ranges::none_of(condition.values, [](const std::string& value) {
    return value.find_first_of("*?") != std::string::npos;
  });
}

bool HasVariable(const Policy& policy, const std::vector<std::string>& values) {
  return policy.version == "2012-10-17" &&
         std::ranges::any_of(values, [](const std::string& v) { return v.contains("${"); });
}

bool IsOpen(const Policy& policy, bool allow, const PolicyCondition& condition,
            const Unknowns& unknowns) {
  const std::string key = ToLower(condition.key);
  if (HasVariable(policy, condition.values) || !IsKnownKey(key, unknowns)) return true;
  if (key == kTenantKey && unknowns.tenant && !TreatsOthersAlike(condition)) return true;
  return !CompiledCondition(condition, allow, false).understood();
}

// A Resource other than "*" may be another key's, since the policy's own key is not seen.
bool HasOpenResource(const Policy& policy, const PolicyStatement& statement,
                     const Unknowns& unknowns) {
  if (!statement.not_resource.empty()) return true;
  const auto named = [&](const std::string& r) { return r == "*" || r == unknowns.key; };
  if (std::ranges::any_of(statement.resource, named)) return false;
  return HasVariable(policy, statement.resource) ||
         std::ranges::any_of(statement.resource, [](const std::string& r) {
           if (r.find_first_of("*?") != std::string::npos) return true;
           const auto arn = ParseKmsArn(r);
           return arn && arn->kind == KmsArn::Kind::kKey;
         });
}

// Whether the statement is for single sessions of a caller's role: that of a call may be any.
bool HasOpenSession(const PolicyStatement& statement, const Unknowns& unknowns) {
  const auto is_session = [&](const std::string& text) {
    return std::ranges::any_of(unknowns.sessions,
                               [&](const std::string& role) { return text.starts_with(role); });
  };
  const auto names_session = [&](const std::optional<PolicyPrincipals>& principals) {
    return principals && std::ranges::any_of(principals->aws, is_session);
  };
  return unknowns.call &&
         (names_session(statement.principal) || names_session(statement.not_principal));
}

std::string InWords(const PolicyCondition& condition, const Unknowns& unknowns) {
  std::string out = condition.text + " " + Quote(condition.key) + " ";
  out += condition.values.empty() ? "" : Quote(condition.values.front());
  if (condition.values.size() > 1) out += " or others";
  if (unknowns.tenant && ToLower(condition.key) == kTenantKey) {
    out += ", which cannot be shown to admit this tenant only: name it with StringEquals";
  }
  return out;
}

}  // namespace

std::vector<std::string> OpenParts(const Policy& policy, const PolicyStatement& statement,
                                   const Unknowns& unknowns) {
  std::vector<std::string> out;
  for (const PolicyCondition& condition : statement.conditions) {
    if (IsOpen(policy, statement.allow, condition, unknowns)) {
      out.push_back(InWords(condition, unknowns));
    }
  }
  if (HasOpenResource(policy, statement, unknowns)) {
    out.emplace_back("a Resource other than \"*\"");
  }
  if (HasOpenSession(statement, unknowns)) out.emplace_back("the name of a role's session");
  return out;
}

Policy AsIf(Policy policy, const Unknowns& unknowns, Outlook outlook) {
  for (PolicyStatement& statement : policy.statements) {
    const auto open = [&](const PolicyCondition& condition) {
      return IsOpen(policy, statement.allow, condition, unknowns);
    };
    const bool resource = HasOpenResource(policy, statement, unknowns);
    const bool session = HasOpenSession(statement, unknowns);
    if (!resource && !session && std::ranges::none_of(statement.conditions, open)) continue;
    if (outlook != Outlook::kApplies && statement.allow != (outlook == Outlook::kMost)) {
      statement.action.clear();  // Without an action it has no effect.
      statement.not_action.clear();
      continue;
    }
    std::erase_if(statement.conditions, open);
    if (session) {
      statement.principal.emplace().everyone = true;
      statement.not_principal.reset();
    }
    if (!resource) continue;
    statement.resource = {"*"};
    statement.not_resource.clear();
  }
  return policy;
}

}  // namespace tenantseal::aws
