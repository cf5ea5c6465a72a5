// formats/ turns keys and content into bytes and back: wrapped data keys and sealed values (this
// file), and content messages (content_*.h). docs/formats.md holds every byte.
//
// It promises that parsing accepts exactly one text for each thing, that associated data is never
// empty, that every sealing derives a key of its own from a fresh 256-bit salt, and that the
// commitment is compared before anything is decrypted. It never does I/O, never fetches keys and
// never says why something does not open.
//
// Text: "#BYOKv1#:" fingerprint ":" base64url(body), unpadded and canonical.
// Body: format (1) kind (1) tenant key version (4) salt (32) commitment (32) ciphertext tag (16).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "model/encryption_context.h"
#include "model/ids.h"

namespace tenantseal::formats {

// What a text says of itself before any key is fetched. Only a label until it has been opened.
struct EnvelopeLabel {
  model::Fingerprint fingerprint;
  std::uint32_t version = 0;  // Tenant key version, at least 1.
};

inline constexpr std::size_t kEnvelopeOverheadBytes = 1 + 1 + 4 + 32 + 32 + 16;  // Of a body.
inline constexpr std::size_t kWrappedKeyChars = 200;  // Prefix 9, fingerprint 32, colon, body 158.

// What everything sealed under a tenant key is bound to, apart from the version in the body.
struct Binding {
  const model::TenantId& tenant;
  const model::Fingerprint& fingerprint;  // Of the provider that is current at sealing.
  const model::EncryptionContext& context;
};

// Parses the label of a wrapped data key / a sealed value. DecryptFailed() for anything that no
// seal function could have made; nothing of the body beyond format, kind and version is judged.
Result<EnvelopeLabel> ParseWrappedKey(std::string_view text);
Result<EnvelopeLabel> ParseSealedValue(std::string_view text);

// Wraps a data key. `id` names a managed data key and is nullptr for a detached one.
std::string WrapDataKey(const base::Secret256& tenant_key, std::uint32_t version,
                        const Binding& binding, const model::DataKeyId* id,
                        const base::Secret256& data_key, const base::Random& random);

// The inverse; `binding.fingerprint` is ignored, the text's own label is authenticated.
// DecryptFailed() for every failure.
Result<base::Secret256> UnwrapDataKey(const base::Secret256& tenant_key,
                                      const model::TenantId& tenant,
                                      const model::EncryptionContext& context,
                                      const model::DataKeyId* id, std::string_view text);

// Seals a value of at most kValueBytesMax bytes.
std::string SealValue(const base::Secret256& tenant_key, std::uint32_t version,
                      const Binding& binding, base::ByteSpan plaintext, const base::Random& random);

Result<base::SecretBytes> OpenValue(const base::Secret256& tenant_key,
                                    const model::TenantId& tenant,
                                    const model::EncryptionContext& context, std::string_view text);

// A value that identifies a tenant key without revealing it: 32 bytes from the same KDF under a
// label of its own, over tenant id and version.
base::Bytes TenantKeyCheckValue(const base::Secret256& tenant_key, const model::TenantId& tenant,
                                std::uint32_t version);

}  // namespace tenantseal::formats
