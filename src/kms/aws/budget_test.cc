#include "kms/aws/budget.h"

#include <gtest/gtest.h>

namespace tenantseal::kms {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Budget : public ::testing::Test {
 protected:
  bool Take(const std::string& tenant, CallPurpose why = CallPurpose::kDemand) {
    return budget_.Acquire(tenant, {clock_.Boot(), why}).ok();  // Now or not at all.
  }
  int Burst(const std::string& tenant, int wanted, CallPurpose why = CallPurpose::kDemand) {
    int got = 0;
    for (int i = 0; i < wanted; ++i) got += Take(tenant, why) ? 1 : 0;
    return got;
  }

  base::FakeClock clock_;
  CallBudget budget_{clock_, 100, 0.4, [this](base::Duration d) { clock_.Advance(d); }};
};

TEST_F(Budget, IsOneSecondsCalls) {
  EXPECT_EQ(Burst("a", 200), 60);
  clock_.Advance(milliseconds(100));
  EXPECT_EQ(Burst("a", 200), 10);
  clock_.Advance(std::chrono::hours(1));
  EXPECT_EQ(Burst("a", 200), 60) << "it holds one second's, however long it was left alone";
}

TEST_F(Budget, KeepsAShareForRenewals) {
  EXPECT_EQ(Burst("a", 200), 60);
  EXPECT_EQ(Burst("a", 200, CallPurpose::kLeaseRenewal), 40);
  clock_.Advance(milliseconds(100));
  EXPECT_EQ(Burst("b", 200), 0) << "the renewals' share is filled first";
  EXPECT_EQ(Burst("b", 200, CallPurpose::kLeaseRenewal), 10);
}

TEST_F(Budget, IsSharedEquallyWhenItRunsLow) {
  EXPECT_TRUE(Take("quiet"));
  EXPECT_EQ(Burst("greedy", 200), 30) << "half of it, and no more beside another";
  EXPECT_EQ(Burst("quiet", 20), 20);
}

TEST_F(Budget, LetsAQuietTenantInBesideAGreedyOne) {
  EXPECT_EQ(Burst("greedy", 200), 60);
  int greedy = 0;
  int quiet = 0;
  for (int ms = 0; ms < 900; ms += 10) {  // Within the same second.
    clock_.Advance(milliseconds(10));
    quiet += Take("quiet") ? 1 : 0;
    greedy += Take("greedy") ? 1 : 0;
  }
  EXPECT_GE(quiet, 30);
  EXPECT_LE(greedy, 60);
}

TEST_F(Budget, MakesCallersWaitForTheirTurn) {
  EXPECT_EQ(Burst("a", 60), 60);
  const auto start = clock_.Boot();
  EXPECT_TRUE(budget_.Acquire("a", clock_.Boot() + seconds(1)));
  EXPECT_GE(clock_.Boot() - start, milliseconds(9));
  EXPECT_LE(clock_.Boot() - start, milliseconds(12));
  EXPECT_EQ(budget_.throttled(), 1U);
}

TEST_F(Budget, RefusesAtOnceWhatWouldComeTooLate) {
  EXPECT_EQ(Burst("a", 60), 60);
  const auto start = clock_.Boot();
  const auto refused = budget_.Acquire("a", clock_.Boot() + milliseconds(5));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kKeyUnavailable);
  EXPECT_EQ(clock_.Boot(), start);
}

TEST_F(Budget, IsBoundedInTenants) {
  CallBudget great(clock_, 20'000, 0, [](base::Duration) {});
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(great.Acquire(std::to_string(i), clock_.Boot() + seconds(1))) << i;
  }
}

TEST_F(Budget, AlwaysLeavesOneCallToDemand) {
  CallBudget odd(clock_, 0, 1, [this](base::Duration d) { clock_.Advance(d); });
  EXPECT_TRUE(odd.Acquire("a", clock_.Boot() + seconds(1)));
  EXPECT_TRUE(odd.Acquire("a", clock_.Boot() + seconds(3)));
}

}  // namespace
}  // namespace tenantseal::kms
