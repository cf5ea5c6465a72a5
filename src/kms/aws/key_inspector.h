// What the owner of a key in AWS KMS answers. Private to kms/aws.
#pragma once

#include "kms/aws/core.h"

namespace tenantseal::kms {

class AwsKms::Inspector final : public KeyInspector {
 public:
  explicit Inspector(Core& core) : core_(core) {}

  Result<Answered<KeyDescription>> Describe(const std::string& arn,
                                            CallLimits limits) const override;
  Result<Answered<KmsGenerated>> Generate(const std::string& arn,
                                          const std::optional<model::TenantId>& tenant,
                                          CallLimits limits) const override;
  Result<Answered<KmsCiphertext>> Encrypt(const std::string& arn,
                                          const std::optional<model::TenantId>& tenant,
                                          base::ByteSpan plaintext,
                                          CallLimits limits) const override;
  Result<Answered<KmsPlaintext>> Decrypt(const std::string& arn, const model::TenantId& tenant,
                                         base::ByteSpan ciphertext,
                                         CallLimits limits) const override;

 private:
  // Asks the region of `arn` alone. AWS's code when the owner or the key refuses, empty when `take`
  // has read an answer. An empty tenant: without encryption context.
  Result<std::string> Ask(const std::string& arn, std::string_view tenant, CallLimits limits,
                          const Core::Question& question) const;

  Core& core_;
};

}  // namespace tenantseal::kms
