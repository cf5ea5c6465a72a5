// Two processes on one store, faults at every call, and tampering.
#include <atomic>
#include <functional>

#include "events/event.h"
#include "keyring/keyring_test_ground.h"

namespace tenantseal::keyring {
namespace {

using namespace std::chrono_literals;

class ProcessesTest : public KeyringGround {
 protected:
  ProcessesTest() : two_(store_, kms_, clock_, random_) { EXPECT_TRUE(two_.lease.Refresh().ok()); }
  Process two_;
};

TEST_F(ProcessesTest, AChangeIsObeyedByTheOtherWhenItReturns) {
  ASSERT_TRUE(Seal(two_, tenant_).ok());
  const Follower follower(two_);
  ASSERT_TRUE(one_->tenants.Deactivate(tenant_, "test").ok());
  EXPECT_EQ(CodeOf(two_.keyring.Active(tenant_, Wait::kNever, Soon())), ErrorCode::kWouldBlock)
      << "what was cached is gone";
  EXPECT_EQ(CodeOf(Seal(two_, tenant_)), ErrorCode::kConflict);
  ASSERT_TRUE(one_->tenants.Reactivate(tenant_, "test").ok());
  EXPECT_TRUE(Seal(two_, tenant_).ok());
}

TEST_F(ProcessesTest, ReactivationTellsThatADestructionIsCancelled) {
  const Follower follower(two_);
  ASSERT_TRUE(one_->tenants.Deactivate(tenant_, "test").ok());
  ASSERT_TRUE(one_->tenants.ScheduleDestruction(tenant_, "test").ok());
  const auto back = one_->tenants.Reactivate(tenant_, "test");
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->status, model::TenantStatus::kActive);
  EXPECT_FALSE(back->destroy_at.has_value());
  const auto events = store_.ListEvents(model::Scope::Of(tenant_), 0, 100).value();
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(events[events.size() - 2].content.type, events::kTenantDestructionCancelled);
  EXPECT_EQ(events.back().content.type, events::kTenantReactivated);
}

TEST_F(ProcessesTest, ASilentProcessIsWaitedForUntilItsLeaseHasRunOut) {
  ASSERT_TRUE(Seal(two_, tenant_).ok());
  std::atomic<bool> done{false};
  base::BootTime returned;
  std::jthread changing([&] {
    EXPECT_TRUE(one_->tenants.Deactivate(tenant_, "test").ok());
    returned = clock_.Boot();
    done = true;
  });
  const base::BootTime start = clock_.Boot();
  while (!done) {
    clock_.Advance(1ms);
    std::this_thread::yield();
  }
  changing.join();
  EXPECT_GE(returned - start, kStoreLease - 1ms);
  EXPECT_FALSE(two_.lease.Live());
  // It is removed, and the next change does not wait: the clock stands still.
  EXPECT_TRUE(store_.LaggingProcesses(store_.ReadChanges(0)->epoch).value().empty());
  ASSERT_TRUE(one_->tenants.Reactivate(tenant_, "test").ok());
  // Once it is back it counts again.
  ASSERT_TRUE(two_.lease.Refresh().ok());
  const Follower follower(two_);
  ASSERT_TRUE(one_->tenants.Deactivate(tenant_, "test").ok());
  EXPECT_EQ(CodeOf(Seal(two_, tenant_)), ErrorCode::kConflict);
}

TEST_F(ProcessesTest, ARefusalMetByOneStopsTheOther) {
  ASSERT_TRUE(Seal().ok());
  ASSERT_TRUE(Seal(two_, tenant_).ok());
  one_->keyring.Forget(tenant_);
  kms_.Fail(tenant_, Fault::kRevoked, 1);  // The other would not meet it itself.
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  ASSERT_TRUE(two_.lease.Refresh().ok());
  EXPECT_EQ(CodeOf(Seal(two_, tenant_)), ErrorCode::kKeyRevoked);
}

TEST_F(ProcessesTest, RotationIsFollowed) {
  const std::string old = Seal(two_, tenant_).value();
  const Follower follower(two_);
  ASSERT_TRUE(one_->rotation.Start(tenant_, "test", Soon()).ok());
  EXPECT_EQ(two_.keyring.Active(tenant_, Wait::kAllowed, Soon())->version(), 2u);
  EXPECT_TRUE(Opens(two_, tenant_, old));
}

TEST_F(ProcessesTest, WhatIsSealedUnderANewVersionOpensBeforeTheOtherHasHeardOfIt) {
  ASSERT_TRUE(Seal(two_, tenant_).ok());
  const model::KeyProvider target = AddKey(tenant_, "arn:aws:kms:us-east-1:111122223333:key/1");
  ASSERT_TRUE(two_.lease.Refresh().ok());
  ASSERT_TRUE(Seal(two_, tenant_).ok());
  BeginMove(tenant_, target);
  ASSERT_TRUE(one_->lease.Refresh().ok());
  const std::string text = Seal().value();
  ASSERT_EQ(one_->keyring.Active(tenant_, Wait::kAllowed, Soon())->version(), 2u);
  // The other is still within its lease, in which it need not ask anybody.
  ASSERT_TRUE(two_.lease.Live());
  ASSERT_EQ(two_.keyring.Active(tenant_, Wait::kAllowed, Soon())->version(), 1u);
  EXPECT_EQ(CodeOf(two_.keyring.Version(tenant_, 2, Wait::kNever, Soon())), ErrorCode::kWouldBlock);
  EXPECT_TRUE(Opens(two_, tenant_, text));
  EXPECT_EQ(two_.keyring.Active(tenant_, Wait::kAllowed, Soon())->version(), 2u);
}

TEST_F(ProcessesTest, ManagedDataKeysAreNeverUnderAnOldVersion) {
  ASSERT_TRUE(Seal(two_, tenant_).ok());
  const model::TenantState state = store_.LoadTenant(tenant_).value();
  const auto next = one_->keyring.Mint(tenant_, state.providers.front(), 2, Soon()).value();
  const model::NewEvent event{model::Scope::Of(tenant_),
                              model::NewUuid(random_),
                              clock_.Utc(),
                              "test.happened",
                              "tenantseal/test",
                              "test",
                              "{}"};
  // The other process has not heard of it, and its lease is live.
  ASSERT_TRUE(store_.ActivateTenantKey(next.key, {&next.wrap, 1}, 1, std::nullopt, event).ok());
  ASSERT_EQ(two_.keyring.Active(tenant_, Wait::kNever, Soon())->version(), 1u);
  const auto minted =
      two_.data_keys.Mint(tenant_, Context(tenant_), true, 3, Wait::kAllowed, Soon());
  ASSERT_TRUE(minted.ok()) << minted.error().message;
  EXPECT_EQ(minted->front().version, 2u);
  EXPECT_EQ(store_.CountDataKeys(tenant_, 1).value(), 0u);
  EXPECT_EQ(store_.CountDataKeys(tenant_, 2).value(), 3u);
}

TEST_F(ProcessesTest, ARaisedVersionColumnForbidsRetiring) {
  two_.lease.Leave();
  ASSERT_TRUE(
      one_->data_keys.Mint(tenant_, Context(tenant_), true, 3, Wait::kAllowed, Soon()).ok());
  ASSERT_TRUE(one_->rotation.Start(tenant_, "test", Soon()).ok());
  // Somebody says of one row that it is rewrapped already.
  const auto rows = store_.ScanDataKeys(tenant_, 0, store::kAnyVersion, 10).value();
  model::RewrapJob job = store_.LoadRewrapJob(tenant_).value().value();
  const store::DataKeyUpdate raised{rows[1].position, 1, 2, rows[1].key.wrapped};
  ASSERT_TRUE(store_.CommitRewrapBatch({&raised, 1}, {}, job, std::nullopt).ok());
  const std::atomic<bool> stop{false};
  one_->rotation.RunJobs(stop);
  ASSERT_EQ((*one_->rotation.Job(tenant_))->done, 2u);
  ASSERT_EQ(store_.CountDataKeys(tenant_, 1).value(), 0u);
  EXPECT_EQ(CodeOf(one_->rotation.Retire(tenant_, 1, "test")), ErrorCode::kIntegrity);
  ASSERT_TRUE(store_.DeleteDataKey(tenant_, rows[1].key.id).ok());
  EXPECT_TRUE(one_->rotation.Retire(tenant_, 1, "test").ok());
}

TEST_F(ProcessesTest, RotateRewrapsEverythingOnce) {
  const auto minted =
      one_->data_keys.Mint(tenant_, Context(tenant_), true, 1000, Wait::kAllowed, Soon());
  ASSERT_TRUE(minted.ok());
  two_.lease.Leave();
  const auto job = one_->rotation.Start(tenant_, "test", Soon());
  ASSERT_TRUE(job.ok()) << job.error().message;
  EXPECT_EQ(job->total, 1000u);
  EXPECT_EQ(CodeOf(one_->rotation.Start(tenant_, "test", Soon())), ErrorCode::kConflict);
  EXPECT_EQ(CodeOf(one_->rotation.Retire(tenant_, 1, "test")), ErrorCode::kConflict);
  const std::atomic<bool> stop{false};
  one_->rotation.RunJobs(stop);
  const auto after = one_->rotation.Job(tenant_);
  EXPECT_EQ((*after)->state, model::RewrapState::kDone);
  EXPECT_EQ((*after)->done, 1000u);
  EXPECT_EQ((*after)->failed, 0u);
  EXPECT_EQ(CountEvents(events::kTenantKeyRewrapped), 1u);
  EXPECT_EQ(store_.CountDataKeys(tenant_, 1).value(), 0u);
  for (const MintedDataKey& key : *minted) {
    const auto again =
        one_->data_keys.UnwrapManaged(tenant_, Context(tenant_), *key.id, Wait::kAllowed, Soon());
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(again->plaintext == key.plaintext);
  }
  ASSERT_TRUE(one_->rotation.Retire(tenant_, 1, "test").ok());
  EXPECT_EQ(CodeOf(one_->rotation.Retire(tenant_, 2, "test")), ErrorCode::kConflict) << "active";
}

TEST_F(ProcessesTest, AJobIsTakenOverOnlyWhenItDoesNotMove) {
  two_.lease.Leave();
  ASSERT_TRUE(
      one_->data_keys.Mint(tenant_, Context(tenant_), true, 10, Wait::kAllowed, Soon()).ok());
  ASSERT_TRUE(one_->rotation.Start(tenant_, "test", Soon()).ok());
  // A third process takes it up and dies.
  ASSERT_TRUE(store_.ClaimRewrapJob(tenant_).ok());
  const std::atomic<bool> stop{false};
  one_->rotation.RunJobs(stop);
  EXPECT_EQ((*one_->rotation.Job(tenant_))->fence, 1u);
  Live(9s);
  one_->rotation.RunJobs(stop);
  EXPECT_EQ((*one_->rotation.Job(tenant_))->state, model::RewrapState::kRunning);
  Live(1s);
  one_->rotation.RunJobs(stop);
  EXPECT_EQ((*one_->rotation.Job(tenant_))->state, model::RewrapState::kDone);
}

TEST_F(ProcessesTest, AForgedDataKeyIsSetAsideAndDoesNotBlock) {
  two_.lease.Leave();
  ASSERT_TRUE(
      one_->data_keys.Mint(tenant_, Context(tenant_), true, 5, Wait::kAllowed, Soon()).ok());
  const auto rows = store_.ScanDataKeys(tenant_, 0, 9, 10).value();
  model::DataKey forged = rows[0].key;  // One key's wrapped form under another's id.
  forged.id = model::NewDataKeyId(random_, {});
  ASSERT_TRUE(store_.InsertDataKeys({&forged, 1}).ok());
  ASSERT_TRUE(one_->rotation.Start(tenant_, "test", Soon()).ok());
  const std::atomic<bool> stop{false};
  one_->rotation.RunJobs(stop);
  const auto job = *one_->rotation.Job(tenant_);
  EXPECT_EQ(job->state, model::RewrapState::kDone);
  EXPECT_EQ(job->done, 5u);
  EXPECT_EQ(job->failed, 1u);
  const auto aside = store_.ListQuarantine(tenant_, "", 10).value();
  ASSERT_EQ(aside.size(), 1u);
  EXPECT_EQ(aside[0].id, forged.id);
  EXPECT_EQ(aside[0].version, 1u);
  EXPECT_NE(aside[0].reason.find("does not authenticate"), std::string::npos);
}

// A store that fails before or after the n-th change, and hands out what a test has forged.
class FaultyStore final : public store::MemoryStore {
 public:
  enum class When : std::uint8_t { kNever, kBefore, kAfter };
  void FailAt(int call, When when) { at_ = call, when_ = when, calls_ = 0; }
  int calls() const { return calls_; }
  std::function<void(model::TenantState&)> forge;

