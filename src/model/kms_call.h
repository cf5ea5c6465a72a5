// What is kept of each call of AWS KMS, so that it can be compared with CloudTrail.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "model/ids.h"

namespace tenantseal::model {

// One exchange with AWS KMS, retries and refusals included. The region is that of the ARN.
struct KmsCall {
  base::UtcTime time;      // When it was sent, by our clock.
  std::string tenant;      // Of its encryption context; empty: it had none.
  std::string key_arn;     // The key that was asked, or the alias where no answer named the key.
  std::string operation;   // "Decrypt".
  std::string request_id;  // AWS's; empty when there was no answer.
  std::string outcome;     // "ok", AWS's error code, or "timeout", "connect", "malformed" ...
  std::uint32_t attempt = 1;
  std::uint64_t sequence = 0;  // Its place in its process's log, from 1.
  bool operator==(const KmsCall&) const = default;
};

// How far the log of one process reaches. Between `started_at` and `complete_until`, every call
// that had ended by then is kept, but for those that a KmsCallGap counts.
struct KmsCallLogMark {
  ProcessId process;
  base::UtcTime started_at;
  base::UtcTime complete_until;
  bool stopped = false;  // The process ended in order: it made no call later.
  bool operator==(const KmsCallLogMark&) const = default;
};

// Calls that a process made and could not keep.
struct KmsCallGap {
  ProcessId process;
  base::UtcTime from;   // The first of them was sent then,
  base::UtcTime until;  // the last then.
  std::uint64_t calls = 0;
  bool operator==(const KmsCallGap&) const = default;
};

}  // namespace tenantseal::model
