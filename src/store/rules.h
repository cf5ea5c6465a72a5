// What a change requires, apart from how rows are kept: pure functions that every implementation
// of Store calls inside its transaction, so that all of them decide alike.
#pragma once

#include <span>

#include "store/store.h"

namespace tenantseal::store {

Error TenantNotFound();
Error DataKeyNotFound();
Error ApiKeyNotFound();
Error RewrapJobNotFound();

// The state is one tenant's, active, with its current provider, its active key and that key's wrap.
Result<void> CheckNewTenant(const model::TenantState& state);

// Gives `stored` the new status and time when it is still as `expected` says.
Result<void> ApplyChange(model::Tenant& stored, const model::Tenant& expected,
                         model::TenantStatus status, std::optional<base::UtcTime> destroy_at);

// Turns `state` into what is left of a destroyed tenant; an unfinished migration is cancelled.
Result<void> ApplyDestruction(model::TenantState& state, base::UtcTime now);

// `job` is the tenant's latest, null when there is none: it neither runs nor waits.
Result<void> CheckNoJob(const model::RewrapJob* job);

// A migration makes, wraps and moves versions by itself: nobody else does meanwhile.
Result<void> CheckNoMigration(const model::TenantState& state);

// Another version fits.
Result<void> CheckRoomForVersion(const model::TenantState& state);

// `job` is the tenant's latest, null when there is none.
Result<void> CheckActivation(const model::TenantState& state, const model::TenantKey& key,
                             std::span<const model::TenantKeyWrap> wraps,
                             std::uint32_t expected_active, const model::RewrapJob* job);

// `needed_by` counts the managed data keys of that version.
Result<void> CheckRetirement(const model::TenantState& state, std::uint32_t version,
                             std::uint64_t needed_by);

// What changes a tenant's keys or data keys needs it to be active.
Result<void> CheckActive(const model::Tenant& tenant);

// Whether data keys wrapped by `version` may be added: only the active one, so that after a
// rotation nothing new needs an older version, whatever a process believes that lags behind.
Result<void> CheckInsert(const model::Tenant& tenant, std::uint32_t version);

// `tenant` is null for a key of the deployment, or when the key's tenant is not there.
Result<void> CheckNewApiKey(const model::ApiKey& key, const model::Tenant* tenant,
                            std::size_t keys_in_scope);

// One operator's key without expiry must stay: a deployment without any could not be administered.
Result<void> CheckApiKeyDeletion(const model::ApiKey& key,
                                 std::span<const model::ApiKey> keys_in_scope);

// `given` may go on with the job that is stored, which runs.
Result<void> CheckFence(const model::RewrapJob& stored, const model::RewrapJob& given);

Result<void> CheckRootReplacement(const std::optional<Deployment>& stored,
                                  const std::string& old_root_id);

// What `since` means for a log that holds the epochs `first` to `present` (both 0 when empty):
// whether it still reaches back.
bool LogReachesBack(std::uint64_t since, std::uint64_t first, std::uint64_t present);

// Counts of use older than this against the newest are deleted.
inline constexpr std::int64_t kUsageMinutesKept = 400 * 24 * 60;

// The place of a tenant in the order of ListTenants.
struct TenantCursor {
  std::int64_t created_ms = 0;
  std::string id;
  auto operator<=>(const TenantCursor&) const = default;
};
std::string FormatCursor(const TenantCursor& cursor);
// Checks limit and cursor of a page; nullopt is the first page. kInvalidArgument.
Result<std::optional<TenantCursor>> CheckPage(const TenantPage& page);

}  // namespace tenantseal::store
