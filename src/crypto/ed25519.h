// Ed25519 signatures (RFC 8032).
#pragma once

#include <array>

#include "base/secret.h"

namespace tenantseal::crypto {

using Ed25519PublicKey = std::array<std::uint8_t, 32>;
using Ed25519Signature = std::array<std::uint8_t, 64>;

// `seed` is the 32-byte private key of RFC 8032.
Ed25519PublicKey Ed25519Public(const base::Secret256& seed);
Ed25519Signature Ed25519Sign(const base::Secret256& seed, base::ByteSpan message);
[[nodiscard]] bool Ed25519Verify(const Ed25519PublicKey& key, base::ByteSpan message,
                                 const Ed25519Signature& signature);

}  // namespace tenantseal::crypto
