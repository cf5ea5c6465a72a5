// Work that goes on beside requests: one thread for each piece, called again and again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"

namespace tenantseal::server {

// Calls `work` at once and then `interval` after each return, until it is destroyed. `work` may
// look at `stopping` to leave early.
class Periodic {
 public:
  using Work = std::function<void(const std::atomic<bool>& stopping)>;
  // kLow: gives way to threads that answer requests, with the threads that it starts. For work that
  // would keep a processor busy for minutes.
  enum class Priority : std::uint8_t { kNormal, kLow };
  Periodic(base::Duration interval, Work work, Priority priority = Priority::kNormal);
  ~Periodic();  // Waits for the work that runs.
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

 private:
  void Run();
  const base::Duration interval_;
  const Work work_;
  const Priority priority_;
  base::Mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace tenantseal::server
