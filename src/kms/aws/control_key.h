// Tells our own failing credentials from the refusal of a key's owner. Private to kms/aws.
#pragma once

#include <condition_variable>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"

namespace tenantseal::kms {

// Asks whether an operator-owned key, which admits us always, is denied to us too. One question is
// in flight; those who are denied meanwhile share the next one, since only an answer to a question
// that was asked after a denial says what the denial meant. Thread-safe.
class ControlKey {
 public:
  // Whether the control key is denied to this session; nothing: it did not answer.
  using Ask = std::function<std::optional<bool>()>;
  static constexpr base::Duration kDenialKept = std::chrono::seconds(5);

  explicit ControlKey(const base::Clock& clock) : clock_(clock) {}

  // Whether the session of `access_key_id`, which was just denied a key, fails by itself. False
  // when the control key says no, or nothing before the deadline: then the denial is the owner's.
  bool Denied(const std::string& access_key_id, base::Deadline deadline, const Ask& ask);

 private:
  const base::Clock& clock_;
  base::Mutex mutex_;
  std::condition_variable answered_;
  bool asking_ TS_GUARDED_BY(mutex_) = false;
  std::string session_ TS_GUARDED_BY(mutex_);      // That was asked for last.
  std::uint64_t asked_ TS_GUARDED_BY(mutex_) = 0;  // Questions so far.
  std::optional<bool> answer_ TS_GUARDED_BY(mutex_);
  base::BootTime answered_at_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::kms
