#include "keyring/data_keys.h"

#include "base/limits.h"
#include "formats/envelope.h"

namespace tenantseal::keyring {

Result<std::vector<MintedDataKey>> DataKeys::Mint(const model::TenantId& tenant,
                                                  const model::EncryptionContext& context,
                                                  bool managed, std::size_t count, Wait wait,
                                                  base::Deadline deadline) {
  if (count < 1 || count > base::kBatchItemsMax) {
    return InvalidArgument("count", "The number of data keys must be 1 to " +
                                        std::to_string(base::kBatchItemsMax) + ".");
  }
  if (managed && wait == Wait::kNever)
    return Error{ErrorCode::kWouldBlock, "managed data keys are rows"};
  for (bool again = false;; again = true) {
    TS_ASSIGN_OR_RETURN(const LeasedKey active, keyring_.Active(tenant, wait, deadline));
    std::vector<MintedDataKey> minted = MintUnder(active, tenant, context, managed, count);
    if (!managed) return minted;
    const Result<void> stored = store_.InsertDataKeys(RowsOf(minted, tenant, context));
    if (stored) return minted;
    if (again || stored.error().code != ErrorCode::kConflict) return stored.error();
    // The tenant has been rotated, and this process has not heard of it yet.
    keyring_.ForgetState(tenant);
  }
}

std::vector<MintedDataKey> DataKeys::MintUnder(const LeasedKey& active,
                                               const model::TenantId& tenant,
                                               const model::EncryptionContext& context,
                                               bool managed, std::size_t count) const {
  std::vector<MintedDataKey> minted(count);
  const base::UtcTime now = clock_.Utc();
  for (MintedDataKey& item : minted) {
    if (managed) item.id = model::NewDataKeyId(random_, now);
    item.plaintext = random_.Key();
    item.wrapped = formats::WrapDataKey(active.key(), active.version(),
                                        {tenant, active.fingerprint(), context},
                                        managed ? &*item.id : nullptr, item.plaintext, random_);
    item.version = active.version();
    item.usable_for = active.usable_for();
  }
  return minted;
}

std::vector<model::DataKey> DataKeys::RowsOf(std::span<const MintedDataKey> minted,
                                             const model::TenantId& tenant,
                                             const model::EncryptionContext& context) const {
  std::vector<model::DataKey> rows;
  rows.reserve(minted.size());
  for (const MintedDataKey& item : minted) {
    rows.push_back(
        {*item.id, tenant, item.version, item.wrapped, context.serialized(), clock_.Utc()});
  }
  return rows;
}

Result<model::DataKey> DataKeys::Load(const model::TenantId& tenant, const model::DataKeyId& id) {
  return store_.LoadDataKey(tenant, id);
}

Result<void> DataKeys::Delete(const model::TenantId& tenant, const model::DataKeyId& id) {
  return store_.DeleteDataKey(tenant, id);
}

Result<UnwrappedDataKey> DataKeys::UnwrapText(const model::TenantId& tenant,
                                              const model::EncryptionContext& context,
                                              const model::DataKeyId* id, std::string_view wrapped,
                                              Wait wait, base::Deadline deadline) {
  TS_ASSIGN_OR_RETURN(const formats::EnvelopeLabel label, formats::ParseWrappedKey(wrapped));
  TS_ASSIGN_OR_RETURN(const LeasedKey key, keyring_.Version(tenant, label.version, wait, deadline));
  TS_ASSIGN_OR_RETURN(base::Secret256 plaintext,
                      formats::UnwrapDataKey(key.key(), tenant, context, id, wrapped));
  return UnwrappedDataKey{std::move(plaintext), key.usable_for()};
}

Result<UnwrappedDataKey> DataKeys::Unwrap(const model::TenantId& tenant,
                                          const model::EncryptionContext& context,
                                          std::string_view wrapped, Wait wait,
                                          base::Deadline deadline) {
  return UnwrapText(tenant, context, nullptr, wrapped, wait, deadline);
}

Result<UnwrappedDataKey> DataKeys::UnwrapManaged(const model::TenantId& tenant,
                                                 const model::EncryptionContext& context,
                                                 const model::DataKeyId& id, Wait wait,
                                                 base::Deadline deadline) {
  if (wait == Wait::kNever) return Error{ErrorCode::kWouldBlock, "managed data keys are rows"};
  TS_ASSIGN_OR_RETURN(const model::DataKey row, store_.LoadDataKey(tenant, id));
  return UnwrapText(tenant, context, &id, row.wrapped, wait, deadline);
}

Result<DataKeys::Rewrapped> DataKeys::Rewrap(const model::TenantId& tenant,
                                             const model::EncryptionContext& context,
                                             std::string_view wrapped, Wait wait,
                                             base::Deadline deadline) {
  TS_ASSIGN_OR_RETURN(const formats::EnvelopeLabel label, formats::ParseWrappedKey(wrapped));
  TS_ASSIGN_OR_RETURN(const LeasedKey old, keyring_.Version(tenant, label.version, wait, deadline));
  TS_ASSIGN_OR_RETURN(const LeasedKey active, keyring_.Active(tenant, wait, deadline));
  TS_ASSIGN_OR_RETURN(const base::Secret256 plaintext,
                      formats::UnwrapDataKey(old.key(), tenant, context, nullptr, wrapped));
  if (label.version == active.version() && label.fingerprint == active.fingerprint()) {
    return Rewrapped{std::string(wrapped), false};
  }
  return Rewrapped{
      formats::WrapDataKey(active.key(), active.version(), {tenant, active.fingerprint(), context},
                           nullptr, plaintext, random_),
      true};
}

}  // namespace tenantseal::keyring
