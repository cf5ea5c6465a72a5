#include "base/thread_priority.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <future>
#include <thread>

namespace tenantseal::base {
namespace {

struct Share {
  int niceness = 0;
  std::uint64_t turn_ns = 0;  // 0 on Linux before 6.12, which does not tell.
  bool operator==(const Share&) const = default;
};

Share OwnShare() {
  std::array<std::uint64_t, 6> attributes{};  // See sched_getattr(2): sched_runtime is the fourth.
  syscall(SYS_sched_getattr, 0, attributes.data(), sizeof attributes, 0);
  return {getpriority(PRIO_PROCESS, 0), attributes[3]};
}

std::uint64_t ShortTurnNs() {
  const std::uint64_t ours = OwnShare().turn_ns;
  EXPECT_TRUE(ours == 0 || ours > 100'000) << ours;
  return ours == 0 ? 0 : 100'000;
}

// Of a thread that has called `become`, and of one that it starts.
void ExpectShare(void (*become)(), const Share& expected) {
  const Share ours = OwnShare();
  std::thread([&] {
    become();
    EXPECT_EQ(OwnShare(), expected);
    EXPECT_EQ(std::async(std::launch::async, OwnShare).get(), expected);
  }).join();
  EXPECT_EQ(OwnShare(), ours);
}

TEST(ThreadPriority, WhoAnswersRequestsHasShortTurns) {
  ExpectShare(TakeShortTurns, {OwnShare().niceness, ShortTurnNs()});
}

TEST(ThreadPriority, WhoGivesWayKeepsATenthOfWhatOthersGet) {
  ExpectShare(GiveWay, {10, ShortTurnNs()});
}

TEST(ThreadPriority, WhoHasLessAlreadyKeepsIt) {
  const auto become = [] {
    ASSERT_EQ(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 15), 0);
    GiveWay();
  };
  ExpectShare(become, {15, ShortTurnNs()});
}

TEST(ThreadPriority, OnlyAHoldThatLastsIsOfferedTheProcessor) {
  const auto is_offered = [] {
    const std::uint64_t before = OffersToHolders();
    OfferProcessorToHolder();
    return OffersToHolders() > before;
  };
  const auto last = [](const WidelyAwaitedHold& hold) {
    while (hold.duration() < std::chrono::milliseconds(1)) std::this_thread::yield();
  };
  EXPECT_FALSE(is_offered());
  {
    const WidelyAwaitedHold hold;
    last(hold);
    EXPECT_TRUE(is_offered());
    {
      const WidelyAwaitedHold later;
      last(later);
      EXPECT_TRUE(is_offered());
    }
    EXPECT_FALSE(is_offered());  // Only the last is known.
  }
  EXPECT_FALSE(is_offered());
}

}  // namespace
}  // namespace tenantseal::base
