#include "crypto/kdf.h"

#include "crypto/hash_context.h"
#include "crypto/hmac.h"

namespace tenantseal::crypto {
namespace {

std::array<std::uint8_t, 4> BigEndian32(std::uint32_t v) {
  return {static_cast<std::uint8_t>(v >> 24), static_cast<std::uint8_t>(v >> 16),
          static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)};
}

constexpr std::size_t kSha512Bytes = 64;
constexpr std::size_t kSha512BlockBytes = 128;
using Sha512Secret = base::SecretArray<kSha512Bytes>;

// HMAC-SHA-512 under one key for several short messages: the states after the padded key are
// computed once and copied.
class HmacSha512 {
 public:
  HmacSha512() : inner_(FetchedSha512()), outer_(FetchedSha512()), work_(FetchedSha512()) {}

  // At most one block of key, which is all that HKDF needs here.
  void SetKey(base::ByteSpan key) {
    TS_CHECK(key.size() <= kSha512BlockBytes);
    base::SecretArray<kSha512BlockBytes> pad;
    const auto block = pad.RevealMutable();
    if (!key.empty()) std::memcpy(block.data(), key.data(), key.size());
    for (std::uint8_t& byte : block) byte ^= 0x36;
    inner_.Start();
    inner_.Update(block);
    for (std::uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
    outer_.Start();
    outer_.Update(block);
  }

  // Over `message` and `suffix`; may be called again under the same key.
  void Compute(base::ByteSpan message, base::ByteSpan suffix, Sha512Secret& out) {
    const auto bytes = out.RevealMutable();
    work_.CopyFrom(inner_);
    work_.Update(message);
    work_.Update(suffix);
    work_.Finish(bytes.data());
    work_.CopyFrom(outer_);
    work_.Update(bytes);
    work_.Finish(bytes.data());
  }

  // For the last or only message under a key: uses the states up instead of copying them.
  void ComputeLast(base::ByteSpan message, base::ByteSpan suffix, Sha512Secret& out) {
    const auto bytes = out.RevealMutable();
    inner_.Update(message);
    inner_.Update(suffix);
    inner_.Finish(bytes.data());
    outer_.Update(bytes);
    outer_.Finish(bytes.data());
  }

  void Forget() {
    inner_.Forget();
    outer_.Forget();
    work_.Forget();
  }

 private:
  HashContext inner_;
  HashContext outer_;
  HashContext work_;
};

}  // namespace

void CounterKdf(base::ByteSpan key, std::string_view label, base::ByteSpan context,
                base::MutableByteSpan out) {
  TS_CHECK(!out.empty() && out.size() <= 64);
  const auto bits = BigEndian32(static_cast<std::uint32_t>(out.size() * 8));
  constexpr std::uint8_t kSeparator[] = {0};
  // What every block has in common is put together once; it is short, except in tests.
  std::array<std::uint8_t, 160> together;
  base::ByteSpan tail;
  const std::size_t tail_bytes = label.size() + 1 + context.size() + bits.size();
  if (tail_bytes <= together.size()) {
    std::uint8_t* to = together.data();
    to = std::copy(label.begin(), label.end(), to);
    *to++ = 0;
    to = std::copy(context.begin(), context.end(), to);
    std::copy(bits.begin(), bits.end(), to);
    tail = base::ByteSpan(together).first(tail_bytes);
  }
  std::uint32_t i = 1;
  for (base::MutableByteSpan rest = out; !rest.empty(); ++i) {
    const auto counter = BigEndian32(i);
    Sha256Digest block =
        tail.empty() ? HmacSha256(key, {counter, base::AsBytes(label), kSeparator, context, bits})
                     : HmacSha256(key, {counter, tail});
    const std::size_t n = std::min(rest.size(), block.size());
    std::memcpy(rest.data(), block.data(), n);
    base::Wipe(block);
    rest = rest.subspan(n);
  }
}

HkdfPair HkdfSha512Pair(const base::Secret256& key, base::ByteSpan salt, base::ByteSpan first_info,
                        base::ByteSpan second_info) {
  thread_local HmacSha512 hmac;
  // Extract. An empty salt is a block of zeros, as RFC 5869 says, by the padding of the key.
  Sha512Secret prk;
  hmac.SetKey(salt);
  hmac.ComputeLast(key.Reveal(), {}, prk);
  // Expand; 32 bytes are less than one block, so the counter is 1 in both.
  constexpr std::uint8_t kCounter[] = {1};
  HkdfPair out;
  Sha512Secret block;
  hmac.SetKey(prk.Reveal());
  hmac.Compute(first_info, kCounter, block);
  std::memcpy(out.first.RevealMutable().data(), block.Reveal().data(), 32);
  hmac.ComputeLast(second_info, kCounter, block);
  std::memcpy(out.second.RevealMutable().data(), block.Reveal().data(), 32);
  hmac.Forget();
  return out;
}

}  // namespace tenantseal::crypto
