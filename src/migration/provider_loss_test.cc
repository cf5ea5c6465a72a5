// Source and target, each revoked, deleted or unreachable from every moment of a migration on, and
// then cancelled, resumed, restarted or waited for: every combination, each with all that must
// hold.
#include "kms/fake_inspector.h"
#include "migration/runner_test_ground.h"
#include "providers/key_providers.h"
#include "providers/validator.h"

namespace tenantseal::migration {
namespace {

using kms::FakeInspector;
using model::EncryptionCode;
using model::MigrationState;
using Why = model::Pause;

const std::string kHomeKey = "arn:aws:kms:us-east-1:111122223333:key/mrk-";
const std::string kBackupKey = "arn:aws:kms:us-east-2:111122223333:key/mrk-";
const std::string kSource = kHomeKey + std::string(32, 'a');
const std::string kTarget = kHomeKey + std::string(32, 'b');
const std::string kAnother = kHomeKey + std::string(32, 'c');

enum class From { kInternalKms, kCustomersKey };
enum class Side { kSource, kTarget };
enum class Kind { kRevoked, kDeleted, kUnreachable };
enum class Remedy { kWait, kCancel, kResume, kRestart };

// From when on the key is lost: after a step, or before a call of a KMS.
struct Moment {
  int step = 0;            // 0: new, 1: every version is wrapped, 2: data keys are moved, 3: over.
  std::uint64_t call = 0;  // Counted from the step on; 0: at the step.
};

// A migration to a customer's key, from the internal KMS or another such key; one of both is lost.
class LossWorld final : public RunnerGround {
 public:
  // What an administrator asks of the process that there is.
  template <typename Call>
  auto Ask(Call call) {
    providers::KeyProviders providers(faulty_, one_->lease, validator_, clock_, random_, 840h);
    Migrations migrations(faulty_, one_->keyring, one_->lease, one_->rotation, providers, clock_,
                          random_, 1000);
    return call(providers, migrations);
  }

  explicit LossWorld(From from) : source_(from == From::kInternalKms ? kInternal : kSource) {
    for (const std::string& arn : {kSource, kTarget, kAnother}) {
      const std::string replica = kBackupKey + arn.substr(kHomeKey.size());
      fake_kms_.AddCustomerKey(arn, replica);
      inspector_.Add(arn, Admitting());
      inspector_.AddReplica(replica, arn, Admitting());
      Ask([&](providers::KeyProviders& providers, Migrations&) {
        EXPECT_TRUE(providers.Create(tenant_, {arn, "key", ""}, "admin", Soon()).ok());
      });
    }
    EXPECT_EQ(SealSome(*one_, 3), std::nullopt);
    if (from == From::kCustomersKey) {
      EXPECT_TRUE(Begin(kSource).ok());
      Settle();
      EXPECT_TRUE(completed());
      EXPECT_EQ(SealSome(*one_, 3), std::nullopt);
    }
    finished_before_ = CountEvents(events::kMigrationFinished);
    EXPECT_TRUE(Begin(kTarget).ok());
  }
  void TestBody() override {}

  Result<MigrationView> Begin(const std::string& arn) {
    return Ask([&](auto&, Migrations& migrations) {
      return migrations.Start(tenant_, PrintOf(arn).text(), "admin", Soon());
    });
  }
  Result<MigrationView> Cancelled() {
    return Ask([&](auto&, Migrations& migrations) { return migrations.Cancel(tenant_, "admin"); });
  }
  Result<MigrationView> Resumed(bool accept_refusal) {
    return Ask([&](auto&, Migrations& migrations) {
      return migrations.Resume(tenant_, {accept_refusal, false}, "admin", Soon());
    });
  }

  model::Fingerprint PrintOf(const std::string& arn) const {
    if (arn == kInternal) return FingerprintOf(kInternal, tenant_);
    return providers::FingerprintOf(tenant_, arn);
  }
  bool UsedIs(const std::string& arn) const {
    return State().tenant.current_provider == PrintOf(arn);
  }
  bool completed() const { return Is(MigrationState::kCompleted); }
  bool completed_before_loss() const { return completed_before_loss_; }

