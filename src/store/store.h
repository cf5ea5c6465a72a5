// store/ keeps everything that must survive: tenants, providers, tenant keys, data keys, API keys,
// events, counts. One method is one transaction: it happens entirely or not at all, and is durable
// when it returns.
//
// The database is not trusted. Rows that decide who may use which key carry an HMAC (RowMac) over
// table, primary key, tenant and every security-relevant column, and each scope has a manifest row
// over all its row MACs, so that swapping, replaying, deleting or re-pointing single rows is
// kIntegrity on load. Implementations never see a key or a plaintext.
//
// Every change of what processes cache (tenant status, active version, providers, API keys)
// increments the epoch in the same transaction and records what changed; see keyring/store_lease.h.
//
// Errors of every method: kUnavailable (the database is gone, locked or full), kIntegrity, and
// what is listed at the method. All methods block; all are thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/records.h"
#include "model/tenant.h"

namespace tenantseal::store {

// What a database remembers of its deployment, written once.
struct Deployment {
  std::string id;                             // UUID.
  std::string root_id;                        // The root key that this database belongs to.
  std::array<std::uint8_t, 32> root_check{};  // A value derived from that root key.
  base::UtcTime created_at;
};

// Something whose cached state is stale since `epoch`.
struct Change {
  std::uint64_t epoch = 0;
  model::Scope scope = model::Scope::Deployment();
};

struct Changes {
  std::uint64_t epoch = 0;      // The present epoch.
  std::vector<Change> changed;  // After the epoch asked for; each scope once is enough.
  bool everything = false;      // The log no longer reaches back: treat every scope as changed.
};

template <typename T>
struct Page {
  std::vector<T> items;
  std::string next;  // Cursor of the next page, empty at the end.
};

struct TenantPage {
  std::size_t limit = 20;  // 1 to kPageItemsMax.
  std::string after;       // Cursor, empty for the first page.
};

// A data key row as the rewrap job sees it.
struct StoredDataKey {
  std::uint64_t position = 0;  // Grows with insertion.
  model::DataKey key;
};

struct DataKeyUpdate {
  std::uint64_t position = 0;
  std::uint32_t old_version = 0;  // The row is left alone when its version is another by now.
  std::uint32_t version = 0;
  std::string wrapped;
};

// Which events of a scope QueryEvents() returns, and in which order. What is empty or not set is no
// condition; texts are compared exactly.
struct EventQuery {
  enum class Order : std::uint8_t { kTime, kSource, kType };  // Then by time, then by sequence.

  std::optional<base::UtcTime> from = {};  // Both included.
  std::optional<base::UtcTime> to = {};
  std::string type = {};
  std::string source = {};
  std::string actor = {};
  std::vector<std::uint64_t> sequences = {};
  Order order = Order::kTime;
  bool descending = true;
  std::optional<std::uint64_t> after = {};  // Past the event of this sequence, in this order.
  std::size_t limit = 10;
};

// The last event of a chain, as stored.
struct EventHead {
  model::Scope scope = model::Scope::Deployment();
  std::uint64_t sequence = 0;
  std::array<std::uint8_t, 32> hash{};
};

// For ScanDataKeys(): no bound.
inline constexpr std::uint32_t kAnyVersion = 0xffffffff;

class Store {
 public:
  virtual ~Store() = default;

  // --- Deployment ---
  virtual Result<std::optional<Deployment>> LoadDeployment() const = 0;
  // kAlreadyExists when there is one.
  virtual Result<void> CreateDeployment(const Deployment& deployment) = 0;
  // Points the database at another root key; `old_root_id` must be the present one (kConflict).
  virtual Result<void> ReplaceRoot(const std::string& old_root_id, const std::string& root_id,
                                   const std::array<std::uint8_t, 32>& root_check) = 0;

  // --- Epoch and processes ---
  virtual Result<Changes> ReadChanges(std::uint64_t since) const = 0;
  // Records that this process has dropped everything stale up to `epoch`. Registers it; false when
  // it was not registered until now, so that nobody has waited for it.
  virtual Result<bool> Acknowledge(const model::ProcessId& process, std::uint64_t epoch) = 0;
  virtual Result<void> RemoveProcess(const model::ProcessId& process) = 0;
  // The processes that have not acknowledged `epoch`.
  virtual Result<std::vector<model::ProcessId>> LaggingProcesses(std::uint64_t epoch) const = 0;

