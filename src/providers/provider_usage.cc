#include <algorithm>
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

// When the provider was current for the last time, in this life or in the one before it was
// deleted.
std::optional<base::UtcTime> LastDemotion(const model::KeyProvider& provider,
                                          const std::optional<model::FormerProvider>& former) {
  return std::max(provider.demoted_at, former ? former->demoted_at : std::nullopt);
}

}  // namespace

std::optional<base::UtcTime> KeyProviders::KeepKeyUntil(
    std::optional<base::UtcTime> demoted_at) const {
  if (!demoted_at) return demoted_at;
  return *demoted_at + std::chrono::duration_cast<std::chrono::milliseconds>(backup_retention_);
}

Result<ProviderUsage> KeyProviders::Usage(const model::TenantId& tenant,
                                          const std::string& fingerprint) const {
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  Result<model::KeyProvider> found = FindProvider(state, fingerprint);
  const auto id = model::Fingerprint::Parse(fingerprint);
  if (!id) return found.error();
  TS_ASSIGN_OR_RETURN(const auto former, store_.LoadFormerProvider(tenant, *id));
  if (!found && !former) return found.error();
  model::KeyProvider provider;
  if (found) {
    provider = std::move(*found);
  } else {
    provider.fingerprint = *id;
    provider.kind = model::ProviderKind::kAwsKms;
    provider.arn = former->arn;
  }
  const std::set<std::uint32_t> versions = VersionsNeeding(state, provider.fingerprint);
  ProviderUsage usage;
  usage.tenant_keys = versions.size();
  for (const std::uint32_t version : versions) {
    TS_ASSIGN_OR_RETURN(const std::uint64_t keys, store_.CountDataKeys(tenant, version));
    usage.data_keys += keys;
  }
  TS_ASSIGN_OR_RETURN(usage.quarantined, CountSetAside(store_, tenant, versions));
  TS_ASSIGN_OR_RETURN(usage.other_tenants, store_.CountTenantsUsing(provider.arn, tenant));
  const bool takes_part = TakesPart(state, provider.fingerprint);
  // A backup from before the demotion opens through this provider alone.
  if (!takes_part) usage.keep_key_until = KeepKeyUntil(LastDemotion(provider, former));
  usage.safe_to_delete = provider.kind != model::ProviderKind::kInternal && versions.empty() &&
                         !takes_part && usage.other_tenants == 0 &&
                         (!usage.keep_key_until || *usage.keep_key_until <= clock_.Utc());
  return usage;
}

}  // namespace tenantseal::providers
