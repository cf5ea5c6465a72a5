// Rewrap jobs: pauses, turns, rates, what is set aside; rotation by age.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <functional>

#include "events/event.h"
#include "keyring/keyring_test_ground.h"
#include "keyring/rewrap_batch.h"

namespace tenantseal::keyring {
namespace {

using namespace std::chrono_literals;

// Hands out data keys and takes batches as a test wants it.
class WatchedStore final : public store::MemoryStore {
 public:
  Result<model::DataKey> LoadDataKey(const model::TenantId& tenant,
                                     const model::DataKeyId& id) const override {
    ++loads;
    auto key = MemoryStore::LoadDataKey(tenant, id);
    if (on_load) on_load(key);
    return key;
  }
  Result<std::vector<store::StoredDataKey>> ScanDataKeys(const model::TenantId& tenant,
                                                         std::uint64_t after, std::uint32_t below,
                                                         std::size_t limit) const override {
    if (before_scan) before_scan();
    auto rows = MemoryStore::ScanDataKeys(tenant, after, below, limit);
    if (rows && spoil_scans)
      for (store::StoredDataKey& row : *rows) row.key.wrapped = row.key.wrapped.substr(0, 60);
    return rows;
  }
  Result<void> CommitRewrapBatch(std::span<const store::DataKeyUpdate> updates,
                                 std::span<const model::QuarantinedDataKey> aside,
                                 const model::RewrapJob& job,
                                 const std::optional<model::NewEvent>& event) override {
    if (before_commit) before_commit();
    batches.push_back(updates.size() + aside.size());
    return MemoryStore::CommitRewrapBatch(updates, aside, job, event);
  }
  mutable std::atomic<int> loads{0};
  std::function<void(Result<model::DataKey>&)> on_load;
  std::function<void()> before_scan;
  std::function<void()> before_commit;
  bool spoil_scans = false;
  std::vector<std::size_t> batches;
};

class RewrappingTest : public testing::Test {
 protected:
  RewrappingTest() {
    EXPECT_TRUE(process_.lease.Refresh().ok());
    tenant_ = NewTenant();
  }
  model::TenantId NewTenant() {
    return process_.tenants.Create("Acme", "us-east-1", "test", Soon()).value().id;
  }
  base::Deadline Soon() const { return clock_.Boot() + 30s; }
  std::vector<MintedDataKey> Mint(const model::TenantId& tenant, std::size_t count) {
    const auto context = model::EncryptionContext::Make(tenant, {}).value();
    return process_.data_keys.Mint(tenant, context, true, count, Wait::kAllowed, Soon()).value();
  }
  // A data key whose wrapped form is another's.
  model::DataKeyId Forge(const model::TenantId& tenant) {
    model::DataKey forged = store_.ScanDataKeys(tenant, 0, store::kAnyVersion, 1)->front().key;
    forged.id = model::NewDataKeyId(random_, {});
    EXPECT_TRUE(store_.InsertDataKeys({&forged, 1}).ok());
    return forged.id;
  }
  void Start(const model::TenantId& tenant) {
    const auto started = process_.rotation.Start(tenant, "test", Soon());
    ASSERT_TRUE(started.ok()) << started.error().message;
  }
  void Run() { process_.rotation.RunJobs(stop_); }
  model::RewrapJob Job(const model::TenantId& tenant) {
    return process_.rotation.Job(tenant).value().value();
  }
  model::NewEvent EventOf(const model::TenantId& tenant, std::string type = "test") {
    return {model::Scope::Of(tenant),
            model::NewUuid(random_),
            clock_.Utc(),
            std::move(type),
            "test",
            "test",
            "{}"};
  }
  // Sets pause or end of the tenant's migration.
  void Change(model::Pause pause, bool cancel = false) {
    model::Migration migration = *store_.LoadTenant(tenant_)->migration;
    migration.pause = pause;
    if (cancel) {
      migration.state = model::MigrationState::kCancelled;
      migration.finished_at = clock_.Utc();
    }
    ASSERT_TRUE(store_.ChangeMigration(migration, EventOf(tenant_)).ok());
  }
  // A migration to a customer's key whose data keys are yet to be moved.
  void BeginMove() {
    const std::string arn = "arn:aws:kms:us-east-1:111122223333:key/1";
    kms_.AddCustomerKey(arn);
    model::KeyProvider target = model::InternalProvider(tenant_, clock_.Utc());
    target.fingerprint = model::Fingerprint::Parse(std::string(32, 'f')).value();
    target.kind = model::ProviderKind::kAwsKms;
    target.arn = arn;
    target.promoted_at.reset();
    ASSERT_TRUE(store_.AddProvider(target, EventOf(tenant_)).ok());
    model::Migration migration;
    migration.tenant = tenant_;
    migration.id = model::NewUuid(random_);
    migration.from = store_.LoadTenant(tenant_)->tenant.current_provider;
    migration.to = target.fingerprint;
    ASSERT_TRUE(store_.StartMigration(migration, EventOf(tenant_)).ok());
    const model::TenantState state = store_.LoadTenant(tenant_).value();
    const auto pair = process_.keyring.MintForBoth(state, 2, target, Soon()).value();
    const std::vector<model::TenantKeyWrap> wraps = {
        pair.by_target, pair.by_current,
        process_.keyring.WrapFor(state, 1, target, Soon()).value()};
    model::RewrapJob job;
    job.tenant = tenant_;
    job.id = migration.id;
    job.to_version = 2;
    job.started_by = "test";
    ASSERT_TRUE(store_.ActivateMigration(*state.migration, pair.key, wraps, job).ok());
    ASSERT_TRUE(process_.lease.Refresh().ok());
  }

