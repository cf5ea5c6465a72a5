// CreateAlias, UpdateAlias, DeleteAlias, ListAliases.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/arn.h"
#include "emulator/kms_output.h"
#include "emulator/kms_request.h"

namespace tenantseal::emulator {
namespace {

using nlohmann::json;

constexpr std::size_t kAliasesPerKeyMax = 50;  // AWS KMS Developer Guide, "Resource quotas".
constexpr Length kNameLength{.min = 1, .max = 256, .required = true};

Answer<void> CheckName(Input& input, std::string_view name) {
  auto usual = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
           c == '/' || c == '_' || c == '-';
  };
  if (!std::ranges::all_of(name, usual)) {
    input.Violated("AliasName", name, false,
                   "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$");
  }
  if (std::optional<Fault> fault = input.fault()) return *fault;
  if (!name.starts_with("alias/")) {
    return Validation(
        "Alias must start with the prefix \"alias/\". Please see "
        "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html");
  }
  if (name.starts_with("alias/aws/"))
    return OtherFault("NotAuthorizedException", "The prefix alias/aws/ is reserved for AWS.");
  if (!aws::IsAliasName(name)) {
    return OtherFault("InvalidAliasNameException", "The alias " + std::string(name) +
                                                       " contains invalid characters for an "
                                                       "alias");
  }
  return {};
}

Answer<FoundKey> FindTarget(KmsRequest& request, std::string_view target) {
  if (target.starts_with("alias/") || target.find(":alias/") != target.npos)
    return Validation("Aliases must refer to keys. Not aliases");
  return FindKey(request, target, IdForms::kKeysOnly);
}

Alias Named(const Call& call, std::string_view name) {
  Alias alias;
  alias.account = call.caller->identity.account;
  alias.region = call.region;
  alias.name = name;
  return alias;
}

// On the alias by identity policies, on the key by its own.
Answer<void> MayUse(KmsRequest& request, const Alias& alias, const FoundKey* key) {
  const std::string action = "kms:" + request.call.operation;
  TS_RETURN_IF_ERROR(AuthoriseWithoutKey(request, action, alias.arn()));
  if (key != nullptr) return Authorise(request, *key, {.action = action});
  return {};
}

std::shared_ptr<const Key> KeyOf(const Contents& contents, const Alias& alias) {
  Key key;
  key.account = alias.account;
  key.region = alias.region;
  key.id = alias.key_id;
  return contents.FindKey(key.arn());
}

struct AliasTarget {
  std::string_view name, key_id;
};
Answer<AliasTarget> ReadTarget(KmsRequest& request) {
  AliasTarget in{request.input.Text("AliasName", kNameLength),
                 request.input.Text("TargetKeyId", kKeyIdLength)};
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  TS_RETURN_IF_ERROR(CheckName(request.input, in.name));
  request.note.request_parameters_json = request.input.TrailParameters();
  return in;
}

}  // namespace

Answer<Body> CreateAlias(KmsRequest& request) {
  TS_ASSIGN_OR_RETURN(AliasTarget in, ReadTarget(request));
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(FoundKey key, FindTarget(request, in.key_id));
  Alias alias = Named(request.call, in.name);
  TS_RETURN_IF_ERROR(MayUse(request, alias, &key));
  if (std::optional<Fault> fault = RefusedByState(*key.key, StateRule::kCreateAlias)) return *fault;
  const Contents& contents = edit.contents();
  if (contents.aliases.contains(alias.arn())) {
    return OtherFault("AlreadyExistsException",
                      "An alias with the name " + alias.arn() + " already exists");
  }
  const auto count = std::ranges::count_if(contents.aliases, [&](const auto& entry) {
    return entry.second->key_id == key->id && entry.second->region == key->region &&
           entry.second->account == key->account;
  });
  if (static_cast<std::size_t>(count) >= kAliasesPerKeyMax)
    return LimitExceeded("The key " + key->arn() + " has reached the limit of 50 aliases.");
  alias.key_id = key->id;
  alias.created = alias.updated = edit.now();
  edit.Put(std::move(alias));
  TS_RETURN_IF_ERROR(Commit(edit));
  return Body();
}

