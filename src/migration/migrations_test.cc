#include "migration/migrations.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kms/fake_inspector.h"
#include "migration/runner_test_ground.h"

namespace tenantseal::migration {
namespace {

using kms::FakeInspector;
using model::EncryptionCode;
using model::MigrationState;
using Why = model::Pause;
using json = nlohmann::json;

const std::string kOneId = "key/mrk-" + std::string(32, 'a');
const std::string kTwoId = "key/mrk-" + std::string(32, 'b');
const std::string kHome = "arn:aws:kms:us-east-1:111122223333:";
const std::string kBackup = "arn:aws:kms:us-east-2:111122223333:";
const std::string kOne = kHome + kOneId;
const std::string kTwo = kHome + kTwoId;

class MigrationsTest : public RunnerGround {
 protected:
  MigrationsTest() {
    for (const std::string& id : {kOneId, kTwoId}) {
      fake_kms_.AddCustomerKey(kHome + id, kBackup + id);
      inspector_.Add(kHome + id, Admitting());
      inspector_.AddReplica(kBackup + id, kHome + id, Admitting());
      const auto made = providers_.Create(tenant_, {kHome + id, "key", ""}, "admin", Soon());
      EXPECT_TRUE(made.ok()) << made.error().message;
    }
  }

  FakeInspector::Policy Admitting() const { return FakeInspector::Admits({tenant_.text()}); }
  std::string PrintOf(const std::string& arn) const {
    return arn == kInternal ? tenant_.text() : providers::FingerprintOf(tenant_, arn).text();
  }
  Result<MigrationView> Begin(const std::string& arn, const std::string& actor = "admin") {
    return migrations_.Start(tenant_, PrintOf(arn), actor, Soon());
  }
  Result<MigrationPlan> PlanFor(const std::string& arn) {
    return migrations_.Plan(tenant_, PrintOf(arn), "admin", Soon());
  }
  Result<MigrationView> Resumed(const Migrations::Accept& accept = {}) {
    return migrations_.Resume(tenant_, accept, "resumer", Soon());
  }
  void MigrateTo(const std::string& arn) {
    const auto begun = Begin(arn);
    ASSERT_TRUE(begun.ok()) << begun.error().message;
    Settle();
    ASSERT_TRUE(Is(MigrationState::kCompleted)) << Migration().detail;
    ASSERT_EQ(State().tenant.current_provider.text(), PrintOf(arn));
  }
  // A migration from the first key to the second whose new version is active, and no further.
  void BeginSecond() {
    MigrateTo(kOne);
    ASSERT_EQ(SealSome(), std::nullopt);
    ASSERT_TRUE(Begin(kTwo).ok());
    one_->runner.RunSteps(one_->never);
    ASSERT_TRUE(Is(MigrationState::kInProgress));
  }
  // The owner of the provider that is left refuses, and the migration has noticed.
  void SourceRefuses() {
    kms_.Fail(kOne, ErrorCode::kKeyRevoked);
    SetRevoked(clock_.Utc());
    one_->runner.RunSteps(one_->never);
    ASSERT_EQ(Migration().pause, Why::kSourceRefuses);
  }
  void SetRevoked(std::optional<base::UtcTime> since) {
    const auto set = store_.SetProviderRevoked(
        tenant_, model::Fingerprint::Parse(PrintOf(kOne)).value(), since, {});
    ASSERT_TRUE(set.ok()) << set.error().message;
  }
  void Deactivate() { ASSERT_TRUE(one_->tenants.Deactivate(tenant_, "admin").ok()); }