  base::FakeClock clock_;
  base::SystemRandom random_;
  WatchedStore store_;
  kms::FakeKms kms_{random_, &clock_};
  Process process_{store_, kms_, clock_, random_};
  std::atomic<bool> stop_{false};
  model::TenantId tenant_;
};

TEST_F(RewrappingTest, WhatDoesNotAuthenticateIsReadAndTriedThreeTimes) {
  Mint(tenant_, 3);
  const model::DataKeyId forged = Forge(tenant_);
  Start(tenant_);
  Run();
  EXPECT_EQ(store_.loads, kRewrapAttempts - 1) << "besides the scan";
  const auto aside = store_.ListQuarantine(tenant_, "", 10).value();
  ASSERT_EQ(aside.size(), 1u);
  EXPECT_EQ(aside[0].id, forged);
  EXPECT_EQ(aside[0].since, clock_.Utc());
  EXPECT_EQ(Job(tenant_).failed, 1u);
  EXPECT_EQ(Job(tenant_).done, 3u);
}

TEST_F(RewrappingTest, WhatAuthenticatesWhenReadAgainIsMoved) {
  Mint(tenant_, 3);
  Start(tenant_);
  store_.spoil_scans = true;  // As a bad read would; LoadDataKey tells the truth at last.
  int lies = 0;
  store_.on_load = [&](Result<model::DataKey>& key) {
    if (++lies % 2 == 1) key->context.push_back(0);
  };
  Run();
  EXPECT_EQ(store_.CountDataKeys(tenant_, 2).value(), 3u);
  EXPECT_EQ(Job(tenant_).failed, 0u);
  EXPECT_EQ(store_.CountQuarantine(tenant_).value(), 0u);
}

TEST_F(RewrappingTest, FailuresOfStoreAndProviderNeverSetAside) {
  Mint(tenant_, 3);
  Forge(tenant_);
  Start(tenant_);
  store_.on_load = [](Result<model::DataKey>& key) {
    key = Error{ErrorCode::kUnavailable, "locked"};
  };
  Run();
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kRunning);
  EXPECT_EQ(store_.CountQuarantine(tenant_).value(), 0u);
  // The key of the first version is gone when it is tried again.
  store_.on_load = [&](Result<model::DataKey>&) {
    process_.keyring.Forget(tenant_);
    kms_.FailAll(kms::FakeKms::Fault::kUnavailable);
  };
  Run();
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kRunning);
  EXPECT_EQ(store_.CountQuarantine(tenant_).value(), 0u);
  store_.on_load = nullptr;
  kms_.Mend();
  clock_.Advance(2s);
  ASSERT_TRUE(process_.lease.Refresh().ok());
  Run();
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kDone);
  EXPECT_EQ(store_.CountQuarantine(tenant_).value(), 1u);
}

