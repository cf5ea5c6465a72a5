// What the tests of migrations stand on: one store that can fail, one KMS whose keys fail one by
// one, any number of processes, and everything that was sealed.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "events/event.h"
#include "keyring/data_keys.h"
#include "keyring/rotation.h"
#include "keyring/tenants.h"
#include "keyring/values.h"
#include "kms/fake_kms.h"
#include "migration/runner.h"
#include "migration/runner_test_kms.h"
#include "migration/runner_test_store.h"

namespace tenantseal::migration {

using namespace std::chrono_literals;

// One process: everything that it has of its own.
struct Process {
  Process(store::Store& store_in, const kms::KmsClient& kms, kms::InternalKeys& internal_keys,
          const base::Clock& clock, const base::Random& random)
      : id(model::ProcessId::New(random)),
        store(store_in),
        lease(store, clock, id),
        keyring(store, kms, lease, clock, random, {}),
        values(keyring, random),
        data_keys(keyring, store, clock, random),
        rotation(keyring, store, lease, clock, random),
        tenants(keyring, store, lease, internal_keys, clock, random, 168h),
        runner(store, keyring, lease, clock, random) {
    rotation.OnBatch([this](const model::RewrapJob& before, const model::RewrapJob& after) {
      return runner.ProgressEvent(before, after);
    });
  }
  // What its background threads do once a second.
  void Work() {
    static_cast<void>(lease.Refresh());
    keyring.Tick();
    runner.RunSteps(never);
    rotation.RunJobs(never);
    runner.RunSteps(never);
  }

  const std::atomic<bool> never{false};
  const model::ProcessId id;
  store::Store& store;
  keyring::StoreLease lease;
  keyring::Keyring keyring;
  keyring::Values values;
  keyring::DataKeys data_keys;
  keyring::Rotation rotation;
  keyring::Tenants tenants;
  Runner runner;
};

inline const std::string kInternal;
inline const std::string kFirstKey = "arn:aws:kms:us-east-1:111122223333:key/mrk-first";
inline const std::string kSecondKey = "arn:aws:kms:us-east-1:111122223333:key/mrk-second";

class RunnerGround : public testing::Test {
 protected:
  // Something sealed, and how to have it back.
  struct Sealed {
    std::string text;                    // Of a value or a detached data key.
    std::optional<model::DataKeyId> id;  // Of a managed data key.
    std::optional<base::Secret256> key;  // Of a data key.
  };

  explicit RunnerGround(StoreKind kind = StoreKind::kMemory, int busy_timeout_ms = 5000)
      : kept_(kind, busy_timeout_ms) {
    Start();
    tenant_ = NewTenant();
  }

  // --- Processes ---
  void Start() {
    one_ = std::make_unique<Process>(faulty_, kms_, fake_kms_, clock_, random_);
    EXPECT_TRUE(one_->lease.Refresh().ok());
  }
  // Another process takes its place once what it relied on has run out.
  void Restart() {
    const model::ProcessId id = one_->id;
    one_.reset();
    clock_.Advance(keyring::kStoreLease);
    EXPECT_TRUE(store_.RemoveProcess(id).ok());
    Start();
  }
  // Time passes in steps of a second.
  void Live(base::Duration duration) {
    for (base::Duration done{}; done < duration; done += 1s) {
      clock_.Advance(1s);
      one_->Work();
    }
  }
  // Until the migration is over or waits for somebody.
  void Settle() {
    for (int i = 0; i < 30 && Migration().unfinished() && !WaitsForSomebody(); ++i) Live(5s);
  }
  bool WaitsForSomebody() const {
    const model::Pause pause = Migration().pause;
    return pause != model::Pause::kNone && pause != model::Pause::kTenantDeactivated;
  }
  base::Deadline Soon() const { return clock_.Boot() + 30s; }

