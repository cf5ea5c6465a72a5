// The life of migrations without faults of our own: every way to go, what providers do meanwhile,
// and two processes on one store.
#include <nlohmann/json.hpp>

#include "migration/runner_test_ground.h"

namespace tenantseal::migration {
namespace {

using model::MigrationState;

class RunnerTest : public RunnerGround {
 protected:
  // There and completed, with everything open before, during and after.
  void Move(const std::string& arn) {
    ASSERT_EQ(SealSome(), std::nullopt);
    ASSERT_TRUE(Migrate(arn).ok());
    ASSERT_EQ(SealSome(), std::nullopt);
    one_->runner.RunSteps(one_->never);
    ASSERT_TRUE(Is(MigrationState::kInProgress));
    ASSERT_FALSE(IsCurrent(arn));
    ASSERT_EQ(SealSome(), std::nullopt);
    ASSERT_TRUE(EverythingOpens());
    one_->rotation.RunJobs(one_->never);
    ASSERT_EQ(SealSome(), std::nullopt);
    ASSERT_TRUE(EverythingOpens());
    one_->runner.RunSteps(one_->never);
    ASSERT_TRUE(Is(MigrationState::kCompleted));
    ASSERT_TRUE(IsCurrent(arn));
    ASSERT_EQ(SealSome(), std::nullopt);
    ASSERT_TRUE(EverythingOpens());
    ASSERT_TRUE(StateIsSound());
  }
  // The event of that type and number, from 0, as JSON.
  nlohmann::json DataOf(std::string_view type, std::size_t number = 0) const {
    for (const auto& event : Events()) {
      if (event.content.type == type && number-- == 0)
        return nlohmann::json::parse(event.content.data);
    }
    return nullptr;
  }
};

TEST_F(RunnerTest, ThereAndOnAndBackAndToOneUsedBefore) {
  AddKey(kFirstKey);
  AddKey(kSecondKey);
  for (const std::string& arn : {kFirstKey, kSecondKey, kInternal, kFirstKey, kInternal})
    ASSERT_NO_FATAL_FAILURE(Move(arn));
  EXPECT_EQ(CountEvents(events::kMigrationFinished), 5u);
  EXPECT_EQ(CountEvents(events::kMigrationPaused), 0u);
  EXPECT_EQ(State().tenant.active_version, 6u);
  EXPECT_EQ(store_.CountDataKeys(tenant_, 6).value() + store_.CountDataKeys(tenant_, 5).value(),
            store_.CountDataKeys(tenant_, std::nullopt).value())
      << "what was sealed before the last one was moved";
  const nlohmann::json finished = DataOf(events::kMigrationFinished);
  EXPECT_EQ(finished["state"], "Completed");
  EXPECT_EQ(finished["progress"], 100);
  EXPECT_EQ(finished["migratingTo"], kFirstKey);
  EXPECT_EQ(finished["total"], 2);
  EXPECT_EQ(finished["done"], 2);
  EXPECT_TRUE(finished.contains("completedAt"));
  EXPECT_EQ(CountEvents(events::kKeyProviderUsageZero), 5u);
  const nlohmann::json unused = DataOf(events::kKeyProviderUsageZero);
  EXPECT_EQ(unused["migrationId"], finished["id"]);
  EXPECT_EQ(unused["arn"], finished["migratingFrom"]);
}

TEST_F(RunnerTest, OldProvidersAreNotAskedAfterwards) {
  AddKey(kFirstKey);
  ASSERT_NO_FATAL_FAILURE(Move(kFirstKey));
  kms_.Fail(kInternal, ErrorCode::kKeyRevoked);
  Restart();
  EXPECT_TRUE(EverythingOpens());
  EXPECT_EQ(SealSome(), std::nullopt);
}

TEST_F(RunnerTest, UntilTheEndTheSourceAloneDecides) {
  AddKey(kFirstKey);
  ASSERT_EQ(SealSome(), std::nullopt);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  one_->runner.RunSteps(one_->never);
  ASSERT_EQ(SealSome(), std::nullopt);
  kms_.Fail(kFirstKey, ErrorCode::kKeyRevoked);
  EXPECT_TRUE(EverythingOpens()) << "the target is not needed";
  kms_.Mend(kFirstKey);
  kms_.Fail(kInternal, ErrorCode::kKeyRevoked);
  one_->keyring.Forget(tenant_);
  EXPECT_EQ(Open(*one_, sealed_.back()), ErrorCode::kKeyRevoked);
}

TEST_F(RunnerTest, KmsCallsGrowWithVersionsOnly) {
  AddKey(kFirstKey);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(one_->rotation.Start(tenant_, "test", Soon()).ok());
    one_->rotation.RunJobs(one_->never);
  }
  ASSERT_EQ(SealSome(*one_, 500), std::nullopt);
  const std::size_t versions = State().keys.size();
  ASSERT_EQ(versions, 5u);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  const std::uint64_t before = kms_.calls();
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kInProgress));
  EXPECT_LE(kms_.calls() - before, 6 + 4 * versions);
  one_->rotation.RunJobs(one_->never);
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kCompleted));
  // One version is fetched to rewrap from, one to rewrap to, and checked at last.
  EXPECT_LE(kms_.calls() - before, 6 + 4 * versions + 3);
}

