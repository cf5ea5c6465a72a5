// One migration from the internal KMS to a customer's key, to be run many times over with a fault
// of another kind or at another moment each time.
#pragma once

#include "migration/runner_test_ground.h"

namespace tenantseal::migration {

inline Error StoreGone() { return {ErrorCode::kUnavailable, "fault"}; }

class World final : public RunnerGround {
 public:
  explicit World(StoreKind kind = StoreKind::kMemory, int busy_timeout_ms = 5000)
      : RunnerGround(kind, busy_timeout_ms) {
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
    EXPECT_TRUE(Is(model::MigrationState::kCompleted));
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
  using RunnerGround::kept_;
  using RunnerGround::kms_;
  using RunnerGround::Live;
  using RunnerGround::Migration;
  using RunnerGround::one_;
  using RunnerGround::Open;
  using RunnerGround::Pause;
  using RunnerGround::random_;
  using RunnerGround::Restart;
  using RunnerGround::Resume;
  using RunnerGround::Sealed;
  using RunnerGround::sealed_;
  using RunnerGround::Settle;
  using RunnerGround::State;
  using RunnerGround::store_;
};

// How many calls a migration takes without a fault, until it is completed.
struct Undisturbed {
  std::uint64_t store = 0, kms = 0;
};
inline Undisturbed CallsOfOne(StoreKind kind) {
  World world(kind);
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

}  // namespace tenantseal::migration
