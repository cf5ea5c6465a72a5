// What every KMS promises (kms/kms_client.h). A suite is run on each implementation by giving it a
// way to make one. KmsKeysContract holds for those that make their provider keys themselves.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "base/random.h"
#include "kms/kms_client.h"

namespace tenantseal {

// A KMS with its own provider keys and whatever it stands on.
struct KmsUnderTest {
  std::shared_ptr<void> ground;
  kms::KmsClient* client = nullptr;
  kms::InternalKeys* keys = nullptr;  // None: the tenants' keys are there already.
  std::function<kms::KmsKey(const model::TenantId&)> key;      // How a tenant's key is named.
  std::function<std::string(const model::TenantId&)> key_arn;  // What replies call it.
};

struct KmsKind {
  std::string name;
  std::function<KmsUnderTest()> make;
};

class KmsContract : public testing::TestWithParam<KmsKind> {
 protected:
  KmsContract() : kms_(GetParam().make()) {
    if (kms_.keys == nullptr) return;
    for (const auto& tenant : {a_, b_}) EXPECT_TRUE(kms_.keys->CreateKey(tenant).ok());
  }
  static model::TenantId Tenant(char c) {
    return model::TenantId::Parse(std::string(32, c)).value();
  }
  Result<kms::KmsGenerated> Generate(const model::TenantId& tenant) {
    return kms_.client->GenerateDataKey(kms_.key(tenant), tenant, deadline_);
  }
  Result<kms::KmsPlaintext> Decrypt(const model::TenantId& tenant, base::ByteSpan blob) {
    return kms_.client->Decrypt(kms_.key(tenant), tenant, blob, deadline_);
  }

  Result<kms::KmsCiphertext> Encrypt(const model::TenantId& tenant, base::ByteSpan plaintext) {
    return kms_.client->Encrypt(kms_.key(tenant), tenant, plaintext, deadline_);
  }

  const model::TenantId a_ = Tenant('a');
  const model::TenantId b_ = Tenant('b');
  const base::Deadline deadline_{std::chrono::hours(1'000'000)};
  KmsUnderTest kms_;
};

class KmsKeysContract : public KmsContract {};

}  // namespace tenantseal
