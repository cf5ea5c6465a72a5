#include "kms/aws/budget.h"

#include <algorithm>

namespace tenantseal::kms {
namespace {

constexpr base::Duration kSecond = std::chrono::seconds(1);
constexpr base::Duration kWaitLeast = std::chrono::milliseconds(1);

double Seconds(base::Duration d) { return std::chrono::duration<double>(d).count(); }
base::Duration OfSeconds(double seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

CallBudget::CallBudget(const base::Clock& clock, double calls_per_second, double renewal_share,
                       std::function<void(base::Duration)> sleep)
    : clock_(clock),
      rate_(std::max(1.0, calls_per_second)),
      reserve_(std::min(rate_ * std::clamp(renewal_share, 0.0, 1.0), rate_ - 1)),
      sleep_(std::move(sleep)),
      tokens_(rate_),
      refilled_(clock.Boot()),
      second_(refilled_) {}

Result<void> CallBudget::Acquire(const std::string& tenant, CallLimits limits) {
  bool waited = false;
  for (;;) {
    base::Duration wait{};
    {
      base::MutexLock lock(mutex_);
      if (waited) --waiters_;
      wait = Take(tenant, limits.purpose);
      if (wait == base::Duration::zero()) return {};
      if (!waited) ++throttled_;
      if (clock_.Boot() + wait >= limits.deadline || waiters_ >= kWaitersMax) {
        return Error{ErrorCode::kKeyUnavailable,
                     "The budget of calls to AWS KMS is spent for now (aws-calls-per-second)."};
      }
      ++waiters_;
      waited = true;
    }
    sleep_(wait);
  }
}

void CallBudget::Refill(base::BootTime now) {
  tokens_ = std::min(rate_, tokens_ + rate_ * Seconds(now - refilled_));
  refilled_ = now;
  if (now - second_ < kSecond) return;
  tenants_before_ = now - second_ < 2 * kSecond ? taken_.size() : 0;
  taken_.clear();
  second_ = now;
}

base::Duration CallBudget::Take(const std::string& tenant, CallPurpose purpose) {
  const base::BootTime now = clock_.Boot();
  Refill(now);
  const bool renewal = purpose == CallPurpose::kLeaseRenewal;
  const double least = renewal ? 1 : reserve_ + 1;  // Tokens that must be there.
  const double missing = least - tokens_;
  const base::Duration until_there = std::max(kWaitLeast, OfSeconds(missing / rate_));
  if (renewal) {
    if (missing > 0) return until_there;
    --tokens_;
    return base::Duration::zero();
  }
  // Who only waits has a share too.
  const double on_demand = rate_ - reserve_;
  const bool told_apart = taken_.contains(tenant) || taken_.size() < kTenantsMax;
  double& taken = taken_[told_apart ? tenant : std::string()];
  if (missing > 0) return until_there;
  const std::size_t tenants = std::max(taken_.size(), tenants_before_);
  const bool low = tokens_ - reserve_ < on_demand / 2;
  if (low && tenants > 1 && taken + 1 > std::max(1.0, on_demand / static_cast<double>(tenants))) {
    return std::max(kWaitLeast, second_ + kSecond - now);
  }
  --tokens_;
  ++taken;
  return base::Duration::zero();
}

std::uint64_t CallBudget::throttled() const {
  base::MutexLock lock(mutex_);
  return throttled_;
}

}  // namespace tenantseal::kms
