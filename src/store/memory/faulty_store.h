// FaultyStore lets one call of another store fail, for fault injection in tests of the layers
// above: "fail at call 1, 2, 3 ... N and prove that nothing is lost".
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "store/store.h"

namespace tenantseal::store {

// Thread-safe. Counts all calls, reads included; passes through what it does not fail.
class FaultyStore : public Store {
 public:
  enum class When {
    kBefore,  // The call has no effect.
    kAfter,   // The call has its effect, but its answer is lost, as when a connection breaks.
  };

  explicit FaultyStore(Store& inner) : inner_(inner) {}

  // The call number `nth` from now (1 is the next) fails, and `times - 1` after it.
  void FailCall(std::uint64_t nth, Error error, When when = When::kBefore,
                std::uint64_t times = 1) {
    base::MutexLock lock(mutex_);
    first_ = calls_ + nth;
    last_ = first_ + times - 1;
    when_ = when;
    error_ = std::move(error);
  }
  // Just before the call number `nth` from now, whoever makes it; its own calls go to another
  // store.
  void BeforeCall(std::uint64_t nth, std::function<void()> act) {
    base::MutexLock lock(mutex_);
    act_at_ = calls_ + nth;
    act_ = std::move(act);
  }
  void FailNothing() {
    base::MutexLock lock(mutex_);
    error_.reset();
  }
  // Calls so far, e.g. of an undisturbed run, to know N.
  std::uint64_t calls() const {
    base::MutexLock lock(mutex_);
    return calls_;
  }

