#include "keyring/rewrap_batch.h"

#include <map>
#include <optional>

#include "base/log.h"
#include "formats/envelope.h"

namespace tenantseal::keyring {
namespace {

constexpr std::size_t kRowsPerLease = 256;  // Then the keys are asked for again.
constexpr auto kKeyTimeout = std::chrono::seconds(30);
constexpr std::uint64_t kFailuresLogged = 10;  // Per batch.

// The keys of one stretch of rows, each asked for once.
class StretchKeys {
 public:
  StretchKeys(Keyring& keyring, const model::TenantId& tenant, base::Deadline deadline)
      : keyring_(keyring), tenant_(tenant), deadline_(deadline) {}

  // nullptr when the tenant never had the version, or has it no more.
  Result<const LeasedKey*> Get(std::uint32_t version) {
    const auto known = keys_.find(version);
    if (known != keys_.end()) return known->second ? &*known->second : nullptr;
    auto key = keyring_.Version(tenant_, version, Wait::kAllowed, deadline_);
    if (!key && key.error().code != ErrorCode::kDecryptFailed) return key.error();
    std::optional<LeasedKey>& slot = keys_[version];
    if (key) slot = std::move(*key);
    return slot ? &*slot : nullptr;
  }

 private:
  Keyring& keyring_;
  const model::TenantId& tenant_;
  const base::Deadline deadline_;
  std::map<std::uint32_t, std::optional<LeasedKey>> keys_;
};

// Rows of one application mostly share one context, so the last one is kept.
class LastContext {
 public:
  Result<const model::EncryptionContext*> Parse(const base::Bytes& serialized) {
    if (!context_ || context_->serialized() != serialized) {
      TS_ASSIGN_OR_RETURN(context_, model::EncryptionContext::Parse(serialized));
    }
    return &*context_;
  }

 private:
  std::optional<model::EncryptionContext> context_;
};

// The new wrapped form, confirmed.
Result<std::string> RewrapRow(const model::TenantId& tenant, const store::StoredDataKey& row,
                              const LeasedKey& from, const LeasedKey& to, LastContext& contexts,
                              const base::Random& random) {
  TS_ASSIGN_OR_RETURN(const model::EncryptionContext* context, contexts.Parse(row.key.context));
  TS_ASSIGN_OR_RETURN(
      const base::Secret256 plain,
      formats::UnwrapDataKey(from.key(), tenant, *context, &row.key.id, row.key.wrapped));
  std::string wrapped = formats::WrapDataKey(
      to.key(), to.version(), {tenant, to.fingerprint(), *context}, &row.key.id, plain, random);
  TS_ASSIGN_OR_RETURN(const base::Secret256 again,
                      formats::UnwrapDataKey(to.key(), tenant, *context, &row.key.id, wrapped));
  if (!(again == plain)) return Internal("a rewrapped data key does not open");
  return wrapped;
}

}  // namespace

Result<void> RewrapRows(Keyring& keyring, const model::TenantId& tenant, std::uint32_t to_version,
                        const base::Clock& clock, const base::Random& random, RewrapBatch& batch) {
  LastContext contexts;
  std::optional<StretchKeys> keys;
  batch.updates.reserve(batch.rows.size());
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    if (i % kRowsPerLease == 0) keys.emplace(keyring, tenant, clock.Boot() + kKeyTimeout);
    const store::StoredDataKey& row = batch.rows[i];
    TS_ASSIGN_OR_RETURN(const LeasedKey* from, keys->Get(row.key.version));
    TS_ASSIGN_OR_RETURN(const LeasedKey* to, keys->Get(to_version));
    if (to == nullptr) return IntegrityError("the version to move data keys to does not exist");
    Result<std::string> wrapped = from == nullptr
                                      ? Result<std::string>(DecryptFailed())
                                      : RewrapRow(tenant, row, *from, *to, contexts, random);
    if (wrapped) {
      batch.updates.push_back({row.position, row.key.version, to_version, std::move(*wrapped)});
      continue;
    }
    if (++batch.failed <= kFailuresLogged) {
      base::LogError("ALARM: a data key does not authenticate; it is set aside",
                     {{"tenant", tenant.text()},
                      {"dataKey", row.key.id.text()},
                      {"version", row.key.version}});
    }
  }
  return {};
}

}  // namespace tenantseal::keyring