TEST_F(RunnerTest, ARunningJobIsNotFinishedAndIsProbedOnceAMinute) {
  AddKey(kFirstKey);
  ASSERT_EQ(SealSome(), std::nullopt);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  one_->runner.RunSteps(one_->never);
  const std::uint64_t before = kms_.calls(kFirstKey);
  for (int i = 0; i < 180; ++i) {
    clock_.Advance(1s);
    ASSERT_TRUE(one_->lease.Refresh().ok());
    one_->runner.RunSteps(one_->never);
  }
  EXPECT_TRUE(Is(MigrationState::kInProgress));
  EXPECT_EQ(kms_.calls(kFirstKey) - before, 3u);
  kms_.Fail(kFirstKey, ErrorCode::kKeyUnavailable);
  clock_.Advance(1min);
  one_->runner.RunSteps(one_->never);
  EXPECT_TRUE(Is(MigrationState::kInProgress)) << "no answer is no refusal";
  kms_.Fail(kFirstKey, ErrorCode::kKeyRevoked);
  clock_.Advance(1min);
  one_->runner.RunSteps(one_->never);
  EXPECT_TRUE(Is(MigrationState::kInProgress, model::Pause::kTargetRefuses));
  EXPECT_EQ(store_.LoadRewrapJob(tenant_).value()->state, model::RewrapState::kPaused);
}

TEST_F(RunnerTest, ATargetThatAllowsAgainIsGoneOnWith) {
  AddKey(kFirstKey);
  ASSERT_EQ(SealSome(), std::nullopt);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  kms_.Fail(kFirstKey, ErrorCode::kKeyRevoked);
  Live(1s);
  ASSERT_TRUE(Is(MigrationState::kNew, model::Pause::kTargetRefuses));
  const std::uint64_t asked = kms_.calls(kFirstKey);
  Live(10min);
  EXPECT_LE(kms_.calls(kFirstKey) - asked, 10u) << "at most once a minute";
  ASSERT_TRUE(Is(MigrationState::kNew, model::Pause::kTargetRefuses));
  EXPECT_EQ(CountEvents(events::kMigrationPaused), 1u);
  EXPECT_EQ(DataOf(events::kMigrationPaused)["pausedBecause"], "target-refuses");
  kms_.Mend(kFirstKey);
  Live(62s);
  EXPECT_TRUE(Is(MigrationState::kCompleted));
  EXPECT_EQ(CountEvents(events::kMigrationResumed), 1u);
  EXPECT_TRUE(EverythingOpens());
}

TEST_F(RunnerTest, ARefusingSourceNeedsSomebody) {
  AddKey(kFirstKey);
  ASSERT_EQ(SealSome(), std::nullopt);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  kms_.Fail(kInternal, ErrorCode::kKeyRevoked);
  Live(2s);
  ASSERT_TRUE(Is(MigrationState::kNew, model::Pause::kSourceRefuses));
  EXPECT_EQ(DataOf(events::kMigrationPaused)["pausedBecause"], "source-refuses");
  kms_.Mend(kInternal);
  Live(5min);
  ASSERT_TRUE(Is(MigrationState::kNew, model::Pause::kSourceRefuses));
  EXPECT_TRUE(EverythingOpens());
  ASSERT_TRUE(Resume().ok());
  Settle();
  EXPECT_TRUE(Is(MigrationState::kCompleted));
  EXPECT_TRUE(EverythingOpens());
  EXPECT_TRUE(StateIsSound());
}

