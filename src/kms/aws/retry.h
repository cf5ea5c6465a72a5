// When a failed call is tried again: the standard retry mode of the AWS SDKs. Private to kms/aws.
// Source: AWS SDKs and Tools Reference Guide, "Retry behavior".
#pragma once

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"

namespace tenantseal::kms {

// A bucket of tokens that retries pay from and successes pay into, so that retries die out while a
// region fails every call, instead of multiplying its load. One per region. Thread-safe.
class RetryQuota {
 public:
  static constexpr int kCapacity = 500;
  static constexpr int kRetryCost = 5;
  static constexpr int kTimeoutCost = 10;
  static constexpr int kSuccessGain = 1;

  // Whether there was enough; takes nothing otherwise.
  bool Take(int cost);
  // After a success: what its last retry took, or kSuccessGain when there was none.
  void GiveBack(int tokens);
  int tokens() const;

 private:
  mutable base::Mutex mutex_;
  int tokens_ TS_GUARDED_BY(mutex_) = kCapacity;
};

// How long to wait before retry number `retry` (from 1): full jitter, that is, evenly between 0 and
// 50 ms, 100 ms, 200 ms ...; when throttled 1 s, 2 s ...; never above 20 s.
base::Duration RetryPause(int retry, bool throttled, const base::Random& random);

}  // namespace tenantseal::kms
