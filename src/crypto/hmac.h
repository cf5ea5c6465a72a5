// HMAC-SHA-256 (RFC 2104).
#pragma once

#include <initializer_list>

#include "base/secret.h"
#include "crypto/digest.h"

namespace tenantseal::crypto {

Sha256Digest HmacSha256(base::ByteSpan key, base::ByteSpan data);
// Over the concatenation of `parts`; the caller makes the concatenation unambiguous.
Sha256Digest HmacSha256(base::ByteSpan key, std::initializer_list<base::ByteSpan> parts);

}  // namespace tenantseal::crypto
