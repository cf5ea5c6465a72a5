// Random sequences of what may happen to a tenant, against a simple model: what was sealed opens
// exactly when the provider that the model takes for the current one admits the service.
#include <random>

#include "migration/runner_test_ground.h"

namespace tenantseal::migration {
namespace {

using model::MigrationState;

// A refusal is obeyed within the revocation bound, and so is its end.
constexpr base::Duration kBound = 60s;
constexpr base::Duration kSlack = 5s;

class RandomLife final : public RunnerGround {
 public:
  RandomLife(StoreKind kind, std::uint64_t seed) : RunnerGround(kind), dice_(seed) {
    AddKey(kFirstKey);
    AddKey(kSecondKey);
    // From the start it is in use: of a tenant that is not, a refusal is remembered until it is.
    EXPECT_EQ(SealSome(), std::nullopt);
    for (const std::string& arn : kAll) changed_at_[arn] = clock_.Boot() - kBound - kSlack;
  }
  void TestBody() override {}

  void Play(int moves) {
    for (int i = 0; i < moves && !HasFailure(); ++i) {
      Move();
      Follow();
    }
  }

  // Every provider admits the service, nobody stands in the way, and all comes to its end.
  void End() {
    for (const std::string& arn : kAll) Reinstate(arn);
    faulty_.FailNothing();
    LiveAndFollow(70s);
    if (State().migration && Migration().unfinished() &&
        Migration().pause != model::Pause::kTargetRefuses && WaitsForSomebody()) {
      ASSERT_TRUE(Resume().ok());
      Follow();
    }
    LiveAndFollow(200s);
    EXPECT_FALSE(State().migration && Migration().unfinished());
    EXPECT_EQ(SealSome(), std::nullopt);
    EXPECT_TRUE(EverythingOpens());
    EXPECT_TRUE(StateIsSound());
    EXPECT_EQ(CountEvents(events::kMigrationFinished), completed_);
    EXPECT_EQ(CountEvents(events::kMigrationTriggered), started_);
    EXPECT_EQ(CountEvents(events::kMigrationCancelled), cancelled_);
    EXPECT_EQ(CountEvents(events::kMigrationFailed), 0u);
  }
  std::size_t completed() const { return completed_; }
  std::size_t refused() const { return refused_; }

 private:
  const std::vector<std::string> kAll = {kInternal, kFirstKey, kSecondKey};

  std::size_t Roll(std::size_t sides) { return dice_() % sides; }
  const std::string& Any() { return kAll[Roll(kAll.size())]; }

  void Move() {
    switch (Roll(16)) {
      case 0:
      case 1:
        return TrySealing();
      case 2:
      case 3:
        return TryMigrating(Any());
      case 4:
        return Expect(Pause().ok(), moving_ && !ended_);
      case 5:
        return Expect(Resume().ok(), moving_ && !ended_);
      case 6:
        return TryCancelling();
      case 7:
        return Revoke(Any());
      case 8:
      case 9:
        return Reinstate(Any());
      case 10:
        return Restart();
      case 11:
        // A call's answer is lost, and soon afterwards the process is.
        faulty_.FailCall(
            1 + Roll(40), {ErrorCode::kUnavailable, "fault"},
            Roll(2) == 0 ? store::FaultyStore::When::kBefore : store::FaultyStore::When::kAfter);
        one_->Work();
        faulty_.FailNothing();
        return Restart();
      case 12:
        return LiveAndFollow(kBound + kSlack);
      default:
        return LiveAndFollow(std::chrono::seconds(1 + Roll(15)));
    }
  }
  void LiveAndFollow(base::Duration duration) {
    for (base::Duration done{}; done < duration; done += 1s) {
      Live(1s);
      one_->keyring.Tick();
      Follow();
    }
  }
  static void Expect(bool was, bool expected) { EXPECT_EQ(was, expected); }

  // --- The model ---

  // What the current provider lets one do now; nothing when it was changed a moment ago.
  std::optional<bool> Opens() const {
    if (clock_.Boot() - changed_at_.at(current_) < kBound + kSlack) return std::nullopt;
    return !refusing_.contains(current_);
  }
  void Revoke(const std::string& arn) {
    kms_.Fail(arn, ErrorCode::kKeyRevoked);
    if (refusing_.insert(arn).second) changed_at_[arn] = clock_.Boot();
  }
  void Reinstate(const std::string& arn) {
    kms_.Mend(arn);
    if (refusing_.erase(arn) != 0) changed_at_[arn] = clock_.Boot();
  }
  void TrySealing() {
    const auto code = SealSome(*one_, 1 + Roll(3));
    if (code) {
      EXPECT_EQ(*code, ErrorCode::kKeyRevoked);
    }
    if (const auto opens = Opens()) {
      EXPECT_EQ(!code, *opens);
    }
  }
  void TryMigrating(const std::string& arn) {
    const bool may = arn != current_ && !(moving_ && !ended_);
    const bool did = Migrate(arn).ok();
    // A job that a cancelled migration has left is not in the way.
    Expect(did, may);
    if (!did) return;
    ++started_;
    moving_ = arn;
    ended_ = false;
  }
  void TryCancelling() {
    const bool may = moving_ && !ended_;
    Expect(Cancel().ok(), may);
    if (!may) return;
    ended_ = true;
    ++cancelled_;
  }
  // Learns from the store only whether the migration is completed; all else must follow.
  void Follow() {
    if (moving_ && !ended_ && Migration().state == MigrationState::kCompleted) {
      current_ = *moving_;
      ended_ = true;
      ++completed_;
    }
    EXPECT_TRUE(IsCurrent(current_));
    EXPECT_TRUE(StateIsSound());
    const auto opens = Opens();
    const std::size_t first = Roll(sealed_.size());
    for (std::size_t i = 0; i < std::min<std::size_t>(sealed_.size(), 8); ++i) {
      const auto code = Open(*one_, sealed_[(first + i * 7) % sealed_.size()]);
      if (code) {
        EXPECT_EQ(*code, ErrorCode::kKeyRevoked) << ErrorCodeName(*code);
        ++refused_;
      }
      if (opens) {
        EXPECT_EQ(!code, *opens);
      }
    }
  }

  std::mt19937_64 dice_;
  std::string current_ = kInternal;
  std::optional<std::string> moving_;  // Where the last migration goes.
  bool ended_ = true;                  // The last migration has.
  std::set<std::string> refusing_;
  std::map<std::string, base::BootTime> changed_at_;
  std::size_t started_ = 0, completed_ = 0, cancelled_ = 0, refused_ = 0;
};

class ModelBasedTest : public testing::TestWithParam<StoreKind> {};

TEST_P(ModelBasedTest, EverythingOpensExactlyWhenTheModelSaysSo) {
  const std::uint64_t seeds = GetParam() == StoreKind::kMemory ? 60 : 8;
  std::size_t completed = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomLife life(GetParam(), seed);
    life.Play(120);
    life.End();
    completed += life.completed();
    refused += life.refused();
  }
  EXPECT_GT(completed, seeds) << "the sequences must reach what they are to test";
  EXPECT_GT(refused, seeds);
}

INSTANTIATE_TEST_SUITE_P(Stores, ModelBasedTest,
                         testing::Values(StoreKind::kMemory, StoreKind::kSqlite),
                         [](const auto& kind) { return NameOf(kind.param); });

}  // namespace
}  // namespace tenantseal::migration
