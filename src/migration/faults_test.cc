// Migrations through every fault of store, KMS and process: whatever happens, what was sealed
// opens, exactly one provider is current, and the migration comes to its end.
#include "migration/runner_test_ground.h"

namespace tenantseal::migration {
namespace {

using model::MigrationState;
using store::FaultyStore;

Error StoreGone() { return {ErrorCode::kUnavailable, "fault"}; }

// One migration from the internal KMS to a customer's key, to be run many times over.
class World final : public RunnerGround {
 public:
  World() {
    AddKey(kFirstKey);
    EXPECT_EQ(SealSome(*one_, 3), std::nullopt);
    EXPECT_TRUE(Migrate(kFirstKey).ok());
  }
  void TestBody() override {}

  // Until it is over. What is sealed opens at each step, or is to be tried again.
  void Run(std::set<ErrorCode> passing = {ErrorCode::kUnavailable, ErrorCode::kKeyUnavailable}) {
    for (int i = 0; i < 100 && Migration().unfinished(); ++i) {
      Live(1s);
      const model::TenantState state = State();
      if (state.migration->pause == model::Pause::kSourceRefuses &&
          !state.FindProvider(state.migration->from)->revoked_at) {
        EXPECT_TRUE(Resume().ok());
      }
      if (const auto code = Open(*one_, sealed_.front())) {
        EXPECT_TRUE(passing.contains(*code)) << ErrorCodeName(*code);
      }
    }
    kms_.FailNoCall();
    faulty_.FailNothing();
    Live(65s);  // What the keyring has put off.
  }
  // As after any fault that passes.
  void ExpectCompleted() {
    EXPECT_TRUE(Is(MigrationState::kCompleted));
    EXPECT_TRUE(IsCurrent(kFirstKey));
    EXPECT_EQ(CountEvents(events::kMigrationFinished), 1u);
    EXPECT_EQ(CountEvents(events::kMigrationFailed), 0u);
    EXPECT_LE(CountEvents(events::kMigrationProgressed), 9u);
    EXPECT_LE(CountEvents(events::kTenantKeyRewrapped), 1u);
    EXPECT_EQ(State().keys.size(), 2u);
    EXPECT_EQ(store_.CountDataKeys(tenant_, 1).value(), 0u);
    ExpectSound();
  }
  void ExpectSound() {
    EXPECT_EQ(CountEvents(events::kMigrationTriggered), 1u);
    EXPECT_TRUE(EverythingOpens());
    EXPECT_EQ(SealSome(), std::nullopt);
    EXPECT_TRUE(StateIsSound());
  }

  using RunnerGround::Cancel;
  using RunnerGround::clock_;
  using RunnerGround::CountEvents;
  using RunnerGround::Events;
  using RunnerGround::EverythingOpens;
  using RunnerGround::fake_kms_;
  using RunnerGround::faulty_;
  using RunnerGround::Is;
  using RunnerGround::IsCurrent;
  using RunnerGround::kms_;
  using RunnerGround::Live;
  using RunnerGround::Migration;
  using RunnerGround::one_;
  using RunnerGround::Open;
  using RunnerGround::random_;
  using RunnerGround::Restart;
  using RunnerGround::Resume;
  using RunnerGround::Sealed;
  using RunnerGround::sealed_;
  using RunnerGround::Settle;
  using RunnerGround::store_;
};

// How many calls a migration takes without a fault, until it is completed.
struct Undisturbed {
  std::uint64_t store = 0, kms = 0;
};
Undisturbed CallsOfOne() {
  World world;
  const std::uint64_t store = world.faulty_.calls();
  const std::uint64_t kms = world.kms_.calls();
  for (int i = 0; i < 5; ++i) world.Live(1s);
  const Undisturbed calls{world.faulty_.calls() - store, world.kms_.calls() - kms};
  world.ExpectCompleted();
  return calls;
}

// Time goes on by itself, so that whoever waits for a lease to run out does not wait for ever.
class RunningClock {
 public:
  explicit RunningClock(base::FakeClock& clock, base::Duration step = 100ms)
      : thread_([&clock, step](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            clock.Advance(step);
            std::this_thread::sleep_for(1ms);
          }
        }) {}

