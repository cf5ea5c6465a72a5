#include "server/background.h"

#include <exception>

#include "base/log.h"

namespace tenantseal::server {

Periodic::Periodic(base::Duration interval, Work work)
    : interval_(interval), work_(std::move(work)), thread_([this] { Run(); }) {}

Periodic::~Periodic() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Periodic::Run() {
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
