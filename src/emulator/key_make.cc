#include "emulator/key_make.h"

#include <algorithm>

#include "aws/region.h"
#include "base/encoding.h"
#include "crypto/hmac.h"
#include "emulator/json_text.h"

namespace tenantseal::emulator {

std::string NewKeyId(const base::Random& random, bool multi_region) {
  if (!multi_region) return UuidText(NewUuid(random));
  std::array<std::uint8_t, 16> bytes;
  random.FillPublic(bytes);
  return "mrk-" + base::HexEncode(bytes);
}

std::string NewMaterialId(const base::Random& random) {
  std::array<std::uint8_t, 32> bytes;
  random.FillPublic(bytes);
  return base::HexEncode(bytes);
}

std::string MaterialIdOf(const base::Secret256& material, const std::string& key_id) {
  return base::HexEncode(crypto::HmacSha256(
      material.Reveal(), {base::AsBytes("emulator key material id"), base::AsBytes(key_id)}));
}

std::string MaterialSetName(const std::string& account, const std::string& region,
                            const std::string& key_id, bool multi_region) {
  return account + "/" + (multi_region ? std::string("*") : region) + "/" + key_id;
}

std::string DefaultKeyPolicy(const std::string& region, const std::string& account) {
  const std::string partition(aws::PartitionOfRegion(region).value_or("aws"));
  return "{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n"
         "  \"Statement\" : [ {\n    \"Sid\" : \"Enable IAM User Permissions\",\n"
         "    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n      \"AWS\" : \"arn:" +
         partition + ":iam::" + account +
         ":root\"\n    },\n    \"Action\" : \"kms:*\",\n    \"Resource\" : \"*\"\n  } ]\n}";
}

bool IsKeySpec(std::string_view spec) {
  return std::ranges::find(kKeySpecs, spec) != std::end(kKeySpecs);
}
bool IsKeyUsage(std::string_view usage) {
  return std::ranges::find(kKeyUsages, usage) != std::end(kKeyUsages);
}

bool UsageFits(std::string_view spec, std::string_view usage) {
  if (spec == kSymmetricDefault) return usage == "ENCRYPT_DECRYPT";
  if (spec.starts_with("HMAC_")) return usage == "GENERATE_VERIFY_MAC";
  if (spec.starts_with("RSA_")) return usage == "ENCRYPT_DECRYPT" || usage == "SIGN_VERIFY";
  if (spec == "ECC_SECG_P256K1") return usage == "SIGN_VERIFY";
  return usage == "SIGN_VERIFY" || usage == "KEY_AGREEMENT";
}

}  // namespace tenantseal::emulator