  // Removes the processes that have not acknowledged `epoch`. They register anew when they do.
  virtual Result<void> RemoveLagging(std::uint64_t epoch) = 0;

  // --- Tenants. Each returns the epoch of the change. ---
  // The tenant with its first provider, tenant key and wrap. kAlreadyExists when the id is taken.
  virtual Result<std::uint64_t> CreateTenant(const model::TenantState& state,
                                             const model::NewEvent& event) = 0;
  // Reads and verifies everything of a tenant. kNotFound; kIntegrity.
  virtual Result<model::TenantState> LoadTenant(const model::TenantId& id) const = 0;
  virtual Result<Page<model::Tenant>> ListTenants(const TenantPage& page) const = 0;
  // Changes status and destroy_at when both are still as `expected` says, else kConflict. Never to
  // or from destroyed.
  virtual Result<std::uint64_t> ChangeTenant(const model::Tenant& expected,
                                             model::TenantStatus status,
                                             std::optional<base::UtcTime> destroy_at,
                                             const model::NewEvent& event) = 0;
  // Deactivated tenants whose destroy_at is at or before `now`.
  virtual Result<std::vector<model::TenantId>> TenantsToDestroy(base::UtcTime now) const = 0;
  // Deletes providers, keys, wraps, data keys and API keys of a tenant, and cancels its migration,
  // when its destroy_at is at or before `now` (else kConflict); its row stays with status
  // destroyed, its events stay.
  virtual Result<std::uint64_t> DestroyTenant(const model::TenantId& id, base::UtcTime now,
                                              const model::NewEvent& event) = 0;
  // Records that the provider refuses the tenant (or, with nullopt, no longer does). The event is
  // left out of the first refusal, which stops use at once but may be passing: it is told with the
  // second one, and then of the reinstatement.
  virtual Result<std::uint64_t> SetProviderRevoked(const model::TenantId& id,
                                                   const model::Fingerprint& provider,
                                                   std::optional<base::UtcTime> revoked_at,
                                                   const std::optional<model::NewEvent>& event) = 0;

  // --- Key providers. Each returns the epoch of the change. ---
  // Adds one that is neither promoted nor revoked. kAlreadyExists when the tenant has one of the
  // fingerprint or ARN; kConflict when the tenant is not active or has base::kProvidersMax.
  virtual Result<std::uint64_t> AddProvider(const model::KeyProvider& provider,
                                            const model::NewEvent& event) = 0;
  // Gives a provider another name, description or replica ARN (nothing else may differ) when it
  // still is as `expected` says, else kConflict. kNotFound.
  virtual Result<std::uint64_t> ChangeProvider(const model::KeyProvider& expected,
                                               const model::KeyProvider& changed,
                                               const std::optional<model::NewEvent>& event) = 0;
  // Deletes one with its validation; LoadFormerProvider() tells what is kept. kNotFound; kConflict
  // for the current one, the internal one, the source or target of an unfinished migration.
  virtual Result<std::uint64_t> DeleteProvider(const model::TenantId& tenant,
                                               const model::Fingerprint& provider,
                                               const model::NewEvent& event) = 0;
  // What DeleteProvider() has kept of one, whether or not it has been added again since.
  virtual Result<std::optional<model::FormerProvider>> LoadFormerProvider(
      const model::TenantId& tenant, const model::Fingerprint& provider) const = 0;
  // How many other tenants have a provider of this ARN.
  virtual Result<std::uint64_t> CountTenantsUsing(const std::string& arn,
                                                  const model::TenantId& except) const = 0;
  // Keeps the latest validation of a provider. kNotFound when there is no such provider.
  virtual Result<void> SaveValidation(const model::ProviderValidation& validation,
                                      const std::optional<model::NewEvent>& event) = 0;
  virtual Result<std::optional<model::ProviderValidation>> LoadValidation(
      const model::TenantId& tenant, const model::Fingerprint& provider) const = 0;

  // --- Migrations. The latest of a tenant is in its TenantState. ---
  // Each but the first needs `migration` of the stored id and fence (kConflict), so that whoever
  // acts on what is no longer so changes nothing; each increments the fence. Epochs are returned.

