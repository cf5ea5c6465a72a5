// How many calls a second are made to one region, and whose. Private to kms/aws.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "kms/kms_client.h"

namespace tenantseal::kms {

// A token bucket that holds one second's calls, so that AWS need not throttle us: its quota is per
// (account, region), and a client has one account, that of its credentials. Calls on demand leave
// `renewal_share` of the bucket to lease renewals. When the rest runs low, a tenant that has taken
// more than its equal share within this second waits for the next one, so that others find some.
// Thread-safe; bounded in tenants and waiters.
class CallBudget {
 public:
  CallBudget(const base::Clock& clock, double calls_per_second, double renewal_share,
             std::function<void(base::Duration)> sleep);

  // Waits for a call's turn, with `sleep`. kKeyUnavailable, at once, when that would not come
  // before the deadline or too many wait already.
  Result<void> Acquire(const std::string& tenant, CallLimits limits);
  std::uint64_t throttled() const;  // Calls that waited or were refused.

 private:
  static constexpr std::size_t kTenantsMax = 4096;  // Told apart within a second.
  static constexpr int kWaitersMax = 256;

  // Takes a call's token and returns zero, or returns how long to wait before asking again.
  base::Duration Take(const std::string& tenant, CallPurpose purpose) TS_REQUIRES(mutex_);
  void Refill(base::BootTime now) TS_REQUIRES(mutex_);

  const base::Clock& clock_;
  const double rate_;
  const double reserve_;  // Tokens that calls on demand leave.
  const std::function<void(base::Duration)> sleep_;
  mutable base::Mutex mutex_;
  double tokens_ TS_GUARDED_BY(mutex_);
  base::BootTime refilled_ TS_GUARDED_BY(mutex_);
  base::BootTime second_ TS_GUARDED_BY(mutex_);                // When it began.
  std::map<std::string, double> taken_ TS_GUARDED_BY(mutex_);  // In it, on demand.
  std::size_t tenants_before_ TS_GUARDED_BY(mutex_) = 0;       // In the one before.
  int waiters_ TS_GUARDED_BY(mutex_) = 0;
  std::uint64_t throttled_ TS_GUARDED_BY(mutex_) = 0;
};

}  // namespace tenantseal::kms
