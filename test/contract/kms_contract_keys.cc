#include "contract/kms_contract.h"

namespace tenantseal {
namespace {

TEST_P(KmsKeysContract, AKeyThatNeverWasIsIntegrityAndADestroyedOneIsRevoked) {
  EXPECT_EQ(Generate(Tenant('c')).error().code, ErrorCode::kIntegrity);
  const auto wrapped = Generate(a_);
  ASSERT_TRUE(kms_.keys->DestroyKey(a_).ok());
  EXPECT_EQ(Decrypt(a_, wrapped->wrapped.blob).error().code, ErrorCode::kKeyRevoked);
  EXPECT_EQ(Generate(a_).error().code, ErrorCode::kKeyRevoked);
  EXPECT_EQ(kms_.keys->CreateKey(a_).error().code, ErrorCode::kConflict) << "never under the name";
  EXPECT_TRUE(kms_.keys->DestroyKey(a_).ok());
  EXPECT_TRUE(kms_.keys->DestroyKey(Tenant('c')).ok());
  EXPECT_TRUE(Generate(b_).ok()) << "the others are not touched";
}

TEST_P(KmsKeysContract, CreatingAKeyAgainKeepsIt) {
  const auto wrapped = Generate(a_);
  ASSERT_TRUE(kms_.keys->CreateKey(a_).ok());
  EXPECT_TRUE(Decrypt(a_, wrapped->wrapped.blob).ok());
}

}  // namespace
}  // namespace tenantseal