  Result<std::uint64_t> CreateTenant(const model::TenantState& s,
                                     const model::NewEvent& e) override {
    return Through([&] { return MemoryStore::CreateTenant(s, e); });
  }
  Result<model::TenantState> LoadTenant(const model::TenantId& id) const override {
    auto state = Through([&] { return MemoryStore::LoadTenant(id); });
    if (state && forge) forge(*state);
    return state;
  }
  Result<std::uint64_t> ActivateTenantKey(const model::TenantKey& k,
                                          std::span<const model::TenantKeyWrap> w, std::uint32_t a,
                                          const std::optional<model::RewrapJob>& j,
                                          const model::NewEvent& e) override {
    return Through([&] { return MemoryStore::ActivateTenantKey(k, w, a, j, e); });
  }
  Result<std::uint64_t> DestroyTenant(const model::TenantId& id, base::UtcTime now,
                                      const model::NewEvent& e) override {
    return Through([&] { return MemoryStore::DestroyTenant(id, now, e); });
  }
  Result<std::vector<model::TenantId>> TenantsToDestroy(base::UtcTime now) const override {
    return Through([&] { return MemoryStore::TenantsToDestroy(now); });
  }
  Result<std::optional<model::RewrapJob>> LoadRewrapJob(const model::TenantId& t) const override {
    return Through([&] { return MemoryStore::LoadRewrapJob(t); });
  }
  Result<std::vector<model::RewrapJob>> RunningRewrapJobs() const override {
    return Through([&] { return MemoryStore::RunningRewrapJobs(); });
  }
  Result<model::RewrapJob> ClaimRewrapJob(const model::TenantId& t) override {
    return Through([&] { return MemoryStore::ClaimRewrapJob(t); });
  }
  Result<std::vector<store::StoredDataKey>> ScanDataKeys(const model::TenantId& t,
                                                         std::uint64_t after, std::uint32_t below,
                                                         std::size_t limit) const override {
    return Through([&] { return MemoryStore::ScanDataKeys(t, after, below, limit); });
  }
  Result<void> CommitRewrapBatch(std::span<const store::DataKeyUpdate> u,
                                 std::span<const model::QuarantinedDataKey> q,
                                 const model::RewrapJob& j,
                                 const std::optional<model::NewEvent>& e) override {
    return Through([&] { return MemoryStore::CommitRewrapBatch(u, q, j, e); });
  }
  Result<void> FinishRewrapJob(const model::RewrapJob& j, const model::NewEvent& e) override {
    return Through([&] { return MemoryStore::FinishRewrapJob(j, e); });
  }
  Result<store::Changes> ReadChanges(std::uint64_t since) const override {
    return Through([&] { return MemoryStore::ReadChanges(since); });
  }

