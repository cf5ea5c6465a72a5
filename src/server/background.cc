#include "server/background.h"

#include <sys/resource.h>
#include <unistd.h>

#include <exception>

#include "base/log.h"

namespace tenantseal::server {

namespace {

constexpr int kNicer = 10;  // Of 19 at most.

// On Linux niceness is a thread's own, and those that it starts inherit it.
void LowerPriority() {
  const auto thread = static_cast<id_t>(::gettid());
  ::setpriority(PRIO_PROCESS, thread, ::getpriority(PRIO_PROCESS, thread) + kNicer);
}

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
