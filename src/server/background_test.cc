#include "server/background.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <future>

namespace tenantseal::server {
namespace {

using namespace std::chrono_literals;

// How far the calling thread gives way to others.
int Niceness() { return getpriority(PRIO_PROCESS, 0); }

// What `work` finds on the thread of a Periodic.
int NicenessOf(Periodic::Priority priority, std::function<int()> work) {
  std::promise<int> found;
  bool told = false;
  const Periodic periodic(
      1h,
      [&](const std::atomic<bool>&) {
        if (!std::exchange(told, true)) found.set_value(work());
      },
      priority);
  return found.get_future().get();
}

TEST(PeriodicTest, OrdinaryWorkHasTheProcessesPriority) {
  EXPECT_EQ(NicenessOf(Periodic::Priority::kNormal, Niceness), Niceness());
}

TEST(PeriodicTest, LowWorkGivesWayWithTheThreadsThatItStarts) {
  const int ours = Niceness(), low = 10;
  EXPECT_EQ(NicenessOf(Periodic::Priority::kLow, Niceness), low);
  EXPECT_EQ(NicenessOf(Periodic::Priority::kLow,
                       [] { return std::async(std::launch::async, Niceness).get(); }),
            low);
  EXPECT_EQ(Niceness(), ours);
}

}  // namespace
}  // namespace tenantseal::server