  // How often AWS is called for a migration as such.
  std::uint64_t CallsOf(const std::string& arn) {
    const auto count = [this] {
      std::uint64_t calls = 0;
      for (const std::string& id : {kOneId, kTwoId})
        calls += kms_.calls(kHome + id) + kms_.calls(kBackup + id);
      return calls;
    };
    // What the data keys need is in memory: the calls for that are not the migration's.
    EXPECT_EQ(SealSome(), std::nullopt);
    EXPECT_TRUE(EverythingOpens(*one_));
    const std::uint64_t before = count();
    EXPECT_TRUE(Begin(arn).ok());
    one_->runner.RunSteps(one_->never);
    const std::uint64_t wrapped = count();
    EXPECT_TRUE(EverythingOpens(*one_));
    const std::uint64_t not_ours = count() - wrapped;
    one_->rotation.RunJobs(one_->never);
    one_->runner.RunSteps(one_->never);
    EXPECT_TRUE(Is(MigrationState::kCompleted));
    return count() - before - not_ours;
  }

  // No more than planned; no less but for the keys that were in memory and a probe of the target.
  static void ExpectAsPlanned(const MigrationPlan& plan, std::uint64_t calls) {
    EXPECT_GE(plan.kms_calls, calls);
    EXPECT_LE(plan.kms_calls, calls + plan.tenant_key_versions + 1);
  }

  // A migration of twenty data keys, whose first two are to be set aside by its first batch.
  struct ToSetAside {
    std::vector<store::StoredDataKey> rows;
    std::vector<model::QuarantinedDataKey> aside;
    model::RewrapJob job;
  };
  ToSetAside TwoToSetAside() {
    EXPECT_EQ(SealSome(*one_, 20), std::nullopt);
    EXPECT_TRUE(Begin(kOne).ok());
    one_->runner.RunSteps(one_->never);
    ToSetAside out{store_.ScanDataKeys(tenant_, 0, store::kAnyVersion, 2).value(),
                   {},
                   store_.LoadRewrapJob(tenant_).value().value()};
    for (const auto& row : out.rows)
      out.aside.push_back({tenant_, row.key.id, 1, clock_.Utc(), "it does not authenticate"});
    out.job.failed = out.aside.size();
    out.job.cursor = out.rows.back().position;
    return out;
  }

  // Refused with this code, and neither a migration nor an event came of it.
  template <typename Call>
  void ExpectRefused(EncryptionCode code, Call call) {
    const std::optional<model::Migration> migration = State().migration;
    const std::size_t events = MigrationEvents();
    const auto outcome = call();
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().encryption_code, static_cast<int>(code)) << outcome.error().message;
    EXPECT_FALSE(outcome.error().message.empty());
    EXPECT_EQ(State().migration, migration);
    EXPECT_EQ(MigrationEvents(), events);
  }
  std::size_t MigrationEvents() const {
    const auto events = Events();
    return static_cast<std::size_t>(std::ranges::count_if(events, [](const model::Event& event) {
      return event.content.type.find("keyprovider-migration") != std::string::npos;
    }));
  }
  json LastEvent(std::string_view type, const std::string& actor, std::size_t after_it = 0) const {
    const auto events = Events();
    const model::NewEvent event = events.at(events.size() - 1 - after_it).content;
    EXPECT_EQ(event.type, type);
    EXPECT_EQ(event.actor, actor);
    return json::parse(event.data);
  }

