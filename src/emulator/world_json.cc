#include "emulator/world_json.h"

#include <nlohmann/json.hpp>

#include "base/encoding.h"

namespace tenantseal::emulator {
namespace {

using nlohmann::json;

std::int64_t Ms(base::UtcTime time) { return time.time_since_epoch().count(); }
base::UtcTime TimeOf(const json& value) {
  return base::UtcTime(std::chrono::milliseconds(value.get<std::int64_t>()));
}
json OptionalMs(const std::optional<base::UtcTime>& time) {
  return time ? json(Ms(*time)) : json(nullptr);
}
std::optional<base::UtcTime> OptionalTime(const json& value) {
  if (value.is_null()) return std::nullopt;
  return TimeOf(value);
}

base::SecretBytes Dump(const json& value) {
  return base::SecretBytes::CopyOf(
      base::AsBytes(value.dump(-1, ' ', false, json::error_handler_t::replace)));
}

// What is stored was valid when it was stored; a document that no longer compiles is kept as text
// and admits nobody.
PolicyDocument Document(const json& value, aws::PolicyKind kind) {
  std::string text = value.get<std::string>();
  if (Result<PolicyDocument> document = CompilePolicy(text, kind)) return std::move(*document);
  return {std::move(text), nullptr};
}
json Texts(const std::vector<PolicyDocument>& documents) {
  json out = json::array();
  for (const PolicyDocument& document : documents) out.push_back(document.text);
  return out;
}
std::vector<PolicyDocument> Documents(const json& texts) {
  std::vector<PolicyDocument> out;
  for (const json& text : texts) out.push_back(Document(text, aws::PolicyKind::kIdentity));
  return out;
}

json GrantJson(const Grant& grant) {
  return {{"id", grant.id},
          {"token", grant.token},
          {"name", grant.name},
          {"grantee", grant.view.grantee},
          {"operations", grant.view.operations},
          {"equals", grant.view.context_equals},
          {"subset", grant.view.context_subset},
          {"constrainedEquals", grant.view.constrained_equals},
          {"constrainedSubset", grant.view.constrained_subset},
          {"retiring", grant.retiring_principal},
          {"account", grant.issuing_account},
          {"created", Ms(grant.created)}};
}
Grant GrantOf(const json& value) {
  Grant out;
  out.id = value.at("id").get<std::string>();
  out.token = value.at("token").get<std::string>();
  out.name = value.at("name").get<std::string>();
  out.view.grantee = value.at("grantee").get<std::string>();
  value.at("operations").get_to(out.view.operations);
  value.at("equals").get_to(out.view.context_equals);
  value.at("subset").get_to(out.view.context_subset);
  value.at("constrainedEquals").get_to(out.view.constrained_equals);
  value.at("constrainedSubset").get_to(out.view.constrained_subset);
  out.retiring_principal = value.at("retiring").get<std::string>();
  out.issuing_account = value.at("account").get<std::string>();
  out.created = TimeOf(value.at("created"));
  return out;
}

Key KeyOf(const json& value) {
  Key out;
  value.at("account").get_to(out.account);
  value.at("region").get_to(out.region);
  value.at("id").get_to(out.id);
  value.at("description").get_to(out.description);
  value.at("usage").get_to(out.usage);
  value.at("spec").get_to(out.spec);
  value.at("origin").get_to(out.origin);
  out.state = KeyStateOf(value.at("state").get<std::string>()).value_or(KeyState::kUnavailable);
  out.ready_at = OptionalTime(value.at("readyAt"));
  out.deletion_at = OptionalTime(value.at("deletionAt"));
  out.pending_window_days = value.at("pendingWindowDays").get<int>();
  out.created = TimeOf(value.at("created"));
  out.multi_region = value.at("multiRegion").get<bool>();
  value.at("primaryRegion").get_to(out.primary_region);
  out.policy = Document(value.at("policy"), aws::PolicyKind::kKey);
  for (const json& tag : value.at("tags"))
    out.tags.push_back({tag.at(0).get<std::string>(), tag.at(1).get<std::string>()});
  for (const json& grant : value.at("grants")) out.grants.push_back(GrantOf(grant));
  value.at("materialSet").get_to(out.material_set);
  return out;
}

Result<MaterialSet> MaterialSetOf(const json& value) {
  MaterialSet out;
  value.at("name").get_to(out.name);
  for (const json& version : value.at("versions")) {
    BackingKey key;
    version.at("id").get_to(key.id);
    std::optional<base::SecretBytes> bytes =
        base::Base64DecodeSecret(version.at("material").get_ref<const std::string&>());
    if (!bytes || bytes->size() != 32) return IntegrityError("Key material has not 32 bytes.");
    std::copy_n(bytes->Reveal().begin(), 32, key.material.RevealMutable().begin());
    key.created = TimeOf(version.at("created"));
    key.on_demand = version.at("onDemand").get<bool>();
    out.versions.push_back(std::move(key));
  }
  if (out.versions.empty()) return IntegrityError("A key has no material.");
  out.rotation_enabled = value.at("rotationEnabled").get<bool>();
  out.rotation_period_days = value.at("rotationPeriodDays").get<int>();
  out.next_rotation = OptionalTime(value.at("nextRotation"));
  return out;
}

AccessKey AccessKeyOf(const json& value) {
  AccessKey out;
  value.at("id").get_to(out.id);
  const std::string& secret = value.at("secret").get_ref<const std::string&>();
  out.secret = base::SecretBytes::CopyOf(base::AsBytes(secret));
  value.at("sessionToken").get_to(out.session_token);
  value.at("sessionPolicy").get_to(out.session_policy_text);
  out.expires = OptionalTime(value.at("expires"));
  const json& caller = value.at("caller");
  aws::PrincipalIdentity& identity = out.caller.identity;
  caller.at("account").get_to(identity.account);
  caller.at("arn").get_to(identity.arn);
  caller.at("roleArn").get_to(identity.role_arn);
  caller.at("userId").get_to(identity.user_id);
  caller.at("userName").get_to(identity.user_name);
  out.caller.access_key_id = out.id;
  caller.at("sessionName").get_to(out.caller.session_name);
  caller.at("roleName").get_to(out.caller.role_name);
  out.caller.session_created = TimeOf(caller.at("sessionCreated"));
  caller.at("tags").get_to(out.caller.tags);
  if (caller.contains("transitiveTags"))
    caller["transitiveTags"].get_to(out.caller.transitive_tags);
  return out;
}

template <typename T>
std::shared_ptr<const T> Share(T value) {
  return std::make_shared<const T>(std::move(value));
}

Result<void> ReadSettings(const json& value, Contents& contents) {
  contents.clock.offset = std::chrono::milliseconds(value.at("offsetMs").get<std::int64_t>());
  // Twice: a clock that stood still may have fallen behind since.
  if (contents.clock.offset > 2 * kClockOffsetMax || contents.clock.offset < -2 * kClockOffsetMax)
    return IntegrityError("The state's clock is centuries off: offsetMs is " +
                          std::to_string(contents.clock.offset.count()) + ".");
  contents.clock.frozen_at = OptionalTime(value.at("frozenAt"));
  contents.replica_creating_for =
      std::chrono::milliseconds(value.at("replicaCreatingMs").get<std::int64_t>());
  contents.updating_for = std::chrono::milliseconds(value.at("updatingMs").get<std::int64_t>());
  return {};
}

Role RoleOf(const json& value) {
  Role out;
  value.at("arn").get_to(out.arn);
  value.at("name").get_to(out.name);
  value.at("id").get_to(out.id);
  value.at("account").get_to(out.account);
  out.trust = Document(value.at("trust"), aws::PolicyKind::kTrust);
  out.policies = Documents(value.at("policies"));
  out.max_session_seconds = value.at("maxSessionSeconds").get<int>();
  return out;
}

User UserOf(const json& value) {
  User out;
  value.at("arn").get_to(out.arn);
  value.at("name").get_to(out.name);
  value.at("id").get_to(out.id);
  value.at("account").get_to(out.account);
  value.at("tags").get_to(out.tags);
  out.policies = Documents(value.at("policies"));
  return out;
}

Alias AliasOf(const json& value) {
  Alias out;
  value.at("account").get_to(out.account);
  value.at("region").get_to(out.region);
  value.at("name").get_to(out.name);
  value.at("keyId").get_to(out.key_id);
  out.created = TimeOf(value.at("created"));
  out.updated = TimeOf(value.at("updated"));
  return out;
}

Result<void> ReadKnownRow(std::string_view kind, const std::string& id, const json& value,
                          Contents& contents) {
  if (kind == "key") {
    contents.keys[id] = Share(KeyOf(value));
  } else if (kind == "material") {
    TS_ASSIGN_OR_RETURN(MaterialSet set, MaterialSetOf(value));
    contents.materials[id] = Share(std::move(set));
  } else if (kind == "alias") {
    contents.aliases[id] = Share(AliasOf(value));
  } else if (kind == "role") {
    contents.roles[id] = Share(RoleOf(value));
  } else if (kind == "user") {
    contents.users[id] = Share(UserOf(value));
  } else if (kind == "access_key") {
    contents.access_keys[id] = Share(AccessKeyOf(value));
  } else if (kind == "account") {
    contents.accounts.insert(id);
  } else if (kind == "settings") {
    return ReadSettings(value, contents);
  } else {
    return IntegrityError("The state holds a row of unknown kind '" + std::string(kind) + "'.");
  }
  return {};
}

}  // namespace

base::SecretBytes ToJson(const Key& key) {
  json tags = json::array();
  for (const Tag& tag : key.tags) tags.push_back(json::array({tag.key, tag.value}));
  json grants = json::array();
  for (const Grant& grant : key.grants) grants.push_back(GrantJson(grant));
  return Dump({{"account", key.account},
               {"region", key.region},
               {"id", key.id},
               {"description", key.description},
               {"usage", key.usage},
               {"spec", key.spec},
               {"origin", key.origin},
               {"state", std::string(KeyStateName(key.state))},
               {"readyAt", OptionalMs(key.ready_at)},
               {"deletionAt", OptionalMs(key.deletion_at)},
               {"pendingWindowDays", key.pending_window_days},
               {"created", Ms(key.created)},
               {"multiRegion", key.multi_region},
               {"primaryRegion", key.primary_region},
               {"policy", key.policy.text},
               {"tags", std::move(tags)},
               {"grants", std::move(grants)},
               {"materialSet", key.material_set}});
}

base::SecretBytes ToJson(const MaterialSet& set) {
  json versions = json::array();
  for (const BackingKey& version : set.versions) {
    versions.push_back({{"id", version.id},
                        {"material", base::Base64Encode(version.material.Reveal())},
                        {"created", Ms(version.created)},
                        {"onDemand", version.on_demand}});
  }
  return Dump({{"name", set.name},
               {"versions", std::move(versions)},
               {"rotationEnabled", set.rotation_enabled},
               {"rotationPeriodDays", set.rotation_period_days},
               {"nextRotation", OptionalMs(set.next_rotation)}});
}

base::SecretBytes ToJson(const Alias& alias) {
  return Dump({{"account", alias.account},
               {"region", alias.region},
               {"name", alias.name},
               {"keyId", alias.key_id},
               {"created", Ms(alias.created)},
               {"updated", Ms(alias.updated)}});
}

base::SecretBytes ToJson(const Role& role) {
  return Dump({{"arn", role.arn},
               {"name", role.name},
               {"id", role.id},
               {"account", role.account},
               {"trust", role.trust.text},
               {"policies", Texts(role.policies)},
               {"maxSessionSeconds", role.max_session_seconds}});
}

base::SecretBytes ToJson(const User& user) {
  return Dump({{"arn", user.arn},
               {"name", user.name},
               {"id", user.id},
               {"account", user.account},
               {"tags", user.tags},
               {"policies", Texts(user.policies)}});
}

base::SecretBytes ToJson(const AccessKey& key) {
  const aws::PrincipalIdentity& identity = key.caller.identity;
  return Dump({{"id", key.id},
               {"secret", std::string(key.secret.RevealText())},
               {"sessionToken", key.session_token},
               {"sessionPolicy", key.session_policy_text},
               {"expires", OptionalMs(key.expires)},
               {"caller",
                {{"account", identity.account},
                 {"arn", identity.arn},
                 {"roleArn", identity.role_arn},
                 {"userId", identity.user_id},
                 {"userName", identity.user_name},
                 {"sessionName", key.caller.session_name},
                 {"roleName", key.caller.role_name},
                 {"sessionCreated", Ms(key.caller.session_created)},
                 {"tags", key.caller.tags},
                 {"transitiveTags", key.caller.transitive_tags}}}});
}

base::SecretBytes SettingsJson(const Contents& contents) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return Dump(
      {{"offsetMs", contents.clock.offset.count()},
       {"frozenAt", OptionalMs(contents.clock.frozen_at)},
       {"replicaCreatingMs", duration_cast<milliseconds>(contents.replica_creating_for).count()},
       {"updatingMs", duration_cast<milliseconds>(contents.updating_for).count()}});
}

