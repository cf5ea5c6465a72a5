#include "sdk/write_behind.h"

namespace tenantseal::sdk {

WriteBehind::WriteBehind(const WriteFunction& write) : write_(write), thread_([this] { Run(); }) {}

WriteBehind::~WriteBehind() { Stop(true); }

Result<void> WriteBehind::Put(base::ByteSpan bytes) {
  Slot* slot = nullptr;
  {
    base::MutexLock lock(mutex_);
    while (tail_ - head_ == kSlots && !error_) lock.Wait(changed_);
    if (error_) return *error_;
    slot = &slots_[tail_ % kSlots];
  }
  if (slot->memory.size() < bytes.size()) slot->memory = base::SecretBytes(bytes.size());
  if (!bytes.empty()) std::memcpy(slot->memory.RevealMutable().data(), bytes.data(), bytes.size());
  slot->used = bytes.size();
  base::MutexLock lock(mutex_);
  ++tail_;
  changed_.notify_all();
  return {};
}

Result<void> WriteBehind::Finish() {
  Stop(false);
  base::MutexLock lock(mutex_);
  if (error_) return *error_;
  return {};
}

void WriteBehind::Stop(bool abandon) {
  if (!thread_.joinable()) return;
  {
    base::MutexLock lock(mutex_);
    closed_ = true;
    abandoned_ = abandon;
    changed_.notify_all();
  }
  thread_.join();
}

void WriteBehind::Release(std::optional<Error> error) {
  base::MutexLock lock(mutex_);
  ++head_;
  error_ = std::move(error);
  changed_.notify_all();
}

void WriteBehind::Run() {
  for (;;) {
    const Slot* slot = nullptr;
    {
      base::MutexLock lock(mutex_);
      while (head_ == tail_ && !closed_) lock.Wait(changed_);
      if (head_ == tail_ || abandoned_) return;
      slot = &slots_[head_ % kSlots];
    }
    auto written = write_(slot->memory.Reveal().first(slot->used));
    const bool failed = !written;
    Release(failed ? std::optional<Error>(std::move(written).error()) : std::nullopt);
    if (failed) return;
  }
}

}  // namespace tenantseal::sdk
