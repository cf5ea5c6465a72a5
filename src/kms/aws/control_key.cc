#include "kms/aws/control_key.h"

#include <algorithm>

namespace tenantseal::kms {

bool ControlKey::Denied(const std::string& access_key_id, base::Deadline deadline, const Ask& ask) {
  constexpr base::Duration kGlance = std::chrono::milliseconds(100);
  {
    base::MutexLock lock(mutex_);
    const std::uint64_t first = asked_;  // Questions up to this one were asked too early.
    for (;;) {
      const bool same = session_ == access_key_id && !asking_;
      const bool fresh = same && answer_ == true && clock_.Boot() - answered_at_ < kDenialKept;
      if (fresh) return true;
      if (same && asked_ > first) return answer_.value_or(false);
      if (!asking_) break;
      const base::Duration left = deadline - clock_.Boot();
      if (left <= base::Duration::zero()) return false;
      lock.WaitFor(answered_, std::min(left, kGlance));
    }
    asking_ = true;
    ++asked_;
    session_ = access_key_id;
  }
  const std::optional<bool> answer = ask();
  base::MutexLock lock(mutex_);
  asking_ = false;
  answer_ = answer;
  answered_at_ = clock_.Boot();
  answered_.notify_all();
  return answer.value_or(false);
}

}  // namespace tenantseal::kms
