// Data keys: made here, wrapped by the tenant key, used by callers to seal content.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "keyring/keyring.h"
#include "model/encryption_context.h"
#include "model/records.h"

namespace tenantseal::keyring {

// A data key as handed to its caller.
struct MintedDataKey {
  std::optional<model::DataKeyId> id;  // Managed keys only.
  base::Secret256 plaintext;
  std::string wrapped;
  std::uint32_t version = 0;
  std::chrono::milliseconds usable_for{};
};

struct UnwrappedDataKey {
  base::Secret256 plaintext;
  std::chrono::milliseconds usable_for{};
};

class DataKeys {
 public:
  DataKeys(Keyring& keyring, store::Store& store, const base::Clock& clock,
           const base::Random& random)
      : keyring_(keyring), store_(store), clock_(clock), random_(random) {}

  // Makes `count` (1 to kBatchItemsMax) data keys bound to the context. Managed ones are rows when
  // this returns, so minting those never works with Wait::kNever.
  Result<std::vector<MintedDataKey>> Mint(const model::TenantId& tenant,
                                          const model::EncryptionContext& context, bool managed,
                                          std::size_t count, Wait wait, base::Deadline deadline);
  // A managed key's row. kNotFound.
  Result<model::DataKey> Load(const model::TenantId& tenant, const model::DataKeyId& id);
  Result<void> Delete(const model::TenantId& tenant, const model::DataKeyId& id);

  // Unwraps a detached key's text (fast path) or a managed key by its id (reads the store).
  // DecryptFailed() for whatever reason of the caller's; kNotFound for an unknown id.
  Result<UnwrappedDataKey> Unwrap(const model::TenantId& tenant,
                                  const model::EncryptionContext& context, std::string_view wrapped,
                                  Wait wait, base::Deadline deadline);
  Result<UnwrappedDataKey> UnwrapManaged(const model::TenantId& tenant,
                                         const model::EncryptionContext& context,
                                         const model::DataKeyId& id, Wait wait,
                                         base::Deadline deadline);

  // A detached key's text under the active version.
  struct Rewrapped {
    std::string wrapped;
    bool changed = false;
  };
  Result<Rewrapped> Rewrap(const model::TenantId& tenant, const model::EncryptionContext& context,
                           std::string_view wrapped, Wait wait, base::Deadline deadline);

 private:
  std::vector<MintedDataKey> MintUnder(const LeasedKey& active, const model::TenantId& tenant,
                                       const model::EncryptionContext& context, bool managed,
                                       std::size_t count) const;
  std::vector<model::DataKey> RowsOf(std::span<const MintedDataKey> minted,
                                     const model::TenantId& tenant,
                                     const model::EncryptionContext& context) const;
  Result<UnwrappedDataKey> UnwrapText(const model::TenantId& tenant,
                                      const model::EncryptionContext& context,
                                      const model::DataKeyId* id, std::string_view wrapped,
                                      Wait wait, base::Deadline deadline);
  Keyring& keyring_;
  store::Store& store_;
  const base::Clock& clock_;
  const base::Random& random_;
};

}  // namespace tenantseal::keyring
