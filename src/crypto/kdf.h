// Key derivation.
#pragma once

#include <string_view>

#include "base/secret.h"

namespace tenantseal::crypto {

// NIST SP 800-108r1, section 4.1, counter mode with HMAC-SHA-256, counter and length 32 bits:
// K(i) = HMAC(key, [i] || label || 0x00 || context || [L in bits]). Fills `out` (1 to 64 bytes).
void CounterKdf(base::ByteSpan key, std::string_view label, base::ByteSpan context,
                base::MutableByteSpan out);

// HKDF with SHA-512 (RFC 5869) from one input key and salt to two 32-byte outputs, as the AWS
// Encryption SDK's committing suites need them: the extraction is done once. `salt` has at most
// 128 bytes.
struct HkdfPair {
  base::Secret256 first;
  base::Secret256 second;
};
HkdfPair HkdfSha512Pair(const base::Secret256& key, base::ByteSpan salt, base::ByteSpan first_info,
                        base::ByteSpan second_info);

}  // namespace tenantseal::crypto