TEST_F(RewrappingTest, ADataKeyThatIsDeletedMeanwhileIsNotSetAside) {
  Mint(tenant_, 3);
  Forge(tenant_);
  Start(tenant_);
  store_.on_load = [](Result<model::DataKey>& key) { key = NotFound("gone"); };
  Run();
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kDone);
  EXPECT_EQ(Job(tenant_).failed, 0u);
  EXPECT_EQ(store_.CountQuarantine(tenant_).value(), 0u);
}

TEST_F(RewrappingTest, APauseEndsTheWorkAndItsEndLetsItGoOnAtOnce) {
  Mint(tenant_, 5);
  BeginMove();
  store_.before_commit = [&] { Change(model::Pause::kOperator); };
  Run();
  store_.before_commit = nullptr;
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kPaused);
  EXPECT_EQ(Job(tenant_).done, 0u);
  EXPECT_EQ(store_.batches.size(), 1u);
  Run();
  EXPECT_EQ(store_.batches.size(), 1u) << "nothing is done meanwhile";
  EXPECT_EQ(process_.rotation.Start(tenant_, "test", Soon()).error().code, ErrorCode::kConflict);
  EXPECT_EQ(process_.rotation.Retire(tenant_, 1, "test").error().code, ErrorCode::kConflict);
  Change(model::Pause::kNone);
  Run();
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kDone);
  EXPECT_EQ(Job(tenant_).done, 5u);
  std::size_t told = 0;
  const auto events = store_.ListEvents(model::Scope::Of(tenant_), 0, 100);
  for (const model::Event& event : *events)
    told += event.content.type == events::kTenantKeyRewrapped ? 1 : 0;
  EXPECT_EQ(told, 1u);
}

TEST_F(RewrappingTest, ACancellationEndsTheWorkForGood) {
  Mint(tenant_, 5);
  BeginMove();
  store_.before_commit = [&] { Change(model::Pause::kNone, true); };
  Run();
  store_.before_commit = nullptr;
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kCancelled);
  EXPECT_EQ(Job(tenant_).done, 0u);
  // The next job is not taken for the one that this process worked on.
  Start(tenant_);
  ASSERT_TRUE(store_.ClaimRewrapJob(tenant_).ok());  // By another process.
  Run();
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kRunning);
  clock_.Advance(Rotation::kStaleAfter);
  ASSERT_TRUE(process_.lease.Refresh().ok());
  Run();
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kDone);
  EXPECT_EQ(store_.CountDataKeys(tenant_, 3).value(), 5u);
}

TEST_F(RewrappingTest, TheListenerSeesEachBatchAndItsEventIsCommittedWithIt) {
  Mint(tenant_, 5);
  Forge(tenant_);
  Start(tenant_);
  std::vector<std::uint64_t> figures;
  process_.rotation.OnBatch([&](const model::RewrapJob& before,
                                const model::RewrapJob& after) -> std::optional<model::NewEvent> {
    figures = {before.done, before.failed, after.done, after.failed, after.total};
    return EventOf(tenant_, "test.batch");
  });
  Run();
  EXPECT_EQ(figures, (std::vector<std::uint64_t>{0, 0, 5, 1, 6}));
  std::size_t told = 0;
  const auto events = store_.ListEvents(model::Scope::Of(tenant_), 0, 100);
  for (const model::Event& event : *events) told += event.content.type == "test.batch" ? 1 : 0;
  EXPECT_EQ(told, 1u);
}

// --- Rates and turns ---

TEST_F(RewrappingTest, ALimitedRateSpreadsSmallBatches) {
  Mint(tenant_, 100);
  Start(tenant_);
  base::Duration slept{};
  process_.rotation.LimitRate(40);
  process_.rotation.WaitBy([&](base::Duration wait, const std::atomic<bool>&) {
    slept += wait;
    clock_.Advance(wait);
    EXPECT_TRUE(process_.lease.Refresh().ok());
  });
  Run();
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kDone);
  EXPECT_EQ(store_.batches, std::vector<std::size_t>(10, 10));
  EXPECT_EQ(slept, 2250ms) << "the first batch goes at once";
}

