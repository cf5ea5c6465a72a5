// Seeding: what is there already stays as it is.
#include "aws/arn.h"
#include "aws/region.h"
#include "emulator/key_make.h"
#include "emulator/world.h"

namespace tenantseal::emulator {
namespace {

// Checks the seed and fills in what it leaves open.
Result<void> Complete(KeySeed& seed, const base::Random& random) {
  if (!aws::IsAccountId(seed.account))
    return InvalidArgument("account",
                           "An account id has twelve digits, not '" + seed.account + "'.");
  if (!seed.replica_regions.empty()) seed.multi_region = true;
  if (aws::IsMultiRegionKeyId(seed.id)) seed.multi_region = true;
  if (seed.id.empty()) seed.id = NewKeyId(random, seed.multi_region);
  if (!aws::IsKeyId(seed.id) || aws::IsMultiRegionKeyId(seed.id) != seed.multi_region) {
    return InvalidArgument("id", "The key id '" + seed.id + "' must be " +
                                     (seed.multi_region ? "\"mrk-\" and 32 hexadecimal digits."
                                                        : "a UUID in lower case."));
  }
  if (!IsKeySpec(seed.spec))
    return InvalidArgument("spec", "There is no key spec '" + seed.spec + "'.");
  std::vector<std::string> regions = seed.replica_regions;
  regions.push_back(seed.region);
  for (const std::string& region : regions) {
    if (!aws::PartitionOfRegion(region))
      return InvalidArgument("region", "'" + region + "' is no region, such as \"us-east-1\".");
    if (aws::PartitionOfRegion(region) != aws::PartitionOfRegion(seed.region))
      return InvalidArgument(
          "region", "A replica must be in the primary's partition; '" + region + "' is not.");
  }
  for (const std::string& alias : seed.aliases) {
    if (!aws::IsAliasName(alias))
      return InvalidArgument("alias", "'" + alias + "' is no alias, such as \"alias/tenant-a\".");
  }
  return {};
}

MaterialSet SeededMaterial(const KeySeed& seed, const std::string& name, base::UtcTime now,
                           const base::Random& random) {
  MaterialSet set;
  set.name = name;
  for (const base::Secret256& material : seed.material)
    set.versions.push_back({MaterialIdOf(material, seed.id), material.Copy(), now, false});
  if (set.versions.empty())
    set.versions.push_back({NewMaterialId(random), random.Key(), now, false});
  return set;
}

Result<Key> SeededKey(const KeySeed& seed, const std::string& region, base::UtcTime now) {
  Key key;
  key.account = seed.account;
  key.region = region;
  key.id = seed.id;
  key.description = seed.description;
  key.spec = seed.spec;
  if (seed.spec.starts_with("HMAC_")) key.usage = "GENERATE_VERIFY_MAC";
  if (seed.spec.starts_with("RSA_") || seed.spec.starts_with("ECC_")) key.usage = "SIGN_VERIFY";
  key.created = now;
  key.multi_region = seed.multi_region;
  if (seed.multi_region) key.primary_region = seed.region;
  key.tags = seed.tags;
  if (seed.spec == kSymmetricDefault)
    key.material_set = MaterialSetName(seed.account, region, seed.id, seed.multi_region);
  std::string policy = seed.policy.empty() ? DefaultKeyPolicy(region, seed.account) : seed.policy;
  TS_ASSIGN_OR_RETURN(key.policy, CompilePolicy(std::move(policy), aws::PolicyKind::kKey));
  return key;
}

}  // namespace

Result<bool> World::AddAccount(const std::string& account) {
  if (!aws::IsAccountId(account))
    return InvalidArgument("account", "An account id has twelve digits, not '" + account + "'.");
  Edit edit(*this);
  if (edit.contents().accounts.contains(account)) return false;
  edit.PutAccount(account);
  TS_RETURN_IF_ERROR(edit.Commit());
  return true;
}

Result<bool> World::AddUser(User user) {
  Edit edit(*this);
  if (edit.contents().users.contains(user.arn)) return false;
  edit.PutAccount(user.account);
  edit.Put(std::move(user));
  TS_RETURN_IF_ERROR(edit.Commit());
  return true;
}

Result<bool> World::AddRole(Role role) {
  Edit edit(*this);
  if (edit.contents().roles.contains(role.arn)) return false;
  edit.PutAccount(role.account);
  edit.Put(std::move(role));
  TS_RETURN_IF_ERROR(edit.Commit());
  return true;
}

Result<bool> World::AddAccessKey(AccessKey key) {
  Edit edit(*this);
  if (edit.contents().access_keys.contains(key.id)) return false;
  edit.Put(std::move(key));
  TS_RETURN_IF_ERROR(edit.Commit());
  return true;
}

Result<std::string> World::AddKey(KeySeed seed) {
  Edit edit(*this);
  TS_RETURN_IF_ERROR(Complete(seed, random_));
  std::vector<std::string> regions = seed.replica_regions;
  regions.insert(regions.begin(), seed.region);
  const Contents& contents = edit.contents();
  const base::UtcTime now = edit.now();
  edit.PutAccount(seed.account);
  std::string first_arn;
  std::set<std::string> material_put;
  for (const std::string& region : regions) {
    TS_ASSIGN_OR_RETURN(Key key, SeededKey(seed, region, now));
    const std::string arn = key.arn();
    if (first_arn.empty()) first_arn = arn;
    if (contents.keys.contains(arn)) continue;
    if (!key.material_set.empty() && !contents.materials.contains(key.material_set) &&
        material_put.insert(key.material_set).second) {
      edit.Put(SeededMaterial(seed, key.material_set, now, random_));
    }
    edit.Put(std::move(key));
    for (const std::string& name : seed.aliases) {
      Alias alias{seed.account, region, name, seed.id, now, now};
      if (!contents.aliases.contains(alias.arn())) edit.Put(std::move(alias));
    }
  }
  TS_RETURN_IF_ERROR(edit.Commit());
  return first_arn;
}

Result<bool> World::AddAlias(const std::string& account, const std::string& region,
                             const std::string& name, const std::string& key_id) {
  Edit edit(*this);
  if (!aws::IsAliasName(name))
    return InvalidArgument("alias", "'" + name + "' is no alias, such as \"alias/tenant-a\".");
  Alias alias{account, region, name, key_id, edit.now(), edit.now()};
  if (edit.contents().aliases.contains(alias.arn())) return false;
  Key sought;
  sought.account = account;
  sought.region = region;
  sought.id = key_id;
  if (!edit.contents().FindKey(sought.arn()))
    return NotFound("The alias '" + name + "' names the key '" + key_id + "', which is not in " +
                    region + " of account " + account + ".");
  edit.Put(std::move(alias));
  TS_RETURN_IF_ERROR(edit.Commit());
  return true;
}

Result<void> World::RemoveExpiredSessions() {
  Edit edit(*this);
  const base::UtcTime now = Now();
  for (const auto& [id, key] : edit.contents().access_keys) {
    // A day longer, so that "expired" is answered rather than "unknown".
    if (key->expires && *key->expires + std::chrono::days(1) < now) edit.RemoveAccessKey(id);
  }
  return edit.Commit();
}

}  // namespace tenantseal::emulator