 private:
  // kAfter: the change is made and the caller hears that it failed, as when a connection breaks.
  template <typename F>
  auto Through(F call) const -> decltype(call()) {
    const bool now = ++calls_ == at_;
    if (now && when_ == When::kBefore) return Error{ErrorCode::kUnavailable, "fault"};
    auto result = call();
    if (now && when_ == When::kAfter) return Error{ErrorCode::kUnavailable, "fault"};
    return result;
  }
  int at_ = 0;
  When when_ = When::kNever;
  mutable std::atomic<int> calls_{0};
};

// Time that passes by being looked at, so that nothing waits for ever.
class PassingClock final : public base::Clock {
 public:
  base::UtcTime Utc() const override { return clock_.Utc(); }
  base::BootTime Boot() const override {
    clock_.Advance(50ms);
    return clock_.Boot();
  }
  void Advance(base::Duration d) { clock_.Advance(d); }

 private:
  mutable base::FakeClock clock_;
};

// A process on a FaultyStore with sealed things that must open whatever happens.
struct Scene {
  Scene() : process(std::make_unique<Process>(store, kms, clock, random)) {
    EXPECT_TRUE(process->lease.Refresh().ok());
    tenant = process->tenants.Create("Acme", "us-east-1", "test", Soon())->id;
    context = model::EncryptionContext::Make(tenant, {}).value();
    text = process->values.Seal(tenant, *context, base::AsBytes("text"), Wait::kAllowed, Soon())
               .value();
    keys = process->data_keys.Mint(tenant, *context, true, 20, Wait::kAllowed, Soon()).value();
  }
  base::Deadline Soon() const { return clock.Boot() + 30s; }
  // Another process takes over; what was sealed before must open.
  void Restart() {
    store.FailAt(0, FaultyStore::When::kNever);
    kms.Mend();
    process->lease.Leave();
    process = std::make_unique<Process>(store, kms, clock, random);
    ASSERT_TRUE(process->lease.Refresh().ok());
  }
  void ExpectAllOpens() {
    const auto opened = process->values.Open(tenant, *context, text, Wait::kAllowed, Soon());
    EXPECT_TRUE(opened.ok() && opened->RevealText() == "text");
    for (const MintedDataKey& key : keys) {
      const auto again =
          process->data_keys.UnwrapManaged(tenant, *context, *key.id, Wait::kAllowed, Soon());
      EXPECT_TRUE(again.ok() && again->plaintext == key.plaintext);
    }
    EXPECT_TRUE(
        process->values.Seal(tenant, *context, base::AsBytes("x"), Wait::kAllowed, Soon()).ok());
  }

