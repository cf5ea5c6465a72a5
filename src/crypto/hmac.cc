#include "crypto/hmac.h"

#include "crypto/hash_context.h"

namespace tenantseal::crypto {
namespace {

constexpr std::size_t kBlockBytes = 64;

// Bytes gathered for one update, since each costs a dozen nanoseconds. What does not fit is fed
// piece by piece. Holds key material.
class Gathered {
 public:
  explicit Gathered(HashContext& hash) : hash_(hash) {}
  void Add(base::ByteSpan bytes) {
    const auto room = buffer_.RevealMutable();
    if (bytes.size() > room.size() - size_) {
      Feed();
      if (bytes.size() > room.size()) {
        hash_.Update(bytes);
        return;
      }
    }
    if (!bytes.empty()) std::memcpy(room.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void Feed() {
    hash_.Update(buffer_.Reveal().first(size_));
    size_ = 0;
  }

 private:
  HashContext& hash_;
  base::SecretArray<256> buffer_;
  std::size_t size_ = 0;
};

}  // namespace

Sha256Digest HmacSha256(base::ByteSpan key, base::ByteSpan data) { return HmacSha256(key, {data}); }

Sha256Digest HmacSha256(base::ByteSpan key, std::initializer_list<base::ByteSpan> parts) {
  const Sha256Digest out = HmacSha256Kept(key, parts);
  ThreadSha256().Forget();
  return out;
}

// By hand, because EVP_MAC costs three times as much for short messages.
Sha256Digest HmacSha256Kept(base::ByteSpan key, std::initializer_list<base::ByteSpan> parts) {
  base::SecretArray<kBlockBytes + 32> room;  // The padded key, then the inner digest.
  const auto pad = room.RevealMutable().first<kBlockBytes>();
  const auto inner = room.RevealMutable().last<32>();
  HashContext& hash = ThreadSha256();
  if (key.size() > kBlockBytes) {
    hash.Start();
    hash.Update(key);
    hash.Finish(pad.data());
  } else if (!key.empty()) {
    std::memcpy(pad.data(), key.data(), key.size());
  }
  for (std::uint8_t& byte : pad) byte ^= 0x36;
  hash.Start();
  Gathered message(hash);
  message.Add(pad);
  for (base::ByteSpan part : parts) message.Add(part);
  message.Feed();
  hash.Finish(inner.data());

  for (std::uint8_t& byte : pad) byte ^= 0x36 ^ 0x5c;
  Sha256Digest out;
  hash.Start();
  hash.Update(room.Reveal());
  hash.Finish(out.data());
  return out;
}

}  // namespace tenantseal::crypto