  // --- Tenants, providers, migrations ---
  model::TenantId NewTenant() {
    const auto made = one_->tenants.Create("Acme", "us-east-1", "test", Soon());
    EXPECT_TRUE(made.ok()) << made.error().message;
    return made.ok() ? made->id : model::TenantId();
  }
  static model::Fingerprint FingerprintOf(const std::string& arn, const model::TenantId& tenant) {
    if (arn == kInternal) return model::Fingerprint::Parse(tenant.text()).value();
    return model::Fingerprint::Parse(std::string(32, arn == kFirstKey ? 'a' : 'b')).value();
  }
  void AddKey(const std::string& arn) { AddKey(arn, tenant_); }
  void AddKey(const std::string& arn, const model::TenantId& tenant) {
    if (keys_.insert(arn).second) fake_kms_.AddCustomerKey(arn);
    model::KeyProvider provider = model::InternalProvider(tenant, clock_.Utc());
    provider.fingerprint = FingerprintOf(arn, tenant);
    provider.kind = model::ProviderKind::kAwsKms;
    provider.arn = arn;
    provider.promoted_at.reset();
    const auto added = store_.AddProvider(provider, EventOf(events::kKeyProviderCreated, tenant));
    EXPECT_TRUE(added.ok()) << added.error().message;
  }
  model::NewEvent EventOf(std::string_view type, const model::TenantId& tenant) const {
    return {model::Scope::Of(tenant),
            model::NewUuid(random_),
            clock_.Utc(),
            std::string(type),
            "com.tenantseal/encryption",
            "test",
            "{}"};
  }
  Result<std::uint64_t> Migrate(const std::string& arn) { return Migrate(arn, tenant_); }
  Result<std::uint64_t> Migrate(const std::string& arn, const model::TenantId& tenant) {
    model::Migration migration;
    migration.tenant = tenant;
    migration.id = model::NewUuid(random_);
    migration.from = State(tenant).tenant.current_provider;
    migration.to = FingerprintOf(arn, tenant);
    migration.started_by = "api-key:admin";
    migration.started_at = clock_.Utc();
    return store_.StartMigration(migration, EventOf(events::kMigrationTriggered, tenant));
  }
  // What an administrator does to the migration.
  Result<std::uint64_t> Pause() {
    return Change(events::kMigrationPaused,
                  [](model::Migration& m) { m.pause = model::Pause::kOperator; });
  }
  Result<std::uint64_t> Resume() {
    return Change(events::kMigrationResumed, [](model::Migration& m) {
      m.pause = model::Pause::kNone;
      m.detail.clear();
    });
  }
  Result<std::uint64_t> Cancel() {
    return Change(events::kMigrationCancelled, [this](model::Migration& m) {
      m.state = model::MigrationState::kCancelled;
      m.finished_at = clock_.Utc();
    });
  }
  template <typename How>
  Result<std::uint64_t> Change(std::string_view type, How how) {
    if (!State().migration) return NotFound("There is no migration.");
    model::Migration migration = Migration();
    how(migration);
    return store_.ChangeMigration(migration, EventOf(type, tenant_));
  }

  model::TenantState State() const { return State(tenant_); }
  model::TenantState State(const model::TenantId& tenant) const {
    return store_.LoadTenant(tenant).value();
  }
  model::Migration Migration() const { return *State().migration; }
  bool Is(model::MigrationState state, model::Pause pause = model::Pause::kNone) const {
    const model::Migration migration = Migration();
    return migration.state == state && migration.pause == pause;
  }
  bool IsCurrent(const std::string& arn) const {
    return State().tenant.current_provider == FingerprintOf(arn, tenant_);
  }

