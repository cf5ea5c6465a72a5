#include "formats/envelope.h"

#include <algorithm>
#include <initializer_list>

#include "base/check.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "crypto/aes_gcm.h"
#include "crypto/digest.h"
#include "crypto/kdf.h"

namespace tenantseal::formats {
namespace {

constexpr std::string_view kPrefix = "#BYOKv1#:";
constexpr std::size_t kFingerprintChars = model::FingerprintTag::kCharsMax;
constexpr std::size_t kBodyAt = kPrefix.size() + kFingerprintChars + 1;  // In the text.
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kKeyBytes = 32;

// Where the parts of a body begin.
constexpr std::size_t kVersionAt = 2;
constexpr std::size_t kSaltAt = 6;
constexpr std::size_t kCommitmentAt = kSaltAt + 32;
constexpr std::size_t kCiphertextAt = kCommitmentAt + 32;
constexpr std::size_t kTagBytes = crypto::kGcmTagBytes;
static_assert(kCiphertextAt + kTagBytes == kEnvelopeOverheadBytes);
static_assert(kBodyAt + base::Base64UrlSize(kEnvelopeOverheadBytes + kKeyBytes) ==
              kWrappedKeyChars);

constexpr std::size_t kBodyBytesMax = kEnvelopeOverheadBytes + base::kValueBytesMax;

// The two things that are sealed under a tenant key, and what tells them apart.
struct Kind {
  std::uint8_t byte;
  std::string_view label;
  std::size_t text_chars_min;
  std::size_t text_chars_max;
};
constexpr Kind kWrappedKey = {1, "tenantseal-v1-data-key", kWrappedKeyChars, kWrappedKeyChars};
constexpr Kind kValue = {2, "tenantseal-v1-value",
                         kBodyAt + base::Base64UrlSize(kEnvelopeOverheadBytes),
                         kBodyAt + base::Base64UrlSize(kBodyBytesMax)};
constexpr std::string_view kCheckValueLabel = "tenantseal-v1-check-value";

// What a ciphertext is bound to. The views are the caller's.
struct Bound {
  std::string_view tenant;
  std::uint32_t version;
  std::string_view data_key_id;  // Empty for detached keys and values; an id never is.
  base::ByteSpan context;
  std::string_view fingerprint;
};

std::array<std::uint8_t, 4> BigEndian32(std::uint32_t v) {
  return {static_cast<std::uint8_t>(v >> 24), static_cast<std::uint8_t>(v >> 16),
          static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)};
}

// Writes the fields, each after its length (4), to this thread's buffer, which holds them until
// the next call. At most a context and a few ids, so the buffer stays small; nothing is secret.
base::ByteSpan Fields(std::initializer_list<base::ByteSpan> fields) {
  thread_local base::Bytes buffer;
  std::size_t size = 0;
  for (base::ByteSpan field : fields) size += 4 + field.size();
  if (buffer.size() < size) buffer.resize(size);
  std::uint8_t* to = buffer.data();
  for (base::ByteSpan field : fields) {
    const auto length = BigEndian32(static_cast<std::uint32_t>(field.size()));
    std::memcpy(to, length.data(), length.size());
    if (!field.empty()) std::memcpy(to + length.size(), field.data(), field.size());
    to += length.size() + field.size();
  }
  return {buffer.data(), size};
}

base::ByteSpan AssociatedData(const Kind& kind, const Bound& bound) {
  const auto version = BigEndian32(bound.version);
  return Fields({base::AsBytes(kind.label), base::AsBytes(bound.tenant), version,
                 base::AsBytes(bound.data_key_id), bound.context,
                 base::AsBytes(bound.fingerprint)});
}

// This thread's room for a body. Holds ciphertext only, never plaintext.
base::MutableByteSpan BodyBuffer(std::size_t size) {
  thread_local base::Bytes buffer;
  if (buffer.size() < size) buffer.resize(size);
  return {buffer.data(), size};
}

// The digest of what is bound, kept for the next call: the values of a batch mostly share what they
// are bound to. Nothing is secret.
crypto::Sha256Digest DigestOf(base::ByteSpan associated_data) {
  thread_local base::Bytes last;
  thread_local crypto::Sha256Digest digest = crypto::Sha256(last);
  if (!std::ranges::equal(last, associated_data)) {
    last.assign(associated_data.begin(), associated_data.end());
    digest = crypto::Sha256(associated_data);
  }
  return digest;
}

struct Derived {
  base::Secret256 key;
  std::array<std::uint8_t, 32> commitment;
};

Derived Derive(const Kind& kind, const base::Secret256& tenant_key, base::ByteSpan salt,
               base::ByteSpan associated_data) {
  std::array<std::uint8_t, 64> context;
  std::memcpy(context.data(), salt.data(), 32);
  const crypto::Sha256Digest digest = DigestOf(associated_data);
  std::memcpy(context.data() + 32, digest.data(), 32);
  base::SecretArray<64> both;
  crypto::CounterKdf(tenant_key.Reveal(), kind.label, context, both.RevealMutable());
  Derived out{base::Secret256(both.Reveal().first<32>()), {}};
  std::memcpy(out.commitment.data(), both.Reveal().data() + 32, 32);
  return out;
}

std::string Seal(const Kind& kind, const base::Secret256& tenant_key, const Bound& bound,
                 base::ByteSpan plaintext, const base::Random& random) {
  const base::MutableByteSpan body = BodyBuffer(kEnvelopeOverheadBytes + plaintext.size());
  const auto version = BigEndian32(bound.version);
  body[0] = kFormat;
  body[1] = kind.byte;
  std::memcpy(body.data() + kVersionAt, version.data(), version.size());
  const base::MutableByteSpan salt = body.subspan(kSaltAt, 32);
  random.FillPublic(salt);
  const base::ByteSpan associated_data = AssociatedData(kind, bound);
  const Derived derived = Derive(kind, tenant_key, salt, associated_data);
  std::memcpy(body.data() + kCommitmentAt, derived.commitment.data(), 32);
  // The nonce may be constant because the key is derived from a fresh salt and used once.
  crypto::GcmSeal(derived.key, crypto::GcmNonce{}, associated_data, plaintext,
                  body.subspan(kCiphertextAt, plaintext.size()), body.last<kTagBytes>());

  std::string text(kBodyAt + base::Base64UrlSize(body.size()), ':');
  std::memcpy(text.data(), kPrefix.data(), kPrefix.size());
  std::memcpy(text.data() + kPrefix.size(), bound.fingerprint.data(), kFingerprintChars);
  base::Base64UrlEncodeTo(body, text.data() + kBodyAt);
  return text;
}

bool HasShape(const Kind& kind, std::string_view text) {
  return text.size() >= kind.text_chars_min && text.size() <= kind.text_chars_max &&
         text.starts_with(kPrefix) && text[kBodyAt - 1] == ':';
}

// The version if the first bytes of a body are those of `kind`, else 0.
std::uint32_t BodyVersion(const Kind& kind, base::ByteSpan body) {
  base::ByteReader reader(body);
  const bool known = reader.U8() == kFormat && reader.U8() == kind.byte;
  return known ? reader.U32() : 0;
}

Result<EnvelopeLabel> ParseLabel(const Kind& kind, std::string_view text) {
  if (!HasShape(kind, text)) return DecryptFailed();
  auto fingerprint = model::Fingerprint::Parse(text.substr(kPrefix.size(), kFingerprintChars));
  if (!fingerprint) return DecryptFailed();
  std::array<std::uint8_t, 8> head;  // 6 bytes: format, kind, version.
  if (!base::Base64UrlDecodeTo(text.substr(kBodyAt, 8), head)) return DecryptFailed();
  const std::uint32_t version = BodyVersion(kind, base::ByteSpan(head).first(kSaltAt));
  if (version == 0) return DecryptFailed();
  return EnvelopeLabel{*std::move(fingerprint), version};
}

// Decodes a text's body to this thread's buffer; empty if it is not one of `kind`.
base::ByteSpan DecodeBody(const Kind& kind, std::string_view text) {
  if (!HasShape(kind, text)) return {};
  text.remove_prefix(kBodyAt);
  const base::MutableByteSpan buffer = BodyBuffer(text.size() / 4 * 3 + 2);
  const auto size = base::Base64UrlDecodeTo(text, buffer);
  if (!size || *size < kEnvelopeOverheadBytes) return {};
  const base::ByteSpan body = buffer.first(*size);
  return BodyVersion(kind, body) == 0 ? base::ByteSpan{} : body;
}

// Opens a body that DecodeBody() made into `plaintext`, of the ciphertext's size.
bool OpenBody(const Kind& kind, const base::Secret256& tenant_key, const Bound& bound,
              base::ByteSpan body, base::MutableByteSpan plaintext) {
  const base::ByteSpan associated_data = AssociatedData(kind, bound);
  const Derived derived = Derive(kind, tenant_key, body.subspan(kSaltAt, 32), associated_data);
  if (!base::ConstantTimeEqual(derived.commitment, body.subspan(kCommitmentAt, 32))) return false;
  return crypto::GcmOpen(derived.key, crypto::GcmNonce{}, associated_data,
                         body.subspan(kCiphertextAt, plaintext.size()), body.last<kTagBytes>(),
                         plaintext);
}

std::string_view FingerprintOf(std::string_view text) {
  return text.substr(kPrefix.size(), kFingerprintChars);
}

std::string_view IdText(const model::DataKeyId* id) {
  TS_CHECK(id == nullptr || !id->empty());
  return id == nullptr ? std::string_view{} : std::string_view(id->text());
}

}  // namespace

