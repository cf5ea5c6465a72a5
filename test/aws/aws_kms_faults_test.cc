// The client of AWS KMS against the emulator, over HTTP, while things fail: every fault ends in its
// class within the deadline, a refusal is asked for once, and nothing is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "aws/local_aws.h"
#include "base/mutex.h"

namespace tenantseal {
namespace {

using kms::KmsKey;
using std::chrono::milliseconds;

constexpr base::Duration kPatience = std::chrono::seconds(4);

double Milliseconds(base::Duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

// Tells the wrong time.
class OffClock final : public base::Clock {
 public:
  explicit OffClock(base::Duration off) : off_(off) {}
  base::UtcTime Utc() const override {
    return clock_.Utc() + std::chrono::duration_cast<milliseconds>(off_);
  }
  base::BootTime Boot() const override { return clock_.Boot(); }

 private:
  const base::SystemClock clock_;
  const base::Duration off_;
};

class AwsKmsFaults : public testing::Test {
 protected:
  AwsKmsFaults() {
    EXPECT_TRUE(aws_.Start({a_, b_}));
    options_ = aws_.options();
    options_.calls_per_second = 1'000'000;
  }
  // A client that knows nothing yet: no circuit is open, no refusal remembered.
  std::unique_ptr<kms::AwsKms> NewKms() {
    return std::make_unique<kms::AwsKms>(*aws_.http, aws_.credentials, aws_.clock, aws_.random,
                                         options_, [this](const kms::AwsCall& call) {
                                           base::MutexLock lock(mutex_);
                                           ++asked_[call.region];
                                         });
  }
  int Asked(const std::string& region) {
    base::MutexLock lock(mutex_);
    return asked_[region];
  }
  kms::CallLimits Soon() const { return {aws_.clock.Boot() + kPatience}; }
  static KmsKey Key() { return {model::ProviderKind::kAwsKms, kPrimary, kReplica}; }
  static KmsKey LoneKey() { return {model::ProviderKind::kAwsKms, kPrimary}; }

  // What the tenant's Decrypt ends in, "ok" or the error's code; it keeps to its deadline.
  std::string Decrypt(const kms::AwsKms& kms, const KmsKey& key, const base::Bytes& blob,
                      const model::TenantId& tenant) {
    const base::BootTime start = aws_.clock.Boot();
    const auto opened = kms.Decrypt(key, tenant, blob, Soon());
    EXPECT_LT(aws_.clock.Boot() - start, kPatience + milliseconds(500));
    if (!opened) return std::string(ErrorCodeName(opened.error().code));
    return opened->plaintext.size() == 32 ? "ok" : "short";
  }
  // The key of `tenant`, made and wrapped while nothing fails.
  base::Bytes Wrapped(const model::TenantId& tenant) {
    const auto made = NewKms()->GenerateDataKey(Key(), tenant, Soon());
    EXPECT_TRUE(made.ok());
    return made ? made->wrapped.blob : base::Bytes();
  }

  const model::TenantId a_ = model::TenantId::Parse(std::string(32, 'a')).value();
  const model::TenantId b_ = model::TenantId::Parse(std::string(32, 'b')).value();
  LocalAws aws_;
  kms::AwsKmsOptions options_;
  base::Mutex mutex_;
  std::map<std::string, int> asked_ TS_GUARDED_BY(mutex_);
};

struct FaultCase {
  std::string fault;  // The members of the rule.
  std::string lone;   // What a key without a replica ends in.
  std::string pair;   // The same of a key with one, when only the primary's region fails.
};

// The region is us-east-1 throughout.
const FaultCase kCases[] = {
    {R"("kind":"throttle")", "key-unavailable", "ok"},
    {R"("kind":"error","status":500)", "key-unavailable", "ok"},
    {R"("kind":"error","status":503)", "key-unavailable", "ok"},
    {R"("kind":"error","status":400,"code":"InvalidCiphertextException")", "integrity",
     "integrity"},
    {R"("kind":"error","status":400,"code":"DisabledException")", "key-revoked", "key-revoked"},
    {R"("kind":"refuse")", "key-unavailable", "ok"},
    {R"("kind":"black-hole")", "key-unavailable", "ok"},
    {R"("kind":"slow","delay":"10s")", "key-unavailable", "ok"},
    {R"("kind":"slow","delay":"50ms")", "ok", "ok"},
    {R"("kind":"truncate")", "key-unavailable", "ok"},
    {R"("kind":"oversize")", "key-unavailable", "ok"},
    {R"("kind":"expired-token")", "service-fault", "service-fault"},
    {R"("kind":"clock-skew")", "ok", "ok"},  // The Date header tells.
    {R"("kind":"region-down")", "key-unavailable", "ok"},
};

std::string Rule(const FaultCase& fault, const std::string& more = "") {
  return "{" + fault.fault + R"(,"region":"us-east-1")" + more + "}";
}

TEST_F(AwsKmsFaults, EndInTheirClassAndLoseNothing) {
  options_.attempt_timeout = options_.attempt_timeout_with_replica = milliseconds(300);
  const base::Bytes blob = Wrapped(a_);
  for (const FaultCase& fault : kCases) {
    SCOPED_TRACE(fault.fault);
    const auto lone = NewKms();
    const auto pair = NewKms();
    ASSERT_TRUE(aws_.AddFault(Rule(fault)));
    EXPECT_EQ(Decrypt(*lone, LoneKey(), blob, a_), fault.lone);
    EXPECT_EQ(Decrypt(*pair, Key(), blob, a_), fault.pair);
    ASSERT_TRUE(aws_.ClearFaults());
    EXPECT_EQ(Decrypt(*lone, LoneKey(), blob, a_), "ok");
    EXPECT_EQ(Decrypt(*pair, Key(), blob, a_), "ok");
  }
}

TEST_F(AwsKmsFaults, ThatHappenOnceAreNotSeen) {
  options_.attempt_timeout = milliseconds(300);
  const base::Bytes blob = Wrapped(a_);
  for (const FaultCase& fault : kCases) {
    if (fault.lone == "integrity" || fault.lone == "key-revoked") continue;
    SCOPED_TRACE(fault.fault);
    // A clock that is off stays off for the call that is signed by it.
    const bool clock = fault.fault.contains("clock-skew");
    ASSERT_TRUE(aws_.AddFault(Rule(fault, clock ? R"(,"count":2)" : R"(,"count":1)")));
    EXPECT_EQ(Decrypt(*NewKms(), LoneKey(), blob, a_), "ok");
    ASSERT_TRUE(aws_.ClearFaults());
  }
}

// This machine's clock is off; AWS's Date header tells the time.
TEST_F(AwsKmsFaults, AClockThatIsAnHourOffIsMended) {
  const base::Bytes blob = Wrapped(a_);
  for (const auto off : {std::chrono::hours(1), std::chrono::hours(-1)}) {
    const OffClock clock(off);
    const kms::AwsKms kms(*aws_.http, aws_.credentials, clock, aws_.random, options_);
    EXPECT_EQ(Decrypt(kms, LoneKey(), blob, a_), "ok");
  }
}

// A replica that is still being made cannot stand in, and says nothing about the key.
TEST_F(AwsKmsFaults, AReplicaInTheMakingIsUnavailable) {
  const base::Bytes blob = Wrapped(a_);
  const auto kms = NewKms();
  ASSERT_TRUE(aws_.AddFault(R"({"kind":"creating","region":"us-east-2"})"));
  EXPECT_EQ(Decrypt(*kms, Key(), blob, a_), "ok");
  ASSERT_TRUE(aws_.AddFault(R"({"kind":"region-down","region":"us-east-1"})"));
  EXPECT_EQ(Decrypt(*kms, Key(), blob, a_), "key-unavailable");
  ASSERT_TRUE(aws_.ClearFaults());
  EXPECT_EQ(Decrypt(*kms, Key(), blob, a_), "ok");
}

TEST_F(AwsKmsFaults, ARevocationIsAskedForOnceAndNotEvaded) {
  const base::Bytes blob = Wrapped(a_);
  const auto kms = NewKms();
  ASSERT_EQ(Decrypt(*kms, Key(), blob, a_), "ok");
  ASSERT_TRUE(aws_.Admit({}));
  const int before = Asked(kEast);
  EXPECT_EQ(Decrypt(*kms, Key(), blob, a_), "key-revoked");
  EXPECT_EQ(Asked(kEast), before + 1);
  EXPECT_EQ(Asked(kBackup), 0);
  // Revoked and then silent: the replica is not asked.
  for (const std::string kind : {"region-down", "black-hole"}) {
    ASSERT_TRUE(aws_.AddFault(R"({"kind":")" + kind + R"(","region":"us-east-1"})"));
    EXPECT_EQ(Decrypt(*kms, Key(), blob, a_), "key-unavailable");
    ASSERT_TRUE(aws_.ClearFaults());
  }
  EXPECT_EQ(Asked(kBackup), 0);
  ASSERT_TRUE(aws_.Admit({a_, b_}));
  EXPECT_EQ(Decrypt(*kms, Key(), blob, a_), "ok");
}

TEST_F(AwsKmsFaults, OneTenantOfASharedKeyIsRevokedAlone) {
  const base::Bytes of_a = Wrapped(a_);
  const base::Bytes of_b = Wrapped(b_);
  const auto kms = NewKms();
  ASSERT_TRUE(aws_.Admit({b_}));
  EXPECT_EQ(Decrypt(*kms, Key(), of_a, a_), "key-revoked");
  EXPECT_EQ(Decrypt(*kms, Key(), of_b, b_), "ok");
  ASSERT_TRUE(aws_.AddFault(R"({"kind":"region-down","region":"us-east-1"})"));
  EXPECT_EQ(Decrypt(*kms, Key(), of_b, b_), "ok") << "the replica stands in for b";
  EXPECT_EQ(Decrypt(*kms, Key(), of_a, a_), "key-unavailable");
}

// Where the operator's own control key is denied too, it is our credentials that fail.
TEST_F(AwsKmsFaults, ADeniedControlKeyRevokesNobody) {
  options_.control_key_arn = "arn:aws:kms:us-west-2:111122223333:key/mrk-" + std::string(32, 'c');
  const base::Bytes blob = Wrapped(a_);
  ASSERT_TRUE(aws_.Admit({}));
  EXPECT_EQ(Decrypt(*NewKms(), Key(), blob, a_), "service-fault");
}

TEST_F(AwsKmsFaults, TheReplicaStandsInWithinTwoSeconds) {
  const base::Bytes blob = Wrapped(a_);
  const auto kms = NewKms();
  ASSERT_EQ(Decrypt(*kms, Key(), blob, a_), "ok");
  ASSERT_TRUE(aws_.AddFault(R"({"kind":"black-hole","region":"us-east-1"})"));
  std::vector<double> took;
  for (int i = 0; i <= 200; ++i) {
    const base::BootTime start = aws_.clock.Boot();
    ASSERT_EQ(Decrypt(*kms, Key(), blob, a_), "ok");
    took.push_back(Milliseconds(aws_.clock.Boot() - start));
  }
  EXPECT_LT(took.front(), 2000);
  const double first = took.front();
  took.erase(took.begin());
  std::ranges::sort(took);
  std::printf("failover: first %.0f ms; later median %.2f ms, greatest %.1f ms\n", first,
              took[took.size() / 2], took.back());
  EXPECT_LT(took[took.size() / 2], 50);

  // What the replica wrapped is the primary's.
  const auto made = kms->GenerateDataKey(Key(), a_, Soon());
  ASSERT_TRUE(made.ok());
  ASSERT_TRUE(aws_.ClearFaults());
  const auto opened = NewKms()->Decrypt(LoneKey(), a_, made->wrapped.blob, Soon());
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(opened->plaintext == made->plaintext);
}

// Eight threads encrypt and decrypt while the primary's region goes and comes back.
TEST_F(AwsKmsFaults, TenThousandOperationsAcrossAFaultAllEndWell) {
  constexpr int kThreads = 8;
  constexpr int kOperations = 10'000;
  const auto kms = NewKms();
  std::atomic<int> begun{0};
  std::atomic<int> lost{0};
  std::atomic<int> wrong{0};
  const auto work = [&] {
    const std::vector<std::uint8_t> secret(32, 0x5a);
    base::Bytes blob;
    for (int i = begun++; i < kOperations; i = begun++) {
      if (blob.empty()) {
        auto made = kms->Encrypt(Key(), a_, secret, {aws_.clock.Boot() + 2 * kPatience});
        if (!made) ++lost;
        if (made) blob = std::move(made->blob);
        continue;
      }
      const auto opened = kms->Decrypt(Key(), a_, blob, {aws_.clock.Boot() + 2 * kPatience});
      if (!opened) ++lost;
      if (opened && !std::ranges::equal(opened->plaintext.Reveal(), secret)) ++wrong;
      blob.clear();
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work);
  const auto wait_for = [&](int operations) {
    while (begun < operations) std::this_thread::sleep_for(milliseconds(1));
  };
  wait_for(2'000);
  EXPECT_TRUE(aws_.AddFault(R"({"kind":"black-hole","region":"us-east-1"})"));
  wait_for(6'000);
  EXPECT_TRUE(aws_.ClearFaults());
  const base::BootTime returned = aws_.clock.Boot();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(kms->stats().failovers, 1'000u);

  // A call now and then is what brings the traffic back.
  const base::Bytes blob = Wrapped(a_);
  while (!kms->stats().open_circuits.empty() &&
         aws_.clock.Boot() - returned < std::chrono::seconds(30)) {
    ASSERT_EQ(Decrypt(*kms, Key(), blob, a_), "ok");
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_TRUE(kms->stats().open_circuits.empty());
  const int before = Asked(kEast);
  EXPECT_EQ(Decrypt(*kms, Key(), blob, a_), "ok");
  EXPECT_EQ(Asked(kEast), before + 1);
  std::printf("across the fault: %llu failovers of %d operations, %d lost; back after %.1f s\n",
              static_cast<unsigned long long>(kms->stats().failovers), kOperations, lost.load(),
              Milliseconds(aws_.clock.Boot() - returned) / 1000);
}

}  // namespace
}  // namespace tenantseal