  void GoTo(int step) {
    if (step >= 1) one_->runner.RunSteps(one_->never);
    if (step >= 2) one_->rotation.RunJobs(one_->never);
    if (step >= 3) one_->runner.RunSteps(one_->never);
    EXPECT_EQ(Is(MigrationState::kNew), step == 0);
    EXPECT_EQ(completed(), step == 3);
  }
  // How many calls of a KMS it takes from that step to the end.
  static std::uint64_t CallsFrom(From from, int step) {
    LossWorld world(from);
    world.GoTo(step);
    const std::uint64_t before = world.kms_.calls();
    world.Live(5s);
    EXPECT_TRUE(world.completed());
    return world.kms_.calls() - before;
  }

  // --- The loss ---
  void LoseAt(const Moment& moment, const std::string& arn, Kind kind) {
    GoTo(moment.step);
    if (moment.call == 0) {
      Lose(arn, kind);
    } else {
      kms_.BeforeCall(moment.call, [this, arn, kind] { Lose(arn, kind); });
    }
    Live(70s);  // No lease lasts so long.
  }
  void Mend(const std::string& arn) {
    kms_.Mend(arn);
    if (arn != kInternal) inspector_.at(arn).policy = Admitting();
    inspector_.Fail("us-east-1", {});
  }

  // --- What must hold ---
  // Everything opens, or has this code.
  void ExpectAnswers(std::optional<ErrorCode> code) {
    for (const Sealed& sealed : sealed_) {
      const auto said = Open(*one_, sealed);
      EXPECT_EQ(said, code) << (said ? ErrorCodeName(*said) : "it opens");
    }
  }
  // The migrations that are finished are told of, and no others.
  void ExpectSound(std::size_t finished) {
    EXPECT_EQ(CountEvents(events::kMigrationFinished), finished_before_ + finished);
    EXPECT_TRUE(StateIsSound());
  }
  template <typename T>
  void ExpectRefused(const Result<T>& result, EncryptionCode code) const {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().encryption_code, static_cast<int>(code)) << result.error().message;
  }

  using RunnerGround::Is;
  using RunnerGround::Live;
  using RunnerGround::Migration;
  using RunnerGround::Restart;
  using RunnerGround::SealSome;
  using RunnerGround::Settle;

 private:
  FakeInspector::Policy Admitting() const { return FakeInspector::Admits({tenant_.text()}); }
  void Lose(const std::string& arn, Kind kind) {
    completed_before_loss_ = completed();
    kms_.Fail(arn,
              kind == Kind::kUnreachable ? ErrorCode::kKeyUnavailable : ErrorCode::kKeyRevoked);
    if (arn == kInternal) return;  // It is not validated.
    if (kind == Kind::kRevoked) inspector_.at(arn).policy = FakeInspector::Admits({});
    if (kind == Kind::kDeleted) inspector_.Remove(arn);
    if (kind == Kind::kUnreachable) inspector_.Fail("us-east-1", ErrorCode::kKeyUnavailable);
  }

  const std::string source_;
  std::size_t finished_before_ = 0;
  bool completed_before_loss_ = false;
  FakeInspector inspector_{random_};
  providers::Validator validator_{inspector_, clock_, random_, {}};
};

struct Case {
  From from;
  Side side;
  Kind kind;
  Remedy remedy;
};

class ProviderLossTest : public testing::TestWithParam<Case> {
 protected:
  const From from_ = GetParam().from;
  const Side side_ = GetParam().side;
  const Kind kind_ = GetParam().kind;
  const Remedy remedy_ = GetParam().remedy;
  const std::string source_ = from_ == From::kInternalKms ? kInternal : kSource;
  const std::string lost_ = side_ == Side::kSource ? source_ : kTarget;
  const ErrorCode code_ =
      kind_ == Kind::kUnreachable ? ErrorCode::kKeyUnavailable : ErrorCode::kKeyRevoked;

