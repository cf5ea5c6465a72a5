// The internal KMS: provider keys of our own, one per tenant, in the keystore.
//
// Its key "ARN" is "internal:<tenant id>". The keystore is read at each call, which happens once
// per tenant key and lease, so a key destroyed by another process is refused at once. A key that
// was destroyed is kKeyRevoked: its owner wanted that. A key that never was is kIntegrity: the
// keystore is not the database's.
#pragma once

#include <memory>

#include "kms/internal/keystore.h"
#include "kms/kms_client.h"

namespace tenantseal::kms {

std::string InternalKeyArn(const model::TenantId& tenant);

class InternalKms final : public KmsClient, public InternalKeys {
 public:
  InternalKms(std::unique_ptr<Keystore> keystore, const base::Random& random)
      : keystore_(std::move(keystore)), random_(random) {}

  Result<KmsGenerated> GenerateDataKey(const KmsKey& key, const model::TenantId& tenant,
                                       CallLimits limits) const override;
  Result<KmsCiphertext> Encrypt(const KmsKey& key, const model::TenantId& tenant,
                                base::ByteSpan plaintext, CallLimits limits) const override;
  Result<KmsPlaintext> Decrypt(const KmsKey& key, const model::TenantId& tenant,
                               base::ByteSpan ciphertext, CallLimits limits) const override;
  Result<void> CreateKey(const model::TenantId& tenant) override {
    return keystore_->CreateKey(tenant);
  }
  Result<void> DestroyKey(const model::TenantId& tenant) override {
    return keystore_->DestroyKey(tenant);
  }

  Keystore& keystore() { return *keystore_; }

 private:
  const std::unique_ptr<Keystore> keystore_;
  const base::Random& random_;
};

}  // namespace tenantseal::kms