  FakeInspector inspector_{random_};
  providers::Validator validator_{inspector_, clock_, random_, {}};
  providers::KeyProviders providers_{faulty_, one_->lease, validator_, clock_, random_, 840h};
  Migrations migrations_{faulty_,    one_->keyring, one_->lease, one_->rotation,
                         providers_, clock_,        random_,     1000};
};

TEST_F(MigrationsTest, StartsAndTellsOfIt) {
  const auto begun = Begin(kOne);
  ASSERT_TRUE(begun.ok()) << begun.error().message;
  EXPECT_EQ(begun->migration.state, MigrationState::kNew);
  EXPECT_EQ(begun->from_arn, "#QLIK_MANAGED_KEY_PROVIDER#");
  EXPECT_EQ(begun->to_arn, kOne);
  const model::Migration stored = Migration();
  EXPECT_EQ(stored.id, begun->migration.id);
  EXPECT_EQ(stored.from.text(), tenant_.text());
  EXPECT_EQ(stored.to.text(), PrintOf(kOne));
  EXPECT_EQ(stored.started_by, "admin");
  EXPECT_EQ(stored.started_at, clock_.Utc());
  EXPECT_EQ(LastEvent(events::kMigrationTriggered, "admin"), MigrationJson(*begun));
  EXPECT_EQ(one_->lease.Epoch(), store_.ReadChanges(0)->epoch);

  Settle();
  const auto details = migrations_.Details(tenant_);
  ASSERT_TRUE(details.ok());
  EXPECT_EQ(details->migration.state, MigrationState::kCompleted);
  EXPECT_EQ(details->percent(), 100);
}

TEST_F(MigrationsTest, NamesASourceThatIsDeletedSince) {
  MigrateTo(kOne);
  MigrateTo(kTwo);
  ASSERT_TRUE(providers_.Delete(tenant_, PrintOf(kOne), "admin").ok());
  const auto details = migrations_.Details(tenant_);
  ASSERT_TRUE(details.ok());
  EXPECT_EQ(details->from_arn, kOne);
  EXPECT_EQ(details->to_arn, kTwo);
}

TEST_F(MigrationsTest, NeverWasOne) {
  ExpectRefused(EncryptionCode::kNoMigration, [&] { return migrations_.Details(tenant_); });
  ExpectRefused(EncryptionCode::kMigrationEnded, [&] { return migrations_.Pause(tenant_, "a"); });
  ExpectRefused(EncryptionCode::kMigrationEnded, [&] { return Resumed(); });
  ExpectRefused(EncryptionCode::kMigrationEnded, [&] { return migrations_.Cancel(tenant_, "a"); });
}

TEST_F(MigrationsTest, StartsNothingWithoutATarget) {
  const auto start = [&](const std::string& fingerprint) {
    return [this, fingerprint] { return migrations_.Start(tenant_, fingerprint, "a", Soon()); };
  };
  ExpectRefused(EncryptionCode::kProviderNotFound, start("nobody"));
  ExpectRefused(EncryptionCode::kFingerprintTooLong, start(std::string(65, 'a')));
  ExpectRefused(EncryptionCode::kAlreadyCurrent, start(tenant_.text()));
  ExpectRefused(EncryptionCode::kAlreadyCurrent, [&] { return PlanFor(kInternal); });

  inspector_.at(kOne).policy = FakeInspector::Without("Decrypt", Admitting());
  ExpectRefused(EncryptionCode::kTargetInvalid, [&] { return Begin(kOne); });
  EXPECT_NE(Begin(kOne).error().meta.find("round-trip"), std::string::npos);
  inspector_.Fail("us-east-1", ErrorCode::kKeyUnavailable);
  ExpectRefused(EncryptionCode::kTargetInvalid, [&] { return Begin(kOne); });
  inspector_.Fail("us-east-1", {});
  inspector_.at(kOne).policy = Admitting();
  EXPECT_TRUE(Begin(kOne).ok());
}

TEST_F(MigrationsTest, StartsNothingWithoutASource) {
  MigrateTo(kOne);
  ASSERT_EQ(SealSome(), std::nullopt);
  for (const ErrorCode silent :
       {ErrorCode::kKeyUnavailable, ErrorCode::kDeadlineExceeded, ErrorCode::kServiceFault}) {
    kms_.Fail(kOne, silent);
    ExpectRefused(EncryptionCode::kSourceUnreachable, [&] { return Begin(kTwo); });
  }
  kms_.Fail(kOne, ErrorCode::kKeyRevoked);
  ExpectRefused(EncryptionCode::kSourceRefuses, [&] { return Begin(kTwo); });
  EXPECT_TRUE(State().FindProvider(Migration().to)->revoked_at);  // Its word counts everywhere.
  kms_.Mend(kOne);
  EXPECT_TRUE(Begin(kTwo).ok());
}

TEST_F(MigrationsTest, OnlyOneAtATime) {
  ASSERT_TRUE(Begin(kOne).ok());
  ExpectRefused(EncryptionCode::kMigrationOngoing, [&] { return Begin(kTwo); });
  ExpectRefused(EncryptionCode::kMigrationOngoing, [&] { return PlanFor(kTwo); });
  // Also when another request comes in between: its migration is there, this one's answer is lost.
  ASSERT_TRUE(migrations_.Cancel(tenant_, "admin").ok());
  const std::uint64_t before = faulty_.calls();
  ASSERT_TRUE(Begin(kOne).ok());
  ASSERT_TRUE(migrations_.Cancel(tenant_, "admin").ok());
  ASSERT_GT(faulty_.calls(), before + 8);
  const std::size_t events = MigrationEvents();
  for (std::uint64_t nth = 1; MigrationEvents() == events; ++nth) {
    ASSERT_LT(nth, 20u);
    faulty_.FailCall(nth, {ErrorCode::kConflict, "lost"}, store::FaultyStore::When::kAfter);
    const auto lost = Begin(kOne);
    faulty_.FailNothing();
    if (MigrationEvents() == events) continue;
    ASSERT_FALSE(lost.ok());
    EXPECT_EQ(lost.error().encryption_code, static_cast<int>(EncryptionCode::kMigrationOngoing));
  }
  EXPECT_EQ(MigrationEvents(), events + 1);
}

TEST_F(MigrationsTest, NeedsAnActiveTenantWithoutARotation) {
  ASSERT_EQ(SealSome(*one_, 3), std::nullopt);
  ASSERT_TRUE(one_->rotation.Start(tenant_, "admin", Soon()).ok());
  EXPECT_EQ(Begin(kOne).error().code, ErrorCode::kConflict);
  EXPECT_FALSE(State().migration);
  one_->rotation.RunJobs(one_->never);
  Deactivate();
  EXPECT_EQ(Begin(kOne).error().code, ErrorCode::kConflict);
  EXPECT_EQ(PlanFor(kOne).error().code, ErrorCode::kConflict);
  EXPECT_FALSE(State().migration);
  EXPECT_EQ(MigrationEvents(), 0u);
}

TEST_F(MigrationsTest, TheInternalKmsNeedsNoValidation) {
  MigrateTo(kOne);
  const std::size_t calls = inspector_.calls().size();
  MigrateTo(kInternal);
  EXPECT_EQ(inspector_.calls().size(), calls);
  EXPECT_EQ(migrations_.Details(tenant_)->to_arn, "#QLIK_MANAGED_KEY_PROVIDER#");
}

TEST_F(MigrationsTest, PlansWithoutBeginning) {
  ASSERT_EQ(SealSome(*one_, 500), std::nullopt);
  const auto plan = PlanFor(kOne);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->from_arn, "#QLIK_MANAGED_KEY_PROVIDER#");
  EXPECT_EQ(plan->to_arn, kOne);
  EXPECT_EQ(plan->to.text(), PrintOf(kOne));
  EXPECT_EQ(plan->tenant_key_versions, 2u);
  EXPECT_EQ(plan->data_keys, 500u);
  EXPECT_GE(plan->seconds, 0.5);
  EXPECT_LT(plan->seconds, 10);
  ASSERT_TRUE(plan->validation);
  EXPECT_EQ(plan->validation->outcome(), model::CheckOutcome::kPass);
  EXPECT_FALSE(State().migration);
  EXPECT_EQ(MigrationEvents(), 0u);
  EXPECT_DOUBLE_EQ(plan->usd, static_cast<double>(plan->kms_calls) * 0.03 / 10'000);
  ExpectAsPlanned(*plan, CallsOf(kOne));
  // Away from a key that costs, too.
  const auto back = PlanFor(kInternal);
  EXPECT_FALSE(back->validation);
  ExpectAsPlanned(*back, CallsOf(kInternal));
  MigrateTo(kOne);
  const auto onward = PlanFor(kTwo);
  ExpectAsPlanned(*onward, CallsOf(kTwo));
  MigrateTo(kOne);
  // A target that would be refused is planned all the same, with the reason.
  inspector_.at(kTwo).policy = FakeInspector::Admits({});
  EXPECT_EQ(PlanFor(kTwo)->validation->outcome(), model::CheckOutcome::kFail);
}

TEST_F(MigrationsTest, PausesAndGoesOn) {
  ASSERT_TRUE(Begin(kOne).ok());
  const auto paused = migrations_.Pause(tenant_, "pauser");
  ASSERT_TRUE(paused.ok()) << paused.error().message;
  EXPECT_EQ(paused->migration.pause, Why::kOperator);
  EXPECT_TRUE(Is(MigrationState::kNew, Why::kOperator));
  const json event = LastEvent(events::kMigrationPaused, "pauser");
  EXPECT_EQ(event["pausedBecause"], "operator");
  EXPECT_EQ(event, MigrationJson(*paused));
  Live(60s);
  EXPECT_TRUE(Is(MigrationState::kNew, Why::kOperator));
  std::size_t events = MigrationEvents();
  EXPECT_TRUE(migrations_.Pause(tenant_, "pauser").ok());
  EXPECT_EQ(MigrationEvents(), events);

  const auto resumed = Resumed();
  ASSERT_TRUE(resumed.ok()) << resumed.error().message;
  EXPECT_TRUE(Is(MigrationState::kNew));
  EXPECT_EQ(Migration().detail, "");
  EXPECT_EQ(LastEvent(events::kMigrationResumed, "resumer"), MigrationJson(*resumed));
  events = MigrationEvents();
  EXPECT_TRUE(Resumed().ok());
  EXPECT_EQ(MigrationEvents(), events);
  // Pause() reads the tenant and its job, then changes; somebody else was faster.
  faulty_.FailCall(3, {ErrorCode::kConflict, "lost"});
  EXPECT_TRUE(migrations_.Pause(tenant_, "pauser").ok());
  EXPECT_TRUE(Is(MigrationState::kNew, Why::kOperator));
  ASSERT_TRUE(Resumed().ok());
  Settle();
  ASSERT_TRUE(Is(MigrationState::kCompleted));
  ExpectRefused(EncryptionCode::kMigrationEnded, [&] { return migrations_.Pause(tenant_, "a"); });
  ExpectRefused(EncryptionCode::kMigrationEnded, [&] { return Resumed({true, true}); });
  ExpectRefused(EncryptionCode::kMigrationEnded, [&] { return migrations_.Cancel(tenant_, "a"); });
}

TEST_F(MigrationsTest, ChangesNothingWhenTheStoreFails) {
  ASSERT_TRUE(Begin(kOne).ok());
  for (std::uint64_t nth = 1; nth <= 3; ++nth) {
    faulty_.FailCall(nth, {ErrorCode::kUnavailable, "gone"});
    EXPECT_EQ(migrations_.Cancel(tenant_, "a").error().code, ErrorCode::kUnavailable) << nth;
  }
  EXPECT_TRUE(Is(MigrationState::kNew));
  EXPECT_EQ(MigrationEvents(), 1u);
}

TEST_F(MigrationsTest, ADeactivatedTenantsMigrationCanBePausedAndCancelledButNotResumed) {
  ASSERT_TRUE(Begin(kOne).ok());
  Deactivate();
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kNew, Why::kTenantDeactivated));
  EXPECT_EQ(Resumed().error().code, ErrorCode::kConflict);
  ASSERT_TRUE(migrations_.Pause(tenant_, "pauser").ok());
  ASSERT_TRUE(one_->tenants.Reactivate(tenant_, "admin").ok());
  Live(60s);
  EXPECT_TRUE(Is(MigrationState::kNew, Why::kOperator));  // It does not go on by itself now.
  EXPECT_TRUE(Resumed().ok());
  Deactivate();
  EXPECT_TRUE(migrations_.Cancel(tenant_, "admin").ok());
}

