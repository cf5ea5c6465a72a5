#include "emulator/seed.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/arn.h"
#include "aws/region.h"
#include "base/encoding.h"
#include "base/file.h"
#include "crypto/digest.h"

namespace tenantseal::emulator {
namespace {

using Json = nlohmann::json;

// A place in the file: the value and its JSON pointer.
struct Spot {
  const Json& value;
  std::string at;
  Spot operator[](const std::string& name) const { return {value.at(name), at + "/" + name}; }
  Spot operator[](std::size_t i) const { return {value.at(i), at + "/" + std::to_string(i)}; }
  bool has(const char* name) const { return value.contains(name); }
  Error Wrong(std::string message) const { return InvalidArgument(at, std::move(message)); }
};

Result<void> OnlyMembers(const Spot& spot, std::initializer_list<std::string_view> known) {
  if (!spot.value.is_object()) return spot.Wrong("This is a JSON object.");
  for (const auto& [name, value] : spot.value.items()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    std::string list;
    for (std::string_view one : known) list += (list.empty() ? "" : ", ") + std::string(one);
    return InvalidArgument(spot.at + "/" + name,
                           "There is no such member; there are " + list + ".");
  }
  return {};
}

Result<std::string> TextOf(const Spot& spot) {
  if (!spot.value.is_string() || spot.value.get_ref<const std::string&>().empty())
    return spot.Wrong("This is a string, and not empty.");
  return spot.value.get<std::string>();
}

Result<std::string> TextMember(const Spot& spot, const char* name, bool required) {
  if (spot.has(name)) return TextOf(spot[name]);
  if (required) return spot.Wrong("The member \"" + std::string(name) + "\" is missing.");
  return std::string();
}

template <typename F>
Result<void> ForEachOf(const Spot& spot, const char* name, F&& f) {
  if (!spot.has(name)) return {};
  const Spot list = spot[name];
  if (!list.value.is_array()) return list.Wrong("This is a list.");
  for (std::size_t i = 0; i < list.value.size(); ++i) TS_RETURN_IF_ERROR(f(list[i]));
  return {};
}

Result<PolicyDocument> PolicyOf(const Spot& spot, aws::PolicyKind kind) {
  // A policy is an object, or its text, as AWS's own tools print it.
  if (!spot.value.is_object() && !spot.value.is_string())
    return spot.Wrong("A policy is a JSON object, or its text.");
  Result<PolicyDocument> policy = CompilePolicy(
      spot.value.is_string() ? spot.value.get<std::string>() : spot.value.dump(), kind);
  if (!policy) return InvalidArgument(spot.at + policy.error().field, policy.error().message);
  return policy;
}

Result<std::map<std::string, std::string>> TagsOf(const Spot& spot) {
  std::map<std::string, std::string> tags;
  if (!spot.has("tags")) return tags;
  const Spot object = spot["tags"];
  if (!object.value.is_object()) return object.Wrong("Tags are an object of strings.");
  for (const auto& [name, value] : object.value.items()) {
    if (!value.is_string())
      return InvalidArgument(object.at + "/" + name, "The value of a tag is a string.");
    tags[name] = value.get<std::string>();
  }
  return tags;
}

// Ids that AWS would make, the same at every start.
std::string StableId(std::string_view prefix, std::string_view arn) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const crypto::Sha256Digest digest = crypto::Sha256(base::AsBytes(arn));
  std::string id(prefix);
  for (std::size_t i = 0; i < 17; ++i) id += kAlphabet[digest[i] & 31];
  return id;
}

Result<std::string> PathOf(const Spot& spot) {
  TS_ASSIGN_OR_RETURN(const std::string path, TextMember(spot, "path", false));
  if (path.empty()) return std::string("/");
  if (path.front() != '/' || path.back() != '/')
    return spot["path"].Wrong("A path begins and ends with a slash, such as \"/teams/\".");
  return path;
}

Result<std::string> NameOf(const Spot& spot) {
  TS_ASSIGN_OR_RETURN(const std::string name, TextMember(spot, "name", true));
  for (const char c : name) {
    const bool fits = std::isalnum(static_cast<unsigned char>(c)) ||
                      std::string_view("_+=,.@-").find(c) != std::string_view::npos;
    if (!fits || name.size() > 64)
      return spot["name"].Wrong("A name has up to 64 letters, digits and characters of _+=,.@-.");
  }
  return name;
}

Result<void> ReadAccessKeys(const Spot& spot, const char* member,
                            const aws::PrincipalIdentity& identity,
                            const std::map<std::string, std::string>& tags, Seed& seed) {
  return ForEachOf(spot, member, [&](const Spot& item) -> Result<void> {
    TS_RETURN_IF_ERROR(OnlyMembers(item, {"id", "secret"}));
    AccessKey key;
    TS_ASSIGN_OR_RETURN(key.id, TextMember(item, "id", true));
    if (key.id.size() < 16 || key.id.size() > 128 ||
        !std::ranges::all_of(key.id, [](char c) { return std::isalnum(c) != 0 || c == '_'; })) {
      return item["id"].Wrong("An access key id has 16 to 128 letters and digits.");
    }
    TS_ASSIGN_OR_RETURN(const std::string secret, TextMember(item, "secret", true));
    key.secret = base::SecretBytes::CopyOf(base::AsBytes(secret));
    key.caller.identity = identity;
    key.caller.access_key_id = key.id;
    key.caller.tags = tags;
    seed.access_keys.push_back(std::move(key));
    return {};
  });
}

Result<void> ReadUser(const Spot& spot, const std::string& account, Seed& seed) {
  TS_RETURN_IF_ERROR(OnlyMembers(spot, {"name", "path", "id", "accessKeys", "policies", "tags"}));
  User user;
  user.account = account;
  TS_ASSIGN_OR_RETURN(user.name, NameOf(spot));
  TS_ASSIGN_OR_RETURN(const std::string path, PathOf(spot));
  user.arn = "arn:aws:iam::" + account + ":user" + path + user.name;
  TS_ASSIGN_OR_RETURN(user.id, TextMember(spot, "id", false));
  if (user.id.empty()) user.id = StableId("AIDA", user.arn);
  TS_ASSIGN_OR_RETURN(user.tags, TagsOf(spot));
  TS_RETURN_IF_ERROR(ForEachOf(spot, "policies", [&](const Spot& item) -> Result<void> {
    TS_ASSIGN_OR_RETURN(PolicyDocument policy, PolicyOf(item, aws::PolicyKind::kIdentity));
    user.policies.push_back(std::move(policy));
    return {};
  }));
  aws::PrincipalIdentity identity;
  identity.account = account;
  identity.arn = user.arn;
  identity.user_id = user.id;
  identity.user_name = user.name;
  TS_RETURN_IF_ERROR(ReadAccessKeys(spot, "accessKeys", identity, user.tags, seed));
  seed.users.push_back(std::move(user));
  return {};
}

Result<void> ReadRole(const Spot& spot, const std::string& account, Seed& seed) {
  TS_RETURN_IF_ERROR(
      OnlyMembers(spot, {"name", "path", "id", "trust", "policies", "maxSessionSeconds"}));
  Role role;
  role.account = account;
  TS_ASSIGN_OR_RETURN(role.name, NameOf(spot));
  TS_ASSIGN_OR_RETURN(const std::string path, PathOf(spot));
  role.arn = "arn:aws:iam::" + account + ":role" + path + role.name;
  TS_ASSIGN_OR_RETURN(role.id, TextMember(spot, "id", false));
  if (role.id.empty()) role.id = StableId("AROA", role.arn);
  if (!spot.has("trust")) return spot.Wrong("The member \"trust\", a policy, is missing.");
  TS_ASSIGN_OR_RETURN(role.trust, PolicyOf(spot["trust"], aws::PolicyKind::kTrust));
  TS_RETURN_IF_ERROR(ForEachOf(spot, "policies", [&](const Spot& item) -> Result<void> {
    TS_ASSIGN_OR_RETURN(PolicyDocument policy, PolicyOf(item, aws::PolicyKind::kIdentity));
    role.policies.push_back(std::move(policy));
    return {};
  }));
  if (spot.has("maxSessionSeconds")) {
    const Json& seconds = spot["maxSessionSeconds"].value;
    if (!seconds.is_number_integer() || seconds < 3600 || seconds > 43200)
      return spot["maxSessionSeconds"].Wrong("This is a number from 3600 to 43200.");
    role.max_session_seconds = seconds.get<int>();
  }
  seed.roles.push_back(std::move(role));
  return {};
}

Result<base::Secret256> MaterialOf(const Spot& spot) {
  TS_ASSIGN_OR_RETURN(const std::string text, TextOf(spot));
  auto bytes = text.size() == 64 ? base::HexDecode(text) : base::Base64Decode(text);
  if (!bytes || bytes->size() != 32)
    return spot.Wrong("Key material is 32 bytes in base64 or hexadecimal.");
  base::Secret256 material{std::span<const std::uint8_t, 32>(*bytes)};
  base::Wipe(*bytes);
  return material;
}

Result<void> ReadMaterial(const Spot& spot, KeySeed& key) {
  if (!spot.has("material")) return {};
  const Spot material = spot["material"];
  if (material.value.is_string()) {
    TS_ASSIGN_OR_RETURN(base::Secret256 one, MaterialOf(material));
    key.material.push_back(std::move(one));
    return {};
  }
  return ForEachOf(spot, "material", [&](const Spot& item) -> Result<void> {
    TS_ASSIGN_OR_RETURN(base::Secret256 one, MaterialOf(item));
    key.material.push_back(std::move(one));
    return {};
  });
}

Result<std::string> RegionOf(const Spot& spot) {
  TS_ASSIGN_OR_RETURN(std::string region, TextOf(spot));
  if (!aws::PartitionOfRegion(region))
    return spot.Wrong("'" + region + "' is no region, such as \"us-east-1\".");
  return region;
}

Result<void> ReadKey(const Spot& spot, const std::string& account, Seed& seed) {
  TS_RETURN_IF_ERROR(OnlyMembers(spot, {"region", "id", "material", "policy", "aliases", "spec",
                                        "description", "multiRegion", "replicaRegions", "tags"}));
  KeySeed key;
  key.account = account;
  if (!spot.has("region")) return spot.Wrong("The member \"region\" is missing.");
  TS_ASSIGN_OR_RETURN(key.region, RegionOf(spot["region"]));
  TS_ASSIGN_OR_RETURN(key.id, TextMember(spot, "id", false));
  if (!key.id.empty() && !aws::IsKeyId(key.id))
    return spot["id"].Wrong("A key id is a UUID, or \"mrk-\" and 32 hexadecimal digits.");
  TS_RETURN_IF_ERROR(ReadMaterial(spot, key));
  if (spot.has("policy")) {
    TS_ASSIGN_OR_RETURN(const PolicyDocument policy,
                        PolicyOf(spot["policy"], aws::PolicyKind::kKey));
    key.policy = policy.text;
  }
  TS_ASSIGN_OR_RETURN(key.description, TextMember(spot, "description", false));
  if (spot.has("spec")) {
    TS_ASSIGN_OR_RETURN(key.spec, TextOf(spot["spec"]));
  }
  if (spot.has("multiRegion")) {
    if (!spot["multiRegion"].value.is_boolean())
      return spot["multiRegion"].Wrong("This is true or false.");
    key.multi_region = spot["multiRegion"].value.get<bool>();
  }
  TS_RETURN_IF_ERROR(ForEachOf(spot, "replicaRegions", [&](const Spot& item) -> Result<void> {
    TS_ASSIGN_OR_RETURN(std::string region, RegionOf(item));
    if (aws::PartitionOfRegion(region) != aws::PartitionOfRegion(key.region)) {
      return item.Wrong("'" + region + "' is in another partition than the key's region '" +
                        key.region + "'; a replica is in the same one.");
    }
    key.replica_regions.push_back(std::move(region));
    return {};
  }));
  TS_RETURN_IF_ERROR(ForEachOf(spot, "aliases", [&](const Spot& item) -> Result<void> {
    TS_ASSIGN_OR_RETURN(std::string alias, TextOf(item));
    if (!aws::IsAliasName(alias)) return item.Wrong("An alias is such as \"alias/tenant-a\".");
    key.aliases.push_back(std::move(alias));
    return {};
  }));
  TS_ASSIGN_OR_RETURN(const auto tags, TagsOf(spot));
  for (const auto& [name, value] : tags) key.tags.push_back({name, value});
  seed.keys.push_back(std::move(key));
  return {};
}

Result<void> ReadAccount(const Spot& spot, const std::string& account, Seed& seed) {
  if (!aws::IsAccountId(account)) return spot.Wrong("An account id has twelve digits.");
  TS_RETURN_IF_ERROR(OnlyMembers(spot, {"rootAccessKeys", "users", "roles", "keys"}));
  seed.accounts.push_back(account);
  aws::PrincipalIdentity root;
  root.account = account;
  root.arn = "arn:aws:iam::" + account + ":root";
  root.user_id = account;
  TS_RETURN_IF_ERROR(ReadAccessKeys(spot, "rootAccessKeys", root, {}, seed));
  TS_RETURN_IF_ERROR(
      ForEachOf(spot, "users", [&](const Spot& item) { return ReadUser(item, account, seed); }));
  TS_RETURN_IF_ERROR(
      ForEachOf(spot, "roles", [&](const Spot& item) { return ReadRole(item, account, seed); }));
  return ForEachOf(spot, "keys", [&](const Spot& item) { return ReadKey(item, account, seed); });
}

Result<void> ReadWebIdentity(const Spot& spot, Seed& seed) {
  TS_RETURN_IF_ERROR(OnlyMembers(spot, {"token", "provider", "subject", "audience"}));
  WebIdentity identity;
  TS_ASSIGN_OR_RETURN(identity.token, TextMember(spot, "token", true));
  TS_ASSIGN_OR_RETURN(identity.provider_arn, TextMember(spot, "provider", true));
  const auto arn = aws::ParseArn(identity.provider_arn);
  if (!arn || arn->service != "iam" || !arn->resource.starts_with("oidc-provider/")) {
    return spot["provider"].Wrong(
        "A provider is such as \"arn:aws:iam::111122223333:oidc-provider/accounts.example.com\".");
  }
  TS_ASSIGN_OR_RETURN(identity.subject, TextMember(spot, "subject", true));
  TS_ASSIGN_OR_RETURN(identity.audience, TextMember(spot, "audience", false));
  seed.web_identities.push_back(std::move(identity));
  return {};
}

Result<Seed> ReadAll(const Spot& root) {
  Seed seed;
  TS_RETURN_IF_ERROR(OnlyMembers(root, {"accounts", "webIdentities"}));
  if (root.has("accounts")) {
    const Spot accounts = root["accounts"];
    if (!accounts.value.is_object())
      return accounts.Wrong("Accounts are an object, by account id.");
    for (const auto& [account, value] : accounts.value.items())
      TS_RETURN_IF_ERROR(ReadAccount(accounts[account], account, seed));
  }
  TS_RETURN_IF_ERROR(ForEachOf(root, "webIdentities",
                               [&](const Spot& item) { return ReadWebIdentity(item, seed); }));
  return seed;
}

}  // namespace