  // Records a migration in state kNew. kConflict when the tenant is not active, one is unfinished,
  // a rewrap job runs, or `to` is current; kNotFound when `to` is not there.
  virtual Result<std::uint64_t> StartMigration(const model::Migration& migration,
                                               const model::NewEvent& event) = 0;
  virtual Result<std::vector<model::Migration>> UnfinishedMigrations() const = 0;
  // Makes `process` the owner of an unfinished one and returns it. kNotFound, kConflict when it is
  // finished. Nothing else changes the owner.
  virtual Result<model::Migration> ClaimMigration(const model::TenantId& tenant,
                                                  const model::ProcessId& process) = 0;
  // kNew to kInProgress: adds key.version = active + 1 and makes it active, adds `wraps` (each
  // version, the new one included, by the target; the new one by the source, too; else kInternal),
  // and starts `job`, whose id is the migration's (its `total` is filled in).
  virtual Result<std::uint64_t> ActivateMigration(const model::Migration& migration,
                                                  const model::TenantKey& key,
                                                  std::span<const model::TenantKeyWrap> wraps,
                                                  const model::RewrapJob& job) = 0;
  // Stores state, pause, detail, quarantine_accepted and finished_at of `migration`. To kFailed or
  // kCancelled: deletes the target's wraps and cancels the job. A pause pauses the job, its end
  // lets it run. kInternal for another change of state.
  virtual Result<std::uint64_t> ChangeMigration(const model::Migration& migration,
                                                const std::optional<model::NewEvent>& event) = 0;
  // kInProgress to kCompleted at finished_at: makes the target current, deletes the source's wraps,
  // stamps promoted and demoted. kConflict when a version has no wrap by the target, or when data
  // keys that are not in quarantine are below to_version, unless `with_data_keys_left`: their
  // versions are wrapped by the target, and the job moves them afterwards.
  virtual Result<std::uint64_t> FinishMigration(const model::Migration& migration,
                                                bool with_data_keys_left,
                                                const std::vector<model::NewEvent>& events) = 0;

  // --- Tenant keys ---
  // Adds the version key.version = expected_active + 1 with its wraps and makes it active, when
  // expected_active still is, the tenant is active, no rewrap job runs or is paused and no
  // migration is unfinished, else kConflict. With
  // `job`, starts that job (its `total` is filled in) in the same transaction.
  virtual Result<std::uint64_t> ActivateTenantKey(const model::TenantKey& key,
                                                  std::span<const model::TenantKeyWrap> wraps,
                                                  std::uint32_t expected_active,
                                                  const std::optional<model::RewrapJob>& job,
                                                  const model::NewEvent& event) = 0;
  // Removes a version that is not active and that no managed data key needs, of an active tenant
  // without an unfinished migration, else kConflict, with the count in the message.
  virtual Result<std::uint64_t> RetireTenantKey(const model::TenantId& id, std::uint32_t version,
                                                const model::NewEvent& event) = 0;

  // --- Data keys ---
  // All or none. kConflict when the tenant is not active or the version that wraps them is not the
  // active one, kNotFound when there is no such tenant, kAlreadyExists when an id is taken. Others
  // may see them before they are durable, and a disk that fails then leaves them, for nobody.
  virtual Result<void> InsertDataKeys(std::span<const model::DataKey> keys) = 0;
  virtual Result<model::DataKey> LoadDataKey(const model::TenantId& tenant,
                                             const model::DataKeyId& id) const = 0;
  // kConflict when the tenant is not active.
  virtual Result<void> DeleteDataKey(const model::TenantId& tenant, const model::DataKeyId& id) = 0;
  virtual Result<std::uint64_t> CountDataKeys(const model::TenantId& tenant,
                                              std::optional<std::uint32_t> version) const = 0;

