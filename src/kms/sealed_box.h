// A small secret sealed under a 256-bit key that may seal many of them.
//
// Every box has a key of its own, derived by the counter-mode KDF of NIST SP 800-108r1 from the
// sealing key, a label, a fresh 256-bit salt and the SHA-256 of the associated data, so AES-256-GCM
// runs with a nonce of zeros. A commitment from the same derivation is compared before decryption.
//
// Bytes: format 1 (1), salt (32), commitment (32), ciphertext, tag (16).
#pragma once

#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

namespace tenantseal::kms {

inline constexpr std::size_t kBoxOverheadBytes = 1 + 32 + 32 + 16;

// `label` tells one use of the sealing key from another; `associated_data` is never empty.
base::Bytes SealBox(const base::Secret256& key, std::string_view label,
                    base::ByteSpan associated_data, base::ByteSpan plaintext,
                    const base::Random& random);

// kIntegrity, in the same words for every reason, when `box` was not sealed with these.
Result<base::SecretBytes> OpenBox(const base::Secret256& key, std::string_view label,
                                  base::ByteSpan associated_data, base::ByteSpan box);

}  // namespace tenantseal::kms