Result<EnvelopeLabel> ParseWrappedKey(std::string_view text) {
  return ParseLabel(kWrappedKey, text);
}

Result<EnvelopeLabel> ParseSealedValue(std::string_view text) { return ParseLabel(kValue, text); }

std::string WrapDataKey(const base::Secret256& tenant_key, std::uint32_t version,
                        const Binding& binding, const model::DataKeyId* id,
                        const base::Secret256& data_key, const base::Random& random) {
  return Seal(kWrappedKey, tenant_key,
              {binding.tenant.text(), version, IdText(id), binding.context.serialized(),
               binding.fingerprint.text()},
              data_key.Reveal(), random);
}

Result<base::Secret256> UnwrapDataKey(const base::Secret256& tenant_key,
                                      const model::TenantId& tenant,
                                      const model::EncryptionContext& context,
                                      const model::DataKeyId* id, std::string_view text) {
  const base::ByteSpan body = DecodeBody(kWrappedKey, text);
  if (body.empty()) return DecryptFailed();
  base::Secret256 data_key;
  if (!OpenBody(kWrappedKey, tenant_key,
                {tenant.text(), BodyVersion(kWrappedKey, body), IdText(id), context.serialized(),
                 FingerprintOf(text)},
                body, data_key.RevealMutable())) {
    return DecryptFailed();
  }
  return data_key;
}

