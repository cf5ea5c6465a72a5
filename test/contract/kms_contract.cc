#include "contract/kms_contract.h"

namespace tenantseal {
namespace {

TEST_P(KmsContract, GeneratesKeysThatDecrypt) {
  const auto one = Generate(a_);
  const auto two = Generate(a_);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(one->plaintext.size(), 32u);
  EXPECT_FALSE(one->plaintext == two->plaintext);
  EXPECT_EQ(one->wrapped.key_arn, kms_.key_arn(a_));
  EXPECT_LE(one->wrapped.blob.size(), kms::kCiphertextBytesMax);
  const auto again = Decrypt(a_, one->wrapped.blob);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->plaintext == one->plaintext);
  EXPECT_EQ(again->key_arn, one->wrapped.key_arn);
}

TEST_P(KmsContract, EncryptsWhatItIsGiven) {
  const std::string secret = "as many bytes as a tenant's key ";
  ASSERT_EQ(secret.size(), 32u);
  const auto wrapped = Encrypt(a_, base::AsBytes(secret));
  ASSERT_TRUE(wrapped.ok());
  const auto again = Decrypt(a_, wrapped->blob);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->plaintext.RevealText(), secret);
  const auto other = Encrypt(a_, base::AsBytes(secret));
  EXPECT_NE(other->blob, wrapped->blob);
}

TEST_P(KmsContract, OneTenantsCiphertextIsNotAnothers) {
  const auto wrapped = Generate(a_);
  EXPECT_EQ(Decrypt(b_, wrapped->wrapped.blob).error().code, ErrorCode::kIntegrity);
}

TEST_P(KmsContract, EveryFlippedByteAndTruncationIsIntegrity) {
  const base::Bytes blob = Generate(a_)->wrapped.blob;
  for (std::size_t i = 0; i < blob.size(); ++i) {
    base::Bytes bad = blob;
    bad[i] ^= 0x80;
    EXPECT_EQ(Decrypt(a_, bad).error().code, ErrorCode::kIntegrity) << i;
    EXPECT_EQ(Decrypt(a_, base::ByteSpan(blob).first(i)).error().code, ErrorCode::kIntegrity) << i;
  }
  base::Bytes longer = blob;
  longer.push_back(0);
  EXPECT_EQ(Decrypt(a_, longer).error().code, ErrorCode::kIntegrity);
  EXPECT_EQ(Decrypt(a_, base::Bytes(kms::kCiphertextBytesMax + 1)).error().code,
            ErrorCode::kIntegrity);
}

}  // namespace
}  // namespace tenantseal
