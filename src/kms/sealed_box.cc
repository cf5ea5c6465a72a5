#include "kms/sealed_box.h"

#include "base/check.h"
#include "crypto/aes_gcm.h"
#include "crypto/digest.h"
#include "crypto/kdf.h"

namespace tenantseal::kms {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kSaltBytes = 32;
constexpr std::size_t kCommitmentBytes = 32;

struct BoxKey {
  base::Secret256 key;
  base::Secret256 commitment;
};

BoxKey DeriveBoxKey(const base::Secret256& key, std::string_view label, base::ByteSpan salt,
                    base::ByteSpan associated_data) {
  const crypto::Sha256Digest digest = crypto::Sha256(associated_data);
  base::ByteWriter context;
  context.Raw(salt);
  context.Raw(digest);
  base::SecretArray<64> out;
  crypto::CounterKdf(key.Reveal(), label, context.bytes(), out.RevealMutable());
  return {base::Secret256(out.Reveal().first<32>()), base::Secret256(out.Reveal().last<32>())};
}

}  // namespace

base::Bytes SealBox(const base::Secret256& key, std::string_view label,
                    base::ByteSpan associated_data, base::ByteSpan plaintext,
                    const base::Random& random) {
  TS_CHECK(!label.empty() && !associated_data.empty());
  base::Bytes box(kBoxOverheadBytes + plaintext.size());
  const base::MutableByteSpan out(box);
  out[0] = kFormat;
  const auto salt = out.subspan(1, kSaltBytes);
  random.FillPublic(salt);
  const BoxKey derived = DeriveBoxKey(key, label, salt, associated_data);
  std::memcpy(out.data() + 1 + kSaltBytes, derived.commitment.Reveal().data(), kCommitmentBytes);
  const auto text = out.subspan(1 + kSaltBytes + kCommitmentBytes, plaintext.size());
  crypto::GcmSeal(derived.key, {}, associated_data, plaintext, text,
                  out.last<crypto::kGcmTagBytes>());
  return box;
}

Result<base::SecretBytes> OpenBox(const base::Secret256& key, std::string_view label,
                                  base::ByteSpan associated_data, base::ByteSpan box) {
  TS_CHECK(!label.empty() && !associated_data.empty());
  const Error bad = IntegrityError("A wrapped secret does not open with this key and owner.");
  if (box.size() < kBoxOverheadBytes || box[0] != kFormat) return bad;
  const auto salt = box.subspan(1, kSaltBytes);
  const BoxKey derived = DeriveBoxKey(key, label, salt, associated_data);
  if (!base::ConstantTimeEqual(derived.commitment.Reveal(),
                               box.subspan(1 + kSaltBytes, kCommitmentBytes))) {
    return bad;
  }
  const auto text = box.subspan(1 + kSaltBytes + kCommitmentBytes, box.size() - kBoxOverheadBytes);
  base::SecretBytes plaintext(text.size());
  if (!crypto::GcmOpen(derived.key, {}, associated_data, text, box.last<crypto::kGcmTagBytes>(),
                       plaintext.RevealMutable())) {
    return bad;
  }
  return plaintext;
}

}  // namespace tenantseal::kms
