#include "keyring/values.h"

#include "base/limits.h"
#include "formats/envelope.h"

namespace tenantseal::keyring {

Result<std::string> Values::Seal(const model::TenantId& tenant,
                                 const model::EncryptionContext& context, base::ByteSpan plaintext,
                                 Wait wait, base::Deadline deadline) {
  if (plaintext.size() > base::kValueBytesMax) {
    return Error{ErrorCode::kTooLarge,
                 "A value has at most " + std::to_string(base::kValueBytesMax) +
                     " bytes; seal larger content with a data key.",
                 "plaintext"};
  }
  TS_ASSIGN_OR_RETURN(const LeasedKey active, keyring_.Active(tenant, wait, deadline));
  return formats::SealValue(active.key(), active.version(), {tenant, active.fingerprint(), context},
                            plaintext, random_);
}

Result<base::SecretBytes> Values::Open(const model::TenantId& tenant,
                                       const model::EncryptionContext& context,
                                       std::string_view ciphertext, Wait wait,
                                       base::Deadline deadline) {
  TS_ASSIGN_OR_RETURN(const formats::EnvelopeLabel label, formats::ParseSealedValue(ciphertext));
  TS_ASSIGN_OR_RETURN(const LeasedKey key, keyring_.Version(tenant, label.version, wait, deadline));
  return formats::OpenValue(key.key(), tenant, context, ciphertext);
}

Result<Values::Resealed> Values::Reseal(const model::TenantId& tenant,
                                        const model::EncryptionContext& context,
                                        std::string_view ciphertext, Wait wait,
                                        base::Deadline deadline) {
  TS_ASSIGN_OR_RETURN(const formats::EnvelopeLabel label, formats::ParseSealedValue(ciphertext));
  TS_ASSIGN_OR_RETURN(const LeasedKey old, keyring_.Version(tenant, label.version, wait, deadline));
  TS_ASSIGN_OR_RETURN(const LeasedKey active, keyring_.Active(tenant, wait, deadline));
  // Opened in any case: that nothing has changed is said of an authentic value only.
  TS_ASSIGN_OR_RETURN(const base::SecretBytes plaintext,
                      formats::OpenValue(old.key(), tenant, context, ciphertext));
  if (label.version == active.version() && label.fingerprint == active.fingerprint()) {
    return Resealed{std::string(ciphertext), false};
  }
  return Resealed{
      formats::SealValue(active.key(), active.version(), {tenant, active.fingerprint(), context},
                         plaintext.Reveal(), random_),
      true};
}

}  // namespace tenantseal::keyring
