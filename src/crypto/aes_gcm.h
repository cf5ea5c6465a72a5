// AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags.
//
// The caller guarantees that no (key, nonce) pair repeats.
#pragma once

#include <array>

#include "base/secret.h"

namespace tenantseal::crypto {

inline constexpr std::size_t kGcmTagBytes = 16;
inline constexpr std::size_t kGcmNonceBytes = 12;
using GcmNonce = std::array<std::uint8_t, kGcmNonceBytes>;
using GcmTag = std::array<std::uint8_t, kGcmTagBytes>;

// Encrypts `plaintext` to `ciphertext` (same size; may be the same memory) and writes the tag.
void GcmSeal(const base::Secret256& key, const GcmNonce& nonce, base::ByteSpan associated_data,
             base::ByteSpan plaintext, base::MutableByteSpan ciphertext,
             std::span<std::uint8_t, kGcmTagBytes> tag);

// Decrypts to `plaintext` (same size; may be the same memory). On false nothing authentic was
// found and `plaintext` has been wiped.
[[nodiscard]] bool GcmOpen(const base::Secret256& key, const GcmNonce& nonce,
                           base::ByteSpan associated_data, base::ByteSpan ciphertext,
                           std::span<const std::uint8_t, kGcmTagBytes> tag,
                           base::MutableByteSpan plaintext);

// One message fed in pieces, for frames that are read from and written to a file in pieces. The
// context is reused for message after message under one key. Not thread-safe.
class GcmStream {
 public:
  GcmStream();  // Without a key: SetKey() comes before the first message.
  explicit GcmStream(const base::Secret256& key);
  ~GcmStream();
  GcmStream(const GcmStream&) = delete;
  GcmStream& operator=(const GcmStream&) = delete;

  // Another key for the messages that follow, cheaper than another object.
  void SetKey(const base::Secret256& key);
  // Wipes the key, for an object that outlives its use. SetKey() before the next message.
  void ForgetKey();

  void StartSeal(const GcmNonce& nonce, base::ByteSpan associated_data);
  // SetKey() and StartSeal() in one step, which OpenSSL does faster.
  void StartSeal(const base::Secret256& key, const GcmNonce& nonce, base::ByteSpan associated_data);
  void StartOpen(const GcmNonce& nonce, base::ByteSpan associated_data);
  // Same sizes; may be the same memory. When opening, the output is not authentic before
  // FinishOpen() returned true.
  void Update(base::ByteSpan in, base::MutableByteSpan out);
  void FinishSeal(std::span<std::uint8_t, kGcmTagBytes> tag);
  [[nodiscard]] bool FinishOpen(std::span<const std::uint8_t, kGcmTagBytes> tag);

 private:
  void* context_;  // EVP_CIPHER_CTX
};

}  // namespace tenantseal::crypto
