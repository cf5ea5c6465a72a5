#include "server/background.h"

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
    work_(stopping_);
    base::MutexLock lock(mutex_);
    if (!stopping_) lock.WaitFor(wake_, interval_);
  }
}

}  // namespace tenantseal::server
