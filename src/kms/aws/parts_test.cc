#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "kms/aws/circuit.h"
#include "kms/aws/control_key.h"
#include "kms/aws/probe_thread.h"
#include "kms/aws/refusals.h"
#include "kms/aws/retry.h"

namespace tenantseal::kms {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Circuit, ProbesOneAtATimeAndAfterTheInterval) {
  base::FakeClock clock;
  Circuits circuits(clock, seconds(5));
  EXPECT_FALSE(circuits.TakeProbe("r")) << "it is closed";
  EXPECT_TRUE(circuits.Failed("r"));
  EXPECT_FALSE(circuits.Failed("r")) << "it was open";
  EXPECT_TRUE(circuits.Open("r"));
  EXPECT_FALSE(circuits.Open("s"));
  EXPECT_FALSE(circuits.TakeProbe("r"));
  clock.Advance(seconds(5));
  EXPECT_TRUE(circuits.TakeProbe("r"));
  EXPECT_FALSE(circuits.TakeProbe("r"));
  circuits.Failed("r");
  EXPECT_FALSE(circuits.TakeProbe("r"));
  clock.Advance(seconds(5));
  EXPECT_TRUE(circuits.TakeProbe("r"));
  EXPECT_TRUE(circuits.Answered("r"));
  EXPECT_FALSE(circuits.Answered("r"));
  EXPECT_TRUE(circuits.open().empty());
}

TEST(Retries, PayFromABucketThatSuccessesFill) {
  RetryQuota quota;
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(quota.Take(RetryQuota::kTimeoutCost));
  EXPECT_FALSE(quota.Take(RetryQuota::kRetryCost));
  for (int i = 0; i < 5; ++i) quota.GiveBack(RetryQuota::kSuccessGain);
  EXPECT_TRUE(quota.Take(RetryQuota::kRetryCost));
  quota.GiveBack(10'000);
  EXPECT_EQ(quota.tokens(), RetryQuota::kCapacity);
}

TEST(Retries, PauseWithFullJitter) {
  const base::FakeRandom random(3);
  base::Duration least = seconds(1);
  base::Duration most{};
  for (int i = 0; i < 1000; ++i) {
    const base::Duration pause = RetryPause(1, false, random);
    least = std::min(least, pause);
    most = std::max(most, pause);
    EXPECT_LE(RetryPause(2, false, random), milliseconds(100));
    EXPECT_LE(RetryPause(3, true, random), seconds(4));
    EXPECT_LE(RetryPause(1000, true, random), seconds(20));
  }
  EXPECT_LT(least, milliseconds(5));
  EXPECT_GT(most, milliseconds(45));
  EXPECT_LE(most, milliseconds(50));
}

TEST(PrimaryRefusals, AreKeptPerOperation) {
  Refusals refusals;
  const Refusals::Name name{"t", "arn"};
  refusals.Refused(name, 1);
  refusals.Refused(name, 2);
  refusals.Granted(name, 8);
  refusals.Granted(name, 1);
  EXPECT_TRUE(refusals.Any(name));
  EXPECT_FALSE(refusals.Any({"u", "arn"}));
  EXPECT_FALSE(refusals.Any({"t", "other"}));
  refusals.Granted(name, 2);
  EXPECT_FALSE(refusals.Any(name));
  refusals.Refused(name, 1 | 2 | 8);
  refusals.Granted(name, Refusals::kDecrypt);
  EXPECT_FALSE(refusals.Any(name));
}

TEST(PrimaryRefusals, ForgetTheOldestBeyondTheirBound) {
  Refusals refusals;
  for (std::size_t i = 0; i <= Refusals::kNamesMax; ++i) {
    refusals.Refused({std::to_string(i), "arn"}, 1);
  }
  EXPECT_FALSE(refusals.Any({"0", "arn"}));
  EXPECT_TRUE(refusals.Any({"1", "arn"}));
  EXPECT_TRUE(refusals.Any({std::to_string(Refusals::kNamesMax), "arn"}));
}

TEST(ControlKeyQuestion, IsAskedOnceForAllWhoWait) {
  const base::SystemClock clock;
  ControlKey control(clock);
  std::atomic<int> asked = 0;
  std::atomic<int> denied = 0;
  const auto ask = [&]() -> std::optional<bool> {
    ++asked;
    std::this_thread::sleep_for(milliseconds(20));  // Others come meanwhile.
    return true;
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      if (control.Denied("AKIA", clock.Boot() + seconds(10), ask)) ++denied;
    });
  }
  threads.clear();
  EXPECT_EQ(denied, 16);
  EXPECT_EQ(asked, 1);
}

TEST(ControlKeyQuestion, KeepsADenialOfThisSessionOnly) {
  base::FakeClock clock;
  ControlKey control(clock);
  const auto says = [](std::optional<bool> answer) { return [=] { return answer; }; };
  const auto until = clock.Boot() + seconds(60);
  EXPECT_FALSE(control.Denied("A", until, says(false)));
  EXPECT_TRUE(control.Denied("A", until, says(true))) << "that it worked before says nothing";
  EXPECT_TRUE(control.Denied("A", until, says(false)));
  EXPECT_FALSE(control.Denied("B", until, says(false)));
  EXPECT_TRUE(control.Denied("A", until, says(true)));
  clock.Advance(seconds(5));
  EXPECT_FALSE(control.Denied("A", until, says(false)));
  EXPECT_FALSE(control.Denied("A", until, says(std::nullopt)));
}

TEST(Probes, RunAsideAndEndWithTheirThread) {
  std::atomic<int> ran = 0;
  {
    ProbeThread probes;
    EXPECT_TRUE(probes.Run([&] { ++ran; }));
    EXPECT_TRUE(probes.Run([&] { ++ran; }));
    while (ran < 2) std::this_thread::yield();
  }
  EXPECT_EQ(ran, 2);
  const ProbeThread idle;
}

}  // namespace
}  // namespace tenantseal::kms
