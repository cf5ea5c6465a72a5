#include "server/background.h"

#include <exception>

#include "base/log.h"
#include "base/thread_priority.h"

namespace tenantseal::server {

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
  if (priority_ == Priority::kLow) base::GiveWay();
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
