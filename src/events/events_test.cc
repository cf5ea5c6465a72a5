#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "events/event.h"
#include "events/usage.h"
#include "store/memory/memory_store.h"

namespace tenantseal::events {
namespace {

TEST(Event, HoldsWhoWhenAndWhat) {
  const base::FakeClock clock;
  const auto event = MakeEvent(clock, base::SystemRandom(), model::Scope::Deployment(),
                               kTenantCreated, "api-key:x", {{"id", "t"}});
  EXPECT_EQ(event.id.size(), 36u);
  EXPECT_EQ(event.time, clock.Utc());
  EXPECT_EQ(event.actor, "api-key:x");
  EXPECT_EQ(event.data, R"({"id":"t"})");
}

class UsageTest : public testing::Test {
 protected:
  std::uint64_t Stored(std::string_view operation) {
    std::uint64_t sum = 0;
    const auto counts = store_.ListUsage(model::Scope::Of(tenant_), 0, INT64_MAX).value();
    for (const auto& c : counts) sum += c.operation == operation ? c.count : 0;
    return sum;
  }
  base::FakeClock clock_;
  store::MemoryStore store_;
  model::TenantId tenant_ = model::TenantId::New(base::SystemRandom());
};

TEST_F(UsageTest, AddsUpByMinuteAndOutcome) {
  UsageCounter usage(store_, clock_);
  usage.Add(tenant_.text(), "p", "seal", "ok", 1);
  usage.Add(tenant_.text(), "p", "seal", "ok", 2);
  usage.Add(tenant_.text(), "p", "open", "decrypt-failed", 1);
  ASSERT_TRUE(usage.Flush());
  clock_.Advance(std::chrono::minutes(1));
  usage.Add(tenant_.text(), "p", "seal", "ok", 4);
  ASSERT_TRUE(usage.Flush());
  ASSERT_TRUE(usage.Flush());
  EXPECT_EQ(Stored("seal"), 7u);
  EXPECT_EQ(Stored("open"), 1u);
  EXPECT_EQ(store_.ListUsage(model::Scope::Of(tenant_), 0, INT64_MAX)->size(), 3u);
}

}  // namespace
}  // namespace tenantseal::events
