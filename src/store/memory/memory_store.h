// MemoryStore keeps everything in maps under one mutex: the same semantics as a database, for tests
// of the layers above. Nothing survives it, and there is no database to distrust, so it has no
// MACs.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <tuple>

#include "base/mutex.h"
#include "store/kms_call_store.h"
#include "store/session_store.h"
#include "store/store.h"
#include "store/webhook_store.h"

namespace tenantseal::store {

class MemoryStore : public Store, public SessionStore, public KmsCallStore, public WebhookStore {
 public:
  // Changes kept for ReadChanges(); small so that tests reach the end of the log.
  static constexpr std::size_t kChangesMax = 10'000;

  Result<std::optional<Deployment>> LoadDeployment() const override;
  Result<void> CreateDeployment(const Deployment& deployment) override;
  Result<void> ReplaceRoot(const std::string& old_root_id, const std::string& root_id,
                           const std::array<std::uint8_t, 32>& root_check) override;

  Result<Changes> ReadChanges(std::uint64_t since) const override;
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

  // Always kUnavailable: there is no file to copy to.
  Result<void> Backup(const std::string& path) const override;
  Result<void> Ping() const override { return {}; }

 private:
  // (minute, scope, principal, operation, outcome), the order of ListUsage.
  using UsageKey = std::tuple<std::int64_t, model::Scope, std::string, std::string, std::string>;

  std::uint64_t Record(const model::Scope& changed, const std::optional<model::NewEvent>& event)
      TS_REQUIRES(mutex_);
  void Append(const model::NewEvent& event) TS_REQUIRES(mutex_);
  std::uint64_t Count(const model::TenantId& tenant, std::optional<std::uint32_t> version) const
      TS_REQUIRES(mutex_);
  // Data keys of the tenant below the version that are not in quarantine.
  std::uint64_t CountLeft(const model::TenantId& tenant, std::uint32_t below) const
      TS_REQUIRES(mutex_);
  model::RewrapJob* Job(const model::TenantId& tenant) TS_REQUIRES(mutex_);  // Null: none.
  std::size_t CountApiKeys(const model::Scope& scope) const TS_REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  std::optional<Deployment> deployment_ TS_GUARDED_BY(mutex_);
  std::uint64_t epoch_ TS_GUARDED_BY(mutex_) = 0;
  std::deque<Change> changes_ TS_GUARDED_BY(mutex_);
  std::map<model::ProcessId, std::uint64_t> processes_ TS_GUARDED_BY(mutex_);
  std::map<model::TenantId, model::TenantState> tenants_ TS_GUARDED_BY(mutex_);
  std::uint64_t last_position_ TS_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, model::DataKey> data_keys_ TS_GUARDED_BY(mutex_);
  std::map<model::DataKeyId, std::uint64_t> positions_ TS_GUARDED_BY(mutex_);
  std::map<model::TenantId, model::RewrapJob> jobs_ TS_GUARDED_BY(mutex_);
  std::map<std::pair<model::TenantId, model::DataKeyId>, model::QuarantinedDataKey> quarantine_
      TS_GUARDED_BY(mutex_);
  std::map<std::pair<model::TenantId, model::Fingerprint>, model::FormerProvider> former_providers_
      TS_GUARDED_BY(mutex_);
  std::map<std::pair<model::TenantId, model::Fingerprint>, model::ProviderValidation> validations_
      TS_GUARDED_BY(mutex_);
  std::map<model::ApiKeyId, model::ApiKey> api_keys_ TS_GUARDED_BY(mutex_);
  std::map<model::Scope, std::vector<model::Event>> events_ TS_GUARDED_BY(mutex_);
  std::map<UsageKey, std::uint64_t> usage_ TS_GUARDED_BY(mutex_);
  std::map<model::SessionId, model::Session> sessions_ TS_GUARDED_BY(mutex_);
  std::map<std::string, base::UtcTime> spent_sign_ins_ TS_GUARDED_BY(mutex_);
  std::map<KmsCallPlace, model::KmsCall> kms_calls_ TS_GUARDED_BY(mutex_);
  std::map<std::uint64_t, model::KmsCallLogMark> kms_call_logs_ TS_GUARDED_BY(mutex_);
  std::uint64_t last_kms_call_log_ TS_GUARDED_BY(mutex_) = 0;
  std::map<std::pair<base::UtcTime, std::uint64_t>, model::KmsCallGap> kms_call_gaps_
      TS_GUARDED_BY(mutex_);

  struct StoredWebhook {
    model::Webhook row;
    WebhookProgress progress;
    std::uint64_t fence = 0;
    std::optional<base::UtcTime> lease_until;
    std::map<model::DeliveryId, model::WebhookDelivery> deliveries;
  };
  std::uint64_t ChainEnd(const model::Scope& scope) const TS_REQUIRES(mutex_);
  bool IsDue(const StoredWebhook& webhook, base::UtcTime now) const TS_REQUIRES(mutex_);
  std::map<WebhookPlace, StoredWebhook> webhooks_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::store
