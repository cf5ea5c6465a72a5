// What a new key consists of: ids, material, the default policy.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

std::string NewKeyId(const base::Random& random, bool multi_region);
std::string NewMaterialId(const base::Random& random);  // 64 hexadecimal digits.

// The id of given material: the same for the same material and key, so that ciphertexts outlive a
// re-seeded world.
std::string MaterialIdOf(const base::Secret256& material, const std::string& key_id);

// Where a key's material is kept. Related multi-region keys have one name.
std::string MaterialSetName(const std::string& account, const std::string& region,
                            const std::string& key_id, bool multi_region);

// The policy of a key that was created without one. AWS KMS Developer Guide, "Default key policy".
std::string DefaultKeyPolicy(const std::string& region, const std::string& account);

// Specs and usages that DescribeKey knows, in the order of AWS's messages.
inline constexpr std::string_view kKeySpecs[] = {
    kSymmetricDefault, "RSA_2048",        "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384",
    "ECC_NIST_P521",   "ECC_SECG_P256K1", "HMAC_224", "HMAC_256", "HMAC_384",      "HMAC_512"};
inline constexpr std::string_view kKeyUsages[] = {"SIGN_VERIFY", "ENCRYPT_DECRYPT",
                                                  "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"};
bool IsKeySpec(std::string_view spec);
bool IsKeyUsage(std::string_view usage);
bool UsageFits(std::string_view spec, std::string_view usage);

}  // namespace tenantseal::emulator
