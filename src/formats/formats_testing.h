// Values that the tests of formats/ share.
#pragma once

#include <string>
#include <vector>

#include "base/encoding.h"
#include "base/random.h"
#include "crypto/aes_gcm.h"
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

// A message of one block, as other SDKs can write it, made from the published format by hand.
inline base::Bytes SingleBlockMessage(const ContentHeaderFields& fields,
                                      const base::Secret256& data_key, base::ByteSpan plaintext) {
  const MessageId id{3, 1, 4};
  const ContentKeys keys = DeriveContentKeys(data_key, id);
  base::Bytes out(ContentHeaderBytes(fields));
  WriteUntaggedContentHeader(fields, id, keys.commitment, out);
  const std::size_t type = out.size() - 16 - 32 - 4 - 1;
  out[type] = 1;
  std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(type) + 1, 4, 0);
  const base::MutableByteSpan header(out);
  crypto::GcmSeal(keys.content_key, {}, header.first(header.size() - 16), {}, {},
                  header.last<16>());
  base::ByteWriter associated, block;
  associated.Raw(id);
  associated.Raw(base::AsBytes("AWSKMSEncryptionClient Single Block"));
  associated.U32(1);
  associated.U64(plaintext.size());
  crypto::GcmNonce nonce{};
  nonce.back() = 1;
  base::Bytes sealed(plaintext.size() + 16);
  crypto::GcmSeal(keys.content_key, nonce, associated.bytes(), plaintext,
                  base::MutableByteSpan(sealed).first(plaintext.size()),
                  base::MutableByteSpan(sealed).last<16>());
  block.Raw(nonce);
  block.U64(plaintext.size());
  block.Raw(sealed);
  out.insert(out.end(), block.bytes().begin(), block.bytes().end());
  return out;
}

}  // namespace tenantseal::formats
