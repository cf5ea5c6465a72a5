// STS in a region and, when it does not answer there, in the partner region. Private to aws/.
#pragma once

#include <functional>
#include <string>

#include "aws/credentials_cache.h"
#include "aws/sts.h"
#include "base/mutex.h"

namespace tenantseal::aws {

inline constexpr base::Duration kRegionAvoided = std::chrono::seconds(20);
inline constexpr base::Duration kFirstRegionTime = std::chrono::milliseconds(700);

// Thread-safe. A region whose STS did not answer is asked last for kRegionAvoided.
class RegionalSts {
 public:
  explicit RegionalSts(const CredentialsContext& context);

  using Ask = std::function<Result<Credentials>(const StsClient& sts, std::string_view region,
                                                base::Deadline deadline)>;
  // Asks in `region`, for kFirstRegionTime at most if it has a partner, then in the partner. Only
  // kKeyUnavailable leads to the next region; the error names both.
  Result<Credentials> Call(std::string_view region, base::Deadline deadline, const Ask& ask);

  // `region`, or if it is empty what AWS_REGION or AWS_DEFAULT_REGION say, or us-east-1.
  std::string RegionOr(std::string_view region) const;

 private:
  bool Avoided(const std::string& region);

  const CredentialsContext& context_;
  const StsClient sts_;
  base::Mutex mutex_;
  std::map<std::string, base::BootTime> failed_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::aws