TEST_F(MigrationsTest, CancelsWithoutTheTarget) {
  ASSERT_EQ(SealSome(*one_, 3), std::nullopt);
  ASSERT_TRUE(Begin(kOne).ok());
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kInProgress));
  ASSERT_EQ(SealSome(*one_, 3), std::nullopt);
  kms_.Fail(kOne, ErrorCode::kKeyUnavailable);
  inspector_.Fail("us-east-1", ErrorCode::kKeyUnavailable);
  const auto cancelled = migrations_.Cancel(tenant_, "canceller");
  ASSERT_TRUE(cancelled.ok()) << cancelled.error().message;
  EXPECT_TRUE(Is(MigrationState::kCancelled));
  EXPECT_EQ(Migration().finished_at, clock_.Utc());
  EXPECT_EQ(LastEvent(events::kMigrationCancelled, "canceller"), MigrationJson(*cancelled));
  ExpectRefused(EncryptionCode::kMigrationEnded, [&] { return migrations_.Cancel(tenant_, "a"); });
  EXPECT_TRUE(StateIsSound());
  EXPECT_TRUE(EverythingOpens());
  EXPECT_EQ(State().tenant.current_provider.text(), tenant_.text());
}

TEST_F(MigrationsTest, ResumesOnceTheTargetAdmitsTheServiceAgain) {
  ASSERT_TRUE(Begin(kOne).ok());
  kms_.Fail(kOne, ErrorCode::kKeyRevoked);
  inspector_.at(kOne).policy = FakeInspector::Admits({});
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kNew, Why::kTargetRefuses));
  ExpectRefused(EncryptionCode::kTargetInvalid, [&] { return Resumed({true, true}); });
  EXPECT_NE(Resumed().error().meta.find("authorised"), std::string::npos);
  inspector_.Fail("us-east-1", ErrorCode::kKeyUnavailable);
  ExpectRefused(EncryptionCode::kTargetInvalid, [&] { return Resumed(); });
  // It would go on by itself, but for somebody who does not want it to.
  const std::string cause = Migration().detail;
  ASSERT_TRUE(migrations_.Pause(tenant_, "pauser").ok());
  EXPECT_EQ(Migration().detail, "Paused by pauser. Before: " + cause);
  inspector_.Fail("us-east-1", {});
  inspector_.at(kOne).policy = Admitting();
  kms_.Mend(kOne);
  Live(180s);
  ASSERT_TRUE(Is(MigrationState::kNew, Why::kOperator));
  ASSERT_TRUE(Resumed().ok());
  Settle();
  EXPECT_TRUE(Is(MigrationState::kCompleted));
}