  // --- Rewrap jobs ---
  virtual Result<std::optional<model::RewrapJob>> LoadRewrapJob(
      const model::TenantId& tenant) const = 0;  // The latest.
  virtual Result<std::vector<model::RewrapJob>> RunningRewrapJobs() const = 0;
  // Takes the job over: increments its fence and returns it. kNotFound; kConflict when done.
  virtual Result<model::RewrapJob> ClaimRewrapJob(const model::TenantId& tenant) = 0;
  // Data keys of the tenant past `after` whose version is below `below_version`, or whatever it is
  // with kAnyVersion, in order.
  virtual Result<std::vector<StoredDataKey>> ScanDataKeys(const model::TenantId& tenant,
                                                          std::uint64_t after,
                                                          std::uint32_t below_version,
                                                          std::size_t limit) const = 0;
  // One batch with its checkpoint: updates the rows, sets data keys aside (one that is already
  // stays as it is) and stores cursor, done and failed of `job`. kConflict when job.fence is not
  // the stored one or the job does not run. With nothing to set aside, a power cut may undo it as a
  // whole: with an event until this returns, without one until the next write of any other kind.
  virtual Result<void> CommitRewrapBatch(std::span<const DataKeyUpdate> updates,
                                         std::span<const model::QuarantinedDataKey> quarantined,
                                         const model::RewrapJob& job,
                                         const std::optional<model::NewEvent>& event) = 0;
  // Marks the job done under its fence, with cursor, done and failed of `job`, at the event's time
  // or its own start, whichever is later, and appends the event.
  virtual Result<void> FinishRewrapJob(const model::RewrapJob& job,
                                       const model::NewEvent& event) = 0;

  // --- Quarantine ---
  // Data keys that are set aside, by id, after `after` (empty: from the start). One that is deleted
  // or moved to another version, by ReleaseDataKey() or a later batch, is no longer.
  virtual Result<std::vector<model::QuarantinedDataKey>> ListQuarantine(
      const model::TenantId& tenant, const std::string& after, std::size_t limit) const = 0;
  virtual Result<std::uint64_t> CountQuarantine(const model::TenantId& tenant) const = 0;
  // Stores the rewrapped form of a data key that opened after all, when its row still is of
  // `old_version`, and ends its quarantine. kNotFound when it is not in quarantine; kConflict when
  // the row is of another version, the tenant is not active, or rewrapped.version is not.
  virtual Result<void> ReleaseDataKey(const model::DataKey& rewrapped,
                                      std::uint32_t old_version) = 0;

  // --- API keys. The epochs are those of the change. ---
  // kConflict when the scope has kApiKeysPerTenantMax keys already or its tenant is not there.
  virtual Result<std::uint64_t> CreateApiKey(const model::ApiKey& key,
                                             const model::NewEvent& event) = 0;
  // Verified against the scope's manifest, so that a deleted key's row cannot come back. kNotFound.
  virtual Result<model::ApiKey> LoadApiKey(const model::ApiKeyId& id) const = 0;
  virtual Result<std::vector<model::ApiKey>> ListApiKeys(const model::Scope& scope) const = 0;
  // kConflict for the last PlatformOperator's key without expiry.
  virtual Result<std::uint64_t> DeleteApiKey(const model::ApiKeyId& id,
                                             const model::NewEvent& event) = 0;

  // --- Events and counts ---
  // After `after_sequence`, in order, each verified against its hash and its predecessor.
  virtual Result<std::vector<model::Event>> ListEvents(const model::Scope& scope,
                                                       std::uint64_t after_sequence,
                                                       std::size_t limit) const = 0;
  // In the order asked for. Each is verified against its hash and against its successor (the last
  // one against the chain's manifest); what lies between them and what was left out is not, which
  // takes the whole chain. kNotFound when `after` names no event.
  virtual Result<std::vector<model::Event>> QueryEvents(const model::Scope& scope,
                                                        const EventQuery& query) const = 0;
  // The ends of all chains that have an event, by scope, past `after` (empty: from the start). They
  // are not verified: ListEvents() of the last event does that.
  virtual Result<std::vector<EventHead>> ListEventHeads(const std::string& after,
                                                        std::size_t limit) const = 0;
  // Adds to the counts that are there. Forgets those older than kUsageMinutesKept (store/rules.h).
  virtual Result<void> AddUsage(std::span<const model::UsageCount> counts) = 0;
  // By minute; both ends included.
  virtual Result<std::vector<model::UsageCount>> ListUsage(const model::Scope& scope,
                                                           std::int64_t from_minute,
                                                           std::int64_t to_minute) const = 0;

  // --- Maintenance ---
  // Writes a consistent copy of the whole database to a new file, while the store is in use.
  virtual Result<void> Backup(const std::string& path) const = 0;
  // A cheap read that fails when the database is gone.
  virtual Result<void> Ping() const = 0;
};

}  // namespace tenantseal::store
