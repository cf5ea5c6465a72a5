// Migrations while the wall clock jumps, the machine is suspended, or a process is stopped: at
// every call of store and KMS. No lease is used past its bound, and nothing is lost or told twice.
#include "migration/faults_test_world.h"

namespace tenantseal::migration {
namespace {

using model::MigrationState;

constexpr base::Duration kDefaultBound = 60s;  // The keyring's default.
constexpr base::Duration kSuspend = 1h;
constexpr auto kYear = 24h * 365;

void ExpectTimesMakeSense(World& world) {
  const model::TenantState state = world.State();
  const model::Migration migration = *state.migration;
  ASSERT_TRUE(migration.finished_at.has_value());
  EXPECT_GE(*migration.finished_at, migration.started_at);
  EXPECT_EQ(state.FindProvider(migration.from)->demoted_at, migration.finished_at);
  EXPECT_EQ(state.FindProvider(migration.to)->promoted_at, migration.finished_at);
  const model::RewrapJob job = world.store_.LoadRewrapJob(migration.tenant).value().value();
  ASSERT_TRUE(job.finished_at.has_value());
  EXPECT_GE(*job.finished_at, job.started_at);
}

class WallClockTest : public testing::TestWithParam<base::Duration> {};

TEST_P(WallClockTest, MayJumpAtAnyCall) {
  const std::uint64_t calls = CallsOfOne(StoreKind::kMemory).store;
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); ++nth) {
    SCOPED_TRACE("store call " + std::to_string(nth));
    World world;
    world.faulty_.BeforeCall(nth, [&world] { world.clock_.JumpUtc(GetParam()); });
    const base::BootTime begun = world.clock_.Boot();
    for (int i = 0; i < 5; ++i) world.Live(1s);
    EXPECT_TRUE(world.Is(MigrationState::kCompleted)) << "it takes no longer than ever";
    EXPECT_EQ(world.clock_.Boot() - begun, 5s);
    world.ExpectCompleted();
    EXPECT_EQ(world.CountEvents(events::kMigrationProgressed), 1u);
    ExpectTimesMakeSense(world);
  }
}

// It jumps every second, there and back.
TEST_P(WallClockTest, MayJumpAllTheTime) {
  for (const StoreKind kind : {StoreKind::kMemory, StoreKind::kSqlite}) {
    World world(kind);
    for (int i = 0; i < 10; ++i) {
      world.clock_.JumpUtc(i % 2 == 0 ? GetParam() : -GetParam());
      world.Live(1s);
      EXPECT_TRUE(world.EverythingOpens());
    }
    world.ExpectCompleted();
    ExpectTimesMakeSense(world);
  }
}

INSTANTIATE_TEST_SUITE_P(Jumps, WallClockTest,
                         testing::Values(base::Duration(1h), base::Duration(-1h),
                                         base::Duration(kYear), base::Duration(-kYear)),
                         [](const auto& jump) {
                           return std::string(jump.param > 0s ? "Forward" : "Back") +
                                  (std::chrono::abs(jump.param) > 2h ? "AYear" : "AnHour");
                         });

// --- The machine is suspended ---

enum class At { kStoreCall, kBeforeKmsCall, kAfterKmsCall };

class SuspendTest : public testing::TestWithParam<At> {
 protected:
  static std::uint64_t Calls() {
    const Undisturbed calls = CallsOfOne(StoreKind::kMemory);
    return GetParam() == At::kStoreCall ? calls.store : calls.kms;
  }
  static void Plan(World& world, std::uint64_t nth, std::function<void()> act) {
    switch (GetParam()) {
      case At::kStoreCall:
        return world.faulty_.BeforeCall(nth, std::move(act));
      case At::kBeforeKmsCall:
        return world.kms_.BeforeCall(nth, std::move(act));
      case At::kAfterKmsCall:
        return world.kms_.AfterCall(nth, std::move(act));
    }
  }
};

// Meanwhile the owners of both keys have come to refuse: every lease is over, so nothing opens.
TEST_P(SuspendTest, NoLeaseOutlivesIt) {
  const std::uint64_t calls = Calls();
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); ++nth) {
    SCOPED_TRACE("call " + std::to_string(nth));
    World world;
    bool suspended = false;
    Plan(world, nth, [&] {
      world.clock_.Advance(kSuspend);
      world.kms_.Fail(kInternal, ErrorCode::kKeyRevoked);
      world.kms_.Fail(kFirstKey, ErrorCode::kKeyRevoked);
      suspended = true;
    });
    for (int i = 0; i < 10 && !suspended; ++i) world.Live(1s);
    ASSERT_TRUE(suspended);
    // The first refusal ends the use of every key, so what is under the newest comes first.
    for (auto sealed = world.sealed_.rbegin(); sealed != world.sealed_.rend(); ++sealed)
      EXPECT_EQ(world.Open(*world.one_, *sealed), ErrorCode::kKeyRevoked);
    world.kms_.Mend(kInternal);
    world.kms_.Mend(kFirstKey);
    world.Live(130s);
    world.Run();
    world.ExpectCompleted();
    EXPECT_LE(world.one_->keyring.Stats().longest_use_ms, kDefaultBound / 1ms);
  }
}

TEST_P(SuspendTest, TheMigrationGoesOnAfterIt) {
  const std::uint64_t calls = Calls();
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); ++nth) {
    SCOPED_TRACE("call " + std::to_string(nth));
    World world;
    Plan(world, nth, [&] { world.clock_.Advance(kSuspend); });
    // A request that it falls into is late.
    world.Run({ErrorCode::kUnavailable, ErrorCode::kKeyUnavailable, ErrorCode::kDeadlineExceeded});
    world.ExpectCompleted();
    EXPECT_EQ(world.CountEvents(events::kMigrationProgressed), 1u);
    EXPECT_EQ(world.CountEvents(events::kMigrationPaused), 0u);
    EXPECT_LE(world.one_->keyring.Stats().longest_use_ms, kDefaultBound / 1ms);
    ExpectTimesMakeSense(world);
  }
}

// --- One process is stopped while another lives on ---

TEST_P(SuspendTest, WhoeverWasStoppedChangesNothing) {
  const std::uint64_t calls = Calls();
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); ++nth) {
    SCOPED_TRACE("call " + std::to_string(nth));
    World world;
    WaitedStore of_other(world.store_, world.clock_);
    Process other(of_other, world.kms_, world.fake_kms_, world.clock_, world.random_);
    ASSERT_TRUE(other.lease.Refresh().ok());
    const auto live_on = [&] {
      for (int i = 0; i < 40; ++i) {
        world.clock_.Advance(1s);
        other.Work();
      }
      // The other has taken up and done whatever there was to do.
      EXPECT_TRUE(world.Is(MigrationState::kCompleted));
    };
    Plan(world, nth, live_on);
    world.Run();
    EXPECT_TRUE(world.EverythingOpens(other));
    other.lease.Leave();
    world.ExpectCompleted();
    EXPECT_EQ(world.CountEvents(events::kMigrationProgressed), 1u);
    EXPECT_LE(world.one_->keyring.Stats().longest_use_ms, kDefaultBound / 1ms);
  }
}

INSTANTIATE_TEST_SUITE_P(Moments, SuspendTest,
                         testing::Values(At::kStoreCall, At::kBeforeKmsCall, At::kAfterKmsCall),
                         [](const auto& at) {
                           return at.param == At::kStoreCall       ? "AtAStoreCall"
                                  : at.param == At::kBeforeKmsCall ? "BeforeAKmsCall"
                                                                   : "AfterAKmsCall";
                         });

}  // namespace
}  // namespace tenantseal::migration
