// The KMS client of the service: each key's calls go to the service that holds the key.
#pragma once

#include "kms/kms_client.h"

namespace tenantseal::server {

// Thread-safe. Both clients outlive it.
class RoutingKms final : public kms::KmsClient {
 public:
  RoutingKms(const kms::KmsClient& internal, const kms::KmsClient& aws)
      : internal_(internal), aws_(aws) {}

  Result<kms::KmsGenerated> GenerateDataKey(const kms::KmsKey& key, const model::TenantId& tenant,
                                            kms::CallLimits limits) const override {
    return Of(key).GenerateDataKey(key, tenant, limits);
  }
  Result<kms::KmsCiphertext> Encrypt(const kms::KmsKey& key, const model::TenantId& tenant,
                                     base::ByteSpan plaintext,
                                     kms::CallLimits limits) const override {
    return Of(key).Encrypt(key, tenant, plaintext, limits);
  }
  Result<kms::KmsPlaintext> Decrypt(const kms::KmsKey& key, const model::TenantId& tenant,
                                    base::ByteSpan ciphertext,
                                    kms::CallLimits limits) const override {
    return Of(key).Decrypt(key, tenant, ciphertext, limits);
  }

 private:
  const kms::KmsClient& Of(const kms::KmsKey& key) const {
    return key.kind == model::ProviderKind::kAwsKms ? aws_ : internal_;
  }
  const kms::KmsClient& internal_;
  const kms::KmsClient& aws_;
};

}  // namespace tenantseal::server