TEST_F(RewrappingTest, NothingIsDoneOnceAWaitIsCutShort) {
  Mint(tenant_, 100);
  Start(tenant_);
  process_.rotation.LimitRate(40);
  process_.rotation.WaitBy([&](base::Duration, const std::atomic<bool>& stop) {
    EXPECT_FALSE(stop.load());
    stop_ = true;
  });
  Run();
  EXPECT_EQ(Job(tenant_).done, 10u);
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kRunning);
  stop_ = true;
  SleepUnlessStopped(1h, stop_);  // Or this test would not end.
}

TEST_F(RewrappingTest, TakesSmallStepsAndRestsAfterEachWhileRequestsArrive) {
  constexpr std::size_t kLarge = Rotation::kBatchItems;
  constexpr std::size_t kSmall = Rotation::kBatchItemsBetweenRequests;
  Mint(tenant_, kLarge + 3 * kSmall);
  Start(tenant_);
  std::uint64_t requests = 7;
  std::vector<base::Duration> rests;
  process_.rotation.GiveWayTo([&] { return requests; });
  process_.rotation.WaitBy([&](base::Duration rest, const std::atomic<bool>&) {
    rests.push_back(rest);
    clock_.Advance(rest);
  });
  int scans = 0;
  store_.before_scan = [&] {
    if (++scans <= 2) clock_.Advance(1ms);
    if (scans == 2) requests += 100;
  };
  store_.before_commit = [&] {
    // 3 ms with requests, long ones with and without.
    clock_.Advance(store_.batches.empty() ? 3ms : 200ms);
    if (store_.batches.size() == 1) ++requests;
  };
  Run();
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kDone);
  EXPECT_THAT(store_.batches, testing::ElementsAre(kLarge, kSmall, kSmall, kSmall))
      << "no request had been seen before the first";
  EXPECT_THAT(rests, testing::ElementsAre(1ms, 6ms, 3ms, 50ms))
      << "as long as it read, or six times since many came; then as it wrote; 50 ms at most";
}

TEST_F(RewrappingTest, HoldsLittleInMemoryAtATimeWhileRequestsArrive) {
  constexpr std::size_t kSmall = Rotation::kBatchItemsBetweenRequests;
  constexpr std::size_t kPortion = Rotation::kPortionItemsBetweenRequests;
  for (int i = 0; i < 4; ++i) Mint(tenant_, 1000);
  Start(tenant_);
  std::uint64_t requests = 0;
  process_.rotation.GiveWayTo([&] { return ++requests; });
  process_.rotation.WaitBy([](base::Duration, const std::atomic<bool>&) {});
  std::size_t scanned = 0, most = 0;  // Since the last write.
  store_.before_scan = [&] { ++scanned; };
  store_.before_commit = [&] {
    // Nobody knew of requests when the first were read.
    if (store_.batches.size() > 4000 / kSmall / 2) most = std::max(most, scanned);
    scanned = 0;
  };
  Run();
  EXPECT_EQ(Job(tenant_).state, model::RewrapState::kDone);
  EXPECT_GE(most, kPortion / kSmall);
  EXPECT_LE(most, 2 * kPortion / kSmall + 1) << "one at work, one to come";
}

TEST_F(RewrappingTest, ALargeTenantDoesNotKeepASmallOneWaiting) {
  const auto [large, small] = std::minmax({tenant_, NewTenant()});  // Jobs stand in this order.
  Mint(large, 1000);
  Mint(small, 1);
  Start(large);
  Start(small);
  base::BootTime small_done;
  process_.rotation.LimitRate(10);
  process_.rotation.WaitBy([&](base::Duration wait, const std::atomic<bool>&) {
    clock_.Advance(wait);
    EXPECT_TRUE(process_.lease.Refresh().ok());
    if (small_done == base::BootTime() && Job(small).state == model::RewrapState::kDone)
      small_done = clock_.Boot();
  });
  const base::BootTime start = clock_.Boot();
  Run();
  EXPECT_EQ(Job(large).done, 1000u);
  EXPECT_GE(clock_.Boot() - start, 90s);
  EXPECT_NE(small_done, base::BootTime());
  EXPECT_LE(small_done - start, 5s);
}

