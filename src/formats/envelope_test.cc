#include "formats/envelope.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "crypto/aes_gcm.h"
#include "crypto/digest.h"
#include "crypto/kdf.h"
#include "formats/formats_testing.h"

namespace tenantseal::formats {
namespace {

using base::AsBytes;
using base::Bytes;

class EnvelopeTest : public testing::Test {
 protected:
  std::string Wrap(const model::DataKeyId* id) {
    return WrapDataKey(tenant_key_, 7, {tenant_, fingerprint_, context_}, id, data_key_, random_);
  }
  std::string SealText(std::string_view plaintext) {
    return SealValue(tenant_key_, 7, {tenant_, fingerprint_, context_}, AsBytes(plaintext),
                     random_);
  }
  // One error, equal in every part, whatever the reason.
  template <typename T>
  void ExpectDecryptFailed(const Result<T>& result, const std::string& why) {
    ASSERT_FALSE(result.ok()) << why;
    EXPECT_EQ(result.error().code, ErrorCode::kDecryptFailed) << why;
    EXPECT_EQ(result.error().message, DecryptFailed().message) << why;
    EXPECT_EQ(result.error().field, "") << why;
  }

  base::FakeRandom random_{1};
  base::Secret256 tenant_key_ = TestKey(2);
  base::Secret256 data_key_ = TestKey(3);
  model::TenantId tenant_ = TestTenant('a');
  model::Fingerprint fingerprint_ = TestFingerprint('f');
  model::EncryptionContext context_ = TestContext(tenant_);
  model::DataKeyId id_ = TestDataKeyId();
};

TEST_F(EnvelopeTest, WrappedKeysRoundTrip) {
  for (const model::DataKeyId* id :
       {static_cast<const model::DataKeyId*>(nullptr), &std::as_const(id_)}) {
    const std::string text = Wrap(id);
    EXPECT_EQ(text.size(), kWrappedKeyChars);
    EXPECT_TRUE(text.starts_with("#BYOKv1#:" + fingerprint_.text() + ":"));
    const auto label = ParseWrappedKey(text);
    ASSERT_TRUE(label.ok());
    EXPECT_EQ(label->version, 7u);
    EXPECT_EQ(label->fingerprint, fingerprint_);
    const auto opened = UnwrapDataKey(tenant_key_, tenant_, context_, id, text);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(*opened, data_key_);
  }
}

TEST_F(EnvelopeTest, ValuesRoundTripAtEverySize) {
  std::vector<std::size_t> sizes = {1000, base::kValueBytesMax - 1, base::kValueBytesMax};
  for (std::size_t n = 0; n < 70; ++n) sizes.push_back(n);
  for (std::size_t n : sizes) {
    const Bytes plaintext = RandomBytes(n, n + 1);
    const std::string text = SealText(base::AsText(plaintext));
    EXPECT_EQ(ParseSealedValue(text)->version, 7u);
    const auto opened = OpenValue(tenant_key_, tenant_, context_, text);
    ASSERT_TRUE(opened.ok()) << n;
    EXPECT_EQ(base::ToBytes(opened->Reveal()), plaintext);
  }
}

// The construction of docs/formats.md, written down a second time.
TEST_F(EnvelopeTest, BytesAreThoseOfTheDocument) {
  const std::string text = Wrap(&id_);
  const Bytes body = base::Base64UrlDecode(text.substr(42)).value();
  const base::ByteSpan bytes = body;
  base::ByteWriter associated;
  associated.Field("tenantseal-v1-data-key");
  associated.Field(tenant_.text());
  associated.Field(std::string_view("\0\0\0\7", 4));
  associated.Field(id_.text());
  associated.Field(context_.serialized());
  associated.Field(fingerprint_.text());
  EXPECT_EQ(base::HexEncode(bytes.first(6)), "010100000007");
  Bytes context = base::ToBytes(bytes.subspan(6, 32));
  const auto digest = crypto::Sha256(associated.bytes());
  context.insert(context.end(), digest.begin(), digest.end());
  Bytes derived(64);
  crypto::CounterKdf(tenant_key_.Reveal(), "tenantseal-v1-data-key", context, derived);
  EXPECT_EQ(base::HexEncode(bytes.subspan(38, 32)),
            base::HexEncode(base::ByteSpan(derived).last(32)));
  Bytes ciphertext(32);
  crypto::GcmTag tag;
  crypto::GcmSeal(base::Secret256(base::ByteSpan(derived).first<32>()), {}, associated.bytes(),
                  data_key_.Reveal(), ciphertext, tag);
  EXPECT_EQ(base::HexEncode(bytes.subspan(70, 32)), base::HexEncode(ciphertext));
  EXPECT_EQ(base::HexEncode(bytes.subspan(102)), base::HexEncode(tag));
}

TEST_F(EnvelopeTest, EverySealingDiffers) {
  EXPECT_NE(SealText("same"), SealText("same"));
  EXPECT_NE(Wrap(nullptr), Wrap(nullptr));
}

TEST_F(EnvelopeTest, EveryFlippedByteOfTheBodyFails) {
  const std::string key = Wrap(&id_), value = SealText("some value");
  for (const std::string& text : {key, value}) {
    const Bytes body = base::Base64UrlDecode(text.substr(42)).value();
    for (std::size_t i = 0; i < body.size(); ++i) {
      for (std::uint8_t mask : {0x01, 0x80}) {
        const std::string bad = text.substr(0, 42) + base::Base64UrlEncode(Flipped(body, i, mask));
        ExpectDecryptFailed(UnwrapDataKey(tenant_key_, tenant_, context_, &id_, bad),
                            std::to_string(i));
        ExpectDecryptFailed(OpenValue(tenant_key_, tenant_, context_, bad), std::to_string(i));
      }
    }
  }
}

TEST_F(EnvelopeTest, EveryFlippedCharacterAndEveryTruncationFails) {
  const std::string key = Wrap(&id_), value = SealText("some value");
  for (const std::string& text : {key, value}) {
    const auto expect_fails = [&](const std::string& bad) {
      ExpectDecryptFailed(UnwrapDataKey(tenant_key_, tenant_, context_, &id_, bad), bad);
      ExpectDecryptFailed(OpenValue(tenant_key_, tenant_, context_, bad), bad);
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
      for (char c : {'A', 'B', '-', '=', '\n', '\0', '\xFF'}) {
        std::string bad = text;
        if (bad[i] == c) continue;
        bad[i] = c;
        expect_fails(bad);
      }
      expect_fails(text.substr(0, i));
      expect_fails(text.substr(i + 1));
    }
    expect_fails(text + "A");
    expect_fails(text + "AAAA");
    expect_fails(text + "=");
  }
}

TEST_F(EnvelopeTest, NothingOpensUnderAnotherBinding) {
  const std::string key = Wrap(&id_), detached = Wrap(nullptr), value = SealText("v");
  const base::Secret256 other_key = TestKey(99);
  const model::TenantId other = TestTenant('b');
  const model::DataKeyId other_id = TestDataKeyId('x');
  const model::EncryptionContext foreign = TestContext(other);
  ExpectDecryptFailed(UnwrapDataKey(other_key, tenant_, context_, &id_, key), "tenant key");
  ExpectDecryptFailed(UnwrapDataKey(tenant_key_, other, context_, &id_, key), "tenant");
  ExpectDecryptFailed(UnwrapDataKey(tenant_key_, tenant_, foreign, &id_, key), "context");
  ExpectDecryptFailed(UnwrapDataKey(tenant_key_, tenant_, context_, &other_id, key), "id");
  ExpectDecryptFailed(UnwrapDataKey(tenant_key_, tenant_, context_, nullptr, key),
                      "managed as detached");
  ExpectDecryptFailed(UnwrapDataKey(tenant_key_, tenant_, context_, &id_, detached),
                      "detached as managed");
  ExpectDecryptFailed(UnwrapDataKey(tenant_key_, tenant_, context_, nullptr, value),
                      "value as key");
  ExpectDecryptFailed(OpenValue(tenant_key_, tenant_, context_, detached), "key as value");
  ExpectDecryptFailed(OpenValue(other_key, tenant_, context_, value), "tenant key");
  ExpectDecryptFailed(OpenValue(tenant_key_, other, context_, value), "tenant");
  ExpectDecryptFailed(OpenValue(tenant_key_, tenant_, foreign, value), "context");
  for (std::vector<model::EncryptionContext::Pair> pairs :
       {std::vector<model::EncryptionContext::Pair>{},
        {{"Purpose", "report"}},
        {{"Purpose", "report"}, {"App", "Sales"}},
        {{"Purpose", "report"}, {"App", "sales"}, {"More", ""}}}) {
    const auto context = TestContext(tenant_, pairs);
    ExpectDecryptFailed(OpenValue(tenant_key_, tenant_, context, value), "pairs");
    ExpectDecryptFailed(UnwrapDataKey(tenant_key_, tenant_, context, &id_, key), "pairs");
  }
}

TEST_F(EnvelopeTest, TheKindIsBoundByMoreThanItsByte) {
  // A value of 32 bytes has the size of a wrapped key; with its kind byte changed it looks like
  // one, but its key was derived under another label.
  const std::string value = SealText(std::string(32, 'x'));
  Bytes body = base::Base64UrlDecode(value.substr(42)).value();
  body[1] = 1;
  const std::string forged = value.substr(0, 42) + base::Base64UrlEncode(body);
  ASSERT_TRUE(ParseWrappedKey(forged).ok());
  ExpectDecryptFailed(UnwrapDataKey(tenant_key_, tenant_, context_, nullptr, forged), "kind");
}

TEST_F(EnvelopeTest, LabelsThatNoSealingMakesAreRefused) {
  const std::string key = Wrap(nullptr), value = SealText("v");
  ExpectDecryptFailed(ParseWrappedKey(value), "value");
  ExpectDecryptFailed(ParseSealedValue(key), "key");
  Bytes body = base::Base64UrlDecode(value.substr(42)).value();
  const auto with = [&](std::size_t at, std::uint8_t byte) {
    Bytes changed = body;
    changed[at] = byte;
    return value.substr(0, 42) + base::Base64UrlEncode(changed);
  };
  EXPECT_TRUE(ParseSealedValue(with(5, 8)).ok());
  ExpectDecryptFailed(ParseSealedValue(with(0, 2)), "format");
  ExpectDecryptFailed(ParseSealedValue(with(0, 0)), "format");
  ExpectDecryptFailed(ParseSealedValue(with(1, 3)), "kind");
  ExpectDecryptFailed(ParseSealedValue(with(5, 0)), "version 0");
  for (std::string_view text : {"", "#", "#BYOKv1#:", "#BYOKv1#::AQ"}) {
    ExpectDecryptFailed(ParseSealedValue(text), std::string(text));
    ExpectDecryptFailed(ParseWrappedKey(text), std::string(text));
  }
  const std::string oversize(base::Base64UrlSize(kEnvelopeOverheadBytes + base::kValueBytesMax + 1),
                             'A');
  ExpectDecryptFailed(
      ParseSealedValue(value.substr(0, 42) + value.substr(42, 8) + oversize.substr(8)), "size");
  ExpectDecryptFailed(OpenValue(tenant_key_, tenant_, context_, value.substr(0, 42) + oversize),
                      "size");
}

TEST_F(EnvelopeTest, CheckValuesDependOnKeyTenantAndVersion) {
  const Bytes value = TenantKeyCheckValue(tenant_key_, tenant_, 1);
  EXPECT_EQ(value.size(), 32u);
  EXPECT_EQ(value, TenantKeyCheckValue(tenant_key_, tenant_, 1));
  EXPECT_NE(value, TenantKeyCheckValue(tenant_key_, tenant_, 2));
  EXPECT_NE(value, TenantKeyCheckValue(tenant_key_, TestTenant('b'), 1));
  EXPECT_NE(value, TenantKeyCheckValue(data_key_, tenant_, 1));
}

}  // namespace
}  // namespace tenantseal::formats
