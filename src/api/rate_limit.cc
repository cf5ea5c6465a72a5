#include "api/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace tenantseal::api {

RateLimit::Bucket& RateLimit::Refilled(Buckets& buckets, std::string_view key) const {
  const base::BootTime now = clock_.Boot();
  const auto gained = [&](const Bucket& bucket) {
    return per_second_ * std::chrono::duration<double>(now - bucket.at).count();
  };
  auto found = buckets.find(key);
  if (found == buckets.end()) {
    if (buckets.size() >= kKeysMax / kShards) {
      std::erase_if(buckets, [&](const auto& entry) {
        return entry.second.tokens + gained(entry.second) >= burst_;
      });
      if (buckets.size() >= kKeysMax / kShards) buckets.erase(buckets.begin());
    }
    found = buckets.emplace(key, Bucket{burst_, now}).first;
  }
  Bucket& bucket = found->second;
  bucket.tokens = std::min(burst_, bucket.tokens + gained(bucket));
  bucket.at = now;
  return bucket;
}

std::uint32_t RateLimit::Take(std::string_view key) {
  if (per_second_ <= 0) return 0;
  Shard& shard = ShardOf(key);
  base::MutexLock lock(shard.mutex);
  Bucket& bucket = Refilled(shard.buckets, key);
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return 0;
  }
  return static_cast<std::uint32_t>(std::max(1.0, std::ceil((1 - bucket.tokens) / per_second_)));
}

void RateLimit::Charge(std::string_view key, std::uint64_t count) {
  if (per_second_ <= 0 || count == 0) return;
  Shard& shard = ShardOf(key);
  base::MutexLock lock(shard.mutex);
  Bucket& bucket = Refilled(shard.buckets, key);
  bucket.tokens = std::max(-burst_, bucket.tokens - static_cast<double>(count));
}

}  // namespace tenantseal::api