Result<void> ReadRow(std::string_view kind, std::string_view id, std::string_view text,
                     Contents& contents) {
  try {
    return ReadKnownRow(kind, std::string(id), json::parse(text), contents);
  } catch (const json::exception& e) {  // Thrown by the library on wrong types.
    return IntegrityError("The state's row " + std::string(kind) + " '" + std::string(id) +
                          "' cannot be read: " + e.what());
  }
}

void AttachPolicies(const Contents& contents, AccessKey& key) {
  const aws::PrincipalIdentity& identity = key.caller.identity;
  key.caller.identity_policies.clear();
  const std::vector<PolicyDocument>* documents = nullptr;
  if (!identity.role_arn.empty()) {
    if (auto role = contents.roles.find(identity.role_arn); role != contents.roles.end())
      documents = &role->second->policies;
  } else if (auto user = contents.users.find(identity.arn); user != contents.users.end()) {
    documents = &user->second->policies;
  }
  if (documents != nullptr) {
    for (const PolicyDocument& document : *documents)
      if (document.compiled) key.caller.identity_policies.push_back(document.compiled);
  }
  if (!key.session_policy_text.empty() && !key.caller.session_policy) {
    Result<PolicyDocument> document =
        CompilePolicy(key.session_policy_text, aws::PolicyKind::kIdentity);
    // A session policy that cannot be read admits nothing.
    static const auto kNothing = std::make_shared<const aws::CompiledPolicy>(aws::Policy{});
    key.caller.session_policy = document ? document->compiled : kNothing;
  }
}

void FinishLoading(Contents& contents) {
  contents.arns_by_id.clear();
  for (const auto& [arn, key] : contents.keys) contents.arns_by_id[key->id].insert(arn);
  for (auto& [id, shared] : contents.access_keys) {
    AccessKey copy{shared->id,
                   base::SecretBytes::CopyOf(shared->secret.Reveal()),
                   shared->caller,
                   shared->session_token,
                   shared->session_policy_text,
                   shared->expires};
    AttachPolicies(contents, copy);
    shared = Share(std::move(copy));
  }
}

}  // namespace tenantseal::emulator
