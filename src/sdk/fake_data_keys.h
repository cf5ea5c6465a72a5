// A source of data keys for tests and benchmarks: the service's wrapping, in this process.
#pragma once

#include <atomic>
#include <optional>

#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "formats/envelope.h"
#include "tenantseal/data_keys.h"

namespace tenantseal::sdk {

// Holds one tenant key, as a service does for one tenant. Thread-safe.
class FakeDataKeys final : public DataKeySource {
 public:
  Result<DataKey> Mint(const Context& context) const override {
    ++mints;
    TS_RETURN_IF_ERROR(Failure());
    const base::Secret256 key = base::SystemRandom().Key();
    return DataKey{SecretKey(key.Reveal()), Wrap(key, context, version), usable_for};
  }

  Result<DataKey> Unwrap(std::string_view wrapped, const Context& context) const override {
    ++unwraps;
    TS_RETURN_IF_ERROR(Failure());
    TS_ASSIGN_OR_RETURN(const base::Secret256 key, Plain(wrapped, context));
    return DataKey{SecretKey(key.Reveal()), std::string(wrapped), usable_for};
  }

  Result<RewrappedKey> Rewrap(std::string_view wrapped, const Context& context) const override {
    TS_RETURN_IF_ERROR(Failure());
    TS_ASSIGN_OR_RETURN(const base::Secret256 key, Plain(wrapped, context));
    TS_ASSIGN_OR_RETURN(const formats::EnvelopeLabel label, formats::ParseWrappedKey(wrapped));
    if (label.version == version) return RewrappedKey{std::string(wrapped), false};
    return RewrappedKey{Wrap(key, context, version), true};
  }

  // Errors every call while set.
  void FailWith(std::optional<Error> error) {
    base::MutexLock lock(mutex_);
    failure_ = std::move(error);
  }

  std::atomic<std::uint32_t> version{1};  // Of the tenant key; all versions are the same key here.
  std::chrono::milliseconds usable_for = std::chrono::seconds(60);
  mutable std::atomic<int> mints{0};
  mutable std::atomic<int> unwraps{0};

 private:
  static model::TenantId Tenant(const Context& context) {
    return *model::TenantId::Parse(context.tenant_id());
  }
  std::string Wrap(const base::Secret256& key, const Context& context, std::uint32_t at) const {
    const model::TenantId tenant = Tenant(context);
    const model::Fingerprint fingerprint = *model::Fingerprint::Parse(tenant.text());
    return formats::WrapDataKey(tenant_key_, at, {tenant, fingerprint, context.inner()}, nullptr,
                                key, base::SystemRandom());
  }
  Result<base::Secret256> Plain(std::string_view wrapped, const Context& context) const {
    return formats::UnwrapDataKey(tenant_key_, Tenant(context), context.inner(), nullptr, wrapped);
  }
  Result<void> Failure() const {
    base::MutexLock lock(mutex_);
    if (failure_) return *failure_;
    return {};
  }

  base::Secret256 tenant_key_ = base::SystemRandom().Key();
  mutable base::Mutex mutex_;
  std::optional<Error> failure_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::sdk