TEST_F(MigrationsTest, FinishesWithoutTheSourceOnlyWhenThatIsAccepted) {
  BeginSecond();
  SourceRefuses();
  EXPECT_EQ(Open(*one_, sealed_.front()), ErrorCode::kKeyRevoked);
  ExpectRefused(EncryptionCode::kResumeNotAccepted, [&] { return Resumed(); });
  ExpectRefused(EncryptionCode::kResumeNotAccepted, [&] { return Resumed({false, true}); });
  ASSERT_TRUE(migrations_.Pause(tenant_, "pauser").ok());
  ExpectRefused(EncryptionCode::kResumeNotAccepted, [&] { return Resumed(); });
  kms_.Fail(kTwo, ErrorCode::kKeyRevoked);
  ExpectRefused(EncryptionCode::kTargetInvalid, [&] { return Resumed({true, false}); });
  kms_.Fail(kTwo, ErrorCode::kKeyUnavailable);
  ExpectRefused(EncryptionCode::kTargetInvalid, [&] { return Resumed({true, false}); });
  kms_.Mend(kTwo);

  const auto finished = Resumed({true, false});
  ASSERT_TRUE(finished.ok()) << finished.error().message;
  EXPECT_TRUE(Is(MigrationState::kCompleted));
  EXPECT_EQ(State().tenant.current_provider.text(), PrintOf(kTwo));
  const json event = LastEvent(events::kMigrationFinished, "resumer", 1);
  EXPECT_EQ(LastEvent(events::kKeyProviderUsageZero, "resumer")["arn"], event["migratingFrom"]);
  EXPECT_TRUE(event.value("acceptedSourceRefusal", false));
  EXPECT_EQ(event["state"], "Completed");
  EXPECT_FALSE(event.contains("pausedBecause"));
  // The data keys follow, and everything opens by the target alone.
  Live(10s);
  EXPECT_EQ(store_.LoadRewrapJob(tenant_).value()->state, model::RewrapState::kDone);
  EXPECT_EQ(store_.CountDataKeys(tenant_, Migration().to_version - 1).value(), 0u);
  EXPECT_TRUE(EverythingOpens());
  EXPECT_TRUE(StateIsSound());
}

