#include "crypto/aes_gcm.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <limits>

#include "base/check.h"

namespace tenantseal::crypto {
namespace {

const EVP_CIPHER* FetchedAes256Gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

EVP_CIPHER_CTX* Context(void* context) { return static_cast<EVP_CIPHER_CTX*>(context); }

// Feeds associated data (`out` null) or text. EVP counts in int.
void Feed(EVP_CIPHER_CTX* context, base::ByteSpan in, std::uint8_t* out) {
  constexpr std::size_t kPieceBytes = std::numeric_limits<int>::max() & ~std::size_t{0xFFF};
  for (std::size_t at = 0; at < in.size();) {
    const std::size_t n = std::min(in.size() - at, kPieceBytes);
    int written = 0;
    TS_CHECK(EVP_CipherUpdate(context, out == nullptr ? nullptr : out + at, &written,
                              in.data() + at, static_cast<int>(n)) == 1);
    at += n;
  }
}

GcmStream& ThreadStream() {
  thread_local GcmStream stream;
  return stream;
}

}  // namespace

GcmStream::GcmStream() : context_(EVP_CIPHER_CTX_new()) {
  TS_CHECK(context_ != nullptr && FetchedAes256Gcm() != nullptr);
  ForgetKey();
}

GcmStream::GcmStream(const base::Secret256& key) : GcmStream() { SetKey(key); }

GcmStream::~GcmStream() { EVP_CIPHER_CTX_free(Context(context_)); }

void GcmStream::SetKey(const base::Secret256& key) {
  // No cipher is named: naming one, even the same, would free and allocate the state again.
  TS_CHECK(EVP_CipherInit_ex2(Context(context_), nullptr, key.Reveal().data(), nullptr, 1,
                              nullptr) == 1);
}

void GcmStream::ForgetKey() {
  // Naming the cipher makes OpenSSL wipe and free what it holds, the key schedule included.
  TS_CHECK(
      EVP_CipherInit_ex2(Context(context_), FetchedAes256Gcm(), nullptr, nullptr, 1, nullptr) == 1);
}

void GcmStream::StartSeal(const GcmNonce& nonce, base::ByteSpan associated_data) {
  TS_CHECK(EVP_CipherInit_ex2(Context(context_), nullptr, nullptr, nonce.data(), 1, nullptr) == 1);
  Feed(Context(context_), associated_data, nullptr);
}

void GcmStream::StartSeal(const base::Secret256& key, const GcmNonce& nonce,
                          base::ByteSpan associated_data) {
  TS_CHECK(EVP_CipherInit_ex2(Context(context_), nullptr, key.Reveal().data(), nonce.data(), 1,
                              nullptr) == 1);
  Feed(Context(context_), associated_data, nullptr);
}

void GcmStream::StartOpen(const GcmNonce& nonce, base::ByteSpan associated_data) {
  TS_CHECK(EVP_CipherInit_ex2(Context(context_), nullptr, nullptr, nonce.data(), 0, nullptr) == 1);
  Feed(Context(context_), associated_data, nullptr);
}

void GcmStream::Update(base::ByteSpan in, base::MutableByteSpan out) {
  TS_CHECK(in.size() == out.size());
  if (!in.empty()) Feed(Context(context_), in, out.data());
}

void GcmStream::FinishSeal(std::span<std::uint8_t, kGcmTagBytes> tag) {
  int written = 0;
  std::uint8_t none[kGcmTagBytes];
  TS_CHECK(EVP_CipherFinal_ex(Context(context_), none, &written) == 1 && written == 0);
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag.data(), tag.size()),
      OSSL_PARAM_construct_end()};
  TS_CHECK(EVP_CIPHER_CTX_get_params(Context(context_), params) == 1);
}

bool GcmStream::FinishOpen(std::span<const std::uint8_t, kGcmTagBytes> tag) {
  int written = 0;
  std::uint8_t none[kGcmTagBytes];
  TS_CHECK(EVP_CIPHER_CTX_ctrl(Context(context_), EVP_CTRL_AEAD_SET_TAG, kGcmTagBytes,
                               const_cast<std::uint8_t*>(tag.data())) == 1);
  return EVP_CipherFinal_ex(Context(context_), none, &written) == 1;
}

void GcmSeal(const base::Secret256& key, const GcmNonce& nonce, base::ByteSpan associated_data,
             base::ByteSpan plaintext, base::MutableByteSpan ciphertext,
             std::span<std::uint8_t, kGcmTagBytes> tag) {
  GcmStream& stream = ThreadStream();
  stream.StartSeal(key, nonce, associated_data);
  stream.Update(plaintext, ciphertext);
  stream.FinishSeal(tag);
  stream.ForgetKey();
}

bool GcmOpen(const base::Secret256& key, const GcmNonce& nonce, base::ByteSpan associated_data,
             base::ByteSpan ciphertext, std::span<const std::uint8_t, kGcmTagBytes> tag,
             base::MutableByteSpan plaintext) {
  GcmStream& stream = ThreadStream();
  stream.SetKey(key);
  stream.StartOpen(nonce, associated_data);
  stream.Update(ciphertext, plaintext);
  const bool authentic = stream.FinishOpen(tag);
  stream.ForgetKey();
  if (!authentic && !plaintext.empty()) base::Wipe(plaintext);
  return authentic;
}

}  // namespace tenantseal::crypto
