#include "server/background.h"

#include <sys/resource.h>
#include <unistd.h>

#include <exception>

#include "base/log.h"

namespace tenantseal::server {

namespace {

constexpr int kLowest = 19;

// On Linux niceness is a thread's own, and those that it starts inherit it. Not a little nicer:
// kernels from 6.6 on let such a thread finish its 3 ms before a request has the processor.
void LowerPriority() { ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowest); }

}  // namespace

Periodic::Periodic(base::Duration interval, Work work, Priority priority)
    : interval_(interval),
      work_(std::move(work)),
      priority_(priority),
      thread_([this] { Run(); }) {}

Periodic::~Periodic() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Periodic::Run() {
  if (priority_ == Priority::kLow) LowerPriority();
  while (!stopping_) {
    try {
      work_(stopping_);
    } catch (const std::exception& error) {
      // Nothing of ours throws; a library that does must not end the process.
      base::LogError("background work failed", {{"exception", error.what()}});
    }
    base::MutexLock lock(mutex_);
    if (!stopping_) lock.WaitFor(wake_, interval_);
  }
}

}  // namespace tenantseal::server