 private:
  std::jthread thread_;
};

class StoreFaultsTest : public testing::TestWithParam<FaultyStore::When> {};

TEST_P(StoreFaultsTest, OneCallFails) {
  const std::uint64_t calls = CallsOfOne().store;
  ASSERT_GT(calls, 30u);
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); ++nth) {
    SCOPED_TRACE("store call " + std::to_string(nth));
    World world;
    world.faulty_.FailCall(nth, StoreGone(), GetParam());
    world.Run();
    world.ExpectCompleted();
    EXPECT_EQ(world.CountEvents(events::kMigrationProgressed), 1u);
  }
}

// All calls from the nth on fail, which is as if the process had been killed there.
TEST_P(StoreFaultsTest, KilledAtACall) {
  const std::uint64_t calls = CallsOfOne().store;
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); ++nth) {
    SCOPED_TRACE("store call " + std::to_string(nth));
    World world;
    world.faulty_.FailCall(nth, StoreGone(), GetParam(), 1'000'000);
    {
      const RunningClock running(world.clock_);
      world.one_->Work();
    }
    world.faulty_.FailNothing();
    world.Restart();
    EXPECT_TRUE(world.EverythingOpens());
    world.Run();
    world.ExpectCompleted();
  }
}

INSTANTIATE_TEST_SUITE_P(BeforeAndAfter, StoreFaultsTest,
                         testing::Values(FaultyStore::When::kBefore, FaultyStore::When::kAfter),
                         [](const auto& when) {
                           return when.param == FaultyStore::When::kBefore ? "Before" : "After";
                         });

class KmsFaultsTest : public testing::TestWithParam<ErrorCode> {};

