// A reusable hash computation. Private to crypto/: it names OpenSSL's EVP.
#pragma once

#include <openssl/evp.h>

#include <memory>

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/digest.h"

namespace tenantseal::crypto {

// A digest of the default provider, fetched once per process and kept until it ends.
inline const EVP_MD* FetchedSha256() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}
inline const EVP_MD* FetchedSha512() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  return md;
}

// One EVP_MD_CTX, kept for computation after computation. Not thread-safe: keep one per thread.
// OpenSSL's digests fail on broken invariants only (no provider, no memory), hence the checks.
class HashContext {
 public:
  explicit HashContext(const EVP_MD* md) : md_(md), context_(EVP_MD_CTX_new()) {
    TS_CHECK(md_ != nullptr && context_ != nullptr);
  }
  void Start() { TS_CHECK(EVP_DigestInit_ex2(context_.get(), md_, nullptr) == 1); }
  void Update(base::ByteSpan bytes) {
    TS_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  // `out` has room for the whole digest.
  void Finish(std::uint8_t* out) {
    TS_CHECK(EVP_DigestFinal_ex(context_.get(), out, nullptr) == 1);
  }
  // Continues from the state of `other`. What this context held is wiped by OpenSSL.
  void CopyFrom(const HashContext& other) {
    TS_CHECK(EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) == 1);
  }
  // Overwrites the state, which after Finish() still holds the digest. Costs a Start().
  void Forget() { Start(); }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  const EVP_MD* md_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// This thread's context for SHA-256. Never held across a call into another function of crypto/.
inline HashContext& ThreadSha256() {
  thread_local HashContext context(FetchedSha256());
  return context;
}

// HmacSha256() that leaves its result in ThreadSha256(), for callers with more to compute, who
// forget it in the end.
Sha256Digest HmacSha256Kept(base::ByteSpan key, std::initializer_list<base::ByteSpan> parts);

}  // namespace tenantseal::crypto
