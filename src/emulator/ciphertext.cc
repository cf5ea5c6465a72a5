#include "emulator/ciphertext.h"

#include "base/check.h"
#include "base/encoding.h"
#include "crypto/aes_gcm.h"
#include "crypto/kdf.h"

namespace tenantseal::emulator {
namespace {

constexpr std::uint8_t kBlobVersion = 1;
constexpr std::size_t kKeyIdBytesMax = 64;
constexpr std::size_t kMaterialIdBytes = 32;
constexpr std::size_t kSaltBytes = 16;

struct Parts {
  std::string_view key_id;
  base::ByteSpan material_id, salt, iv, tag, ciphertext;
  base::ByteSpan header;  // All before the tag.
};

std::optional<Parts> Parse(base::ByteSpan blob) {
  base::ByteReader reader(blob);
  if (reader.U8() != kBlobVersion) return std::nullopt;
  const std::size_t length = reader.U8();
  if (length == 0 || length > kKeyIdBytesMax) return std::nullopt;
  Parts out;
  out.key_id = base::AsText(reader.Raw(length));
  out.material_id = reader.Raw(kMaterialIdBytes);
  out.salt = reader.Raw(kSaltBytes);
  out.iv = reader.Raw(crypto::kGcmNonceBytes);
  out.header = blob.first(reader.position());
  out.tag = reader.Raw(crypto::kGcmTagBytes);
  out.ciphertext = reader.Raw(reader.remaining());
  if (!reader.ok()) return std::nullopt;
  return out;
}

void AppendSize(std::size_t size, base::Bytes& out) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(size >> shift));
}

void AppendField(base::ByteSpan bytes, base::Bytes& out) {
  AppendSize(bytes.size(), out);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Length-prefixed, so that no two contexts have one form. Sorted by key; empty is absent.
base::Bytes AssociatedData(base::ByteSpan header, const ContextPairs& context) {
  std::size_t size = header.size() + 8;
  for (const auto& [key, value] : context) size += key.size() + value.size() + 8;
  base::Bytes out;
  out.reserve(size);  // Room that grows by and by costs more than the encryption.
  AppendField(header, out);
  AppendSize(context.size(), out);
  for (const auto& [key, value] : context) {
    AppendField(base::AsBytes(key), out);
    AppendField(base::AsBytes(value), out);
  }
  return out;
}

base::Secret256 BlobKey(const BackingKey& material, base::ByteSpan salt) {
  base::Secret256 key;
  crypto::CounterKdf(material.material.Reveal(), "tenantseal emulator blob", salt,
                     key.RevealMutable());
  return key;
}

crypto::GcmNonce NonceOf(base::ByteSpan iv) {
  crypto::GcmNonce nonce;
  std::copy(iv.begin(), iv.end(), nonce.begin());
  return nonce;
}

}  // namespace

base::Bytes SealBlob(const std::string& key_id, const BackingKey& material,
                     const ContextPairs& context, base::ByteSpan plaintext,
                     const base::Random& random) {
  TS_CHECK(key_id.size() <= kKeyIdBytesMax);
  const std::optional<base::Bytes> material_id = base::HexDecode(material.id);
  TS_CHECK(material_id && material_id->size() == kMaterialIdBytes);
  std::array<std::uint8_t, kSaltBytes + crypto::kGcmNonceBytes> fresh;
  random.FillPublic(fresh);
  const std::size_t header = 2 + key_id.size() + kMaterialIdBytes + fresh.size();
  base::Bytes blob;
  blob.reserve(header + crypto::kGcmTagBytes + plaintext.size());
  blob.push_back(kBlobVersion);
  blob.push_back(static_cast<std::uint8_t>(key_id.size()));
  blob.insert(blob.end(), key_id.begin(), key_id.end());
  blob.insert(blob.end(), material_id->begin(), material_id->end());
  blob.insert(blob.end(), fresh.begin(), fresh.end());
  blob.resize(header + crypto::kGcmTagBytes + plaintext.size());
  const base::MutableByteSpan all(blob);
  const base::ByteSpan salt = base::ByteSpan(fresh).first(kSaltBytes);
  const base::Secret256 key = BlobKey(material, salt);
  crypto::GcmSeal(key, NonceOf(base::ByteSpan(fresh).subspan(kSaltBytes)),
                  AssociatedData(all.first(header), context), plaintext,
                  all.subspan(header + crypto::kGcmTagBytes),
                  all.subspan(header).first<crypto::kGcmTagBytes>());
  return blob;
}

std::optional<CiphertextHeader> ParseBlobHeader(base::ByteSpan blob) {
  const std::optional<Parts> parts = Parse(blob);
  if (!parts) return std::nullopt;
  return CiphertextHeader{std::string(parts->key_id), base::HexEncode(parts->material_id)};
}

std::optional<base::SecretBytes> OpenBlob(base::ByteSpan blob, const BackingKey& material,
                                          const ContextPairs& context) {
  const std::optional<Parts> parts = Parse(blob);
  if (!parts) return std::nullopt;
  base::SecretBytes plaintext(parts->ciphertext.size());
  const base::Secret256 key = BlobKey(material, parts->salt);
  if (!crypto::GcmOpen(key, NonceOf(parts->iv), AssociatedData(parts->header, context),
                       parts->ciphertext, parts->tag.first<crypto::kGcmTagBytes>(),
                       plaintext.RevealMutable())) {
    return std::nullopt;
  }
  return plaintext;
}

}  // namespace tenantseal::emulator