TEST_F(RunnerTest, ARevokedSourcePausesWhileDataKeysMove) {
  AddKey(kFirstKey);
  ASSERT_EQ(SealSome(), std::nullopt);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kInProgress));
  kms_.Fail(kInternal, ErrorCode::kKeyRevoked);
  one_->keyring.Forget(tenant_);
  EXPECT_EQ(Open(*one_, sealed_.front()), ErrorCode::kKeyRevoked);
  Live(2s);
  EXPECT_TRUE(Is(MigrationState::kInProgress, model::Pause::kSourceRefuses));
  ASSERT_TRUE(Cancel().ok());
  kms_.Mend(kInternal);
  Live(2min);
  EXPECT_TRUE(EverythingOpens());
  EXPECT_TRUE(StateIsSound());
}

TEST_F(RunnerTest, AVersionThatCannotBeWrappedFailsItByName) {
  AddKey(kFirstKey);
  ASSERT_TRUE(one_->rotation.Start(tenant_, "test", Soon()).ok());
  one_->rotation.RunJobs(one_->never);
  ASSERT_EQ(SealSome(), std::nullopt);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  kms_.Fail(kFirstKey, ErrorCode::kIntegrity);
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kFailed));
  EXPECT_NE(Migration().detail.find("version 1 "), std::string::npos) << Migration().detail;
  EXPECT_EQ(State().tenant.active_version, 2u);
  EXPECT_EQ(CountEvents(events::kMigrationFailed), 1u);
  EXPECT_EQ(DataOf(events::kMigrationFailed)["state"], "Failed");
  EXPECT_TRUE(EverythingOpens());
  EXPECT_TRUE(StateIsSound());
  kms_.Mend(kFirstKey);
  ASSERT_TRUE(Migrate(kFirstKey).ok()) << "it may be tried anew";
  Settle();
  EXPECT_TRUE(Is(MigrationState::kCompleted));
}

TEST_F(RunnerTest, ADeactivatedTenantWaitsAndGoesOnByItself) {
  AddKey(kFirstKey);
  ASSERT_EQ(SealSome(), std::nullopt);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  ASSERT_TRUE(one_->tenants.Deactivate(tenant_, "test").ok());
  Live(5s);
  ASSERT_TRUE(Is(MigrationState::kNew, model::Pause::kTenantDeactivated));
  ASSERT_TRUE(one_->tenants.Reactivate(tenant_, "test").ok());
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kInProgress));
  ASSERT_TRUE(one_->tenants.Deactivate(tenant_, "test").ok());
  Live(5s);
  ASSERT_TRUE(Is(MigrationState::kInProgress, model::Pause::kTenantDeactivated));
  ASSERT_TRUE(one_->tenants.Reactivate(tenant_, "test").ok());
  Live(5s);
  EXPECT_TRUE(Is(MigrationState::kCompleted));
  EXPECT_EQ(CountEvents(events::kMigrationPaused), 2u);
  EXPECT_EQ(CountEvents(events::kMigrationResumed), 2u);
  EXPECT_TRUE(EverythingOpens());
}

TEST_F(RunnerTest, AnOperatorsPauseStays) {
  AddKey(kFirstKey);
  ASSERT_EQ(SealSome(), std::nullopt);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  ASSERT_TRUE(Pause().ok());
  Live(3min);
  ASSERT_TRUE(Is(MigrationState::kNew, model::Pause::kOperator));
  ASSERT_TRUE(Resume().ok());
  one_->Work();  // Nobody had taken it up, so nobody is waited for.
  ASSERT_TRUE(Is(MigrationState::kCompleted));
  EXPECT_TRUE(EverythingOpens());
}

TEST_F(RunnerTest, ResumingIsTakenUpAtOnceByWhoeverHadIt) {
  AddKey(kFirstKey);
  ASSERT_EQ(SealSome(), std::nullopt);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Pause().ok());
  one_->Work();
  ASSERT_TRUE(Is(MigrationState::kInProgress, model::Pause::kOperator));
  ASSERT_TRUE(Resume().ok());
  one_->Work();  // The job, and the migration with it, without waiting for anybody.
  EXPECT_TRUE(Is(MigrationState::kCompleted));
}

TEST_F(RunnerTest, CancelNeverNeedsTheTarget) {
  AddKey(kFirstKey);
  for (const bool moved : {false, true}) {
    ASSERT_EQ(SealSome(), std::nullopt);
    ASSERT_TRUE(Migrate(kFirstKey).ok());
    one_->runner.RunSteps(one_->never);
    if (moved) one_->rotation.RunJobs(one_->never);
    kms_.Fail(kFirstKey, ErrorCode::kKeyRevoked);
    ASSERT_TRUE(Cancel().ok());
    Live(2min);
    ASSERT_TRUE(Is(MigrationState::kCancelled));
    EXPECT_TRUE(IsCurrent(kInternal));
    EXPECT_TRUE(EverythingOpens());
    EXPECT_TRUE(StateIsSound());
    kms_.Mend(kFirstKey);
  }
  ASSERT_NO_FATAL_FAILURE(Move(kFirstKey));
}