  PassingClock clock;
  base::SystemRandom random;
  FaultyStore store;
  kms::FakeKms kms{random};
  std::unique_ptr<Process> process;
  model::TenantId tenant;
  std::optional<model::EncryptionContext> context;
  std::string text;
  std::vector<MintedDataKey> keys;
};

// Runs `change` with a fault at store call 1, 2, 3 ... before and after, and at KMS call 1, 2, 3
// ... until it meets none; then `recover` in a fresh process, and checks that nothing is lost.
void FaultsEverywhere(const std::function<void(Scene&)>& change,
                      const std::function<void(Scene&)>& recover) {
  int faults = 0;
  for (auto when : {FaultyStore::When::kBefore, FaultyStore::When::kAfter}) {
    for (int call = 1;; ++call) {
      Scene scene;
      scene.store.FailAt(call, when);
      change(scene);
      const bool met = scene.store.calls() >= call;
      SCOPED_TRACE("store call " + std::to_string(call));
      scene.Restart();
      recover(scene);
      if (!met) break;
      ++faults;
      ASSERT_LT(call, 100);
    }
  }
  for (int call = 0;; ++call) {
    Scene scene;
    const std::uint64_t before = scene.kms.calls();
    scene.kms.FailAfter(call);
    change(scene);
    const bool met = scene.kms.calls() - before > static_cast<std::uint64_t>(call);
    SCOPED_TRACE("KMS call " + std::to_string(call));
    scene.Restart();
    recover(scene);
    if (!met) break;
    ++faults;
    ASSERT_LT(call, 100);
  }
  EXPECT_GT(faults, 4);
}

TEST(Faults, CreatingATenant) {
  FaultsEverywhere(
      [](Scene& scene) {
        static_cast<void>(
            scene.process->tenants.Create("Other", "us-east-1", "test", scene.Soon()));
      },
      [](Scene& scene) {
        scene.ExpectAllOpens();
        // Whatever tenant there is can be used: none is without its key.
        const auto tenants = scene.process->tenants.List({.limit = 100, .after = ""});
        for (const model::Tenant& tenant : tenants->items) {
          EXPECT_TRUE(scene.process->keyring.Active(tenant.id, Wait::kAllowed, scene.Soon()).ok());
        }
        EXPECT_TRUE(scene.process->tenants.Create("Again", "us-east-1", "test", scene.Soon()).ok());
      });
}

TEST(Faults, RotatingATenantKey) {
  const std::atomic<bool> stop{false};
  FaultsEverywhere(
      [&stop](Scene& scene) {
        static_cast<void>(scene.process->rotation.Start(scene.tenant, "test", scene.Soon()));
        scene.process->rotation.RunJobs(stop);
      },
      [&stop](Scene& scene) {
        scene.ExpectAllOpens();
        scene.process->rotation.RunJobs(stop);
        scene.clock.Advance(Rotation::kStaleAfter);
        ASSERT_TRUE(scene.process->lease.Refresh().ok());
        scene.process->rotation.RunJobs(stop);
        const auto job = scene.process->rotation.Job(scene.tenant);
        ASSERT_TRUE(job.ok());
        EXPECT_TRUE(!*job || (*job)->state == model::RewrapState::kDone);
        const std::uint32_t active = scene.process->tenants.Get(scene.tenant)->active_version;
        EXPECT_EQ(active, *job ? 2u : 1u);
        EXPECT_EQ(scene.store.CountDataKeys(scene.tenant, active).value(), 20u);
        scene.ExpectAllOpens();
      });
}

TEST(Faults, DestroyingATenant) {
  FaultsEverywhere(
      [](Scene& scene) {
        static_cast<void>(scene.process->tenants.Deactivate(scene.tenant, "test"));
        static_cast<void>(scene.process->tenants.ScheduleDestruction(scene.tenant, "test"));
        scene.clock.Advance(24h * 8);
        static_cast<void>(scene.process->lease.Refresh());
        scene.process->tenants.DestroyDue();
      },
      [](Scene& scene) {
        ASSERT_TRUE(scene.process->lease.Refresh().ok());
        const auto now = scene.process->tenants.Get(scene.tenant);
        ASSERT_TRUE(now.ok());
        if (now->status == model::TenantStatus::kActive) {
          return scene.ExpectAllOpens();
        }
        if (now->status == model::TenantStatus::kDeactivated) {
          // Until it is destroyed it can be brought back, with everything.
          EXPECT_TRUE(scene.kms.HasKey(scene.tenant));
          if (!now->destroy_at) {
            ASSERT_TRUE(scene.process->tenants.Reactivate(scene.tenant, "test").ok());
            return scene.ExpectAllOpens();
          }
        }
        scene.process->tenants.DestroyDue();
        EXPECT_EQ(scene.process->tenants.Get(scene.tenant)->status,
                  model::TenantStatus::kDestroyed);
        EXPECT_FALSE(scene.kms.HasKey(scene.tenant))
            << "the key goes even when a crash came between";
      });
}

TEST(Tamper, SwappedWrapsAreIntegrity) {
  Scene scene;
  const auto other = scene.process->tenants.Create("Other", "us-east-1", "test", scene.Soon());
  const auto foreign = scene.store.LoadTenant(other->id).value();
  scene.process->keyring.Forget(scene.tenant);
  scene.store.forge = [&](model::TenantState& state) {
    if (state.tenant.id == scene.tenant)
      state.wraps.front().wrapped = foreign.wraps.front().wrapped;
  };
  EXPECT_EQ(scene.process->keyring.Active(scene.tenant, Wait::kAllowed, scene.Soon()).error().code,
            ErrorCode::kIntegrity);
}

TEST(Tamper, SwappedVersionsAreIntegrity) {
  Scene scene;
  ASSERT_TRUE(scene.process->rotation.Start(scene.tenant, "test", scene.Soon()).ok());
  scene.process->keyring.Forget(scene.tenant);
  scene.store.forge = [&](model::TenantState& state) {
    std::swap(state.wraps[0].wrapped, state.wraps[1].wrapped);
  };
  for (std::uint32_t version : {1u, 2u}) {
    EXPECT_EQ(scene.process->keyring.Version(scene.tenant, version, Wait::kAllowed, scene.Soon())
                  .error()
                  .code,
              ErrorCode::kIntegrity);
  }
  scene.process->keyring.Forget(scene.tenant);
  scene.store.forge = [&](model::TenantState& state) {
    state.wraps[0].wrapped = state.wraps[1].wrapped;
    std::swap(state.keys[0].check_value, state.keys[1].check_value);
  };
  EXPECT_EQ(
      scene.process->keyring.Version(scene.tenant, 1, Wait::kAllowed, scene.Soon()).error().code,
      ErrorCode::kIntegrity)
      << "a check value is bound to its version";
}

}  // namespace
}  // namespace tenantseal::keyring
