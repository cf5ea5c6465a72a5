#include "base/encoding.h"
#include "crypto/digest.h"
#include "providers/key_providers.h"

namespace tenantseal::providers {

model::Fingerprint FingerprintOf(const model::TenantId& tenant, const std::string& key_arn) {
  std::string text;
  for (const std::string& part : {tenant.text(), key_arn})
    text += std::to_string(part.size()) + ":" + part;
  const std::string digest = base::HexEncode(crypto::Sha256(base::AsBytes(text)));
  return model::Fingerprint::Parse(digest.substr(0, 32)).value();
}

}  // namespace tenantseal::providers