  Result<std::optional<Deployment>> LoadDeployment() const override {
    return Pass([&] { return inner_.LoadDeployment(); });
  }
  Result<void> CreateDeployment(const Deployment& deployment) override {
    return Pass([&] { return inner_.CreateDeployment(deployment); });
  }
  Result<void> ReplaceRoot(const std::string& old_root_id, const std::string& root_id,
                           const std::array<std::uint8_t, 32>& root_check) override {
    return Pass([&] { return inner_.ReplaceRoot(old_root_id, root_id, root_check); });
  }
  Result<Changes> ReadChanges(std::uint64_t since) const override {
    return Pass([&] { return inner_.ReadChanges(since); });
  }
  Result<bool> Acknowledge(const model::ProcessId& process, std::uint64_t epoch) override {
    return Pass([&] { return inner_.Acknowledge(process, epoch); });
  }
  Result<void> RemoveProcess(const model::ProcessId& process) override {
    return Pass([&] { return inner_.RemoveProcess(process); });
  }
  Result<std::vector<model::ProcessId>> LaggingProcesses(std::uint64_t epoch) const override {
    return Pass([&] { return inner_.LaggingProcesses(epoch); });
  }
  Result<void> RemoveLagging(std::uint64_t epoch) override {
    return Pass([&] { return inner_.RemoveLagging(epoch); });
  }
  Result<std::uint64_t> CreateTenant(const model::TenantState& state,
                                     const model::NewEvent& event) override {
    return Pass([&] { return inner_.CreateTenant(state, event); });
  }
  Result<model::TenantState> LoadTenant(const model::TenantId& id) const override {
    return Pass([&] { return inner_.LoadTenant(id); });
  }
  Result<Page<model::Tenant>> ListTenants(const TenantPage& page) const override {
    return Pass([&] { return inner_.ListTenants(page); });
  }
  Result<std::uint64_t> ChangeTenant(const model::Tenant& expected, model::TenantStatus status,
                                     std::optional<base::UtcTime> destroy_at,
                                     const model::NewEvent& event) override {
    return Pass([&] { return inner_.ChangeTenant(expected, status, destroy_at, event); });
  }
  Result<std::vector<model::TenantId>> TenantsToDestroy(base::UtcTime now) const override {
    return Pass([&] { return inner_.TenantsToDestroy(now); });
  }
  Result<std::uint64_t> DestroyTenant(const model::TenantId& id, base::UtcTime now,
                                      const model::NewEvent& event) override {
    return Pass([&] { return inner_.DestroyTenant(id, now, event); });
  }
  Result<std::uint64_t> SetProviderRevoked(const model::TenantId& id,
                                           const model::Fingerprint& provider,
                                           std::optional<base::UtcTime> revoked_at,
                                           const std::optional<model::NewEvent>& event) override {
    return Pass([&] { return inner_.SetProviderRevoked(id, provider, revoked_at, event); });
  }
  Result<std::uint64_t> AddProvider(const model::KeyProvider& provider,
                                    const model::NewEvent& event) override {
    return Pass([&] { return inner_.AddProvider(provider, event); });
  }
  Result<std::uint64_t> ChangeProvider(const model::KeyProvider& expected,
                                       const model::KeyProvider& changed,
                                       const std::optional<model::NewEvent>& event) override {
    return Pass([&] { return inner_.ChangeProvider(expected, changed, event); });
  }
  Result<std::uint64_t> DeleteProvider(const model::TenantId& tenant,
                                       const model::Fingerprint& provider,
                                       const model::NewEvent& event) override {
    return Pass([&] { return inner_.DeleteProvider(tenant, provider, event); });
  }
  Result<std::uint64_t> CountTenantsUsing(const std::string& arn,
                                          const model::TenantId& except) const override {
    return Pass([&] { return inner_.CountTenantsUsing(arn, except); });
  }
  Result<std::optional<model::FormerProvider>> LoadFormerProvider(
      const model::TenantId& tenant, const model::Fingerprint& provider) const override {
    return Pass([&] { return inner_.LoadFormerProvider(tenant, provider); });
  }
  Result<void> SaveValidation(const model::ProviderValidation& validation,
                              const std::optional<model::NewEvent>& event) override {
    return Pass([&] { return inner_.SaveValidation(validation, event); });
  }
  Result<std::optional<model::ProviderValidation>> LoadValidation(
      const model::TenantId& tenant, const model::Fingerprint& provider) const override {
    return Pass([&] { return inner_.LoadValidation(tenant, provider); });
  }
  Result<std::uint64_t> StartMigration(const model::Migration& migration,
                                       const model::NewEvent& event) override {
    return Pass([&] { return inner_.StartMigration(migration, event); });
  }
  Result<std::vector<model::Migration>> UnfinishedMigrations() const override {
    return Pass([&] { return inner_.UnfinishedMigrations(); });
  }
  Result<model::Migration> ClaimMigration(const model::TenantId& tenant,
                                          const model::ProcessId& process) override {
    return Pass([&] { return inner_.ClaimMigration(tenant, process); });
  }
  Result<std::uint64_t> ActivateMigration(const model::Migration& migration,
                                          const model::TenantKey& key,
                                          std::span<const model::TenantKeyWrap> wraps,
                                          const model::RewrapJob& job) override {
    return Pass([&] { return inner_.ActivateMigration(migration, key, wraps, job); });
  }
  Result<std::uint64_t> ChangeMigration(const model::Migration& migration,
                                        const std::optional<model::NewEvent>& event) override {
    return Pass([&] { return inner_.ChangeMigration(migration, event); });
  }
  Result<std::uint64_t> FinishMigration(const model::Migration& migration, bool with_data_keys_left,
                                        const std::vector<model::NewEvent>& events) override {
    return Pass([&] { return inner_.FinishMigration(migration, with_data_keys_left, events); });
  }
  Result<std::uint64_t> ActivateTenantKey(const model::TenantKey& key,
                                          std::span<const model::TenantKeyWrap> wraps,
                                          std::uint32_t expected_active,
                                          const std::optional<model::RewrapJob>& job,
                                          const model::NewEvent& event) override {
    return Pass([&] { return inner_.ActivateTenantKey(key, wraps, expected_active, job, event); });
  }
  Result<std::uint64_t> RetireTenantKey(const model::TenantId& id, std::uint32_t version,
                                        const model::NewEvent& event) override {
    return Pass([&] { return inner_.RetireTenantKey(id, version, event); });
  }
  Result<void> InsertDataKeys(std::span<const model::DataKey> keys) override {
    return Pass([&] { return inner_.InsertDataKeys(keys); });
  }
  Result<model::DataKey> LoadDataKey(const model::TenantId& tenant,
                                     const model::DataKeyId& id) const override {
    return Pass([&] { return inner_.LoadDataKey(tenant, id); });
  }
  Result<void> DeleteDataKey(const model::TenantId& tenant, const model::DataKeyId& id) override {
    return Pass([&] { return inner_.DeleteDataKey(tenant, id); });
  }
  Result<std::uint64_t> CountDataKeys(const model::TenantId& tenant,
                                      std::optional<std::uint32_t> version) const override {
    return Pass([&] { return inner_.CountDataKeys(tenant, version); });
  }
  Result<std::optional<model::RewrapJob>> LoadRewrapJob(
      const model::TenantId& tenant) const override {
    return Pass([&] { return inner_.LoadRewrapJob(tenant); });
  }
  Result<std::vector<model::RewrapJob>> RunningRewrapJobs() const override {
    return Pass([&] { return inner_.RunningRewrapJobs(); });
  }
  Result<model::RewrapJob> ClaimRewrapJob(const model::TenantId& tenant) override {
    return Pass([&] { return inner_.ClaimRewrapJob(tenant); });
  }
  Result<std::vector<StoredDataKey>> ScanDataKeys(const model::TenantId& tenant,
                                                  std::uint64_t after, std::uint32_t below_version,
                                                  std::size_t limit) const override {
    return Pass([&] { return inner_.ScanDataKeys(tenant, after, below_version, limit); });
  }
  Result<void> CommitRewrapBatch(std::span<const DataKeyUpdate> updates,
                                 std::span<const model::QuarantinedDataKey> quarantined,
                                 const model::RewrapJob& job,
                                 const std::optional<model::NewEvent>& event) override {
    return Pass([&] { return inner_.CommitRewrapBatch(updates, quarantined, job, event); });
  }
  Result<void> FinishRewrapJob(const model::RewrapJob& job, const model::NewEvent& event) override {
    return Pass([&] { return inner_.FinishRewrapJob(job, event); });
  }
  Result<std::vector<model::QuarantinedDataKey>> ListQuarantine(const model::TenantId& tenant,
                                                                const std::string& after,
                                                                std::size_t limit) const override {
    return Pass([&] { return inner_.ListQuarantine(tenant, after, limit); });
  }
  Result<std::uint64_t> CountQuarantine(const model::TenantId& tenant) const override {
    return Pass([&] { return inner_.CountQuarantine(tenant); });
  }
  Result<void> ReleaseDataKey(const model::DataKey& rewrapped, std::uint32_t old_version) override {
    return Pass([&] { return inner_.ReleaseDataKey(rewrapped, old_version); });
  }
  Result<std::uint64_t> CreateApiKey(const model::ApiKey& key,
                                     const model::NewEvent& event) override {
    return Pass([&] { return inner_.CreateApiKey(key, event); });
  }
  Result<model::ApiKey> LoadApiKey(const model::ApiKeyId& id) const override {
    return Pass([&] { return inner_.LoadApiKey(id); });
  }
  Result<std::vector<model::ApiKey>> ListApiKeys(const model::Scope& scope) const override {
    return Pass([&] { return inner_.ListApiKeys(scope); });
  }
  Result<std::uint64_t> DeleteApiKey(const model::ApiKeyId& id,
                                     const model::NewEvent& event) override {
    return Pass([&] { return inner_.DeleteApiKey(id, event); });
  }
  Result<std::vector<model::Event>> ListEvents(const model::Scope& scope,
                                               std::uint64_t after_sequence,
                                               std::size_t limit) const override {
    return Pass([&] { return inner_.ListEvents(scope, after_sequence, limit); });
  }
  Result<std::vector<model::Event>> QueryEvents(const model::Scope& scope,
                                                const EventQuery& query) const override {
    return Pass([&] { return inner_.QueryEvents(scope, query); });
  }
  Result<std::vector<EventHead>> ListEventHeads(const std::string& after,
                                                std::size_t limit) const override {
    return Pass([&] { return inner_.ListEventHeads(after, limit); });
  }
  Result<void> AddUsage(std::span<const model::UsageCount> counts) override {
    return Pass([&] { return inner_.AddUsage(counts); });
  }
  Result<std::vector<model::UsageCount>> ListUsage(const model::Scope& scope,
                                                   std::int64_t from_minute,
                                                   std::int64_t to_minute) const override {
    return Pass([&] { return inner_.ListUsage(scope, from_minute, to_minute); });
  }
  Result<void> Backup(const std::string& path) const override {
    return Pass([&] { return inner_.Backup(path); });
  }
  Result<void> Ping() const override {
    return Pass([&] { return inner_.Ping(); });
  }

