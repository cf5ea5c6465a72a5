#include "keyring/rotation.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "events/event.h"
#include "formats/envelope.h"
#include "keyring/rewrap_batch.h"
#include "store/rules.h"

namespace tenantseal::keyring {
namespace {

constexpr auto kAgedStartTimeout = std::chrono::seconds(30);

Result<void> CheckIdle(const store::Store& store, const model::TenantId& tenant) {
  TS_ASSIGN_OR_RETURN(const std::optional<model::RewrapJob> job, store.LoadRewrapJob(tenant));
  return store::CheckNoJob(job ? &*job : nullptr);
}

// Whether every managed data key is wrapped by the version that its column names: a column that
// somebody has raised would hide a key from the rewrapping, and its version would seem unneeded.
Result<void> CheckLabels(const store::Store& store, const model::TenantId& tenant) {
  std::uint64_t after = 0;
  while (true) {
    TS_ASSIGN_OR_RETURN(
        const std::vector<store::StoredDataKey> rows,
        store.ScanDataKeys(tenant, after, store::kAnyVersion, Rotation::kBatchItems));
    if (rows.empty()) return {};
    for (const store::StoredDataKey& row : rows) {
      const auto label = formats::ParseWrappedKey(row.key.wrapped);
      if (label && label->version == row.key.version) continue;
      return IntegrityError("The row " + row.key.id.text() +
                            " of table data_keys does not name the version that wraps it. Find out "
                            "who changed the database, then restore a backup or delete the key.");
    }
    after = rows.back().position;
  }
}

}  // namespace

Rotation::Rotation(Keyring& keyring, store::Store& store, StoreLease& lease,
                   const base::Clock& clock, const base::Random& random)
    : keyring_(keyring),
      store_(store),
      lease_(lease),
      clock_(clock),
      random_(random),
      rewrapper_(std::make_unique<Rewrapper>(keyring, store, clock, random)) {}

Rotation::~Rotation() = default;

Result<model::RewrapJob> Rotation::Start(const model::TenantId& tenant, const std::string& actor,
                                         base::Deadline deadline) {
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  // What would be refused in the end is not asked of the provider.
  TS_RETURN_IF_ERROR(store::CheckActive(state.tenant));
  TS_RETURN_IF_ERROR(store::CheckNoMigration(state));
  TS_RETURN_IF_ERROR(CheckIdle(store_, tenant));
  TS_RETURN_IF_ERROR(store::CheckRoomForVersion(state));
  const model::KeyProvider* provider = state.FindProvider(state.tenant.current_provider);
  if (provider == nullptr) return IntegrityError("the tenant's current provider is not there");
  const std::uint32_t active = state.tenant.active_version;
  TS_ASSIGN_OR_RETURN(const Keyring::MintedKey minted,
                      keyring_.Mint(tenant, *provider, active + 1, deadline));
  model::RewrapJob job;
  job.tenant = tenant;
  job.id = model::NewUuid(random_);
  job.to_version = active + 1;
  job.started_by = actor;
  job.started_at = clock_.Utc();
  const model::NewEvent event =
      events::MakeEvent(clock_, random_, model::Scope::Of(tenant), events::kTenantKeyRotated, actor,
                        {{"tenantId", tenant.text()},
                         {"arnFingerPrint", provider->fingerprint.text()},
                         {"fromVersion", active},
                         {"toVersion", active + 1},
                         {"jobId", job.id}});
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch,
                      store_.ActivateTenantKey(minted.key, {&minted.wrap, 1}, active, job, event));
  TS_RETURN_IF_ERROR(lease_.AwaitObeyed(epoch));
  TS_ASSIGN_OR_RETURN(std::optional<model::RewrapJob> started, store_.LoadRewrapJob(tenant));
  if (!started) return IntegrityError("the rewrap job is not there");
  return std::move(*started);
}

Result<void> Rotation::Retire(const model::TenantId& tenant, std::uint32_t version,
                              const std::string& actor) {
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  TS_RETURN_IF_ERROR(store::CheckNoMigration(state));
  TS_RETURN_IF_ERROR(CheckIdle(store_, tenant));
  TS_RETURN_IF_ERROR(CheckLabels(store_, tenant));
  const model::NewEvent event = events::MakeEvent(
      clock_, random_, model::Scope::Of(tenant), events::kTenantKeyRetired, actor,
      {{"tenantId", tenant.text()},
       {"version", version},
       {"consequence",
        "Values and detached data keys under this version cannot be opened any more."}});
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch, store_.RetireTenantKey(tenant, version, event));
  return lease_.AwaitObeyed(epoch);
}

Result<std::optional<model::RewrapJob>> Rotation::Job(const model::TenantId& tenant) const {
  return store_.LoadRewrapJob(tenant);
}

Result<model::DataKey> Rotation::RewrapOne(const model::DataKey& key, base::Deadline deadline) {
  return rewrapper_->RewrapOne(key, deadline);
}

// --- By age ---

void Rotation::RotateAged(base::Duration age_max) {
  if (age_max <= base::Duration::zero()) return;
  const auto page = store_.ListTenants({.limit = kAgedPageItems, .after = aged_after_});
  if (!page) return;  // The store is gone; others say so.
  aged_after_ = page->next;
  for (const model::Tenant& tenant : page->items) {
    if (tenant.status != model::TenantStatus::kActive || !IsAged(tenant.id, age_max)) continue;
    const auto started = Start(tenant.id, "age-limit", clock_.Boot() + kAgedStartTimeout);
    if (started) continue;
    base::LogWarning("a tenant key is older than it may be and cannot be rotated now",
                     {{"tenant", tenant.id.text()}, {"error", started.error().message}});
  }
}

// And nothing known forbids its rotation.
bool Rotation::IsAged(const model::TenantId& tenant, base::Duration age_max) const {
  const auto state = store_.LoadTenant(tenant);
  if (!state || !store::CheckNoMigration(*state) || !CheckIdle(store_, tenant)) return false;
  const model::KeyProvider* provider = state->FindProvider(state->tenant.current_provider);
  const model::TenantKey* active = state->FindKey(state->tenant.active_version);
  if (provider == nullptr || provider->revoked_at || active == nullptr) return false;
  return clock_.Utc() - active->created_at > age_max;
}

}  // namespace tenantseal::keyring
