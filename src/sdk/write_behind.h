// Writes in a thread of its own what another thread has finished, so that both processors work.
#pragma once

#include <array>
#include <condition_variable>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "base/secret.h"
#include "tenantseal/content.h"

namespace tenantseal::sdk {

// Used by one thread, beside the one it starts. At most kSlots pieces are in memory; Put() waits
// while all are taken. Pieces are written in order; the memory is wiped at the end.
class WriteBehind {
 public:
  explicit WriteBehind(const WriteFunction& write);
  ~WriteBehind();  // Abandons what was not written, unless Finish() came first.
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  // Takes a copy of `bytes`. The error of an earlier write, if there was one.
  Result<void> Put(base::ByteSpan bytes);
  // Waits until everything has been written.
  Result<void> Finish();

 private:
  static constexpr std::size_t kSlots = 2;
  struct Slot {
    base::SecretBytes memory;
    std::size_t used = 0;
  };

  void Run();
  void Stop(bool abandon);
  void Release(std::optional<Error> error);

  const WriteFunction& write_;
  base::Mutex mutex_;
  std::condition_variable changed_;
  std::array<Slot, kSlots>
      slots_;  // Slot i % kSlots belongs to the writer while head_ <= i < tail_.
  std::uint64_t head_ TS_GUARDED_BY(mutex_) = 0;
  std::uint64_t tail_ TS_GUARDED_BY(mutex_) = 0;
  bool closed_ TS_GUARDED_BY(mutex_) = false;
  bool abandoned_ TS_GUARDED_BY(mutex_) = false;
  std::optional<Error> error_ TS_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace tenantseal::sdk