// --- One data key, and rotation by age ---

TEST_F(RewrappingTest, OneDataKeyOnDemand) {
  const auto minted = Mint(tenant_, 1);
  const model::DataKey old = store_.LoadDataKey(tenant_, *minted[0].id).value();
  const model::DataKeyId forged = Forge(tenant_);
  Start(tenant_);
  const auto moved = process_.rotation.RewrapOne(old, Soon());
  ASSERT_TRUE(moved.ok()) << moved.error().message;
  EXPECT_EQ(moved->version, 2u);
  EXPECT_EQ(moved->id, old.id);
  EXPECT_EQ(moved->context, old.context);
  EXPECT_EQ(store_.LoadDataKey(tenant_, old.id)->version, 1u) << "nothing is stored";
  Run();
  ASSERT_EQ(store_.CountQuarantine(tenant_).value(), 1u);
  const model::DataKey aside = store_.LoadDataKey(tenant_, forged).value();
  EXPECT_EQ(process_.rotation.RewrapOne(aside, Soon()).error().code, ErrorCode::kDecryptFailed);
  kms_.FailAll(kms::FakeKms::Fault::kUnavailable);
  process_.keyring.Forget(tenant_);
  EXPECT_EQ(process_.rotation.RewrapOne(aside, Soon()).error().code, ErrorCode::kKeyUnavailable);
}

TEST_F(RewrappingTest, WhatIsTooOldIsRotatedPageByPage) {
  std::vector<model::TenantId> tenants = {tenant_};
  while (tenants.size() < Rotation::kAgedPageItems + 5) tenants.push_back(NewTenant());
  const model::TenantId sleeping = tenants[1], busy = tenants[2];
  ASSERT_TRUE(process_.tenants.Deactivate(sleeping, "test").ok());
  const auto rotated = [&] {
    std::size_t count = 0;
    for (const model::TenantId& tenant : tenants)
      count += store_.LoadTenant(tenant)->tenant.active_version > 1 ? 1 : 0;
    return count;
  };
  const auto scan = [&](base::Duration age_max) {
    process_.rotation.RotateAged(age_max);
    process_.rotation.RotateAged(age_max);
  };
  clock_.Advance(10h);
  ASSERT_TRUE(process_.lease.Refresh().ok());
  scan(10h);
  scan(0h);
  EXPECT_EQ(rotated(), 0u) << "not older than that, and no limit";
  clock_.Advance(1s);
  Start(busy);
  process_.rotation.RotateAged(10h);
  EXPECT_LE(rotated(), Rotation::kAgedPageItems + 1);
  EXPECT_GE(rotated(), 5u);
  process_.rotation.RotateAged(10h);
  EXPECT_EQ(rotated(), tenants.size() - 1);
  EXPECT_EQ(store_.LoadTenant(sleeping)->tenant.active_version, 1u);
  EXPECT_EQ(Job(tenant_).started_by, "age-limit");
  EXPECT_EQ(Job(busy).started_by, "test");
  scan(10h);
  for (const model::TenantId& tenant : tenants)
    EXPECT_LE(store_.LoadTenant(tenant)->tenant.active_version, 2u) << "now they are young";
}

TEST_F(RewrappingTest, AgeDoesNotRotateDuringAMigration) {
  BeginMove();
  clock_.Advance(11h);
  ASSERT_TRUE(process_.lease.Refresh().ok());
  const std::uint64_t before = kms_.calls();
  process_.rotation.RotateAged(10h);
  EXPECT_EQ(store_.LoadTenant(tenant_)->tenant.active_version, 2u);
  EXPECT_EQ(kms_.calls(), before);
}

}  // namespace
}  // namespace tenantseal::keyring
