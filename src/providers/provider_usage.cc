#include <set>

#include "providers/key_providers.h"

namespace tenantseal::providers {
namespace {

constexpr std::size_t kQuarantinePage = 1000;

// The versions that no provider but this one wraps.
std::set<std::uint32_t> VersionsNeeding(const model::TenantState& state,
                                        const model::Fingerprint& provider) {
  std::set<std::uint32_t> versions;
  for (const model::TenantKeyWrap& wrap : state.wraps) {
    if (wrap.provider == provider) versions.insert(wrap.version);
  }
  for (const model::TenantKeyWrap& wrap : state.wraps) {
    if (wrap.provider != provider) versions.erase(wrap.version);
  }
  return versions;
}

// Whether the provider decides now, or is about to, whether the tenant's keys may be used.
bool TakesPart(const model::TenantState& state, const model::Fingerprint& provider) {
  if (provider == state.tenant.current_provider) return true;
  return state.migration && state.migration->unfinished() && state.migration->to == provider;
}

Result<std::uint64_t> CountSetAside(const store::Store& store, const model::TenantId& tenant,
                                    const std::set<std::uint32_t>& versions) {
  std::uint64_t count = 0;
  std::string after;
  while (!versions.empty()) {
    TS_ASSIGN_OR_RETURN(const auto keys, store.ListQuarantine(tenant, after, kQuarantinePage));
    if (keys.empty()) break;
    for (const model::QuarantinedDataKey& key : keys) count += versions.count(key.version);
    after = keys.back().id.text();
  }
  return count;
}

}  // namespace

Result<ProviderUsage> KeyProviders::Usage(const model::TenantId& tenant,
                                          const std::string& fingerprint) const {
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  TS_ASSIGN_OR_RETURN(const model::KeyProvider provider, FindProvider(state, fingerprint));
  const std::set<std::uint32_t> versions = VersionsNeeding(state, provider.fingerprint);
  ProviderUsage usage;
  usage.tenant_keys = versions.size();
  for (const std::uint32_t version : versions) {
    TS_ASSIGN_OR_RETURN(const std::uint64_t keys, store_.CountDataKeys(tenant, version));
    usage.data_keys += keys;
  }
  TS_ASSIGN_OR_RETURN(usage.quarantined, CountSetAside(store_, tenant, versions));
  const bool takes_part = TakesPart(state, provider.fingerprint);
  // A backup from before the demotion opens through this provider alone.
  if (provider.demoted_at && !takes_part) {
    usage.keep_key_until =
        *provider.demoted_at +
        std::chrono::duration_cast<std::chrono::milliseconds>(backup_retention_);
  }
  usage.safe_to_delete = provider.kind != model::ProviderKind::kInternal && versions.empty() &&
                         !takes_part &&
                         (!usage.keep_key_until || *usage.keep_key_until <= clock_.Utc());
  return usage;
}

}  // namespace tenantseal::providers
