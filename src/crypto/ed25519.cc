#include "crypto/ed25519.h"

#include <openssl/evp.h>

#include <memory>

#include "base/check.h"

namespace tenantseal::crypto {
namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

Key PrivateKey(const base::Secret256& seed) {
  const auto bytes = seed.Reveal();
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size()));
  TS_CHECK(key != nullptr);
  return key;
}

}  // namespace

Ed25519PublicKey Ed25519Public(const base::Secret256& seed) {
  const Key key = PrivateKey(seed);
  Ed25519PublicKey out;
  std::size_t size = out.size();
  TS_CHECK(EVP_PKEY_get_raw_public_key(key.get(), out.data(), &size) == 1 && size == out.size());
  return out;
}

Ed25519Signature Ed25519Sign(const base::Secret256& seed, base::ByteSpan message) {
  const Key key = PrivateKey(seed);
  const Context context(EVP_MD_CTX_new());
  Ed25519Signature out;
  std::size_t size = out.size();
  TS_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  TS_CHECK(EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) == 1 &&
           size == out.size());
  return out;
}

bool Ed25519Verify(const Ed25519PublicKey& key, base::ByteSpan message,
                   const Ed25519Signature& signature) {
  // A public key from outside may be no point of the curve; that is a plain false.
  const Key pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const Context context(EVP_MD_CTX_new());
  TS_CHECK(context != nullptr);
  if (!pkey) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace tenantseal::crypto