  std::vector<Moment> Moments() const {
    std::vector<Moment> moments;
    for (int step = 0; step <= 3; ++step) {
      moments.push_back({step, 0});
      const std::uint64_t calls = step == 3 ? 0 : LossWorld::CallsFrom(from_, step);
      for (std::uint64_t call = 1; call <= calls; ++call) moments.push_back({step, call});
    }
    return moments;
  }

  void Play(const Moment& moment) {
    LossWorld world(from_);
    world.LoseAt(moment, lost_, kind_);
    ExpectItWaits(world, moment);
    Remedied(world);
    if (HasFailure()) return;
    if (kind_ == Kind::kDeleted) {
      EndWithout(world);
    } else {
      world.Mend(lost_);
      EndWith(world);
    }
  }

  // The current provider alone decides what opens.
  void ExpectAnswersByCurrent(LossWorld& world) {
    world.ExpectAnswers(world.UsedIs(lost_) ? std::optional(code_) : std::nullopt);
  }

  // Without being told to do anything.
  void ExpectItWaits(LossWorld& world, const Moment& moment) {
    ExpectAnswersByCurrent(world);
    world.Live(10s);  // A refusal is asked for again before anybody is told of it.
    ExpectAnswersByCurrent(world);
    const bool completed = world.completed();
    EXPECT_TRUE(world.UsedIs(completed ? kTarget : source_));
    world.ExpectSound(completed ? 1 : 0);
    EXPECT_TRUE(completed || moment.step != 3);
    if (completed) {
      // Nobody asks the source once every data key has moved, and nothing ends without the target.
      EXPECT_TRUE(world.completed_before_loss() || side_ == Side::kSource);
      return;
    }
    if (kind_ == Kind::kUnreachable) {
      EXPECT_EQ(world.Migration().pause, Why::kNone) << "no answer is no refusal";
    } else {
      EXPECT_EQ(world.Migration().pause,
                side_ == Side::kSource ? Why::kSourceRefuses : Why::kTargetRefuses);
    }
  }

  void Remedied(LossWorld& world) {
    switch (remedy_) {
      case Remedy::kWait:
        return;
      case Remedy::kCancel:
        return Cancel(world);
      case Remedy::kResume:
        return Resume(world);
      case Remedy::kRestart: {
        const model::Migration before = world.Migration();
        world.Restart();
        world.Live(5s);
        EXPECT_EQ(world.Migration().state, before.state);
        EXPECT_EQ(world.Migration().pause, before.pause);
        return ExpectAnswersByCurrent(world);
      }
    }
  }

  void Cancel(LossWorld& world) {
    const auto cancelled = world.Cancelled();
    if (world.completed()) return world.ExpectRefused(cancelled, EncryptionCode::kMigrationEnded);
    ASSERT_TRUE(cancelled.ok()) << "it needs neither provider: " << cancelled.error().message;
    world.Live(5s);
    EXPECT_TRUE(world.Is(MigrationState::kCancelled));
    EXPECT_TRUE(world.UsedIs(source_));
    ExpectAnswersByCurrent(world);
    world.ExpectSound(0);
  }

  void Resume(LossWorld& world) {
    const model::Migration before = world.Migration();
    const auto resumed = world.Resumed(false);
    if (world.completed()) return world.ExpectRefused(resumed, EncryptionCode::kMigrationEnded);
    if (kind_ == Kind::kUnreachable) {
      EXPECT_TRUE(resumed.ok()) << "it is not paused: " << resumed.error().message;
    } else if (side_ == Side::kTarget) {
      world.ExpectRefused(resumed, EncryptionCode::kTargetInvalid);
      world.ExpectRefused(world.Resumed(true), EncryptionCode::kTargetInvalid);
    } else {
      world.ExpectRefused(resumed, EncryptionCode::kResumeNotAccepted);
      const auto accepted = world.Resumed(true);
      if (before.state == MigrationState::kInProgress) {
        ASSERT_TRUE(accepted.ok()) << accepted.error().message;
        world.Live(5s);
        EXPECT_TRUE(world.completed());
        world.ExpectAnswers({});
        return world.ExpectSound(1);
      }
      world.ExpectRefused(accepted, EncryptionCode::kResumeNotAccepted);
    }
    EXPECT_EQ(world.Migration().state, before.state);
    EXPECT_EQ(world.Migration().pause, before.pause);
    ExpectAnswersByCurrent(world);
  }

