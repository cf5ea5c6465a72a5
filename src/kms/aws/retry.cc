#include "kms/aws/retry.h"

#include <algorithm>
#include <array>

namespace tenantseal::kms {

bool RetryQuota::Take(int cost) {
  base::MutexLock lock(mutex_);
  if (tokens_ < cost) return false;
  tokens_ -= cost;
  return true;
}

void RetryQuota::GiveBack(int tokens) {
  base::MutexLock lock(mutex_);
  tokens_ = std::min(kCapacity, tokens_ + tokens);
}

int RetryQuota::tokens() const {
  base::MutexLock lock(mutex_);
  return tokens_;
}

base::Duration RetryPause(int retry, bool throttled, const base::Random& random) {
  constexpr base::Duration kMost = std::chrono::seconds(20);
  const base::Duration first =
      throttled ? std::chrono::milliseconds(1000) : std::chrono::milliseconds(50);
  const base::Duration ceiling = std::min(kMost, first * (1 << std::clamp(retry - 1, 0, 10)));
  std::array<std::uint8_t, 2> bytes{};
  random.FillPublic(bytes);
  return ceiling * (bytes[0] << 8 | bytes[1]) / 0xffff;
}

}  // namespace tenantseal::kms
