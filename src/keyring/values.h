// Values: small payloads that the service itself seals and opens.
#pragma once

#include <string>

#include "keyring/keyring.h"
#include "model/encryption_context.h"

namespace tenantseal::keyring {

class Values {
 public:
  Values(Keyring& keyring, const base::Random& random) : keyring_(keyring), random_(random) {}

  // Seals at most kValueBytesMax bytes (else kTooLarge) under the tenant's active key. The context
  // must have been made for `tenant`.
  Result<std::string> Seal(const model::TenantId& tenant, const model::EncryptionContext& context,
                           base::ByteSpan plaintext, Wait wait, base::Deadline deadline);
  // DecryptFailed() for whatever reason of the caller's.
  Result<base::SecretBytes> Open(const model::TenantId& tenant,
                                 const model::EncryptionContext& context,
                                 std::string_view ciphertext, Wait wait, base::Deadline deadline);
  struct Resealed {
    std::string ciphertext;
    bool changed = false;  // False: it was sealed by the active version and provider already.
  };
  Result<Resealed> Reseal(const model::TenantId& tenant, const model::EncryptionContext& context,
                          std::string_view ciphertext, Wait wait, base::Deadline deadline);

 private:
  Keyring& keyring_;
  const base::Random& random_;
};

}  // namespace tenantseal::keyring