  // The key is there again: whatever was done, the tenant comes to the target, and nothing is lost.
  void EndWith(LossWorld& world) {
    world.Live(200s);  // Whoever was restarted first finds that nobody else goes on with it.
    world.ExpectAnswers({});
    if (world.Is(MigrationState::kCancelled)) {
      EXPECT_TRUE(world.Begin(kTarget).ok());
    } else if (world.Migration().pause == Why::kSourceRefuses) {
      EXPECT_EQ(side_, Side::kSource);
      EXPECT_TRUE(world.Resumed(false).ok());
    }
    world.Settle();
    ExpectCompleted(world, kTarget, 1);
  }

  // It never comes back. What was under it alone is lost, as its owner wanted; all else goes on.
  void EndWithout(LossWorld& world) {
    if (!world.completed() && !world.Is(MigrationState::kCancelled)) {
      EXPECT_TRUE(world.Cancelled().ok());
      world.Live(5s);
    }
    const std::size_t finished = world.completed() ? 1 : 0;
    ExpectAnswersByCurrent(world);
    world.ExpectSound(finished);
    if (world.UsedIs(lost_))
      return world.ExpectRefused(world.Begin(kAnother), EncryptionCode::kSourceRefuses);
    const auto begun = world.Begin(kAnother);
    ASSERT_TRUE(begun.ok()) << begun.error().message;
    world.Settle();
    ExpectCompleted(world, kAnother, finished + 1);
  }

  void ExpectCompleted(LossWorld& world, const std::string& arn, std::size_t finished) {
    EXPECT_TRUE(world.completed());
    EXPECT_TRUE(world.UsedIs(arn));
    world.ExpectAnswers({});
    EXPECT_EQ(world.SealSome(), std::nullopt);
    world.ExpectSound(finished);
  }
};

TEST_P(ProviderLossTest, AtEveryMoment) {
  for (const Moment& moment : Moments()) {
    SCOPED_TRACE("step " + std::to_string(moment.step) + ", call " + std::to_string(moment.call));
    Play(moment);
    if (HasFailure()) return;
  }
}

// The internal KMS can be all but deleted: that is the destruction of the tenant.
std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const From from : {From::kInternalKms, From::kCustomersKey}) {
    for (const Side side : {Side::kSource, Side::kTarget}) {
      for (const Kind kind : {Kind::kRevoked, Kind::kDeleted, Kind::kUnreachable}) {
        if (from == From::kInternalKms && side == Side::kSource && kind == Kind::kDeleted) continue;
        for (const Remedy remedy :
             {Remedy::kWait, Remedy::kCancel, Remedy::kResume, Remedy::kRestart})
          cases.push_back({from, side, kind, remedy});
      }
    }
  }
  return cases;
}

std::string CaseName(const testing::TestParamInfo<Case>& info) {
  constexpr std::array kFrom = {"Internal", "Customers"};
  constexpr std::array kSide = {"Source", "Target"};
  constexpr std::array kKind = {"Revoked", "Deleted", "Unreachable"};
  constexpr std::array kRemedy = {"WaitedFor", "Cancelled", "Resumed", "Restarted"};
  const auto name = [](const auto& names, auto value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  };
  return "From" + name(kFrom, info.param.from) + name(kSide, info.param.side) +
         name(kKind, info.param.kind) + name(kRemedy, info.param.remedy);
}

INSTANTIATE_TEST_SUITE_P(Everything, ProviderLossTest, testing::ValuesIn(AllCases()), CaseName);

}  // namespace
}  // namespace tenantseal::migration