 private:
  std::optional<Error> Next(When& when) const {
    std::function<void()> act;
    std::uint64_t call = 0;
    {
      base::MutexLock lock(mutex_);
      call = ++calls_;
      if (call == act_at_) act = std::exchange(act_, {});
    }
    if (act) act();
    base::MutexLock lock(mutex_);
    when = when_;
    return error_ && call >= first_ && call <= last_ ? error_ : std::nullopt;
  }
  template <typename Call>
  auto Pass(Call&& call) const -> decltype(call()) {
    When when = When::kBefore;
    const std::optional<Error> failure = Next(when);
    if (failure && when == When::kBefore) return *failure;
    auto result = call();
    if (failure) return *failure;
    return result;
  }

  Store& inner_;
  mutable base::Mutex mutex_;
  mutable std::uint64_t calls_ TS_GUARDED_BY(mutex_) = 0;
  std::uint64_t act_at_ TS_GUARDED_BY(mutex_) = 0;
  mutable std::function<void()> act_ TS_GUARDED_BY(mutex_);
  std::uint64_t first_ TS_GUARDED_BY(mutex_) = 0;
  std::uint64_t last_ TS_GUARDED_BY(mutex_) = 0;
  When when_ TS_GUARDED_BY(mutex_) = When::kBefore;
  std::optional<Error> error_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::store
