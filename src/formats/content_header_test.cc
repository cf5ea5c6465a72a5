#include "formats/content_header.h"

#include <gtest/gtest.h>

#include "crypto/aes_gcm.h"
#include "formats/content_message.h"
#include "formats/formats_testing.h"

namespace tenantseal::formats {
namespace {

using base::Bytes;
using base::ByteSpan;

class HeaderTest : public testing::Test {
 protected:
  HeaderTest()
      : bytes_(WriteContentHeader(fields_, id_, DeriveContentKeys(data_key_, id_)).value()) {}
  // A header with any list of keys, its tag right.
  Bytes WithKeys(std::vector<EncryptedDataKey> keys) {
    base::ByteWriter out;
    const ContentKeys derived = DeriveContentKeys(data_key_, id_);
    out.U8(2);
    out.U16(0x0478);
    out.Raw(id_);
    out.U16(static_cast<std::uint16_t>(context_.serialized().size()));
    out.Raw(context_.serialized());
    out.U16(static_cast<std::uint16_t>(keys.size()));
    for (const EncryptedDataKey& key : keys) {
      for (std::string_view field : {key.provider_id, key.provider_info, key.ciphertext}) {
        out.U16(static_cast<std::uint16_t>(field.size()));
        out.Raw(base::AsBytes(field));
      }
    }
    out.U8(2);
    out.U32(4096);
    out.Raw(derived.commitment.Reveal());
    crypto::GcmTag tag;
    crypto::GcmSeal(derived.content_key, {}, out.bytes(), {}, {}, tag);
    out.Raw(tag);
    return out.Take();
  }
  void ExpectRefused(const Bytes& bytes, std::string_view words) {
    const auto header = ParseContentHeader(bytes);
    ASSERT_FALSE(header.ok()) << words;
    EXPECT_EQ(header.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(header.error().field, "message");
    EXPECT_NE(header.error().message.find(words), std::string::npos) << header.error().message;
  }
  Bytes With(std::size_t at, std::vector<std::uint8_t> patch) {
    Bytes out = bytes_;
    std::copy(patch.begin(), patch.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
    return out;
  }

  model::TenantId tenant_ = TestTenant();
  model::EncryptionContext context_ = TestContext(tenant_);
  base::Secret256 data_key_ = TestKey(5);
  MessageId id_{7, 7, 7};
  std::string wrapped_ = std::string(kWrappedKeyChars, 'w');
  ContentHeaderFields fields_{tenant_, wrapped_, context_, 4096};
  Bytes bytes_;
};

TEST_F(HeaderTest, ParsesWhatItWrites) {
  Bytes longer = bytes_;
  longer.resize(longer.size() + 100);
  const ContentHeader header = ParseWholeContentHeader(longer).value();
  EXPECT_EQ(header.bytes.size(), bytes_.size());
  EXPECT_EQ(header.bytes.size(), ContentHeaderBytes(fields_));
  EXPECT_EQ(base::ToBytes(header.message_id), base::ToBytes(id_));
  EXPECT_EQ(header.ParseContext().value(), context_);
  EXPECT_EQ(header.frame_length, 4096u);
  ASSERT_EQ(header.DataKeys().size(), 1u);
  ASSERT_NE(header.TenantsealKey(), nullptr);
  EXPECT_EQ(header.TenantsealKey()->provider_info, tenant_.text());
  EXPECT_EQ(header.TenantsealKey()->ciphertext, wrapped_);
  EXPECT_TRUE(OpenContentHeader(header, data_key_).ok());
  EXPECT_EQ(WithKeys({{kProviderId, tenant_.text(), wrapped_}}), bytes_);
}

TEST_F(HeaderTest, EveryPrefixAsksForMore) {
  for (std::size_t n = 0; n < bytes_.size(); ++n) {
    const auto header = ParseContentHeader(ByteSpan(bytes_).first(n));
    ASSERT_TRUE(header.ok()) << n;
    EXPECT_FALSE(header->has_value()) << n;
    EXPECT_FALSE(ParseWholeContentHeader(ByteSpan(bytes_).first(n)).ok());
  }
}

TEST_F(HeaderTest, EveryFlippedBitIsRefusedOrDoesNotVerify) {
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes bad = Flipped(bytes_, i, static_cast<std::uint8_t>(1 << bit));
      bad.resize(bad.size() + 300);
      const auto header = ParseContentHeader(bad);
      if (!header.ok() || !header->has_value()) continue;
      EXPECT_EQ(OpenContentHeader(**header, data_key_).error().code, ErrorCode::kDecryptFailed)
          << i;
    }
  }
}

TEST_F(HeaderTest, SaysWhatIsNotSupported) {
  const std::size_t tail = bytes_.size() - 16 - 32 - 4 - 1;
  ExpectRefused(With(0, {1}), "not a Tenantseal message");
  ExpectRefused(base::ToBytes(base::AsBytes("age-encryption.org/v1\n")),
                "not a Tenantseal message");
  ExpectRefused(With(1, {0x05, 0x78}), "signed");
  ExpectRefused(With(1, {0x01, 0x78}), "without key commitment");
  ExpectRefused(With(35, {0, 0}), "belongs to no tenant");
  ExpectRefused(With(35, {0x20, 0x01}), "larger than 8 KiB");
  const std::size_t count = 37 + context_.serialized().size();
  ExpectRefused(With(count, {0, 0}), "1 to 16");
  ExpectRefused(With(count, {0, 17}), "1 to 16");
  ExpectRefused(With(tail, {1}), "yet has a frame length");
  ExpectRefused(With(tail, {3}), "content type");
  ExpectRefused(With(tail + 1, {0, 0, 0, 0}), "frame length");
  ExpectRefused(With(tail + 1, {1, 0, 0, 1}), "frame length");
}

TEST_F(HeaderTest, IsBounded) {
  const std::string big(40'000, 'x');
  const Bytes two = WithKeys({{"a", "b", big}, {"c", "d", big}});
  ExpectRefused(two, "72 KiB");
  ExpectRefused(
      WithKeys({{"a", "b", std::string(65'000, 'x')}, {"c", "d", std::string(8'700, 'x')}}),
      "72 KiB");
  EXPECT_FALSE(
      ParseContentHeader(ByteSpan(two).first(kContentHeaderBytesMax - 1)).value().has_value());
  const std::vector<EncryptedDataKey> sixteen(16, {"p", "i", "c"});
  EXPECT_EQ(ParseWholeContentHeader(WithKeys(sixteen))->DataKeys().size(), 16u);
}

TEST_F(HeaderTest, RefusesFieldsThatDoNotFit) {
  const std::string long_key(0x10000, 'x');
  const ContentKeys keys = DeriveContentKeys(data_key_, id_);
  EXPECT_EQ(WriteContentHeader({tenant_, long_key, context_, 1}, id_, keys).error().field,
            "wrappedKey");
  EXPECT_EQ(WriteContentHeader({tenant_, "", context_, 1}, id_, keys).error().field, "wrappedKey");
  EXPECT_EQ(WriteContentHeader({tenant_, wrapped_, context_, 0}, id_, keys).error().field,
            "frameLength");
  EXPECT_EQ(WriteContentHeader({tenant_, wrapped_, context_, kFrameLengthMax + 1}, id_, keys)
                .error()
                .field,
            "frameLength");
}

}  // namespace
}  // namespace tenantseal::formats
