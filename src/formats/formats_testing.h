// Values that the tests of formats/ share.
#pragma once

#include <string>
#include <vector>

#include "base/encoding.h"
#include "base/random.h"
#include "formats/content_header.h"
#include "formats/envelope.h"

namespace tenantseal::formats {

inline base::Bytes RandomBytes(std::size_t n, std::uint64_t seed) {
  base::Bytes out(n);
  base::FakeRandom(seed).Fill(out);
  return out;
}

inline base::Secret256 TestKey(std::uint64_t seed) { return base::FakeRandom(seed).Key(); }

inline model::TenantId TestTenant(char fill = 'a') {
  return model::TenantId::Parse(std::string(32, fill)).value();
}

inline model::Fingerprint TestFingerprint(char fill = 'a') {
  return model::Fingerprint::Parse(std::string(32, fill)).value();
}

inline model::DataKeyId TestDataKeyId(char fill = 'k') {
  return model::DataKeyId::Parse(std::string(22, fill)).value();
}

inline model::EncryptionContext TestContext(const model::TenantId& tenant,
                                            std::vector<model::EncryptionContext::Pair> pairs = {
                                                {"Purpose", "report"}, {"App", "sales"}}) {
  return model::EncryptionContext::Make(tenant, std::move(pairs)).value();
}

inline base::Bytes Flipped(base::ByteSpan bytes, std::size_t at, std::uint8_t mask = 1) {
  base::Bytes out = base::ToBytes(bytes);
  out[at] ^= mask;
  return out;
}

}  // namespace tenantseal::formats