Result<Seed> ParseSeed(std::string_view json, const std::string& file) {
  try {
    const Json root = Json::parse(json);
    Result<Seed> seed = ReadAll({root, ""});
    if (!seed) {
      Error error = seed.error();
      error.message =
          file + (error.field.empty() ? ": " : " at " + error.field + ": ") + error.message;
      return error;
    }
    return seed;
  } catch (const Json::exception& error) {
    return InvalidArgument("", file + " is not JSON: " + error.what());
  }
}

Result<Seed> ReadSeed(const std::string& file) {
  TS_ASSIGN_OR_RETURN(const base::SecretBytes text, base::ReadFile(file, kSeedBytesMax));
  return ParseSeed(text.RevealText(), file);
}

Result<void> ApplySeed(const Seed& seed, World& world) {
  for (const std::string& account : seed.accounts) TS_RETURN_IF_ERROR(world.AddAccount(account));
  for (const User& user : seed.users) TS_RETURN_IF_ERROR(world.AddUser(user));
  for (const Role& role : seed.roles) TS_RETURN_IF_ERROR(world.AddRole(role));
  for (const AccessKey& key : seed.access_keys) {
    AccessKey copy;
    copy.id = key.id;
    copy.secret = base::SecretBytes::CopyOf(key.secret.Reveal());
    copy.caller = key.caller;
    TS_RETURN_IF_ERROR(world.AddAccessKey(std::move(copy)));
  }
  for (const KeySeed& key : seed.keys) {
    KeySeed copy{.account = key.account,
                 .region = key.region,
                 .id = key.id,
                 .material = {},
                 .policy = key.policy,
                 .description = key.description,
                 .spec = key.spec,
                 .multi_region = key.multi_region,
                 .replica_regions = key.replica_regions,
                 .aliases = key.aliases,
                 .tags = key.tags};
    for (const base::Secret256& material : key.material) copy.material.push_back(material.Copy());
    TS_RETURN_IF_ERROR(world.AddKey(std::move(copy)));
  }
  return {};
}

}  // namespace tenantseal::emulator
