// What every KMS promises (kms/kms_client.h). A suite is run on each implementation by giving it a
// way to make one.
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
  kms::InternalKeys* keys = nullptr;
};

struct KmsKind {
  std::string name;
  std::function<KmsUnderTest()> make;
};

class KmsContract : public testing::TestWithParam<KmsKind> {
 protected:
  KmsContract() : kms_(GetParam().make()) {
    for (const auto& tenant : {a_, b_}) EXPECT_TRUE(kms_.keys->CreateKey(tenant).ok());
  }
  static model::TenantId Tenant(char c) {
    return model::TenantId::Parse(std::string(32, c)).value();
  }
  Result<kms::KmsGenerated> Generate(const model::TenantId& tenant) {
    return kms_.client->GenerateDataKey({}, tenant, deadline_);
  }
  Result<kms::KmsPlaintext> Decrypt(const model::TenantId& tenant, base::ByteSpan blob) {
    return kms_.client->Decrypt({}, tenant, blob, deadline_);
  }

  const model::TenantId a_ = Tenant('a');
  const model::TenantId b_ = Tenant('b');
  const base::Deadline deadline_{std::chrono::hours(1'000'000)};
  KmsUnderTest kms_;
};

}  // namespace tenantseal
