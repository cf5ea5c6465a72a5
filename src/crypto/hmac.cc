#include "crypto/hmac.h"

#include "crypto/hash_context.h"

namespace tenantseal::crypto {
namespace {

constexpr std::size_t kBlockBytes = 64;

}  // namespace

Sha256Digest HmacSha256(base::ByteSpan key, base::ByteSpan data) { return HmacSha256(key, {data}); }

// By hand, because EVP_MAC costs three times as much for short messages.
Sha256Digest HmacSha256(base::ByteSpan key, std::initializer_list<base::ByteSpan> parts) {
  base::SecretArray<kBlockBytes> pad;  // The key, padded with zeros to a block.
  const auto block = pad.RevealMutable();
  HashContext& hash = ThreadSha256();
  if (key.size() > kBlockBytes) {
    hash.Start();
    hash.Update(key);
    hash.Finish(block.data());
  } else if (!key.empty()) {
    std::memcpy(block.data(), key.data(), key.size());
  }
  for (std::uint8_t& byte : block) byte ^= 0x36;
  base::SecretArray<32> inner;
  hash.Start();
  hash.Update(block);
  for (base::ByteSpan part : parts) hash.Update(part);
  hash.Finish(inner.RevealMutable().data());

  for (std::uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
  Sha256Digest out;
  hash.Start();
  hash.Update(block);
  hash.Update(inner.Reveal());
  hash.Finish(out.data());
  hash.Forget();
  return out;
}

}  // namespace tenantseal::crypto
