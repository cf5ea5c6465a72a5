// What the keyring's tests stand on: one store and one KMS, and any number of "processes".
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "keyring/data_keys.h"
#include "keyring/keyring.h"
#include "keyring/rotation.h"
#include "keyring/store_lease.h"
#include "keyring/tenants.h"
#include "keyring/values.h"
#include "kms/fake_kms.h"
#include "store/memory/memory_store.h"

namespace tenantseal::keyring {

// A customer's key and its replica.
inline constexpr const char* kArn = "arn:aws:kms:us-east-1:111122223333:key/mrk-1";
inline constexpr const char* kReplica = "arn:aws:kms:us-east-2:111122223333:key/mrk-1";

// One process: everything that it has of its own.
struct Process {
  Process(store::Store& store_in, kms::FakeKms& kms, const base::Clock& clock,
          const base::Random& random, KeyringOptions options = {}, Executor* executor = nullptr)
      : store(store_in),
        lease(store, clock, model::ProcessId::New(random)),
        keyring(store, kms, lease, clock, random, options, executor),
        values(keyring, random),
        data_keys(keyring, store, clock, random),
        rotation(keyring, store, lease, clock, random),
        tenants(keyring, store, lease, kms, clock, random, std::chrono::hours(24 * 7)) {}

  store::Store& store;
  StoreLease lease;
  Keyring keyring;
  Values values;
  DataKeys data_keys;
  Rotation rotation;
  Tenants tenants;
};

class KeyringGround : public testing::Test {
 protected:
  using Fault = kms::FakeKms::Fault;

  explicit KeyringGround(KeyringOptions options = {}, Executor* executor = nullptr)
      : one_(std::make_unique<Process>(store_, kms_, clock_, random_, options, executor)) {
    EXPECT_TRUE(one_->lease.Refresh().ok());
    tenant_ = NewTenant();
  }

  model::TenantId NewTenant() {
    const auto made = one_->tenants.Create("Acme", "us-east-1", "test", Soon());
    EXPECT_TRUE(made.ok()) << made.error().message;
    return made.ok() ? made->id : model::TenantId();
  }
  // A customer's key as a provider of the tenant, not current yet.
  model::KeyProvider AddKey(const model::TenantId& tenant, const std::string& arn,
                            const std::string& replica_arn = "") {
    kms_.AddCustomerKey(arn, replica_arn);
    model::KeyProvider provider = model::InternalProvider(tenant, clock_.Utc());
    provider.fingerprint = model::Fingerprint::Parse(std::string(32, 'f')).value();
    provider.kind = model::ProviderKind::kAwsKms;
    provider.arn = arn;
    provider.replica_arn = replica_arn;
    provider.promoted_at.reset();
    EXPECT_TRUE(store_.AddProvider(provider, EventOf(tenant)).ok());
    return provider;
  }
  // The steps of a migration to `target`, as migration/ takes them; nobody hears of them.
  void BeginMove(const model::TenantId& tenant, const model::KeyProvider& target) {
    model::Migration migration;
    migration.tenant = tenant;
    migration.id = model::NewUuid(random_);
    migration.from = State(tenant).tenant.current_provider;
    migration.to = target.fingerprint;
    ASSERT_TRUE(store_.StartMigration(migration, EventOf(tenant)).ok());
    const model::TenantState state = State(tenant);
    const std::uint32_t next = state.tenant.active_version + 1;
    const auto pair = one_->keyring.MintForBoth(state, next, target, Soon());
    ASSERT_TRUE(pair.ok()) << pair.error().message;
    std::vector<model::TenantKeyWrap> wraps = {pair->by_target, pair->by_current};
    for (const model::TenantKey& key : state.keys)
      wraps.push_back(one_->keyring.WrapFor(state, key.version, target, Soon()).value());
    model::RewrapJob job;
    job.tenant = tenant;
    job.id = migration.id;
    job.to_version = next;
    job.started_by = "test";
    const auto begun = store_.ActivateMigration(*state.migration, pair->key, wraps, job);
    ASSERT_TRUE(begun.ok()) << begun.error().message;
  }
  void EndMove(const model::TenantId& tenant) {
    model::Migration migration = *State(tenant).migration;
    migration.finished_at = clock_.Utc();
    const auto ended = store_.FinishMigration(migration, true, {EventOf(tenant)});
    ASSERT_TRUE(ended.ok()) << ended.error().message;
  }
  // Makes a customer's key the tenant's current provider.
  model::KeyProvider Adopt(const model::TenantId& tenant, const std::string& arn,
                           const std::string& replica_arn = "") {
    const model::KeyProvider provider = AddKey(tenant, arn, replica_arn);
    BeginMove(tenant, provider);
    EndMove(tenant);
    EXPECT_TRUE(one_->lease.Refresh().ok());
    one_->keyring.Forget(tenant);
    return provider;
  }
  model::TenantState State(const model::TenantId& tenant) const {
    return store_.LoadTenant(tenant).value();
  }
  model::NewEvent EventOf(const model::TenantId& tenant) const {
    return {model::Scope::Of(tenant),
            model::NewUuid(random_),
            clock_.Utc(),
            "test",
            "test",
            "test",
            "{}"};
  }
  base::Deadline Soon() const { return clock_.Boot() + std::chrono::seconds(30); }
  static model::EncryptionContext Context(const model::TenantId& tenant) {
    return model::EncryptionContext::Make(tenant, {{"app", "test"}}).value();
  }
  // Time passes as in a live process: 250 ms a step, lease refreshed, keyring ticked.
  void Live(base::Duration duration, Process& process) {
    for (base::Duration done{}; done < duration; done += std::chrono::milliseconds(250)) {
      clock_.Advance(std::chrono::milliseconds(250));
      static_cast<void>(process.lease.Refresh());
      process.keyring.Tick();
    }
  }
  void Live(base::Duration duration) { Live(duration, *one_); }
  Result<std::string> Seal(Process& process, const model::TenantId& tenant) {
    return process.values.Seal(tenant, Context(tenant), base::AsBytes("text"), Wait::kAllowed,
                               Soon());
  }
  Result<std::string> Seal() { return Seal(*one_, tenant_); }
  ErrorCode SealCode() { return CodeOf(Seal()); }
  bool Opens(Process& process, const model::TenantId& tenant, const std::string& text) {
    const auto opened = process.values.Open(tenant, Context(tenant), text, Wait::kAllowed, Soon());
    return opened.ok() && opened->RevealText() == "text";
  }
  std::size_t CountEvents(std::string_view type) const {
    std::size_t count = 0;
    const auto events = store_.ListEvents(model::Scope::Of(tenant_), 0, 1000);
    for (const model::Event& event : events.value()) count += event.content.type == type ? 1 : 0;
    return count;
  }
  template <typename T>
  static ErrorCode CodeOf(const Result<T>& result) {
    return result.ok() ? ErrorCode::kInternal : result.error().code;
  }

  base::FakeClock clock_;
  base::SystemRandom random_;
  store::MemoryStore store_;
  kms::FakeKms kms_{random_, &clock_};
  std::unique_ptr<Process> one_;
  model::TenantId tenant_;
};

// Lets another process answer while this thread waits for it.
class Follower {
 public:
  explicit Follower(Process& process)
      : thread_([&process](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            static_cast<void>(process.lease.Refresh());
            std::this_thread::yield();
          }
        }) {}

 private:
  std::jthread thread_;
};

}  // namespace tenantseal::keyring