Answer<Body> UpdateAlias(KmsRequest& request) {
  TS_ASSIGN_OR_RETURN(AliasTarget in, ReadTarget(request));
  Edit edit(request.world);
  const Contents& contents = edit.contents();
  TS_ASSIGN_OR_RETURN(FoundKey key, FindTarget(request, in.key_id));
  TS_RETURN_IF_ERROR(MayUse(request, Named(request.call, in.name), &key));
  auto found = contents.aliases.find(Named(request.call, in.name).arn());
  if (found == contents.aliases.end()) return AliasNotFound(Named(request.call, in.name).arn());
  Alias alias = *found->second;
  if (std::shared_ptr<const Key> old = KeyOf(contents, alias); old && old->id != key->id) {
    TS_RETURN_IF_ERROR(Authorise(request, FoundKey(old), {.action = "kms:UpdateAlias"}));
    if (old->usage != key->usage ||
        (old->spec == kSymmetricDefault) != (key->spec == kSymmetricDefault)) {
      return Validation("Alias " + alias.arn() + " cannot be changed from a " + old->spec +
                        " key to a " + key->spec + " key.");
    }
  }
  if (std::optional<Fault> fault = RefusedByState(*key.key, StateRule::kCreateAlias)) return *fault;
  alias.key_id = key->id;
  alias.updated = edit.now();
  edit.Put(std::move(alias));
  TS_RETURN_IF_ERROR(Commit(edit));
  return Body();
}

Answer<Body> DeleteAlias(KmsRequest& request) {
  const std::string_view name = request.input.Text("AliasName", kNameLength);
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  TS_RETURN_IF_ERROR(CheckName(request.input, name));
  request.note.request_parameters_json = request.input.TrailParameters();
  Edit edit(request.world);
  const std::string arn = Named(request.call, name).arn();
  // Who may not delete it does not learn whether it is there.
  TS_RETURN_IF_ERROR(MayUse(request, Named(request.call, name), nullptr));
  auto found = edit.contents().aliases.find(arn);
  if (found == edit.contents().aliases.end()) return AliasNotFound(arn);
  if (std::shared_ptr<const Key> key = KeyOf(edit.contents(), *found->second))
    TS_RETURN_IF_ERROR(Authorise(request, FoundKey(key), {.action = "kms:DeleteAlias"}));
  edit.RemoveAlias(arn);
  TS_RETURN_IF_ERROR(Commit(edit));
  return Body();
}

Answer<Body> ListAliases(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kOptionalKeyIdLength);
  TS_ASSIGN_OR_RETURN(PageRequest page, ReadPage(request.input, 50));
  request.note.request_parameters_json = request.input.TrailParameters();
  TS_RETURN_IF_ERROR(AuthoriseWithoutKey(request, "kms:ListAliases", "*"));
  std::string only;
  if (!key_id.empty()) {
    TS_ASSIGN_OR_RETURN(FoundKey key, FindTarget(request, key_id));
    // Keys of other accounts look alike, whether they exist or not.
    if (key->account != request.call.caller->identity.account)
      return DeniedUnknownKey(request, "kms:ListAliases");
    only = key->id;
  }
  PageItems items = request.world.Read([&](const Contents& contents) {
    PageItems out;
    for (const auto& [arn, alias] : contents.aliases) {
      if (alias->account != request.call.caller->identity.account ||
          alias->region != request.call.region || (!only.empty() && alias->key_id != only)) {
        continue;
      }
      out.emplace_back(arn, json{{"AliasName", alias->name},
                                 {"AliasArn", arn},
                                 {"TargetKeyId", alias->key_id},
                                 {"CreationDate", EpochSeconds(alias->created)},
                                 {"LastUpdatedDate", EpochSeconds(alias->updated)}});
    }
    return out;
  });
  return PageBody("Aliases", std::move(items), page);
}

}  // namespace tenantseal::emulator
