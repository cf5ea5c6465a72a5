// GetKeyPolicy, PutKeyPolicy, ListKeyPolicies, and what a key policy must be to be taken.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/arn.h"
#include "emulator/key_make.h"
#include "emulator/kms_output.h"
#include "emulator/kms_request.h"

namespace tenantseal::emulator {
namespace {

using nlohmann::json;

constexpr char kInvalidPrincipals[] =
    "Policy contains a statement with one or more invalid principals.";

// Whether a principal that the emulator could know exists. Accounts that it does not know are
// foreign: their principals are taken as they are.
bool PrincipalExists(const Contents& contents, const std::string& principal) {
  const Result<aws::Arn> arn = aws::ParseArn(principal);
  if (!arn) return true;  // "*" or an account id.
  if (!contents.accounts.contains(arn->account) || arn->resource == "root") return true;
  if (arn->service == "iam" && arn->resource.starts_with("user/"))
    return contents.users.contains(principal);
  if (arn->service == "iam" && arn->resource.starts_with("role/"))
    return contents.roles.contains(principal);
  constexpr std::string_view kSession = "assumed-role/";
  if (arn->service == "sts" && arn->resource.starts_with(kSession)) {
    std::string name = arn->resource.substr(kSession.size());
    name = name.substr(0, name.find('/'));
    return std::ranges::any_of(contents.roles, [&](const auto& entry) {
      return entry.second->account == arn->account && entry.second->name == name;
    });
  }
  return true;
}

Answer<void> CheckStatement(const Contents& contents, const aws::PolicyStatement& statement) {
  for (const auto* principals : {&statement.principal, &statement.not_principal}) {
    if (!*principals) continue;
    for (const std::string& principal : (*principals)->aws)
      if (!PrincipalExists(contents, principal)) return MalformedPolicy(kInvalidPrincipals);
  }
  return {};
}

// The API's pattern for policies, [\t\n\r\x20-\xFF] in code points, and the quota of their size.
Answer<void> CheckText(Input& input, const std::string& text) {
  const bool usual = std::ranges::all_of(text, [](unsigned char byte) {
    const bool control = byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r';
    return !control && byte < 0xc4;  // 0xc4 and more begin what is beyond U+00FF.
  });
  if (!usual) {
    input.Violated("Policy", "", true,
                   "Member must satisfy regular expression pattern: "
                   "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+");
    return *input.fault();
  }
  if (text.size() > aws::kKeyPolicyBytesMax) {
    return LimitExceeded("The key policy has " + std::to_string(text.size()) +
                         " bytes, which is more than the limit of " +
                         std::to_string(aws::kKeyPolicyBytesMax) + ".");
  }
  return {};
}

Answer<void> CheckPolicyName(Input& input) {
  const std::string_view name = input.Text("PolicyName", {.min = 1, .max = 128});
  if (std::optional<Fault> fault = input.fault()) return *fault;
  if (!name.empty() && name != "default") return NotFoundFault("No such policy exists");
  return {};
}

}  // namespace

Answer<PolicyDocument> TakeKeyPolicy(KmsRequest& request, const Key& key, const std::string& text,
                                     bool bypass) {
  const bool given = !text.empty();
  TS_RETURN_IF_ERROR(CheckText(request.input, text));
  Result<PolicyDocument> document = CompilePolicy(
      given ? text : DefaultKeyPolicy(key.region, key.account), aws::PolicyKind::kKey);
  if (!document) {
    const Error& error = document.error();
    if (error.field.find("Principal") != error.field.npos)
      return MalformedPolicy(kInvalidPrincipals);
    if (error.message.starts_with("OverlyPermissiveCondition:"))
      return MalformedPolicy(error.message);
    return MalformedPolicy("The policy is malformed at '" + error.field + "': " + error.message);
  }
  if (!given) return std::move(*document);
  const Answer<void> checked = request.world.Read([&](const Contents& contents) -> Answer<void> {
    for (const aws::PolicyStatement& statement : document->compiled->policy().statements)
      TS_RETURN_IF_ERROR(CheckStatement(contents, statement));
    return {};
  });
  if (!checked) return checked.error();
  if (bypass) return std::move(*document);
  const FoundKey found(std::make_shared<const Key>(key));
  const aws::AccessRequest ask = AskFor(request, found, {.action = "kms:PutKeyPolicy"});
  using Match = aws::CompiledPolicy::Match;
  const Match match = document->compiled->Evaluate(ask, nullptr);
  if (match == Match::kNone || match == Match::kDeny) {
    return MalformedPolicy(
        "The new key policy will not allow you to update the key policy in the future.");
  }
  return std::move(*document);
}

Answer<Body> GetKeyPolicy(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  TS_RETURN_IF_ERROR(CheckPolicyName(request.input));
  request.note.request_parameters_json = request.input.TrailParameters();
  TS_ASSIGN_OR_RETURN(FoundKey key, FindKey(request, key_id, IdForms::kKeysOnly));
  TS_RETURN_IF_ERROR(Authorise(request, key, {.action = "kms:GetKeyPolicy"}));
  return JsonBody({{"Policy", key->policy.text}, {"PolicyName", "default"}});
}

Answer<Body> PutKeyPolicy(KmsRequest& request) {
  Input& input = request.input;
  const std::string_view key_id = input.Text("KeyId", kKeyIdLength);
  Length length = kPolicyLength;
  length.required = true;
  const std::string policy(input.Text("Policy", length));
  const bool bypass = input.Flag("BypassPolicyLockoutSafetyCheck");
  TS_RETURN_IF_ERROR(CheckPolicyName(input));
  request.note.request_parameters_json = input.TrailParameters();
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(FoundKey found, FindKey(request, key_id, IdForms::kKeysOnly));
  TS_RETURN_IF_ERROR(
      Authorise(request, found,
                {.action = "kms:PutKeyPolicy",
                 .extra = {{"kms:bypasspolicylockoutsafetycheck", {bypass ? "true" : "false"}}}}));
  Key key = *found.key;
  TS_ASSIGN_OR_RETURN(key.policy, TakeKeyPolicy(request, key, policy, bypass));
  edit.Put(std::move(key));
  TS_RETURN_IF_ERROR(Commit(edit));
  return Body();
}

Answer<Body> ListKeyPolicies(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  TS_ASSIGN_OR_RETURN(PageRequest page, ReadPage(request.input, 100));
  request.note.request_parameters_json = request.input.TrailParameters();
  TS_ASSIGN_OR_RETURN(FoundKey key, FindKey(request, key_id, IdForms::kKeysOnly));
  TS_RETURN_IF_ERROR(Authorise(request, key, {.action = "kms:ListKeyPolicies"}));
  return JsonBody({{"PolicyNames", json::array({"default"})}, {"Truncated", false}});
}

}  // namespace tenantseal::emulator