TEST_F(MigrationsTest, ReadsAgainWhenAnotherWasFasterThanTheFinish) {
  BeginSecond();
  SourceRefuses();
  // Its calls are the tenant, once more to ask the source, the job and the finish.
  faulty_.FailCall(4, {ErrorCode::kConflict, "lost"});
  EXPECT_TRUE(Resumed({true, false}).ok());
  EXPECT_TRUE(Is(MigrationState::kCompleted));
}

TEST_F(MigrationsTest, CannotFinishWithoutTheSourceBeforeEveryVersionIsWrapped) {
  MigrateTo(kOne);
  ASSERT_TRUE(Begin(kTwo).ok());
  SourceRefuses();
  ASSERT_TRUE(Is(MigrationState::kNew, Why::kSourceRefuses));
  ExpectRefused(EncryptionCode::kResumeNotAccepted, [&] { return Resumed({true, false}); });
  EXPECT_NE(Resumed({true, false}).error().message.find("cancel"), std::string::npos);
  kms_.Mend(kOne);
  ASSERT_TRUE(Resumed().ok());
  Settle();
  EXPECT_TRUE(Is(MigrationState::kCompleted));
}

TEST_F(MigrationsTest, BeginsAtOnceWhenTheSourceAdmitsTheServiceAgain) {
  MigrateTo(kOne);
  ASSERT_EQ(SealSome(), std::nullopt);
  SetRevoked(clock_.Utc());  // Of a moment ago; nobody has probed it since.
  ASSERT_TRUE(Begin(kTwo).ok());
  one_->runner.RunSteps(one_->never);
  EXPECT_TRUE(Is(MigrationState::kInProgress));
  EXPECT_TRUE(EverythingOpens());
}

