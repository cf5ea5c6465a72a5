#include "emulator/kms_request.h"

#include <algorithm>

#include "aws/arn.h"
#include "aws/policy_pattern.h"
#include "aws/region.h"
#include "emulator/authorise.h"

namespace tenantseal::emulator {
namespace {

constexpr std::string_view kAliasPrefix = "alias/";

std::string KeyArn(std::string_view region, std::string_view account, std::string_view id) {
  return KmsArnText(region, account, "key/", id);
}

// What AWS says to callers of another account, whether the key is missing or refuses.
Fault DeniedAbroad(const Call& call, const std::string& action) {
  return AccessDenied("User: " + call.caller->identity.arn +
                      " is not authorized to perform: " + action +
                      " on this resource because the resource does not exist in this Region, no "
                      "resource-based policies allow access, or a resource-based policy "
                      "explicitly denies access");
}

Answer<FoundKey> FindByArn(KmsRequest& request, const std::string& arn, std::string alias_name) {
  std::shared_ptr<const Key> key =
      request.world.Read([&](const Contents& contents) { return contents.FindKey(arn); });
  if (key) return FoundKey(std::move(key), std::move(alias_name));
  const Result<aws::KmsArn> parsed = aws::ParseKmsArn(arn);
  if (parsed && parsed->account != request.call.caller->identity.account)
    return DeniedAbroad(request.call, "kms:" + request.call.operation);
  return KeyNotFound(arn);
}

Answer<FoundKey> FindByAlias(KmsRequest& request, const std::string& account,
                             const std::string& name) {
  const std::string alias_arn = KmsArnText(request.call.region, account, "", name);
  std::shared_ptr<const Key> key = request.world.Read([&](const Contents& contents) {
    auto alias = contents.aliases.find(alias_arn);
    if (alias == contents.aliases.end()) return std::shared_ptr<const Key>();
    return contents.FindKey(KeyArn(request.call.region, account, alias->second->key_id));
  });
  if (key) return FoundKey(std::move(key), name);
  if (account != request.call.caller->identity.account)
    return DeniedAbroad(request.call, "kms:" + request.call.operation);
  return AliasNotFound(alias_arn);
}

// Whether any policy that takes part reads such a condition key.
bool AnyReads(const Caller& caller, const Key& key, std::string_view prefix) {
  const auto reads = [&](const auto& policy) { return policy && policy->Reads(prefix); };
  return reads(key.policy.compiled) || reads(caller.session_policy) ||
         std::ranges::any_of(caller.identity_policies, reads);
}

void AddKeyConditions(const Key& key, aws::ConditionContext& out) {
  out["kms:keyspec"] = {key.spec};
  out["kms:keyusage"] = {key.usage};
  out["kms:keyorigin"] = {key.origin};
  out["kms:multiregion"] = {key.multi_region ? "true" : "false"};
  if (key.multi_region) out["kms:multiregionkeytype"] = {key.primary() ? "PRIMARY" : "REPLICA"};
  for (const Tag& tag : key.tags) out["aws:resourcetag/" + aws::ToLower(tag.key)] = {tag.value};
}

void AddEncryptionContext(const ContextPairs& pairs, aws::ConditionContext& out) {
  if (pairs.empty()) return;
  std::vector<std::string>& keys = out["kms:encryptioncontextkeys"];
  for (const auto& [key, value] : pairs) {
    keys.push_back(key);
    out["kms:encryptioncontext:" + aws::ToLower(key)].push_back(value);
  }
}

// AWS's sentence for what was lacking.
Fault Denied(const Call& call, const Key& key, const aws::AccessRequest& request,
             const aws::AccessDecision& decision) {
  const bool foreign = call.caller->identity.account != key.account;
  const bool by_key_policy =
      key.policy.compiled &&
      key.policy.compiled->Evaluate(request, nullptr) == aws::CompiledPolicy::Match::kDeny;
  using Lacking = aws::AccessDecision::Lacking;
  if (foreign && (by_key_policy || decision.lacking == Lacking::kResourcePolicy))
    return DeniedAbroad(call, request.action);
  std::string message = "User: " + call.caller->identity.arn +
                        " is not authorized to perform: " + request.action +
                        " on resource: " + request.resource;
  if (decision.explicit_deny) {
    message += by_key_policy ? " with an explicit deny in a resource-based policy"
                             : " with an explicit deny in an identity-based policy";
  } else if (decision.lacking == Lacking::kResourcePolicy) {
    message += " because no resource-based policy allows the " + request.action + " action";
  } else if (decision.lacking == Lacking::kSessionPolicy) {
    message += " because no session policy allows the " + request.action + " action";
  } else {
    message += " because no identity-based policy allows the " + request.action + " action";
  }
  return AccessDenied(std::move(message));
}

std::vector<std::string> AliasesOf(const World& world, const Key& key) {
  return world.Read([&](const Contents& contents) {
    std::vector<std::string> out;
    for (const auto& [arn, alias] : contents.aliases) {
      if (alias->key_id == key.id && alias->region == key.region && alias->account == key.account)
        out.push_back(alias->name);
    }
    return out;
  });
}

}  // namespace

Answer<FoundKey> FindKey(KmsRequest& request, std::string_view key_id, IdForms forms) {
  const Call& call = request.call;
  const std::string& account = call.caller->identity.account;
  if (aws::IsKeyId(key_id)) return FindByArn(request, KeyArn(call.region, account, key_id), "");
  if (key_id.starts_with("arn:")) {
    const Result<aws::KmsArn> arn = aws::ParseKmsArn(key_id);
    if (!arn) return OtherFault("InvalidArnException", "Invalid arn '" + std::string(key_id) + "'");
    if (arn->region != call.region) return NotFoundFault("Invalid arn " + arn->region);
    if (arn->kind == aws::KmsArn::Kind::kKey) return FindByArn(request, std::string(key_id), "");
    if (forms == IdForms::kKeysOnly) {
      return OtherFault("InvalidArnException",
                        "Invalid arn '" + std::string(key_id) + "': this operation takes no alias");
    }
    return FindByAlias(request, arn->account, arn->id);
  }
  if (key_id.starts_with(kAliasPrefix) && forms == IdForms::kAny)
    return FindByAlias(request, account, std::string(key_id));
  return NotFoundFault("Invalid keyId '" + std::string(key_id) + "'");
}

aws::AccessRequest AskFor(const KmsRequest& request, const FoundKey& found,
                          const Permission& permission) {
  const Call& call = request.call;
  const Key& key = *found.key;
  aws::AccessRequest ask{call.caller->identity, permission.action, found.arn, key.account,
                         permission.extra};
  const auto read = [&](std::string_view prefix) { return AnyReads(*call.caller, key, prefix); };
  if (read("aws:")) AddCallConditions(call, ask.context);
  if (read("kms:key") || read("kms:multiregion") || read("aws:resourcetag/"))
    AddKeyConditions(key, ask.context);
  if (permission.context != nullptr) AddEncryptionContext(*permission.context, ask.context);
  if (!found.alias_name.empty()) ask.context["kms:requestalias"] = {found.alias_name};
  // Of no effect in key policies.
  if (std::ranges::any_of(call.caller->identity_policies,
                          [](const auto& policy) { return policy->Reads("kms:resourcealiases"); }))
    ask.context["kms:resourcealiases"] = AliasesOf(request.world, key);
  return ask;
}

Answer<void> Authorise(KmsRequest& request, const FoundKey& found, const Permission& permission) {
  const Call& call = request.call;
  const Key& key = *found.key;
  request.note.key_arns.push_back(found.arn);
  if (!permission.cross_account && call.caller->identity.account != key.account)
    return DeniedAbroad(call, permission.action);
  const aws::AccessRequest ask = AskFor(request, found, permission);
  std::vector<aws::GrantView> grants;
  if (!permission.grant_operation.empty())
    for (const Grant& grant : key.grants)
      if (!permission.grant_admits || permission.grant_admits(grant.view))
        grants.push_back(grant.view);
  std::vector<const aws::CompiledPolicy*> policies;
  for (const auto& policy : call.caller->identity_policies) policies.push_back(policy.get());
  // A key whose stored policy cannot be read admits nobody.
  static const aws::CompiledPolicy kNoPolicy{aws::Policy{}};
  const aws::CompiledPolicy* key_policy =
      key.policy.compiled ? key.policy.compiled.get() : &kNoPolicy;
  const aws::AccessDecision decision =
      aws::Decide(ask, key_policy, grants, policies, call.caller->session_policy.get(), false);
  if (decision.allowed) return {};
  return Denied(call, key, ask, decision);
}

Answer<void> AuthoriseWithoutKey(KmsRequest& request, const std::string& action,
                                 const std::string& resource, aws::ConditionContext extra) {
  const Call& call = request.call;
  aws::AccessRequest ask{call.caller->identity, action, resource, "", std::move(extra)};
  AddCallConditions(call, ask.context);
  std::vector<const aws::CompiledPolicy*> policies;
  for (const auto& policy : call.caller->identity_policies) policies.push_back(policy.get());
  const aws::AccessDecision decision =
      aws::Decide(ask, nullptr, {}, policies, call.caller->session_policy.get(), false);
  if (decision.allowed) return {};
  Key nothing;
  nothing.account = call.caller->identity.account;
  return Denied(call, nothing, ask, decision);
}

Fault DeniedUnknownKey(const KmsRequest& request, const std::string& action) {
  return DeniedAbroad(request.call, action);
}

std::shared_ptr<const Key> KeyOfGrantToken(const Contents& contents, std::string_view region,
                                           std::string_view token) {
  for (const auto& [arn, key] : contents.keys) {
    if (key->region == region &&
        std::ranges::find(key->grants, token, &Grant::token) != key->grants.end()) {
      return key;
    }
  }
  return nullptr;
}

Fault InvalidGrantToken() {
  return OtherFault("InvalidGrantTokenException",
                    "The grant token is invalid: no grant in this region has it.");
}

Answer<void> EndInput(KmsRequest& request) {
  const std::vector<std::string> tokens =
      request.input.Texts("GrantTokens", 10, {.min = 1, .max = 8192});
  request.input.Flag("DryRun");
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  if (tokens.empty()) return {};
  const bool known = request.world.Read([&](const Contents& contents) {
    return std::ranges::all_of(tokens, [&](const std::string& token) {
      return KeyOfGrantToken(contents, request.call.region, token) != nullptr;
    });
  });
  if (!known) return InvalidGrantToken();
  return {};
}

Answer<void> EndDryRun(KmsRequest& request) {
  if (request.input.Flag("DryRun")) return DryRun();
  return {};
}

}  // namespace tenantseal::emulator