  // --- What is sealed ---
  static model::EncryptionContext Context(const model::TenantId& tenant) {
    return model::EncryptionContext::Make(tenant, {{"app", "test"}}).value();
  }
  // A value, a detached data key and `managed` managed ones, by this process. The code when the
  // service refuses.
  std::optional<ErrorCode> SealSome(Process& process, std::size_t managed = 1) {
    const auto value = process.values.Seal(tenant_, Context(tenant_), base::AsBytes("text"),
                                           keyring::Wait::kAllowed, Soon());
    if (!value) return value.error().code;
    sealed_.push_back({*value, {}, {}});
    for (const bool kept : {false, true}) {
      auto minted = process.data_keys.Mint(tenant_, Context(tenant_), kept, kept ? managed : 1,
                                           keyring::Wait::kAllowed, Soon());
      if (!minted) return minted.error().code;
      for (auto& key : *minted) sealed_.push_back({key.wrapped, key.id, std::move(key.plaintext)});
    }
    return std::nullopt;
  }
  std::optional<ErrorCode> SealSome() { return SealSome(*one_); }
  // The code when it does not open. What opens as something else fails the test.
  std::optional<ErrorCode> Open(Process& process, const Sealed& sealed) {
    if (!sealed.key) {
      const auto opened = process.values.Open(tenant_, Context(tenant_), sealed.text,
                                              keyring::Wait::kAllowed, Soon());
      if (!opened) return opened.error().code;
      EXPECT_EQ(opened->RevealText(), "text");
      return std::nullopt;
    }
    const auto key = sealed.id
                         ? process.data_keys.UnwrapManaged(tenant_, Context(tenant_), *sealed.id,
                                                           keyring::Wait::kAllowed, Soon())
                         : process.data_keys.Unwrap(tenant_, Context(tenant_), sealed.text,
                                                    keyring::Wait::kAllowed, Soon());
    if (!key) return key.error().code;
    EXPECT_TRUE(key->plaintext == *sealed.key);
    return std::nullopt;
  }
  testing::AssertionResult EverythingOpens(Process& process) {
    for (std::size_t i = 0; i < sealed_.size(); ++i) {
      if (const auto code = Open(process, sealed_[i]))
        return testing::AssertionFailure() << "sealed thing " << i << ": " << ErrorCodeName(*code);
    }
    return testing::AssertionSuccess();
  }
  // From memory and, after it, by a provider's fresh answer.
  testing::AssertionResult EverythingOpens() {
    if (auto opens = EverythingOpens(*one_); !opens) return opens;
    one_->keyring.Forget(tenant_);
    return EverythingOpens(*one_);
  }

  // --- Events ---
  std::vector<model::Event> Events() const {
    return store_.ListEvents(model::Scope::Of(tenant_), 0, 100'000).value();
  }
  std::size_t CountEvents(std::string_view type) const {
    std::size_t count = 0;
    for (const auto& event : Events()) count += event.content.type == type ? 1 : 0;
    return count;
  }
  // Each follows from the one before it, and none is there twice.
  testing::AssertionResult ChainIsWhole() const {
    std::array<std::uint8_t, 32> previous{};
    std::uint64_t sequence = 0;
    std::set<std::string> ids;
    for (const auto& event : Events()) {
      if (event.sequence != ++sequence || event.previous_hash != previous ||
          event.hash != store::EventHash(previous, sequence, event.content))
        return testing::AssertionFailure() << "the chain breaks at " << sequence;
      if (!ids.insert(event.content.id).second)
        return testing::AssertionFailure() << "event " << sequence << " is there twice";
      previous = event.hash;
    }
    return testing::AssertionSuccess();
  }
  // What must hold whatever has happened.
  testing::AssertionResult StateIsSound() const {
    const model::TenantState state = State();
    const model::KeyProvider* current = state.FindProvider(state.tenant.current_provider);
    if (current == nullptr) return testing::AssertionFailure() << "no current provider";
    int in_use = 0;
    for (const auto& provider : state.providers)
      in_use += provider.promoted_at && !provider.demoted_at ? 1 : 0;
    if (in_use != 1) return testing::AssertionFailure() << in_use << " providers are promoted";
    if (!current->promoted_at || current->demoted_at)
      return testing::AssertionFailure() << "another provider than the current one is promoted";
    for (const auto& key : state.keys) {
      if (state.FindWrap(key.version, state.tenant.current_provider) == nullptr)
        return testing::AssertionFailure() << "version " << key.version << " has no wrap";
    }
    const bool moving = state.migration && state.migration->unfinished();
    for (const auto& wrap : state.wraps) {
      if (!moving && wrap.provider != state.tenant.current_provider)
        return testing::AssertionFailure() << "a wrap of a provider that is not current is left";
    }
    return ChainIsWhole();
  }

  base::FakeClock clock_;
  base::SystemRandom random_;
  StoreUnderTest kept_;
  store::Store& store_{*kept_};
  WaitedStore faulty_{store_, clock_};  // What the processes see.
  kms::FakeKms fake_kms_{random_};
  GateKms kms_{fake_kms_};
  std::set<std::string> keys_;
  std::unique_ptr<Process> one_;
  model::TenantId tenant_;
  std::vector<Sealed> sealed_;
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

}  // namespace tenantseal::migration
