#include "server/renewal_pool.h"

#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <vector>

#include "kms/fake_kms.h"
#include "server/routing_kms.h"
#include "server/wiring.h"

namespace tenantseal::server {
namespace {

TEST(RenewalPool, ARegionThatHangsLeavesPlacesToTheOthers) {
  std::promise<void> answer;
  const std::shared_future<void> answered = answer.get_future().share();
  RenewalPool pool;
  std::latch hanging(RenewalPool::kInFlightPerDomainMax);
  std::atomic<std::size_t> begun{0};
  for (std::size_t i = 0; i < RenewalPool::kWaitingPerDomainMax; ++i) {
    ASSERT_TRUE(pool.Submit("us-east-1", [&] {
      if (++begun <= RenewalPool::kInFlightPerDomainMax) hanging.count_down();
      answered.wait();
    }));
  }
  hanging.wait();
  EXPECT_EQ(begun, RenewalPool::kInFlightPerDomainMax);
  // Each runs though the others hang.
  for (const char* domain : {"eu-west-1", "internal", "probe us-east-1"}) {
    std::promise<void> ran;
    ASSERT_TRUE(pool.Submit(domain, [&] { ran.set_value(); }));
    ran.get_future().wait();
  }
  answer.set_value();
  pool.Stop();
}

TEST(RenewalPool, TakesNoMoreThanItHasPlacesFor) {
  std::promise<void> answer;
  const std::shared_future<void> answered = answer.get_future().share();
  RenewalPool pool;
  std::size_t taken = 0;
  while (pool.Submit("us-east-1", [answered] { answered.wait(); })) ++taken;
  EXPECT_GE(taken, RenewalPool::kWaitingPerDomainMax);
  EXPECT_LE(taken, RenewalPool::kWaitingPerDomainMax + RenewalPool::kInFlightPerDomainMax);
  EXPECT_TRUE(pool.Submit("eu-west-1", [] {}));
  answer.set_value();
  pool.Stop();
  EXPECT_FALSE(pool.Submit("eu-west-1", [] {}));
}

TEST(RenewalPool, StopDropsWhatWaits) {
  std::atomic<std::size_t> ran{0};
  std::latch begun(1);
  {
    RenewalPool pool;
    std::promise<void> answer;
    const std::shared_future<void> answered = answer.get_future().share();
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(pool.Submit("internal", [&, answered] {
        if (++ran == 1) begun.count_down();
        answered.wait();
      }));
    }
    begun.wait();
    std::thread stopping([&] { pool.Stop(); });
    while (pool.Submit("another", [] {})) std::this_thread::yield();
    answer.set_value();
    stopping.join();
  }
  EXPECT_LE(ran, RenewalPool::kInFlightPerDomainMax);
}

TEST(RoutingKms, EachKeyGoesToTheServiceThatHoldsIt) {
  const base::SystemRandom random;
  kms::FakeKms internal(random), aws(random);
  const RoutingKms routing(internal, aws);
  const auto tenant = model::TenantId::New(random);
  const kms::CallLimits limits{base::Deadline()};
  ASSERT_TRUE(internal.CreateKey(tenant).ok());
  aws.AddCustomerKey("arn:1");
  const kms::KmsKey ours{model::ProviderKind::kInternal, ""};
  const kms::KmsKey theirs{model::ProviderKind::kAwsKms, "arn:1"};
  const std::uint64_t before = internal.calls();
  for (const kms::KmsKey& key : {ours, theirs}) {
    const auto made = routing.GenerateDataKey(key, tenant, limits);
    ASSERT_TRUE(made.ok());
    const auto opened = routing.Decrypt(key, tenant, made->wrapped.blob, limits);
    ASSERT_TRUE(opened.ok());
    EXPECT_TRUE(routing.Encrypt(key, tenant, opened->plaintext.Reveal(), limits).ok());
  }
  EXPECT_EQ(aws.calls(), internal.calls() - before);
  EXPECT_EQ(aws.last_key().arn, "arn:1");
}

TEST(AwsCallLabels, AreThree) {
  using Labels = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(AwsCallLabels("us-east-1 Decrypt ok"),
            (Labels{{"region", "us-east-1"}, {"operation", "Decrypt"}, {"outcome", "ok"}}));
  EXPECT_EQ(AwsCallLabels("us-east-1"),
            (Labels{{"region", "us-east-1"}, {"operation", ""}, {"outcome", ""}}));
}

}  // namespace
}  // namespace tenantseal::server
