#include "model/tenant.h"

#include "base/check.h"

namespace tenantseal::model {

std::string_view TenantStatusName(TenantStatus status) {
  switch (status) {
    case TenantStatus::kActive:
      return "active";
    case TenantStatus::kDeactivated:
      return "deactivated";
    case TenantStatus::kDestroyed:
      return "destroyed";
  }
  return "unknown";
}

const std::string& ShownArn(const KeyProvider& provider) {
  static const std::string internal = kInternalArn;
  return provider.kind == ProviderKind::kInternal ? internal : provider.arn;
}

KeyProvider InternalProvider(const TenantId& tenant, base::UtcTime now) {
  KeyProvider provider;
  provider.tenant = tenant;
  provider.fingerprint = Fingerprint::Parse(tenant.text()).value();
  provider.kind = ProviderKind::kInternal;
  provider.name = "Internal KMS";
  provider.description = "Default key management service";
  provider.created_at = now;
  provider.promoted_at = now;
  return provider;
}

const Fingerprint& TenantState::label() const {
  const bool moving = migration && migration->state == MigrationState::kInProgress;
  return moving ? migration->to : tenant.current_provider;
}

const KeyProvider* TenantState::FindProvider(const Fingerprint& fingerprint) const {
  for (const KeyProvider& provider : providers) {
    if (provider.fingerprint == fingerprint) return &provider;
  }
  return nullptr;
}

const TenantKey* TenantState::FindKey(std::uint32_t version) const {
  for (const TenantKey& key : keys) {
    if (key.version == version) return &key;
  }
  return nullptr;
}

const TenantKeyWrap* TenantState::FindWrap(std::uint32_t version,
                                           const Fingerprint& provider) const {
  for (const TenantKeyWrap& wrap : wraps) {
    if (wrap.version == version && wrap.provider == provider) return &wrap;
  }
  return nullptr;
}

}  // namespace tenantseal::model
