// CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant.
//
// A grant is effective at once, so grant tokens are not needed; those of no grant are refused.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/arn.h"
#include "base/encoding.h"
#include "emulator/key_make.h"
#include "emulator/kms_output.h"
#include "emulator/kms_request.h"

namespace tenantseal::emulator {
namespace {

using nlohmann::json;

constexpr std::size_t kGrantsPerKeyMax = 50'000;  // AWS KMS Developer Guide, "Resource quotas".
constexpr Length kPrincipalLength{.min = 1, .max = 256};
// What a grant may allow on a key.
struct GrantOperation {
  std::string_view name;
  std::string_view usage = "";  // Of the key; empty: any.
  bool symmetric = false;       // Not for key pairs.
  bool key_pair = false;        // Only for key pairs.
};
constexpr GrantOperation kOperations[] = {
    {.name = "Decrypt", .usage = "ENCRYPT_DECRYPT"},
    {.name = "Encrypt", .usage = "ENCRYPT_DECRYPT"},
    {.name = "GenerateDataKey", .usage = "ENCRYPT_DECRYPT", .symmetric = true},
    {.name = "GenerateDataKeyWithoutPlaintext", .usage = "ENCRYPT_DECRYPT", .symmetric = true},
    {.name = "ReEncryptFrom", .usage = "ENCRYPT_DECRYPT"},
    {.name = "ReEncryptTo", .usage = "ENCRYPT_DECRYPT"},
    {.name = "Sign", .usage = "SIGN_VERIFY"},
    {.name = "Verify", .usage = "SIGN_VERIFY"},
    {.name = "GetPublicKey", .key_pair = true},
    {.name = "CreateGrant"},
    {.name = "RetireGrant"},
    {.name = "DescribeKey"},
    {.name = "GenerateDataKeyPair", .usage = "ENCRYPT_DECRYPT", .symmetric = true},
    {.name = "GenerateDataKeyPairWithoutPlaintext", .usage = "ENCRYPT_DECRYPT", .symmetric = true},
    {.name = "GenerateMac", .usage = "GENERATE_VERIFY_MAC"},
    {.name = "VerifyMac", .usage = "GENERATE_VERIFY_MAC"},
    {.name = "DeriveSharedSecret", .usage = "KEY_AGREEMENT"}};
// Grants with constraints are for operations that have an encryption context, and these.
constexpr std::string_view kUnderConstraints[] = {"Decrypt",
                                                  "Encrypt",
                                                  "GenerateDataKey",
                                                  "GenerateDataKeyWithoutPlaintext",
                                                  "ReEncryptFrom",
                                                  "ReEncryptTo",
                                                  "CreateGrant",
                                                  "RetireGrant",
                                                  "DescribeKey",
                                                  "GenerateDataKeyPair",
                                                  "GenerateDataKeyPairWithoutPlaintext"};

std::map<std::string, std::string> MapOf(const ContextPairs& pairs) {
  return {pairs.begin(), pairs.end()};
}

Answer<void> CheckPrincipal(const Contents& contents, const std::string& principal) {
  const Fault invalid =
      OtherFault("InvalidArnException", "ARN does not refer to a valid principal: " + principal);
  const Result<aws::Arn> arn = aws::ParseArn(principal);
  if (!arn) return principal.ends_with(".amazonaws.com") ? Answer<void>() : invalid;
  const std::string& resource = arn->resource;
  if (arn->service != "iam" && arn->service != "sts") return invalid;
  if (!contents.accounts.contains(arn->account) || arn->service == "sts" || resource == "root")
    return {};
  if (contents.users.contains(principal) || contents.roles.contains(principal)) return {};
  return invalid;
}

struct GrantInput {
  std::string_view key_id;
  Grant grant;
};
Answer<GrantInput> ReadGrant(KmsRequest& request) {
  Input& input = request.input;
  GrantInput in;
  in.key_id = input.Text("KeyId", kKeyIdLength);
  Length grantee = kPrincipalLength;
  grantee.required = true;
  in.grant.view.grantee = input.Text("GranteePrincipal", grantee);
  in.grant.retiring_principal = input.Text("RetiringPrincipal", kPrincipalLength);
  in.grant.name = input.Text("Name", {.min = 1, .max = 256});
  in.grant.view.operations = input.Texts("Operations", 32, {.min = 1, .max = 64}, true);
  for (const std::string& operation : in.grant.view.operations) {
    if (std::ranges::find(kOperations, operation, &GrantOperation::name) != std::end(kOperations))
      continue;
    std::string set;
    for (const GrantOperation& known : kOperations)
      set.append(set.empty() ? "" : ", ").append(known.name);
    input.Violated(
        "Operations", "[" + operation + "]", false,
        "Member must satisfy constraint: [Member must satisfy enum value set: [" + set + "]]");
  }
  in.grant.view.context_equals = MapOf(input.Context("EncryptionContextEquals", "Constraints"));
  in.grant.view.context_subset = MapOf(input.Context("EncryptionContextSubset", "Constraints"));
  in.grant.view.constrained_equals = input.Has("EncryptionContextEquals", "Constraints");
  in.grant.view.constrained_subset = input.Has("EncryptionContextSubset", "Constraints");
  TS_RETURN_IF_ERROR(EndInput(request));
  if (in.grant.view.operations.empty())
    return Validation("A grant must allow at least one operation.");
  return in;
}

Answer<void> CheckConstraints(const aws::GrantView& view) {
  if (!view.constrained_equals && !view.constrained_subset) return {};
  for (const std::string& operation : view.operations) {
    if (std::ranges::find(kUnderConstraints, operation) == std::end(kUnderConstraints)) {
      return Validation("The operation " + operation +
                        " cannot be granted under an encryption context constraint.");
    }
  }
  return {};
}

// Whether the key can do what the grant allows. `view.operations` are known ones.
Answer<void> CheckUsage(const Key& key, const aws::GrantView& view) {
  const bool symmetric = key.spec == kSymmetricDefault || key.spec.starts_with("HMAC_");
  for (const std::string& name : view.operations) {
    const auto* operation = std::ranges::find(kOperations, name, &GrantOperation::name);
    const bool of_usage = operation->usage.empty() || operation->usage == key.usage;
    if (of_usage && !(symmetric ? operation->key_pair : operation->symmetric)) continue;
    return Validation("The operation " + name + " cannot be granted on " + key.arn() +
                      ", whose key usage is " + key.usage + " and key spec " + key.spec + ".");
  }
  return {};
}

// Whether `parent` allows all that `child` would: what may be granted by someone who may grant
// only by `parent` (AWS KMS Developer Guide, "Granting CreateGrant permission").
bool Covers(const aws::GrantView& parent, const aws::GrantView& child) {
  const bool operations = std::ranges::all_of(child.operations, [&](const std::string& name) {
    return std::ranges::find(parent.operations, name) != parent.operations.end();
  });
  const auto holds_all = [&](const auto& pairs) {
    return std::ranges::includes(pairs, parent.context_subset);
  };
  const bool equals = !parent.constrained_equals ||
                      (child.constrained_equals && child.context_equals == parent.context_equals);
  const bool subset = !parent.constrained_subset ||
                      (child.constrained_equals && holds_all(child.context_equals)) ||
                      (child.constrained_subset && holds_all(child.context_subset));
  return operations && equals && subset;
}

aws::ConditionContext GrantConditions(const Grant& grant) {
  aws::ConditionContext out{{"kms:grantisforawsresource", {"false"}},
                            {"kms:grantoperations", grant.view.operations},
                            {"kms:granteeprincipal", {grant.view.grantee}}};
  if (!grant.retiring_principal.empty()) out["kms:retiringprincipal"] = {grant.retiring_principal};
  std::vector<std::string> types;
  if (grant.view.constrained_equals) types.emplace_back("EncryptionContextEquals");
  if (grant.view.constrained_subset) types.emplace_back("EncryptionContextSubset");
  if (!types.empty()) out["kms:grantconstrainttype"] = std::move(types);
  return out;
}

bool SameGrant(const Grant& a, const Grant& b) {
  return a.name == b.name && a.view.grantee == b.view.grantee &&
         a.view.operations == b.view.operations && a.view.context_equals == b.view.context_equals &&
         a.view.context_subset == b.view.context_subset &&
         a.view.constrained_equals == b.view.constrained_equals &&
         a.view.constrained_subset == b.view.constrained_subset &&
         a.retiring_principal == b.retiring_principal;
}

// The root of the issuing account, in the key's partition.
std::string IssuingArn(const Grant& grant, const std::string& key_arn) {
  const std::string prefix = key_arn.substr(0, key_arn.find(':', 4));
  return prefix + ":iam::" + grant.issuing_account + ":root";
}

json GrantEntry(const Grant& grant, const std::string& key_arn) {
  json out = {{"KeyId", key_arn},
              {"GrantId", grant.id},
              {"Name", grant.name},
              {"CreationDate", EpochSeconds(grant.created)},
              {"GranteePrincipal", grant.view.grantee},
              {"Operations", grant.view.operations},
              {"IssuingAccount", IssuingArn(grant, key_arn)}};
  if (!grant.retiring_principal.empty()) out["RetiringPrincipal"] = grant.retiring_principal;
  if (grant.view.constrained_equals)
    out["Constraints"]["EncryptionContextEquals"] = grant.view.context_equals;
  if (grant.view.constrained_subset)
    out["Constraints"]["EncryptionContextSubset"] = grant.view.context_subset;
  return out;
}

json Made(const Grant& grant) { return {{"GrantToken", grant.token}, {"GrantId", grant.id}}; }

Answer<Body> RemoveGrant(Edit& edit, const Key& from, const std::string& id) {
  Key key = from;
  std::erase_if(key.grants, [&](const Grant& grant) { return grant.id == id; });
  edit.Put(std::move(key));
  TS_RETURN_IF_ERROR(Commit(edit));
  return Body();
}

Fault NoSuchGrant() { return NotFoundFault("Grant id is not found"); }

// The retiring principal, the grantee of a grant that names RetireGrant, and the root user of the
// issuing account may retire; others need kms:RetireGrant.
bool MayRetireByGrant(const aws::PrincipalIdentity& caller, const Grant& grant) {
  auto is = [&](const std::string& principal) {
    return !principal.empty() && (principal == caller.arn || principal == caller.role_arn);
  };
  if (is(grant.retiring_principal)) return true;
  if (caller.root() && caller.account == grant.issuing_account) return true;
  return is(grant.view.grantee) &&
         std::ranges::find(grant.view.operations, "RetireGrant") != grant.view.operations.end();
}

}  // namespace

Answer<Body> CreateGrant(KmsRequest& request) {
  TS_ASSIGN_OR_RETURN(GrantInput in, ReadGrant(request));
  request.note.request_parameters_json = request.input.TrailParameters();
  TS_RETURN_IF_ERROR(CheckConstraints(in.grant.view));
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(FoundKey found, FindKey(request, in.key_id, IdForms::kKeysOnly));
  TS_RETURN_IF_ERROR(Authorise(request, found,
                               {.action = "kms:CreateGrant",
                                .grant_operation = "CreateGrant",
                                .cross_account = true,
                                .extra = GrantConditions(in.grant),
                                .grant_admits = [&in](const aws::GrantView& parent) {
                                  return Covers(parent, in.grant.view);
                                }}));
  if (std::optional<Fault> fault = RefusedByState(*found.key, StateRule::kCreateGrant))
    return *fault;
  TS_RETURN_IF_ERROR(CheckUsage(*found.key, in.grant.view));
  TS_RETURN_IF_ERROR(CheckPrincipal(edit.contents(), in.grant.view.grantee));
  if (!in.grant.retiring_principal.empty())
    TS_RETURN_IF_ERROR(CheckPrincipal(edit.contents(), in.grant.retiring_principal));
  TS_RETURN_IF_ERROR(EndDryRun(request));
  if (!in.grant.name.empty()) {
    for (const Grant& grant : found->grants)
      if (SameGrant(grant, in.grant)) return JsonBody(Made(grant));
  }
  if (found->grants.size() >= kGrantsPerKeyMax)
    return LimitExceeded("The key " + found->arn() + " has reached its limit of grants.");
  Key key = *found.key;
  std::array<std::uint8_t, 96> token;
  edit.random().FillPublic(token);
  in.grant.id = NewMaterialId(edit.random());
  in.grant.token = base::Base64UrlEncode(token);
  in.grant.issuing_account = request.call.caller->identity.account;
  in.grant.created = edit.now();
  key.grants.push_back(in.grant);
  const std::string arn = key.arn();
  edit.Put(std::move(key));
  TS_RETURN_IF_ERROR(Commit(edit));
  request.note.response_elements_json = TrailElements({{"GrantId", in.grant.id}, {"KeyId", arn}});
  return JsonBody(Made(in.grant));
}

Answer<Body> ListGrants(KmsRequest& request) {
  Input& input = request.input;
  const std::string_view key_id = input.Text("KeyId", kKeyIdLength);
  const std::string_view id = input.Text("GrantId", {.min = 1, .max = 128});
  const std::string_view grantee = input.Text("GranteePrincipal", kPrincipalLength);
  TS_ASSIGN_OR_RETURN(PageRequest page, ReadPage(input, 50));
  request.note.request_parameters_json = input.TrailParameters();
  TS_ASSIGN_OR_RETURN(FoundKey key, FindKey(request, key_id, IdForms::kKeysOnly));
  TS_RETURN_IF_ERROR(Authorise(request, key,
                               {.action = "kms:ListGrants",
                                .cross_account = true,
                                .extra = {{"kms:grantisforawsresource", {"false"}}}}));
  PageItems items;
  for (const Grant& grant : key->grants) {
    if ((!id.empty() && grant.id != id) || (!grantee.empty() && grant.view.grantee != grantee))
      continue;
    items.emplace_back(grant.id, GrantEntry(grant, key->arn()));
  }
  std::ranges::sort(items, {}, &PageItems::value_type::first);
  return PageBody("Grants", std::move(items), page);
}

Answer<Body> ListRetirableGrants(KmsRequest& request) {
  Length length = kPrincipalLength;
  length.required = true;
  const std::string principal(request.input.Text("RetiringPrincipal", length));
  TS_ASSIGN_OR_RETURN(PageRequest page, ReadPage(request.input, 50));
  request.note.request_parameters_json = request.input.TrailParameters();
  TS_RETURN_IF_ERROR(AuthoriseWithoutKey(request, "kms:ListRetirableGrants", "*"));
  const Result<aws::Arn> arn = aws::ParseArn(principal);
  if (!arn) {
    return OtherFault("InvalidArnException",
                      "ARN does not refer to a valid principal: " + principal);
  }
  if (arn->account != request.call.caller->identity.account)
    return AccessDenied("The retiring principal is in another account.");
  PageItems items = request.world.Read([&](const Contents& contents) {
    PageItems out;
    for (const auto& [key_arn, key] : contents.keys) {
      if (key->region != request.call.region) continue;
      for (const Grant& grant : key->grants)
        if (grant.retiring_principal == principal)
          out.emplace_back(grant.id, GrantEntry(grant, key_arn));
    }
    return out;
  });
  std::ranges::sort(items, {}, &PageItems::value_type::first);
  return PageBody("Grants", std::move(items), page);
}

Answer<Body> RetireGrant(KmsRequest& request) {
  Input& input = request.input;
  const std::string token(input.Text("GrantToken", {.min = 1, .max = 8192}));
  const std::string_view key_id = input.Text("KeyId", kOptionalKeyIdLength);
  const std::string id(input.Text("GrantId", {.min = 1, .max = 128}));
  input.Flag("DryRun");
  if (std::optional<Fault> fault = input.fault()) return *fault;
  if (token.empty() == (key_id.empty() || id.empty()))
    return Validation("Please specify either a grant token, or a key ARN and a grant ID.");
  request.note.request_parameters_json = input.TrailParameters();
  Edit edit(request.world);
  const auto named = [&]() -> Answer<FoundKey> {
    if (token.empty()) return FindKey(request, key_id, IdForms::kKeysOnly);
    auto key = KeyOfGrantToken(edit.contents(), request.call.region, token);
    if (!key) return InvalidGrantToken();
    return FoundKey(std::move(key));
  };
  TS_ASSIGN_OR_RETURN(const FoundKey found, named());
  auto grant = std::ranges::find_if(found->grants, [&](const Grant& one) {
    return token.empty() ? one.id == id : one.token == token;
  });
  if (grant == found->grants.end()) return NoSuchGrant();
  if (MayRetireByGrant(request.call.caller->identity, *grant)) {
    request.note.key_arns.push_back(found.arn);
  } else {
    TS_RETURN_IF_ERROR(
        Authorise(request, found, {.action = "kms:RetireGrant", .cross_account = true}));
  }
  TS_RETURN_IF_ERROR(EndDryRun(request));
  return RemoveGrant(edit, *found.key, grant->id);
}

Answer<Body> RevokeGrant(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  const std::string id(request.input.Text("GrantId", {.min = 1, .max = 128, .required = true}));
  request.input.Flag("DryRun");
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  request.note.request_parameters_json = request.input.TrailParameters();
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(FoundKey found, FindKey(request, key_id, IdForms::kKeysOnly));
  TS_RETURN_IF_ERROR(Authorise(request, found,
                               {.action = "kms:RevokeGrant",
                                .cross_account = true,
                                .extra = {{"kms:grantisforawsresource", {"false"}}}}));
  if (std::ranges::find(found->grants, id, &Grant::id) == found->grants.end()) return NoSuchGrant();
  TS_RETURN_IF_ERROR(EndDryRun(request));
  return RemoveGrant(edit, *found.key, id);
}

}  // namespace tenantseal::emulator
