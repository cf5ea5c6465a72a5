#include "emulator/ciphertext.h"

#include <gtest/gtest.h>

#include "emulator/key_make.h"

namespace tenantseal::emulator {
namespace {

constexpr const char* kUuid = "1234abcd-12ab-34cd-56ef-1234567890ab";
constexpr const char* kMultiRegion = "mrk-1234abcd12ab34cd56ef1234567890ab";

class CiphertextTest : public ::testing::Test {
 protected:
  base::FakeRandom random{7};
  BackingKey material{NewMaterialId(random), random.Key(), {}, false};
  const ContextPairs context{{"a", "bc"}, {"tenant", "t1"}};
  const base::ByteSpan plaintext = base::AsBytes("plaintext");

  base::Bytes Seal(const std::string& key_id = kUuid) {
    return SealBlob(key_id, material, context, plaintext, random);
  }
};

TEST_F(CiphertextTest, OpensWithBothKindsOfKeyId) {
  for (const char* id : {kUuid, kMultiRegion}) {
    const base::Bytes blob = Seal(id);
    const std::optional<CiphertextHeader> header = ParseBlobHeader(blob);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->key_id, id);
    EXPECT_EQ(header->material_id, material.id);
    const std::optional<base::SecretBytes> opened = OpenBlob(blob, material, context);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->RevealText(), "plaintext");
  }
}

TEST_F(CiphertextTest, RefusesEveryFlippedBit) {
  const base::Bytes blob = Seal();
  for (std::size_t i = 0; i < blob.size() * 8; ++i) {
    base::Bytes bad = blob;
    bad[i / 8] ^= static_cast<std::uint8_t>(1 << (i % 8));
    EXPECT_FALSE(OpenBlob(bad, material, context)) << "bit " << i;
  }
}

TEST_F(CiphertextTest, RefusesEveryLengthButItsOwn) {
  const base::Bytes blob = Seal();
  for (std::size_t size = 0; size < blob.size(); ++size) {
    // An allocation of the exact size lets a sanitizer see reads past the end.
    const base::Bytes cut(blob.begin(), blob.begin() + static_cast<long>(size));
    EXPECT_FALSE(OpenBlob(cut, material, context)) << size << " bytes";
  }
  base::Bytes longer = blob;
  longer.push_back(0);
  EXPECT_FALSE(OpenBlob(longer, material, context));
}

TEST_F(CiphertextTest, BindsContextKeyAndMaterial) {
  const base::Bytes blob = Seal();
  const ContextPairs others[] = {
      {},
      {{"a", "bc"}},
      {{"ab", "c"}, {"tenant", "t1"}},  // The same bytes, divided otherwise.
      {{"a", "bctenant"}, {"", "t1"}},  // Likewise.
      {{"A", "bc"}, {"tenant", "t1"}},  // Keys are case-sensitive.
      {{"a", "bc"}, {"tenant", "T1"}},  // So are values.
      {{"a", "bc"}, {"tenant", "t1"}, {"x", ""}},
  };
  for (const ContextPairs& other : others) EXPECT_FALSE(OpenBlob(blob, material, other));
  BackingKey stranger{material.id, random.Key(), {}, false};
  EXPECT_FALSE(OpenBlob(blob, stranger, context));
  // A blob relabelled with another key's id does not open.
  base::Bytes relabelled = blob;
  const std::string other = "1234abcd-12ab-34cd-56ef-1234567890ac";
  std::copy(other.begin(), other.end(), relabelled.begin() + 2);
  ASSERT_EQ(ParseBlobHeader(relabelled)->key_id, other);
  EXPECT_FALSE(OpenBlob(relabelled, material, context));
}

TEST_F(CiphertextTest, IsNotABlob) {
  EXPECT_FALSE(ParseBlobHeader({}));
  for (const std::uint8_t fill : {0, 1, 2, 255}) {
    const base::Bytes filled(200, fill);
    EXPECT_FALSE(OpenBlob(filled, material, {})) << int{fill};
  }
  base::Bytes version = Seal();
  version[0] = 2;
  EXPECT_FALSE(ParseBlobHeader(version));
  base::Bytes nameless = Seal();
  nameless[1] = 0;
  EXPECT_FALSE(ParseBlobHeader(nameless));
  nameless[1] = 65;
  EXPECT_FALSE(ParseBlobHeader(nameless));
}

TEST_F(CiphertextTest, NoTwoAreAlikeAndTheLargestFitsTheLimit) {
  EXPECT_NE(Seal(), Seal());
  const base::Bytes large(4096, 1);
  EXPECT_LE(SealBlob(kUuid, material, context, large, random).size(), 6144U);
}

}  // namespace
}  // namespace tenantseal::emulator
