#include "base/thread_priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace tenantseal::base {
namespace {

constexpr int kLow = 10;                            // Niceness.
constexpr std::uint64_t kShortestTurnNs = 100'000;  // Linux takes no shorter one.

// The kernel's struct sched_attr in its first version; see sched_setattr(2). Its own header cannot
// be included beside the C library's.
struct Attributes {
  std::uint32_t size = sizeof(Attributes), policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0, deadline_ns = 0, period_ns = 0;
};
static_assert(sizeof(Attributes) == 48);

constexpr std::chrono::steady_clock::duration kHeldForLong = std::chrono::microseconds(500);

// Of the last WidelyAwaitedHold that is left, 0 when there is none.
std::atomic<std::chrono::steady_clock::rep> held_since = 0;
std::atomic<std::uint64_t> offers_to_holders = 0;

}  // namespace

// On Linux turns and niceness are a thread's own, and those that it starts inherit them.
void TakeShortTurns() {
  Attributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  attributes.size = sizeof attributes;
  attributes.runtime_ns = kShortestTurnNs;
  ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void GiveWay() {
  const auto thread = static_cast<id_t>(::gettid());
  if (::getpriority(PRIO_PROCESS, thread) < kLow) ::setpriority(PRIO_PROCESS, thread, kLow);
  TakeShortTurns();
}

void OfferProcessor() { ::sched_yield(); }

WidelyAwaitedHold::WidelyAwaitedHold() : since_(std::chrono::steady_clock::now()) {
  held_since.store(since_.time_since_epoch().count(), std::memory_order_relaxed);
}

WidelyAwaitedHold::~WidelyAwaitedHold() {
  auto own = since_.time_since_epoch().count();
  held_since.compare_exchange_strong(own, 0, std::memory_order_relaxed);
}

std::chrono::nanoseconds WidelyAwaitedHold::duration() const {
  return std::chrono::steady_clock::now() - since_;
}

void OfferProcessorToHolder() {
  const std::chrono::steady_clock::duration since(held_since.load(std::memory_order_relaxed));
  if (since.count() == 0) return;
  if (std::chrono::steady_clock::now().time_since_epoch() - since < kHeldForLong) return;
  offers_to_holders.fetch_add(1, std::memory_order_relaxed);
  OfferProcessor();
}

std::uint64_t OffersToHolders() { return offers_to_holders.load(std::memory_order_relaxed); }

}  // namespace tenantseal::base
