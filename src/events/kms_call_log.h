// The log of calls of AWS KMS: gathered in memory, flushed to the store, forgotten after a time.
//
// Add() costs well under a microsecond and never waits for the store. What does not fit is counted
// as a gap, and told. A process that is killed loses what came since the last flush (5 s in the
// server): its log then ends without a stop mark, which says so.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "model/kms_call.h"
#include "store/kms_call_store.h"

namespace tenantseal::events {

// Thread-safe.
class KmsCallBuffer {
 public:
  static constexpr std::size_t kCallsMax = 32'768;

  // Takes over the call and gives it its sequence.
  void Add(model::KmsCall call);
  // Calls so far that did not fit.
  std::uint64_t dropped() const;

 private:
  friend class KmsCallLog;
  struct Dropped {
    base::UtcTime from, until;
    std::uint64_t calls = 0;
  };
  void Drop(const Dropped& more) TS_REQUIRES(mutex_);
  // What could not be stored goes before what has come since, as far as there is room.
  void PutBack(std::vector<model::KmsCall> calls) TS_REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  std::vector<model::KmsCall> calls_ TS_GUARDED_BY(mutex_);
  std::optional<Dropped> dropped_ TS_GUARDED_BY(mutex_);  // Since the last flush that succeeded.
  std::uint64_t dropped_before_ TS_GUARDED_BY(mutex_) = 0;
  std::uint64_t last_sequence_ TS_GUARDED_BY(mutex_) = 0;
};

// The log of this process. Flush() and Stop() are called by one thread at a time.
class KmsCallLog {
 public:
  // An idle log is marked this often, so that one without a stop mark whose `complete_until` is
  // older than kSilentAfter is that of a process that was killed.
  static constexpr base::Duration kMarkInterval = std::chrono::seconds(30);
  static constexpr base::Duration kSilentAfter = std::chrono::seconds(90);

  // Everything passed by reference outlives it.
  KmsCallLog(KmsCallBuffer& buffer, store::KmsCallStore& store, const base::Clock& clock,
             model::ProcessId process, base::Duration retention);

  // Makes durable what has gathered, then forgets some of what is too old. What cannot be stored
  // stays in the buffer.
  Result<void> Flush();
  // The last Flush(): this process makes no call any more.
  Result<void> Stop();

 private:
  Result<void> Write(bool stopped);
  Result<void> Forget();

  KmsCallBuffer& buffer_;
  store::KmsCallStore& store_;
  const base::Clock& clock_;
  const model::ProcessId process_;
  const base::Duration retention_;
  const base::UtcTime started_at_;
  std::optional<base::BootTime> marked_at_;
  std::optional<base::BootTime> forgot_at_;
};

}  // namespace tenantseal::events
