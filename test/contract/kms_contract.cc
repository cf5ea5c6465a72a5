#include "contract/kms_contract.h"

#include <unistd.h>

#include <filesystem>

#include "kms/fake_kms.h"
#include "kms/internal/internal_kms.h"

namespace tenantseal {
namespace {

TEST_P(KmsContract, GeneratesKeysThatDecrypt) {
  const auto one = Generate(a_);
  const auto two = Generate(a_);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(one->plaintext.size(), 32u);
  EXPECT_FALSE(one->plaintext == two->plaintext);
  EXPECT_EQ(one->wrapped.key_arn, "internal:" + a_.text());
  EXPECT_LE(one->wrapped.blob.size(), kms::kCiphertextBytesMax);
  const auto again = Decrypt(a_, one->wrapped.blob);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->plaintext == one->plaintext);
  EXPECT_EQ(again->key_arn, one->wrapped.key_arn);
}

TEST_P(KmsContract, EncryptsWhatItIsGiven) {
  const auto wrapped = kms_.client->Encrypt({}, a_, base::AsBytes("a secret"), deadline_);
  ASSERT_TRUE(wrapped.ok());
  const auto again = Decrypt(a_, wrapped->blob);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->plaintext.RevealText(), "a secret");
  const auto other = kms_.client->Encrypt({}, a_, base::AsBytes("a secret"), deadline_);
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

TEST_P(KmsContract, AKeyThatNeverWasIsIntegrityAndADestroyedOneIsRevoked) {
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

TEST_P(KmsContract, CreatingAKeyAgainKeepsIt) {
  const auto wrapped = Generate(a_);
  ASSERT_TRUE(kms_.keys->CreateKey(a_).ok());
  EXPECT_TRUE(Decrypt(a_, wrapped->wrapped.blob).ok());
}

// The keystore in a directory that goes with it.
struct InternalGround {
  base::SystemRandom random;
  base::SystemClock clock;
  std::string dir;
  std::unique_ptr<kms::InternalKms> kms;
  ~InternalGround() {
    kms.reset();
    std::filesystem::remove_all(dir);
  }
};

KmsUnderTest MakeInternal() {
  auto ground = std::make_shared<InternalGround>();
  std::string dir = std::filesystem::temp_directory_path() / "kms_contract.XXXXXX";
  ground->dir = ::mkdtemp(dir.data());
  const std::string root = ground->dir + "/root.key";
  auto roots = kms::CreateRootFile(root, ground->random, ground->clock);
  auto keystore =
      kms::Keystore::Create(ground->dir + "/keystore.db", kms::RootSource::File(root),
                            std::move(*roots), "deployment", ground->random, ground->clock);
  ground->kms = std::make_unique<kms::InternalKms>(std::move(*keystore), ground->random);
  return {ground, ground->kms.get(), ground->kms.get()};
}

struct FakeGround {
  base::SystemRandom random;
  kms::FakeKms kms{random};
};

KmsUnderTest MakeFake() {
  auto ground = std::make_shared<FakeGround>();
  return {ground, &ground->kms, &ground->kms};
}

INSTANTIATE_TEST_SUITE_P(All, KmsContract,
                         testing::Values(KmsKind{"InternalKms", MakeInternal},
                                         KmsKind{"FakeKms", MakeFake}),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace tenantseal
