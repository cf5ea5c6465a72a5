// Migrations through every fault of store, KMS and process: whatever happens, what was sealed
// opens, exactly one provider is current, and the migration comes to its end.
#include "migration/faults_test_world.h"

namespace tenantseal::migration {
namespace {

using model::MigrationState;
using store::FaultyStore;

class StoreFaultsTest : public testing::TestWithParam<std::tuple<StoreKind, FaultyStore::When>> {
 protected:
  const StoreKind kind_ = std::get<0>(GetParam());
  const FaultyStore::When when_ = std::get<1>(GetParam());
};

TEST_P(StoreFaultsTest, OneCallFails) {
  const std::uint64_t calls = CallsOfOne(kind_).store;
  ASSERT_GT(calls, 30u);
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); ++nth) {
    SCOPED_TRACE("store call " + std::to_string(nth));
    World world(kind_);
    world.faulty_.FailCall(nth, StoreGone(), when_);
    world.Run();
    world.ExpectCompleted();
    EXPECT_EQ(world.CountEvents(events::kMigrationProgressed), 1u);
  }
}

// All calls from the nth on fail, which is as if the process had been killed there.
TEST_P(StoreFaultsTest, KilledAtACall) {
  const std::uint64_t calls = CallsOfOne(kind_).store;
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); ++nth) {
    SCOPED_TRACE("store call " + std::to_string(nth));
    World world(kind_);
    world.faulty_.FailCall(nth, StoreGone(), when_, 1'000'000);
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
                         testing::Combine(testing::Values(StoreKind::kMemory, StoreKind::kSqlite),
                                          testing::Values(FaultyStore::When::kBefore,
                                                          FaultyStore::When::kAfter)),
                         [](const auto& at) {
                           return NameOf(std::get<0>(at.param)) +
                                  (std::get<1>(at.param) == FaultyStore::When::kBefore ? "Before"
                                                                                       : "After");
                         });

class KmsFaultsTest : public testing::TestWithParam<std::tuple<StoreKind, ErrorCode>> {};

TEST_P(KmsFaultsTest, OneCallFails) {
  const auto [kind, code] = GetParam();
  const std::uint64_t calls = CallsOfOne(kind).kms;
  ASSERT_GE(calls, 8u);
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); ++nth) {
    SCOPED_TRACE("KMS call " + std::to_string(nth));
    World world(kind);
    world.kms_.FailCall(nth, code);
    world.Run({code, ErrorCode::kKeyUnavailable});
    if (code == ErrorCode::kIntegrity && world.Is(MigrationState::kFailed)) {
      EXPECT_TRUE(world.IsCurrent(kInternal));
      EXPECT_NE(world.Migration().detail.find("ersion "), std::string::npos);
      world.ExpectSound();
    } else {
      world.ExpectCompleted();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codes, KmsFaultsTest,
    testing::Combine(testing::Values(StoreKind::kMemory, StoreKind::kSqlite),
                     testing::Values(ErrorCode::kKeyUnavailable, ErrorCode::kServiceFault,
                                     ErrorCode::kKeyRevoked, ErrorCode::kIntegrity)),
    [](const auto& at) {
      std::string name =
          NameOf(std::get<0>(at.param)) + "_" + std::string(ErrorCodeName(std::get<1>(at.param)));
      std::erase(name, '-');
      return name;
    });

// --- Somebody else decides in the midst of it ---

enum class Decides { kPause, kPauseAndResume, kCancel };

class DecisionTest : public testing::TestWithParam<Decides> {
 protected:
  // While the process is in the midst of a call, which takes so long that it renews its claim next.
  static void Decide(World& world, bool* decided) {
    world.clock_.Advance(keyring::Rotation::kStaleAfter / 2);
    if (GetParam() == Decides::kCancel) {
      *decided = world.Cancel().ok();
      return;
    }
    *decided = world.Pause().ok();
    if (*decided && GetParam() == Decides::kPauseAndResume) {
      EXPECT_TRUE(world.Resume().ok());
    }
  }
  static void ExpectObeyed(World& world) {
    world.Live(30s);
    switch (GetParam()) {
      case Decides::kPause:
        EXPECT_EQ(world.Migration().pause, model::Pause::kOperator);
        EXPECT_EQ(world.CountEvents(events::kMigrationResumed), 0u);
        ASSERT_TRUE(world.Resume().ok());
        world.Run();
        return world.ExpectCompleted();
      case Decides::kPauseAndResume:
        EXPECT_EQ(world.CountEvents(events::kMigrationPaused), 1u);
        EXPECT_EQ(world.CountEvents(events::kMigrationResumed), 1u);
        return world.ExpectCompleted();
      case Decides::kCancel:
        EXPECT_TRUE(world.Is(MigrationState::kCancelled));
        EXPECT_TRUE(world.IsCurrent(kInternal));
        EXPECT_EQ(world.CountEvents(events::kMigrationCancelled), 1u);
        EXPECT_EQ(world.CountEvents(events::kMigrationFinished), 0u);
        return world.ExpectSound();
    }
  }
};

TEST_P(DecisionTest, IsObeyedAtAnyCall) {
  const Undisturbed calls = CallsOfOne(StoreKind::kMemory);
  for (std::uint64_t nth = 1; nth <= calls.store + calls.kms && !HasFailure(); ++nth) {
    SCOPED_TRACE("call " + std::to_string(nth) + ", those of the store first");
    World world;
    bool decided = false;
    const auto decide = [&] { Decide(world, &decided); };
    if (nth <= calls.store) {
      world.faulty_.BeforeCall(nth, decide);
    } else {
      world.kms_.BeforeCall(nth - calls.store, decide);
    }
    for (int i = 0; i < 5; ++i) world.Live(1s);
    if (!decided) {
      world.ExpectCompleted();  // Before anybody could.
    } else {
      ExpectObeyed(world);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Everything, DecisionTest,
                         testing::Values(Decides::kPause, Decides::kPauseAndResume,
                                         Decides::kCancel),
                         [](const auto& decides) {
                           return decides.param == Decides::kPause    ? "Pause"
                                  : decides.param == Decides::kCancel ? "Cancel"
                                                                      : "PauseAndResume";
                         });

// --- Two processes ---

class RivalsTest : public testing::TestWithParam<StoreKind> {};

// Time runs so fast that each takes the other for dead again and again.
TEST_P(RivalsTest, TheFenceAloneKeepsOneResult) {
  for (int round = 0; round < 10 && !HasFailure(); ++round) {
    World world(GetParam());
    WaitedStore of_rival(world.kept_.OfAnother(), world.clock_);
    Process rival(of_rival, world.kms_, world.fake_kms_, world.clock_, world.random_);
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

INSTANTIATE_TEST_SUITE_P(Stores, RivalsTest,
                         testing::Values(StoreKind::kMemory, StoreKind::kSqlite),
                         [](const auto& kind) { return NameOf(kind.param); });

}  // namespace
}  // namespace tenantseal::migration
