#include "crypto/kdf.h"

#include "crypto/hash_context.h"

namespace tenantseal::crypto {
namespace {

std::array<std::uint8_t, 4> BigEndian32(std::uint32_t v) {
  return {static_cast<std::uint8_t>(v >> 24), static_cast<std::uint8_t>(v >> 16),
          static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)};
}

constexpr std::size_t kDigestBytes = 64;  // Of SHA-512.
constexpr std::size_t kBlockBytes = 128;
using Digest512 = base::SecretArray<kDigestBytes>;

// HMAC-SHA-512 by hand. A padded key and a short message lie side by side, so that one update
// feeds both; this object keeps the contexts for a thread and no key between calls.
class HmacSha512 {
 public:
  HmacSha512() : work_(FetchedSha512()), inner_(FetchedSha512()), outer_(FetchedSha512()) {}

  // HMAC(key, message), both at most one block.
  void Once(base::ByteSpan key, base::ByteSpan message, Digest512& out) {
    Padded padded(key);
    HashTo(work_, padded.With(message), out);
    padded.Outer();
    HashTo(work_, padded.With(out.Reveal()), out);
  }

  // HMAC(key, message || suffix) for two messages: the states after the padded key are computed
  // once, copied for the first message and used up by the second.
  void Twice(base::ByteSpan key, base::ByteSpan first, base::ByteSpan second, base::ByteSpan suffix,
             Digest512& first_out, Digest512& second_out) {
    Padded padded(key);
    inner_.Start();
    inner_.Update(padded.With({}));
    padded.Outer();
    outer_.Start();
    outer_.Update(padded.With({}));
    work_.CopyFrom(inner_);
    Continue(work_, first, suffix, first_out);
    work_.CopyFrom(outer_);
    Continue(work_, first_out.Reveal(), {}, first_out);
    Continue(inner_, second, suffix, second_out);
    Continue(outer_, second_out.Reveal(), {}, second_out);
  }

  void Forget() {
    work_.Forget();
    inner_.Forget();
    outer_.Forget();
  }

 private:
  // A key of at most one block, XORed with ipad or opad, and room for a message behind it.
  class Padded {
   public:
    explicit Padded(base::ByteSpan key) {
      TS_CHECK(key.size() <= kBlockBytes);
      const auto bytes = bytes_.RevealMutable();
      if (!key.empty()) std::memcpy(bytes.data(), key.data(), key.size());
      for (std::uint8_t& byte : bytes.first<kBlockBytes>()) byte ^= 0x36;
    }
    void Outer() {
      for (std::uint8_t& byte : bytes_.RevealMutable().first<kBlockBytes>()) byte ^= 0x36 ^ 0x5c;
    }
    base::ByteSpan With(base::ByteSpan message) {
      TS_CHECK(message.size() <= kBlockBytes);
      const auto bytes = bytes_.RevealMutable();
      if (!message.empty()) std::memcpy(bytes.data() + kBlockBytes, message.data(), message.size());
      return bytes.first(kBlockBytes + message.size());
    }

   private:
    base::SecretArray<2 * kBlockBytes> bytes_;
  };

  static void HashTo(HashContext& hash, base::ByteSpan bytes, Digest512& out) {
    hash.Start();
    hash.Update(bytes);
    hash.Finish(out.RevealMutable().data());
  }
  static void Continue(HashContext& hash, base::ByteSpan message, base::ByteSpan suffix,
                       Digest512& out) {
    hash.Update(message);
    if (!suffix.empty()) hash.Update(suffix);
    hash.Finish(out.RevealMutable().data());
  }

  HashContext work_;
  HashContext inner_;
  HashContext outer_;
};

}  // namespace

void CounterKdf(base::ByteSpan key, std::string_view label, base::ByteSpan context,
                base::MutableByteSpan out) {
  TS_CHECK(!out.empty() && out.size() <= 64);
  const auto bits = BigEndian32(static_cast<std::uint32_t>(out.size() * 8));
  constexpr std::uint8_t kSeparator[] = {0};
  std::uint32_t i = 1;
  for (base::MutableByteSpan rest = out; !rest.empty(); ++i) {
    const auto counter = BigEndian32(i);
    Sha256Digest block =
        HmacSha256Kept(key, {counter, base::AsBytes(label), kSeparator, context, bits});
    const std::size_t n = std::min(rest.size(), block.size());
    std::memcpy(rest.data(), block.data(), n);
    base::Wipe(block);
    rest = rest.subspan(n);
  }
  ThreadSha256().Forget();
}

HkdfPair HkdfSha512Pair(const base::Secret256& key, base::ByteSpan salt, base::ByteSpan first_info,
                        base::ByteSpan second_info) {
  thread_local HmacSha512 hmac;
  // Extract. An empty salt is a block of zeros, as RFC 5869 says, by the padding of the key.
  Digest512 prk;
  hmac.Once(salt, key.Reveal(), prk);
  // Expand; 32 bytes are less than one block, so the counter is 1 in both.
  constexpr std::uint8_t kCounter[] = {1};
  Digest512 first, second;
  hmac.Twice(prk.Reveal(), first_info, second_info, kCounter, first, second);
  hmac.Forget();
  return {base::Secret256(first.Reveal().first<32>()),
          base::Secret256(second.Reveal().first<32>())};
}

}  // namespace tenantseal::crypto
