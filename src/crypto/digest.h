// crypto/ is the only folder that names OpenSSL's EVP. It offers the few primitives that the
// formats are built from: SHA-256 and HMAC, the counter-mode KDF of NIST SP 800-108r1,
// HKDF-SHA-512, AES-256-GCM and Ed25519. Inputs are spans, keys are secret types, nothing
// is configurable.
//
// It promises that algorithms are fetched once per process, that contexts are reused per thread,
// and that no intermediate key material survives a call. It never chooses nonces, never logs and
// never decides what a failure means to a caller.
#pragma once

#include <array>
#include <initializer_list>

#include "base/bytes.h"

namespace tenantseal::crypto {

using Sha256Digest = std::array<std::uint8_t, 32>;

Sha256Digest Sha256(base::ByteSpan data);
// Over the concatenation of `parts`.
Sha256Digest Sha256(std::initializer_list<base::ByteSpan> parts);

}  // namespace tenantseal::crypto