TEST_F(MigrationsTest, ResumesAtOnceWhenTheSourceAdmitsTheServiceAgain) {
  BeginSecond();
  SourceRefuses();
  ExpectRefused(EncryptionCode::kResumeNotAccepted, [&] { return Resumed({}); });
  kms_.Fail(kOne, ErrorCode::kKeyUnavailable);
  ExpectRefused(EncryptionCode::kResumeNotAccepted, [&] { return Resumed({}); });
  kms_.Mend(kOne);
  // Nobody has probed it since.
  ASSERT_TRUE(State().FindProvider(State().tenant.current_provider)->revoked_at.has_value());
  ASSERT_TRUE(Resumed({}).ok());
  EXPECT_FALSE(State().FindProvider(State().tenant.current_provider)->revoked_at.has_value());
  EXPECT_TRUE(Is(MigrationState::kInProgress));
  EXPECT_TRUE(EverythingOpens());
  Settle();
  EXPECT_TRUE(Is(MigrationState::kCompleted));
}

TEST_F(MigrationsTest, TheSourcesOwnerDecidesUntilTheLastStep) {
  BeginSecond();
  one_->rotation.RunJobs(one_->never);
  ASSERT_EQ(store_.LoadRewrapJob(tenant_).value()->state, model::RewrapState::kDone);
  kms_.Fail(kOne, ErrorCode::kKeyRevoked);
  one_->runner.RunSteps(one_->never);
  EXPECT_TRUE(Is(MigrationState::kInProgress, Why::kSourceRefuses));
  EXPECT_EQ(Open(*one_, sealed_.front()), ErrorCode::kKeyRevoked);
  kms_.Mend(kOne);
  ASSERT_TRUE(Resumed({}).ok());
  Settle();
  EXPECT_TRUE(Is(MigrationState::kCompleted));
}

