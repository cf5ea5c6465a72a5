#include "aws/key_policy.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "aws/arn.h"
#include "aws/key_policy_parts.h"
#include "aws/policy_pattern.h"
#include "aws/quote.h"

namespace tenantseal::aws {
namespace {

using Json = nlohmann::ordered_json;
using Texts = std::vector<std::string>;

constexpr const char* kUseSid = "Let Tenantseal's roles use this key for the tenants named here";
constexpr const char* kDescribeSid = "Let Tenantseal's roles look up this key";
constexpr const char* kTenantKey = "kms:EncryptionContext:TenantId";
constexpr const char* kDescribe = kDescribeAction;
const Texts& UseActions() {
  static const Texts actions(std::begin(kUseActions), std::end(kUseActions));
  return actions;
}

Result<Arn> PrincipalArn(const std::string& text) {
  const auto arn = ParseArn(text);
  const bool good =
      arn && arn->service == "iam" && arn->region.empty() && IsAccountId(arn->account) &&
      (arn->resource.starts_with("role/") || arn->resource.starts_with("user/")) &&
      !arn->resource.ends_with('/') && arn->resource.find_first_of("*?") == std::string::npos;
  if (good) return *arn;
  return InvalidArgument("principals", "The principal " + Quote(text, 200) +
                                           " is not the ARN of an IAM role or user; the form is "
                                           "arn:aws:iam::111122223333:role/NAME.");
}

}  // namespace

Result<void> CheckKeyPolicyParties(const KeyPolicyParties& parties) {
  if (parties.principals.empty()) {
    return InvalidArgument("principals", "No principal is given that shall use the key.");
  }
  if (parties.tenants.empty() || std::ranges::find(parties.tenants, "") != parties.tenants.end()) {
    return InvalidArgument("tenants", "No tenant id is given, or an empty one.");
  }
  for (const std::string& p : parties.principals) TS_RETURN_IF_ERROR(PrincipalArn(p));
  return {};
}

namespace {

Json UseStatement(const KeyPolicyParties& parties) {
  return {{"Sid", kUseSid},
          {"Effect", "Allow"},
          {"Principal", {{"AWS", parties.principals}}},
          {"Action", UseActions()},
          {"Resource", "*"},
          {"Condition", {{"StringEquals", {{kTenantKey, parties.tenants}}}}}};
}

Json DescribeStatement(const KeyPolicyParties& parties) {
  return {{"Sid", kDescribeSid},
          {"Effect", "Allow"},
          {"Principal", {{"AWS", parties.principals}}},
          {"Action", kDescribe},
          {"Resource", "*"}};
}

Result<void> CheckPartition(const Texts& principals, std::string_view partition) {
  for (const std::string& text : principals) {
    TS_ASSIGN_OR_RETURN(const Arn arn, PrincipalArn(text));
    if (arn.partition == partition) continue;
    return InvalidArgument("principals", "The principal " + Quote(text, 200) +
                                             " is not of the partition " + Quote(partition) + ".");
  }
  return {};
}

// A member as a list of strings; empty when it is neither a string nor a list of strings.
Texts TextsOf(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  Texts out;
  if (!object.is_object() || found == object.end()) return out;
  if (found->is_string()) return {found->get<std::string>()};
  if (!found->is_array()) return out;
  for (const Json& item : *found) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

bool Within(const Texts& some, const Texts& all, bool ignore_case = false) {
  return std::ranges::all_of(some, [&](const std::string& text) {
    return std::ranges::any_of(all, [&](const std::string& other) {
      return ignore_case ? ToLower(text) == ToLower(other) : text == other;
    });
  });
}

void AddMissing(Json& owner, const char* name, const Texts& wanted) {
  Texts texts = TextsOf(owner, name);
  for (const std::string& text : wanted) {
    if (!Within({text}, texts)) texts.push_back(text);
  }
  owner[name] = texts;
}

// Whether the statement allows no one but the parties' principals, and nothing but `actions`: only
// such a statement may be widened without opening the key to somebody else.
bool IsOurs(const Json& statement, const KeyPolicyParties& parties, const Texts& actions) {
  if (statement.value("Effect", "") != "Allow" || TextsOf(statement, "Resource") != Texts{"*"}) {
    return false;
  }
  const auto principal = statement.find("Principal");
  if (principal == statement.end() || !principal->is_object() || principal->size() != 1) {
    return false;
  }
  const Texts named = TextsOf(*principal, "AWS"), done = TextsOf(statement, "Action");
  return !named.empty() && !done.empty() && Within(named, parties.principals) &&
         Within(done, actions, true);
}

// The only condition of the statement, if it is on the tenant id and nothing else.
Json* TenantCondition(Json& statement) {
  const auto condition = statement.find("Condition");
  if (condition == statement.end() || condition->size() != 1) return nullptr;
  const auto equals = condition->find("StringEquals");
  if (equals == condition->end() || equals->size() != 1) return nullptr;
  return ToLower(equals->begin().key()) == ToLower(kTenantKey) ? &*equals : nullptr;
}

void MendUse(Json& statements, const KeyPolicyParties& parties) {
  for (Json& statement : statements) {
    Json* tenants = TenantCondition(statement);
    if (tenants == nullptr || !IsOurs(statement, parties, UseActions())) continue;
    AddMissing(statement["Principal"], "AWS", parties.principals);
    AddMissing(statement, "Action", UseActions());
    AddMissing(*tenants, tenants->begin().key().c_str(), parties.tenants);
    return;
  }
  statements.push_back(UseStatement(parties));
}

void MendDescribe(Json& statements, const KeyPolicyParties& parties) {
  for (Json& statement : statements) {
    if (statement.contains("Condition") || !IsOurs(statement, parties, {kDescribe})) continue;
    AddMissing(statement["Principal"], "AWS", parties.principals);
    return;
  }
  statements.push_back(DescribeStatement(parties));
}

// AWS wants the Sids of a policy to differ: of ours the later gets a number that is free.
void SeparateSids(Json& statements) {
  std::set<std::string> taken;
  for (const Json& statement : statements) {
    const std::string sid = statement.value("Sid", "");
    if (sid != kUseSid && sid != kDescribeSid) taken.insert(sid);
  }
  for (Json& statement : statements) {
    const std::string sid = statement.value("Sid", "");
    if (sid != kUseSid && sid != kDescribeSid) continue;
    std::string name = sid;
    for (int i = 2; !taken.insert(name).second; ++i) name = sid + " " + std::to_string(i);
    statement["Sid"] = name;
  }
}

// Indented where that leaves the policy short enough for AWS.
Result<std::string> Print(const Json& document) {
  std::string out = document.dump(2);
  if (out.size() > kKeyPolicyBytesMax) out = document.dump();
  if (out.size() <= kKeyPolicyBytesMax) return out;
  return Error{ErrorCode::kTooLarge, "The policy would have " + std::to_string(out.size()) +
                                         " bytes; AWS KMS takes at most " +
                                         std::to_string(kKeyPolicyBytesMax) +
                                         ". Give the key fewer tenants or principals."};
}

}  // namespace

Result<std::string> KeyPolicyStatements(const KeyPolicyParties& parties,
                                        std::string_view partition) {
  TS_RETURN_IF_ERROR(CheckKeyPolicyParties(parties));
  TS_RETURN_IF_ERROR(CheckPartition(parties.principals, partition));
  return Print(Json::array({UseStatement(parties), DescribeStatement(parties)}));
}

Result<std::string> WholeKeyPolicy(const KeyPolicyParties& parties, std::string_view partition,
                                   std::string_view account, std::span<const std::string> admins) {
  TS_RETURN_IF_ERROR(CheckKeyPolicyParties(parties));
  TS_RETURN_IF_ERROR(CheckPartition(parties.principals, partition));
  if (!IsAccountId(account)) {
    return InvalidArgument("account", Quote(account) + " is not an account id of twelve digits.");
  }
  const Texts names(admins.begin(), admins.end());
  TS_RETURN_IF_ERROR(CheckPartition(names, partition));
  Json statements = Json::array();
  const std::string root =
      "arn:" + std::string(partition) + ":iam::" + std::string(account) + ":root";
  statements.push_back({{"Sid", "Let the account's own IAM policies govern this key"},
                        {"Effect", "Allow"},
                        {"Principal", {{"AWS", root}}},
                        {"Action", "kms:*"},
                        {"Resource", "*"}});
  if (!names.empty()) {
    statements.push_back({{"Sid", "Let the administrators manage this key"},
                          {"Effect", "Allow"},
                          {"Principal", {{"AWS", names}}},
                          {"Action",
                           {"kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*",
                            "kms:Update*", "kms:Revoke*", "kms:Disable*", "kms:Get*", "kms:Delete*",
                            "kms:TagResource", "kms:UntagResource", "kms:ScheduleKeyDeletion",
                            "kms:CancelKeyDeletion", "kms:ReplicateKey"}},
                          {"Resource", "*"}});
  }
  statements.push_back(UseStatement(parties));
  statements.push_back(DescribeStatement(parties));
  return Print(Json{{"Version", "2012-10-17"}, {"Statement", statements}});
}

Result<std::string> MendedKeyPolicy(std::string_view policy_json, const KeyPolicyParties& parties,
                                    bool use, bool describe) {
  Json document = Json::parse(policy_json, nullptr, false);
  Json& statements = document["Statement"];
  if (!statements.is_array()) statements = Json::array({statements});
  if (use) MendUse(statements, parties);
  if (describe) MendDescribe(statements, parties);
  SeparateSids(statements);
  return Print(document);
}

}  // namespace tenantseal::aws