TEST_P(KmsFaultsTest, OneCallFails) {
  const std::uint64_t calls = CallsOfOne().kms;
  ASSERT_GE(calls, 8u);
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); ++nth) {
    SCOPED_TRACE("KMS call " + std::to_string(nth));
    World world;
    world.kms_.FailCall(nth, GetParam());
    world.Run({GetParam(), ErrorCode::kKeyUnavailable});
    if (GetParam() == ErrorCode::kIntegrity && world.Is(MigrationState::kFailed)) {
      EXPECT_TRUE(world.IsCurrent(kInternal));
      EXPECT_NE(world.Migration().detail.find("ersion "), std::string::npos);
      world.ExpectSound();
    } else {
      world.ExpectCompleted();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Codes, KmsFaultsTest,
                         testing::Values(ErrorCode::kKeyUnavailable, ErrorCode::kServiceFault,
                                         ErrorCode::kKeyRevoked, ErrorCode::kIntegrity),
                         [](const auto& code) {
                           std::string name(ErrorCodeName(code.param));
                           std::erase(name, '-');
                           return name;
                         });

// --- A provider fails at a step, and then somebody does something ---

enum class Then { kCancel, kMend, kRestart };
struct Case {
  std::string failing;
  ErrorCode code;
  int step;  // 0: new, 1: every version is wrapped, 2: data keys are moved, 3: completed.
  Then then;
};

class ProviderFaultsTest : public testing::TestWithParam<Case> {
 protected:
  static std::size_t CancelledEvents(const World& world) {
    return world.CountEvents(events::kMigrationCancelled);
  }
  // What may be said of a sealed thing while the provider fails.
  static void ExpectOpens(World& world, bool allowed, ErrorCode code) {
    for (const auto& sealed : world.sealed_) {
      const auto said = world.Open(*world.one_, sealed);
      if (allowed) {
        EXPECT_EQ(said, std::nullopt) << ErrorCodeName(*said);
      } else {
        EXPECT_EQ(said, code);
      }
    }
  }
};

TEST_P(ProviderFaultsTest, NothingIsLost) {
  const Case& at = GetParam();
  World world;
  if (at.step >= 1) world.one_->runner.RunSteps(world.one_->never);
  if (at.step >= 2) world.one_->rotation.RunJobs(world.one_->never);
  if (at.step >= 3) world.one_->runner.RunSteps(world.one_->never);
  ASSERT_EQ(world.Is(MigrationState::kCompleted), at.step == 3);
  world.kms_.Fail(at.failing, at.code);
  world.Live(70s);
  const bool completed = world.Migration().state == MigrationState::kCompleted;
  // Moved data keys are all the runner needed, and nobody asks the source for its last step.
  const bool source_fails = at.failing == kInternal;
  EXPECT_EQ(completed, at.step == 3 || (at.step == 2 && source_fails)) << "step " << at.step;
  ExpectOpens(world, (completed ? kFirstKey : kInternal) != at.failing, at.code);

  if (at.then == Then::kCancel && !completed) {
    ASSERT_TRUE(world.Cancel().ok()) << "without the provider that fails";
    world.Live(5s);
    ExpectOpens(world, !source_fails, at.code);
  } else if (at.then == Then::kRestart) {
    world.Restart();
    world.Live(5s);
    ExpectOpens(world, (completed ? kFirstKey : kInternal) != at.failing, at.code);
  }
  world.kms_.Mend(at.failing);
  world.Live(200s);  // Whoever was restarted first finds that nobody else goes on with it.
  ExpectOpens(world, true, at.code);
  if (world.Is(MigrationState::kCancelled)) {
    EXPECT_TRUE(world.IsCurrent(kInternal));
    EXPECT_EQ(CancelledEvents(world), 1u);
    world.ExpectSound();
    return;
  }
  const bool needs_somebody = source_fails && at.code == ErrorCode::kKeyRevoked && !completed;
  EXPECT_EQ(world.Migration().pause == model::Pause::kSourceRefuses, needs_somebody);
  if (needs_somebody) {
    ASSERT_TRUE(world.Resume().ok());
    world.Settle();
  }
  world.ExpectCompleted();
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const std::string& failing : {kInternal, kFirstKey}) {
    for (const ErrorCode code : {ErrorCode::kKeyRevoked, ErrorCode::kKeyUnavailable}) {
      for (int step = 0; step <= 3; ++step) {
        for (const Then then : {Then::kCancel, Then::kMend, Then::kRestart})
          cases.push_back({failing, code, step, then});
      }
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Everywhere, ProviderFaultsTest, testing::ValuesIn(AllCases()),
                         [](const auto& at) {
                           const Case& c = at.param;
                           return std::string(c.failing == kInternal ? "Source" : "Target") +
                                  (c.code == ErrorCode::kKeyRevoked ? "Revoked" : "Unreachable") +
                                  "AtStep" + std::to_string(c.step) +
                                  (c.then == Then::kCancel ? "Cancelled"
                                   : c.then == Then::kMend ? "Mended"
                                                           : "Restarted");
                         });

// --- Two processes ---

// Time runs so fast that each takes the other for dead again and again.
TEST(RivalsTest, TheFenceAloneKeepsOneResult) {
  for (int round = 0; round < 10 && !testing::Test::HasFailure(); ++round) {
    World world;
    Process rival(world.faulty_, world.kms_, world.fake_kms_, world.clock_, world.random_);
    ASSERT_TRUE(rival.lease.Refresh().ok());
    {
      const RunningClock running(world.clock_, 3s);
      const auto work = [&world](Process& process) {
        for (int i = 0; i < 2000 && world.Migration().unfinished(); ++i) process.Work();
      };
      std::jthread other([&] { work(rival); });
      work(*world.one_);
    }
    rival.lease.Leave();
    world.Run();
    world.ExpectCompleted();
  }
}

}  // namespace
}  // namespace tenantseal::migration