TEST_F(MigrationsTest, FinishesWhenTheSourceGivesNoAnswer) {
  BeginSecond();
  one_->rotation.RunJobs(one_->never);
  kms_.Fail(kOne, ErrorCode::kKeyUnavailable);
  one_->runner.RunSteps(one_->never);
  EXPECT_TRUE(Is(MigrationState::kCompleted));
  EXPECT_TRUE(EverythingOpens());
}

TEST_F(MigrationsTest, GoesOnUnacceptedOnceTheyAllAuthenticateAgain) {
  const auto [rows, aside, job] = TwoToSetAside();
  ASSERT_TRUE(store_.CommitRewrapBatch({}, aside, job, std::nullopt).ok());
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kInProgress, Why::kQuarantine));
  EXPECT_EQ(migrations_.Details(tenant_)->quarantined, 2u);
  ExpectRefused(EncryptionCode::kResumeNotAccepted, [&] { return Resumed(); });
  EXPECT_EQ(migrations_.RetryQuarantine(tenant_, Soon()).value(), 2u);
  EXPECT_EQ(migrations_.Details(tenant_)->quarantined, 0u);
  EXPECT_EQ(migrations_.Details(tenant_)->done, 2u);
  ASSERT_TRUE(Resumed().ok());
  Settle();
  ASSERT_TRUE(Is(MigrationState::kCompleted));
  EXPECT_EQ(migrations_.Details(tenant_)->done, 20u);
  EXPECT_EQ(LastEvent(events::kMigrationFinished, "admin", 1)["quarantined"], 0);
}

TEST_F(MigrationsTest, LeavesDataKeysBehindOnlyWhenThatIsAccepted) {
  const auto [rows, aside, job] = TwoToSetAside();
  // Somebody has put the first one's wrapped form into the row of the second.
  const store::DataKeyUpdate swapped{rows[1].position, 1, 1, rows[0].key.wrapped};
  ASSERT_TRUE(store_.CommitRewrapBatch({&swapped, 1}, aside, job, std::nullopt).ok());
  one_->runner.RunSteps(one_->never);
  ASSERT_TRUE(Is(MigrationState::kInProgress, Why::kQuarantine));
  ExpectRefused(EncryptionCode::kResumeNotAccepted, [&] { return Resumed({true, false}); });
  ASSERT_TRUE(Resumed({false, true}).ok());
  EXPECT_EQ(Migration().quarantine_accepted, 2u);
  Settle();
  ASSERT_TRUE(Is(MigrationState::kCompleted));

  const auto listed = migrations_.Quarantine(tenant_, "", 10);
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 2u);
  EXPECT_EQ(migrations_.Quarantine(tenant_, listed->front().id.text(), 10)->size(), 1u);
  // One of them opens after all.
  EXPECT_EQ(migrations_.RetryQuarantine(tenant_, Soon()).value(), 1u);
  EXPECT_EQ(store_.LoadDataKey(tenant_, rows[0].key.id)->version, State().tenant.active_version);
  ASSERT_EQ(migrations_.Quarantine(tenant_, "", 10)->size(), 1u);
  EXPECT_EQ(migrations_.Quarantine(tenant_, "", 10)->front().id, rows[1].key.id);
  EXPECT_EQ(migrations_.RetryQuarantine(tenant_, Soon()).value(), 0u);
  // A key that may not be used says nothing about the data keys.
  kms_.Fail(kOne, ErrorCode::kKeyUnavailable);
  one_->keyring.Forget(tenant_);
  EXPECT_EQ(migrations_.RetryQuarantine(tenant_, Soon()).error().code, ErrorCode::kKeyUnavailable);
}

}  // namespace
}  // namespace tenantseal::migration
