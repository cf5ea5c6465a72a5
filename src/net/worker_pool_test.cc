#include "net/worker_pool.h"

#include <future>
#include <latch>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/thread_priority.h"

namespace tenantseal::net {
namespace {

// Occupies a worker until it is told to let go.
class Plug {
 public:
  explicit Plug(WorkerPool& pool, std::string_view key = "plug") {
    EXPECT_TRUE(pool.Submit(key, [this] {
      running_.count_down();
      release_.wait();
    }));
    running_.wait();
  }
  void Release() { release_.count_down(); }

 private:
  std::latch running_{1};
  std::latch release_{1};
};

TEST(WorkerPool, RunsEverythingBeforeStopReturns) {
  std::atomic<int> runs = 0;
  WorkerPool pool({.threads = 4, .queued_max = 1000, .queued_per_key_max = 1000});
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(pool.Submit(std::to_string(i % 7), [&] { ++runs; }));
  }
  pool.Stop();
  EXPECT_EQ(runs, 500);
  EXPECT_FALSE(pool.Submit("late", [&] { ++runs; }));
  EXPECT_EQ(runs, 500);
}

TEST(WorkerPool, KeysTakeTurns) {
  WorkerPool pool({.threads = 1});
  std::string order;
  Plug plug(pool);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(pool.Submit("flood", [&] { order += 'f'; }));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(pool.Submit("quiet", [&] { order += 'q'; }));
  ASSERT_TRUE(pool.Submit("third", [&] { order += 't'; }));
  plug.Release();
  pool.Stop();
  EXPECT_EQ(order, "fqtfqff");
}

TEST(WorkerPool, OffersTheProcessorBetweenTasksToWhoHoldsWhatOthersAwait) {
  WorkerPool pool({.threads = 1});
  const std::uint64_t before = base::OffersToHolders();
  const base::WidelyAwaitedHold hold;
  while (hold.duration() < std::chrono::milliseconds(1)) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool.Submit("a", [] {}));
  pool.Stop();
  EXPECT_EQ(base::OffersToHolders() - before, 3u);
}

TEST(WorkerPool, BoundsEachKeyAndTheTotal) {
  WorkerPool pool({.threads = 1, .queued_max = 3, .queued_per_key_max = 2});
  Plug plug(pool);
  EXPECT_TRUE(pool.Submit("a", [] {}));
  EXPECT_TRUE(pool.Submit("a", [] {}));
  EXPECT_FALSE(pool.Submit("a", [] {})) << "the key's share is full";
  EXPECT_TRUE(pool.Submit("b", [] {}));
  EXPECT_FALSE(pool.Submit("c", [] {})) << "the pool is full";
  EXPECT_EQ(pool.queued(), 3U);
  EXPECT_EQ(pool.running(), 1U);
  plug.Release();
  pool.Stop();
  EXPECT_EQ(pool.queued(), 0U);
}

TEST(WorkerPool, AKeyMayNotOccupyEveryWorker) {
  WorkerPool pool({.threads = 2, .running_per_key_max = 1});
  Plug slow(pool, "slow");
  std::promise<void> second_slow;
  ASSERT_TRUE(pool.Submit("slow", [&] { second_slow.set_value(); }));
  std::promise<void> other;
  ASSERT_TRUE(pool.Submit("other", [&] { other.set_value(); }));
  other.get_future().wait();  // Would never come if "slow" had taken the second worker's turn.
  auto waiting = second_slow.get_future();
  EXPECT_EQ(waiting.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  slow.Release();
  waiting.wait();
  pool.Stop();
}

TEST(WorkerPool, DestroysATaskWithWhatItCaptured) {
  auto owned = std::make_shared<int>(1);
  WorkerPool pool({.threads = 1});
  ASSERT_TRUE(pool.Submit("k", [owned] {}));
  pool.Stop();
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_FALSE(pool.Submit("k", [owned] {}));
  EXPECT_EQ(owned.use_count(), 1);
}

}  // namespace
}  // namespace tenantseal::net
