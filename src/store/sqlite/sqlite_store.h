// SqliteStore keeps everything in one SQLite file: the embedded default.
//
// Write-ahead log: what a method has returned survives a power cut, but for rewrap batches, which
// may then have to be done again (CommitRewrapBatch). One
// writer connection, a few readers that never wait for it; several processes may share the file.
// Deleted content is overwritten (secure_delete). The file and its companions are readable by their
// owner only. A full disk, a missing right or a damaged file is an Error that says how to mend it,
// and changes nothing.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <optional>
#include <vector>

#include "store/kms_call_store.h"
#include "store/manifest.h"
#include "store/session_store.h"
#include "store/sqlite/log_ahead.h"
#include "store/store.h"
#include "store/webhook_store.h"

namespace tenantseal::store {

class Connection;
class Session;
struct DataKeyCount;

struct SqliteOptions {
  int readers_max = 4;          // Connections that read at the same time; opened when first needed.
  int busy_timeout_ms = 5000;   // How long to wait for another process's transaction.
  int writer_cache_kib = 4096;  // Page caches; filled only by use.
  int reader_cache_kib = 512;
  int log_pages_max = 16000;  // Of 4 KiB, after which the log begins anew; more while it is read.
};

class SqliteStore final : public Store,
                          public SessionStore,
                          public KmsCallStore,
                          public WebhookStore {
 public:
  // Opens the file, making it if there is none, and brings it to the present schema. The directory
  // must exist. kInvalidArgument for a file that others may read, kConflict for one of a newer
  // schema, kIntegrity for one that is damaged or not ours, kUnavailable.
  static Result<std::unique_ptr<SqliteStore>> Open(const std::string& path, RowMac row_mac,
                                                   const SqliteOptions& options = {});
  ~SqliteStore() override;

  Result<std::optional<Deployment>> LoadDeployment() const override;
  Result<void> CreateDeployment(const Deployment& deployment) override;
  Result<void> ReplaceRoot(const std::string& old_root_id, const std::string& root_id,
                           const std::array<std::uint8_t, 32>& root_check) override;

  Result<Changes> ReadChanges(std::uint64_t since) const override;
  // Writes only when the number differs from the stored one.
  Result<bool> Acknowledge(const model::ProcessId& process, std::uint64_t epoch) override;
  Result<void> RemoveProcess(const model::ProcessId& process) override;
  Result<std::vector<model::ProcessId>> LaggingProcesses(std::uint64_t epoch) const override;
  Result<void> RemoveLagging(std::uint64_t epoch) override;

  Result<std::uint64_t> CreateTenant(const model::TenantState& state,
                                     const model::NewEvent& event) override;
  Result<model::TenantState> LoadTenant(const model::TenantId& id) const override;
  Result<Page<model::Tenant>> ListTenants(const TenantPage& page) const override;
  Result<std::uint64_t> ChangeTenant(const model::Tenant& expected, model::TenantStatus status,
                                     std::optional<base::UtcTime> destroy_at,
                                     const model::NewEvent& event) override;
  Result<std::vector<model::TenantId>> TenantsToDestroy(base::UtcTime now) const override;
  Result<std::uint64_t> DestroyTenant(const model::TenantId& id, base::UtcTime now,
                                      const model::NewEvent& event) override;
  Result<std::uint64_t> SetProviderRevoked(const model::TenantId& id,
                                           const model::Fingerprint& provider,
                                           std::optional<base::UtcTime> revoked_at,
                                           const std::optional<model::NewEvent>& event) override;

  Result<std::uint64_t> AddProvider(const model::KeyProvider& provider,
                                    const model::NewEvent& event) override;
  Result<std::uint64_t> ChangeProvider(const model::KeyProvider& expected,
                                       const model::KeyProvider& changed,
                                       const std::optional<model::NewEvent>& event) override;
  Result<std::uint64_t> DeleteProvider(const model::TenantId& tenant,
                                       const model::Fingerprint& provider,
                                       const model::NewEvent& event) override;
  Result<std::uint64_t> CountTenantsUsing(const std::string& arn,
                                          const model::TenantId& except) const override;
  Result<std::optional<model::FormerProvider>> LoadFormerProvider(
      const model::TenantId& tenant, const model::Fingerprint& provider) const override;
  Result<void> SaveValidation(const model::ProviderValidation& validation,
                              const std::optional<model::NewEvent>& event) override;
  Result<std::optional<model::ProviderValidation>> LoadValidation(
      const model::TenantId& tenant, const model::Fingerprint& provider) const override;

  Result<std::uint64_t> StartMigration(const model::Migration& migration,
                                       const model::NewEvent& event) override;
  Result<std::vector<model::Migration>> UnfinishedMigrations() const override;
  Result<model::Migration> ClaimMigration(const model::TenantId& tenant,
                                          const model::ProcessId& process) override;
  Result<std::uint64_t> ActivateMigration(const model::Migration& migration,
                                          const model::TenantKey& key,
                                          std::span<const model::TenantKeyWrap> wraps,
                                          const model::RewrapJob& job) override;
  Result<std::uint64_t> ChangeMigration(const model::Migration& migration,
                                        const std::optional<model::NewEvent>& event) override;
  Result<std::uint64_t> FinishMigration(const model::Migration& migration, bool with_data_keys_left,
                                        const std::vector<model::NewEvent>& events) override;

  Result<std::uint64_t> ActivateTenantKey(const model::TenantKey& key,
                                          std::span<const model::TenantKeyWrap> wraps,
                                          std::uint32_t expected_active,
                                          const std::optional<model::RewrapJob>& job,
                                          const model::NewEvent& event) override;
  Result<std::uint64_t> RetireTenantKey(const model::TenantId& id, std::uint32_t version,
                                        const model::NewEvent& event) override;

  Result<void> InsertDataKeys(std::span<const model::DataKey> keys) override;
  Result<model::DataKey> LoadDataKey(const model::TenantId& tenant,
                                     const model::DataKeyId& id) const override;
  Result<void> DeleteDataKey(const model::TenantId& tenant, const model::DataKeyId& id) override;
  Result<std::uint64_t> CountDataKeys(const model::TenantId& tenant,
                                      std::optional<std::uint32_t> version) const override;

  Result<std::optional<model::RewrapJob>> LoadRewrapJob(
      const model::TenantId& tenant) const override;
  Result<std::vector<model::RewrapJob>> RunningRewrapJobs() const override;
  Result<model::RewrapJob> ClaimRewrapJob(const model::TenantId& tenant) override;
  Result<std::vector<StoredDataKey>> ScanDataKeys(const model::TenantId& tenant,
                                                  std::uint64_t after, std::uint32_t below_version,
                                                  std::size_t limit) const override;
  Result<void> CommitRewrapBatch(std::span<const DataKeyUpdate> updates,
                                 std::span<const model::QuarantinedDataKey> quarantined,
                                 const model::RewrapJob& job,
                                 const std::optional<model::NewEvent>& event) override;
  Result<void> FinishRewrapJob(const model::RewrapJob& job, const model::NewEvent& event) override;

  Result<std::vector<model::QuarantinedDataKey>> ListQuarantine(const model::TenantId& tenant,
                                                                const std::string& after,
                                                                std::size_t limit) const override;
  Result<std::uint64_t> CountQuarantine(const model::TenantId& tenant) const override;
  Result<void> ReleaseDataKey(const model::DataKey& rewrapped, std::uint32_t old_version) override;

  Result<std::uint64_t> CreateApiKey(const model::ApiKey& key,
                                     const model::NewEvent& event) override;
  Result<model::ApiKey> LoadApiKey(const model::ApiKeyId& id) const override;
  Result<std::vector<model::ApiKey>> ListApiKeys(const model::Scope& scope) const override;
  Result<std::uint64_t> DeleteApiKey(const model::ApiKeyId& id,
                                     const model::NewEvent& event) override;

  Result<std::vector<model::Event>> ListEvents(const model::Scope& scope,
                                               std::uint64_t after_sequence,
                                               std::size_t limit) const override;
  Result<std::vector<model::Event>> QueryEvents(const model::Scope& scope,
                                                const EventQuery& query) const override;
  Result<std::vector<EventHead>> ListEventHeads(const std::string& after,
                                                std::size_t limit) const override;
  Result<void> AddUsage(std::span<const model::UsageCount> counts) override;
  Result<std::vector<model::UsageCount>> ListUsage(const model::Scope& scope,
                                                   std::int64_t from_minute,
                                                   std::int64_t to_minute) const override;

  Result<void> CreateSession(const model::Session& session, const SessionBounds& bounds,
                             const std::optional<model::NewEvent>& event) override;
  Result<model::Session> LoadSession(const model::SessionId& id) const override;
  Result<void> ExtendSession(const model::SessionId& id, base::UtcTime idle_expires_at) override;
  Result<std::uint64_t> DeleteSession(const model::SessionId& id,
                                      const std::optional<model::NewEvent>& event) override;
  Result<std::uint64_t> CountSessions() const override;
  Result<void> SpendSignIn(const std::string& id, base::UtcTime now,
                           base::UtcTime expires_at) override;

  Result<void> AppendKmsCalls(const KmsCallBatch& batch) override;
  Result<std::vector<KeptKmsCall>> ListKmsCalls(const KmsCallQuery& query) const override;
  Result<KmsCallLogs> ListKmsCallLogs(base::UtcTime from, base::UtcTime until) const override;
  Result<bool> ForgetKmsCalls(base::UtcTime before) override;

  Result<void> CreateWebhook(const model::Webhook& webhook, const model::NewEvent& event) override;
  Result<model::Webhook> LoadWebhook(const model::Scope& scope,
                                     const model::WebhookId& id) const override;
  Result<std::vector<model::Webhook>> ListWebhooks(const model::Scope& scope) const override;
  Result<void> ChangeWebhook(const model::Webhook& changed, const model::NewEvent& event) override;
  Result<void> DeleteWebhook(const model::Scope& scope, const model::WebhookId& id,
                             const model::NewEvent& event) override;
  Result<std::vector<WebhookPlace>> DueWebhooks(base::UtcTime now, const WebhookPlace& after,
                                                std::size_t limit) const override;
  Result<std::optional<ClaimedWebhook>> ClaimWebhook(const WebhookPlace& place, base::UtcTime now,
                                                     base::UtcTime lease_until,
                                                     std::size_t due_max) override;
  Result<std::uint64_t> SaveWebhookStep(const WebhookStep& step) override;
  Result<void> AddDelivery(const model::WebhookDelivery& delivery) override;
  Result<model::WebhookDelivery> LoadDelivery(const model::WebhookId& webhook,
                                              const model::DeliveryId& id) const override;
  Result<std::vector<model::WebhookDelivery>> ListDeliveries(
      const DeliveryQuery& query) const override;
  Result<bool> ForgetDeliveries(base::UtcTime before) override;

  // The copy has mode 0600 and appears only when it is whole and durable. kAlreadyExists when
  // there is a file at `path`.
  Result<void> Backup(const std::string& path) const override;
  Result<void> Ping() const override;

  // The longest time for which a write has held the database. Writes wait for each other.
  std::chrono::nanoseconds LongestWrite() const {
    return std::chrono::nanoseconds(longest_write_ns_.load(std::memory_order_relaxed));
  }

 private:
  SqliteStore(std::string path, RowMac row_mac, const SqliteOptions& options);

  static constexpr int kPagesPerShortening = 1000;
  // With a batch that rewraps data keys: so that no request has to, and little at a time.
  static constexpr int kBatchPagesPerShortening = 500;

  // What a power cut right after the commit may undo. To wait for the disk takes much longer than
  // all else, so a write waits after it has let the others go ahead where it can be undone as long
  // as it has not returned: since nobody has been told of it, or it is told of only once it lasts.
  enum class Survives : std::uint8_t {
    kPowerCut,              // Nothing.
    kPowerCutOnceReturned,  // The write, as long as it has not returned.
    kKill,  // The write; once a later one that survives a power cut has returned, nothing.
  };
  // Run `body(Session&)`, which returns a Result, inside one transaction; see sqlite/access.h.
  template <typename Body>
  auto Write(Body&& body, Survives survives = Survives::kPowerCut)
      -> decltype(body(std::declval<Session&>()));
  template <typename Body>
  auto WriteLocked(Body&& body, Survives survives) -> decltype(body(std::declval<Session&>()));
  template <typename Body>
  auto Read(Body&& body) const -> decltype(body(std::declval<Session&>()));

  // Data keys below a version, counted before the write that needs their number.
  Result<DataKeyCount> CountToMove(const model::TenantId& tenant, std::uint32_t version) const;
  // Makes durable what was committed before. Those who ask for what this process has committed
  // share one sync with others who ask at the time.
  enum class CommitsOf : std::uint8_t { kThisProcess, kAll };
  Result<void> SyncLog(CommitsOf whose) const;
  // After a sync that failed, lest a later one vouch for what the first has lost. Inside a write.
  Result<void> MendLog() TS_REQUIRES(writer_mutex_);
  // Whether the caller, who is about to write, is to shorten the log thereafter: true once so many
  // pages have been written since somebody did.
  bool BeginShortening(int pages);
  void ShortenLog();            // Moves the log into the database, but what follows the mark.
  bool EmptyLogBesideOthers();  // For whoever has set `shortening_`.

  class WriterTurn;
  class HeldWrite;
  class ReaderLease;
  Result<std::unique_ptr<Connection>> TakeReader() const;
  void ReturnReader(std::unique_ptr<Connection> reader) const;

  const std::string path_;
  const RowMac row_mac_;
  const SqliteOptions options_;
  mutable VersionGuard guard_;
  std::atomic<std::int64_t> usage_pruned_on_{-1};  // The day since 1970.

  // Of whoever writes next. Without it, one that writes again and again would find the writer free
  // before those who wait for it have awoken.
  base::Mutex turn_mutex_;
  base::Mutex writer_mutex_;
  std::unique_ptr<Connection> writer_ TS_GUARDED_BY(writer_mutex_);

  std::atomic<std::int64_t> longest_write_ns_{0};
  std::atomic<int> log_pages_{0};     // After the last write.
  std::optional<LogAhead> log_ahead_;
  std::atomic<int> shortened_at_{0};  // The same when it was last shortened and not begun anew.
  std::atomic<bool> shortening_{false};
  // Of whoever has set `shortening_`.
  std::unique_ptr<Connection> checkpointer_;
  std::unique_ptr<Connection> log_mark_;  // Reads what was there when the shortening began.

  std::atomic<std::uint64_t> commits_{0};
  mutable base::Mutex sync_mutex_;
  mutable std::uint64_t synced_ TS_GUARDED_BY(sync_mutex_) = 0;  // Of commits_.
  mutable std::unique_ptr<Connection> syncer_ TS_GUARDED_BY(sync_mutex_);
  mutable std::atomic<bool> log_doubtful_{false};  // Cleared under sync_mutex_.

  mutable base::Mutex readers_mutex_;
  mutable std::condition_variable reader_returned_;
  mutable std::vector<std::unique_ptr<Connection>> idle_readers_ TS_GUARDED_BY(readers_mutex_);
  mutable int readers_ TS_GUARDED_BY(readers_mutex_) = 0;  // Idle and in use.
};

}  // namespace tenantseal::store