TEST_F(RunnerTest, TooManyInQuarantineWaitForSomebody) {
  AddKey(kFirstKey);
  ASSERT_EQ(SealSome(*one_, 20), std::nullopt);
  // Somebody spoils two rows: the limit of so few is one.
  const auto rows = store_.ScanDataKeys(tenant_, 0, store::kAnyVersion, 2).value();
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  one_->runner.RunSteps(one_->never);
  model::RewrapJob job = store_.LoadRewrapJob(tenant_).value().value();
  std::vector<model::QuarantinedDataKey> aside;
  for (const auto& row : rows)
    aside.push_back({tenant_, row.key.id, 1, clock_.Utc(), "it does not authenticate"});
  job.failed = 2;
  job.cursor = rows.back().position;
  ASSERT_TRUE(store_.CommitRewrapBatch({}, aside, job, std::nullopt).ok());
  Live(5s);
  ASSERT_TRUE(Is(MigrationState::kInProgress, model::Pause::kQuarantine));
  EXPECT_NE(Migration().detail.find("2 of 20"), std::string::npos) << Migration().detail;
  Live(2min);
  ASSERT_TRUE(Is(MigrationState::kInProgress, model::Pause::kQuarantine));
  ASSERT_TRUE(Change(events::kMigrationResumed, [](model::Migration& m) {
                m.pause = model::Pause::kNone;
                m.quarantine_accepted = 2;
              }).ok());
  Settle();
  EXPECT_TRUE(Is(MigrationState::kCompleted));
  EXPECT_EQ(store_.CountQuarantine(tenant_).value(), 2u);
  EXPECT_TRUE(EverythingOpens()) << "under the version that the target wraps, too";
  EXPECT_EQ(DataOf(events::kMigrationFinished)["quarantined"], 2);
}

TEST_F(RunnerTest, EveryTenthIsToldOnce) {
  AddKey(kFirstKey);
  ASSERT_EQ(SealSome(), std::nullopt);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  one_->runner.RunSteps(one_->never);
  model::RewrapJob before = store_.LoadRewrapJob(tenant_).value().value();
  before.total = 1000;
  std::vector<int> told;
  for (int i = 1; i <= 200; ++i) {
    model::RewrapJob after = before;
    after.done += i % 10 == 0 ? 0 : 5;
    after.failed += i % 10 == 0 ? 5 : 0;
    if (const auto event = one_->runner.ProgressEvent(before, after)) {
      EXPECT_EQ(event->type, events::kMigrationProgressed);
      EXPECT_EQ(event->actor, "api-key:admin");
      told.push_back(nlohmann::json::parse(event->data)["progress"]);
    }
    before = after;
  }
  EXPECT_EQ(told, (std::vector<int>{10, 20, 30, 40, 50, 60, 70, 80, 90}));
  model::RewrapJob all = before;
  before.done = before.failed = 0;
  EXPECT_TRUE(one_->runner.ProgressEvent(before, all).has_value()) << "several at once are one";
  all.id = before.id = "a-rotation";
  EXPECT_FALSE(one_->runner.ProgressEvent(before, all).has_value());
}

TEST_F(RunnerTest, ManyTenantsAndOneWhoseTargetIsAway) {
  std::vector<model::TenantId> tenants;
  for (int i = 0; i < 50; ++i) {
    tenants.push_back(NewTenant());
    AddKey(i == 0 ? kSecondKey : kFirstKey, tenants.back());
    ASSERT_TRUE(Migrate(i == 0 ? kSecondKey : kFirstKey, tenants.back()).ok());
  }
  kms_.Fail(kSecondKey, ErrorCode::kKeyUnavailable);
  const std::uint64_t before = kms_.calls(kSecondKey);
  Live(5s);
  for (std::size_t i = 1; i < tenants.size(); ++i)
    EXPECT_EQ(State(tenants[i]).migration->state, MigrationState::kCompleted);
  Live(10min);
  EXPECT_EQ(State(tenants[0]).migration->state, MigrationState::kNew);
  EXPECT_EQ(State(tenants[0]).migration->pause, model::Pause::kNone);
  EXPECT_LE(kms_.calls(kSecondKey) - before, 30u) << "attempts become rare";
  kms_.Mend(kSecondKey);
  Live(65s);
  EXPECT_EQ(State(tenants[0]).migration->state, MigrationState::kCompleted);
}

