// The body of an answer that goes on for as long as there is something to tell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace tenantseal::net {

// Between one who tells, on any thread, and the connection that sends. Thread-safe; nothing blocks.
// Who tells keeps a weak reference: the stream lives as long as somebody may still receive it.
class Stream {
 public:
  // `waiting_bytes_max`: what may wait for a client that reads more slowly than it is told.
  explicit Stream(std::size_t waiting_bytes_max) : waiting_bytes_max_(waiting_bytes_max) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // False: it has ended, or the client is too slow; then its connection is closed at once, since
  // it would miss something without a sign.
  bool Push(std::string_view text);
  // What was pushed is still sent, then the answer ends properly.
  void End();
  bool open() const;

  // For the server. `wake` is called, perhaps under a lock of the stream and by any thread, when
  // there is something to take; not before Attach() has returned, and never after Detach().
  void Attach(std::function<void()> wake);
  void Detach();

  enum class Next : std::uint8_t {
    kMore,   // Wait to be woken.
    kEnd,    // `text` is the last.
    kBroken  // Close without a proper end.
  };
  struct Taken {
    std::string text;
    Next next = Next::kMore;
  };
  Taken Take();
  bool broken() const;

 private:
  void Wake() TS_REQUIRES(mutex_);

  const std::size_t waiting_bytes_max_;
  mutable base::Mutex mutex_;
  std::string waiting_ TS_GUARDED_BY(mutex_);
  Next next_ TS_GUARDED_BY(mutex_) = Next::kMore;
  std::function<void()> wake_ TS_GUARDED_BY(mutex_);
  bool woken_ TS_GUARDED_BY(mutex_) = false;  // And nothing taken since.
};

}  // namespace tenantseal::net
