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
  Share expected = OwnShare();
  if (expected.turn_ns != 0) {
    ASSERT_GT(expected.turn_ns, 100'000u);
    expected.turn_ns = 100'000;
  }
  ExpectShare(AnswerSoon, expected);
}

TEST(ThreadPriority, WhoGivesWayKeepsATenthOfWhatOthersGet) {
  ExpectShare(GiveWay, {10, OwnShare().turn_ns});
}

TEST(ThreadPriority, WhoHasLessAlreadyKeepsIt) {
  const auto become = [] {
    ASSERT_EQ(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 15), 0);
    GiveWay();
  };
  ExpectShare(become, {15, OwnShare().turn_ns});
}

TEST(ThreadPriority, OnlyAHoldThatLastsIsOfferedTheProcessor) {
  EXPECT_FALSE(OfferProcessorToHolder());
  const auto last = [](const WidelyAwaitedHold& hold) {
    while (hold.duration() < std::chrono::milliseconds(1)) std::this_thread::yield();
  };
  {
    const WidelyAwaitedHold hold;
    last(hold);
    EXPECT_TRUE(OfferProcessorToHolder());
    {
      const WidelyAwaitedHold later;
      last(later);
      EXPECT_TRUE(OfferProcessorToHolder());
    }
    EXPECT_FALSE(OfferProcessorToHolder());  // Only the last is known.
  }
  EXPECT_FALSE(OfferProcessorToHolder());
}

}  // namespace
}  // namespace tenantseal::base