class TwoProcessesTest : public RunnerTest {
 protected:
  TwoProcessesTest() : two_(faulty_, kms_, fake_kms_, clock_, random_) {
    EXPECT_TRUE(two_.lease.Refresh().ok());
    AddKey(kFirstKey);
    EXPECT_EQ(SealSome(*one_), std::nullopt);
  }
  Process two_;
};

TEST_F(TwoProcessesTest, OneWorksAndTheOtherFollows) {
  ASSERT_EQ(SealSome(two_), std::nullopt);
  const Follower follower(two_);
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kInProgress));
  EXPECT_EQ(two_.keyring.Active(tenant_, keyring::Wait::kAllowed, Soon())->version(), 2u);
  const std::uint64_t calls = kms_.calls();
  const std::uint64_t fence = Migration().fence;
  two_.runner.RunSteps(two_.never);
  EXPECT_EQ(kms_.calls(), calls) << "it is another's";
  EXPECT_EQ(Migration().fence, fence);
  one_->rotation.RunJobs(one_->never);
  two_.runner.RunSteps(two_.never);
  ASSERT_TRUE(Is(MigrationState::kInProgress));
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kCompleted));
  EXPECT_TRUE(EverythingOpens());
  EXPECT_TRUE(EverythingOpens(two_));
  EXPECT_EQ(SealSome(two_), std::nullopt);
}

TEST_F(TwoProcessesTest, WhatADeadOneLeftIsTakenUpWhenItHasNotMoved) {
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  {
    const Follower follower(two_);
    one_->runner.RunSteps(one_->never);
    one_->rotation.RunJobs(one_->never);
  }
  ASSERT_TRUE(store_.RemoveProcess(one_->id).ok());
  for (int i = 0; i < 10; ++i) {
    two_.Work();
    ASSERT_TRUE(Is(MigrationState::kInProgress)) << i;
    clock_.Advance(1s);
  }
  two_.Work();
  EXPECT_TRUE(Is(MigrationState::kCompleted));
  const Follower follower(two_);
  ASSERT_TRUE(one_->lease.Refresh().ok());
  one_->Work();
  EXPECT_EQ(CountEvents(events::kMigrationFinished), 1u);
  EXPECT_TRUE(EverythingOpens());
  EXPECT_TRUE(StateIsSound());
}

TEST_F(TwoProcessesTest, OneThatWasTakenForDeadChangesNothing) {
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  const Follower follower(two_), itself(*one_);
  bool meddled = false;
  kms_.BeforeEncrypt([&] {
    if (std::exchange(meddled, true)) return;
    // While it sleeps, the other finds that nothing moves, and does all of it.
    two_.runner.RunSteps(two_.never);
    ASSERT_TRUE(Is(MigrationState::kNew)) << "not stale yet";
    clock_.Advance(keyring::Rotation::kStaleAfter);
    two_.runner.RunSteps(two_.never);
    ASSERT_TRUE(Is(MigrationState::kInProgress));
  });
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(meddled);
  EXPECT_TRUE(Is(MigrationState::kInProgress));
  EXPECT_EQ(State().keys.size(), 2u) << "its key was refused";
  two_.rotation.RunJobs(two_.never);
  two_.runner.RunSteps(two_.never);
  EXPECT_TRUE(Is(MigrationState::kCompleted));
  EXPECT_TRUE(EverythingOpens());
  EXPECT_TRUE(StateIsSound());
}

TEST_F(TwoProcessesTest, LongWrappingIsNotTakenForDeath) {
  two_.lease.Leave();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(one_->rotation.Start(tenant_, "test", Soon()).ok());
    one_->rotation.RunJobs(one_->never);
  }
  ASSERT_TRUE(Migrate(kFirstKey).ok());
  const std::uint64_t before = kms_.calls();
  kms_.BeforeEncrypt([&] {
    clock_.Advance(3s);
    two_.runner.RunSteps(two_.never);  // It only watches.
  });
  one_->runner.RunSteps(one_->never);
  EXPECT_TRUE(Is(MigrationState::kInProgress));
  EXPECT_LE(kms_.calls() - before, 6u + 4 * 21);
}

}  // namespace
}  // namespace tenantseal::migration
