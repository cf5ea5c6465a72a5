#include "net/stream.h"

#include <utility>

namespace tenantseal::net {

bool Stream::Push(std::string_view text) {
  base::MutexLock lock(mutex_);
  if (next_ != Next::kMore) return false;
  if (text.size() > waiting_bytes_max_ - waiting_.size()) {
    next_ = Next::kBroken;
    waiting_ = {};
  } else {
    waiting_ += text;
  }
  Wake();
  return next_ == Next::kMore;
}

void Stream::End() {
  base::MutexLock lock(mutex_);
  if (next_ != Next::kMore) return;
  next_ = Next::kEnd;
  Wake();
}

bool Stream::open() const {
  base::MutexLock lock(mutex_);
  return next_ == Next::kMore;
}

bool Stream::broken() const {
  base::MutexLock lock(mutex_);
  return next_ == Next::kBroken;
}

void Stream::Attach(std::function<void()> wake) {
  base::MutexLock lock(mutex_);
  wake_ = std::move(wake);
}

void Stream::Detach() {
  base::MutexLock lock(mutex_);
  wake_ = nullptr;
  waiting_ = {};
  next_ = Next::kBroken;
}

Stream::Taken Stream::Take() {
  base::MutexLock lock(mutex_);
  woken_ = false;
  return {std::exchange(waiting_, {}), next_};
}

void Stream::Wake() {
  if (!wake_ || std::exchange(woken_, true)) return;
  wake_();
}

}  // namespace tenantseal::net