std::string SealValue(const base::Secret256& tenant_key, std::uint32_t version,
                      const Binding& binding, base::ByteSpan plaintext,
                      const base::Random& random) {
  TS_CHECK(plaintext.size() <= base::kValueBytesMax);
  return Seal(kValue, tenant_key,
              {binding.tenant.text(),
               version,
               {},
               binding.context.serialized(),
               binding.fingerprint.text()},
              plaintext, random);
}

Result<base::SecretBytes> OpenValue(const base::Secret256& tenant_key,
                                    const model::TenantId& tenant,
                                    const model::EncryptionContext& context,
                                    std::string_view text) {
  const base::ByteSpan body = DecodeBody(kValue, text);
  if (body.empty()) return DecryptFailed();
  base::SecretBytes plaintext(body.size() - kEnvelopeOverheadBytes);
  if (!OpenBody(
          kValue, tenant_key,
          {tenant.text(), BodyVersion(kValue, body), {}, context.serialized(), FingerprintOf(text)},
          body, plaintext.RevealMutable())) {
    return DecryptFailed();
  }
  return plaintext;
}

base::Bytes TenantKeyCheckValue(const base::Secret256& tenant_key, const model::TenantId& tenant,
                                std::uint32_t version) {
  const auto version_bytes = BigEndian32(version);
  const base::ByteSpan context = Fields({base::AsBytes(tenant.text()), version_bytes});
  base::Bytes out(32);
  crypto::CounterKdf(tenant_key.Reveal(), kCheckValueLabel, context, out);
  return out;
}

}  // namespace tenantseal::formats
