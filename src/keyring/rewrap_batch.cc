#include "keyring/rewrap_batch.h"

#include <map>
#include <optional>

#include "base/log.h"
#include "base/thread_priority.h"
#include "formats/envelope.h"

namespace tenantseal::keyring {
namespace {

constexpr std::size_t kRowsPerLease = 256;  // Then the keys are asked for again.
constexpr auto kKeyTimeout = std::chrono::seconds(30);
constexpr std::size_t kRowsPerOffer = 8;       // Some 50 us.
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

// The new wrapped form, confirmed. DecryptFailed() when `key` does not authenticate.
Result<std::string> RewrapRow(const model::DataKey& key, const LeasedKey& from, const LeasedKey& to,
                              LastContext& contexts, const base::Random& random) {
  const auto context = contexts.Parse(key.context);
  if (!context) return DecryptFailed();
  TS_ASSIGN_OR_RETURN(
      const base::Secret256 plain,
      formats::UnwrapDataKey(from.key(), key.tenant, **context, &key.id, key.wrapped));
  std::string wrapped = formats::WrapDataKey(
      to.key(), to.version(), {key.tenant, to.fingerprint(), **context}, &key.id, plain, random);
  const auto again = formats::UnwrapDataKey(to.key(), key.tenant, **context, &key.id, wrapped);
  if (!again || !(*again == plain)) return Internal("a rewrapped data key does not open");
  return wrapped;
}

// Why a data key is set aside, for whoever must find out what happened to its row.
std::string ReasonOf(const model::DataKey& key, bool has_version) {
  const std::string version = std::to_string(key.version);
  if (!has_version) return "The tenant has no key version " + version + ".";
  if (!model::EncryptionContext::Parse(key.context))
    return "Its stored encryption context cannot be read.";
  return "It does not authenticate under tenant key version " + version +
         ": its row is not what was written.";
}

}  // namespace

Result<void> Rewrapper::Rewrap(const model::TenantId& tenant, std::uint32_t to_version,
                               RewrapBatch& batch) const {
  LastContext contexts;
  std::optional<StretchKeys> keys;
  batch.updates.reserve(batch.rows.size());
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    if (i % kRowsPerLease == 0) keys.emplace(keyring_, tenant, clock_.Boot() + kKeyTimeout);
    if (i % kRowsPerOffer == 0) base::OfferProcessor();
    const store::StoredDataKey& row = batch.rows[i];
    TS_ASSIGN_OR_RETURN(const LeasedKey* from, keys->Get(row.key.version));
    TS_ASSIGN_OR_RETURN(const LeasedKey* to, keys->Get(to_version));
    if (to == nullptr) return IntegrityError("the version to move data keys to does not exist");
    auto wrapped = from == nullptr ? Result<std::string>(DecryptFailed())
                                   : RewrapRow(row.key, *from, *to, contexts, random_);
    if (wrapped) {
      batch.updates.push_back({row.position, row.key.version, to_version, std::move(*wrapped)});
    } else {
      TS_RETURN_IF_ERROR(TryAgain(tenant, to_version, row, batch));
    }
  }
  return {};
}

Result<void> Rewrapper::TryAgain(const model::TenantId& tenant, std::uint32_t to_version,
                                 const store::StoredDataKey& row, RewrapBatch& batch) const {
  model::QuarantinedDataKey aside{tenant, row.key.id, row.key.version, {}, {}};
  for (int attempt = 2; attempt <= kRewrapAttempts; ++attempt) {
    const auto key = store_.LoadDataKey(tenant, row.key.id);
    if (!key && key.error().code == ErrorCode::kNotFound) return {};  // Deleted meanwhile.
    if (!key) return key.error();
    if (key->version >= to_version) return {};  // Moved meanwhile.
    StretchKeys keys(keyring_, tenant, clock_.Boot() + kKeyTimeout);
    TS_ASSIGN_OR_RETURN(const LeasedKey* from, keys.Get(key->version));
    TS_ASSIGN_OR_RETURN(const LeasedKey* to, keys.Get(to_version));
    if (to == nullptr) return IntegrityError("the version to move data keys to does not exist");
    LastContext contexts;
    auto wrapped = from == nullptr ? Result<std::string>(DecryptFailed())
                                   : RewrapRow(*key, *from, *to, contexts, random_);
    if (wrapped) {
      batch.updates.push_back({row.position, key->version, to_version, std::move(*wrapped)});
      return {};
    }
    aside.version = key->version;
    aside.reason = wrapped.error().code == ErrorCode::kDecryptFailed
                       ? ReasonOf(*key, from != nullptr)
                       : "Its rewrapped form did not open again.";
  }
  aside.since = clock_.Utc();
  batch.quarantined.push_back(std::move(aside));
  if (batch.quarantined.size() <= kFailuresLogged) {
    base::LogError(
        "ALARM: a data key does not authenticate; it is set aside",
        {{"tenant", tenant.text()}, {"dataKey", row.key.id.text()}, {"version", row.key.version}});
  }
  return {};
}

Result<model::DataKey> Rewrapper::RewrapOne(const model::DataKey& key,
                                            base::Deadline deadline) const {
  TS_ASSIGN_OR_RETURN(const LeasedKey from,
                      keyring_.Version(key.tenant, key.version, Wait::kAllowed, deadline));
  TS_ASSIGN_OR_RETURN(const LeasedKey to, keyring_.Active(key.tenant, Wait::kAllowed, deadline));
  LastContext contexts;
  model::DataKey rewrapped = key;
  TS_ASSIGN_OR_RETURN(rewrapped.wrapped, RewrapRow(key, from, to, contexts, random_));
  rewrapped.version = to.version();
  return rewrapped;
}

}  // namespace tenantseal::keyring
