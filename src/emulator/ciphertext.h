// The ciphertext blob of the emulator: what Encrypt answers and Decrypt takes.
//
// It binds the key's id, not its region, so related multi-region keys open one another's. Every
// blob has a key of its own, derived by the counter-mode KDF of NIST SP 800-108r1 from the key
// material and a fresh 128-bit salt, so the random 96-bit nonce cannot repeat under one key in
// practice. Header and encryption context are the associated data.
//
// Bytes: version 1 (1), length of the key id (1), key id, material id (32), salt (16), iv (12),
// tag (16), ciphertext.
#pragma once

#include <string>

#include "base/random.h"
#include "base/secret.h"
#include "emulator/kms_input.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

struct CiphertextHeader {
  std::string key_id;
  std::string material_id;  // 64 hexadecimal digits.
};

base::Bytes SealBlob(const std::string& key_id, const BackingKey& material,
                     const ContextPairs& context, base::ByteSpan plaintext,
                     const base::Random& random);
// What the blob says of itself, not yet authentic. Nothing when it is no blob of ours.
std::optional<CiphertextHeader> ParseBlobHeader(base::ByteSpan blob);
// Nothing when blob, material and context do not belong together.
std::optional<base::SecretBytes> OpenBlob(base::ByteSpan blob, const BackingKey& material,
                                          const ContextPairs& context);

}  // namespace tenantseal::emulator
