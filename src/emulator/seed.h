// The seed: a JSON file with the accounts, principals and keys that an empty world begins with.
// docs/emulator.md describes it. What is there already stays as it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "emulator/sts_service.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

inline constexpr std::size_t kSeedBytesMax = 16 << 20;

struct Seed {
  std::vector<std::string> accounts;
  std::vector<User> users;
  std::vector<Role> roles;
  std::vector<AccessKey> access_keys;
  std::vector<KeySeed> keys;
  std::vector<WebIdentity> web_identities;
};

// kInvalidArgument: the field is the JSON pointer of what is wrong ("/accounts/111122223333/keys/0
// /material"), the message names `file`.
Result<Seed> ParseSeed(std::string_view json, const std::string& file);
Result<Seed> ReadSeed(const std::string& file);
// The world without a seed: a customer's account with an administrator, and the service's account
// with a user that may assume the role byok-encryption-proxy-role.
std::string_view DefaultSeedJson();

// Adds what is not there.
Result<void> ApplySeed(const Seed& seed, World& world);

}  // namespace tenantseal::emulator
