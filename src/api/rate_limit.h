// Token buckets: how often a key of whatever kind may do something.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"

namespace tenantseal::api {

// One bucket per key, each refilled at `per_second` up to `burst`. Thread-safe; bounded: at most
// kKeysMax buckets, of which full ones are forgotten first, since they say nothing.
class RateLimit {
 public:
  // `per_second` of 0 means no limit.
  RateLimit(double per_second, double burst, const base::Clock& clock)
      : per_second_(per_second), burst_(burst), clock_(clock) {}

  // Takes one token. Returns 0 when there was one, else the whole seconds to wait.
  std::uint32_t Take(std::string_view key);
  // Takes `count` more tokens of a request that has been admitted; the bucket may go into debt,
  // which later requests pay, but never beyond one burst.
  void Charge(std::string_view key, std::uint64_t count);

 private:
  struct Bucket {
    double tokens = 0;
    base::BootTime at;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Buckets = std::unordered_map<std::string, Bucket, Hash, std::equal_to<>>;
  struct Shard {
    base::Mutex mutex;
    Buckets buckets TS_GUARDED_BY(mutex);
  };
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kKeysMax = 64 * 1024;

  Shard& ShardOf(std::string_view key) {
    return shards_[std::hash<std::string_view>()(key) % kShards];
  }
  Bucket& Refilled(Buckets& buckets, std::string_view key) const;

  const double per_second_;
  const double burst_;
  const base::Clock& clock_;
  std::array<Shard, kShards> shards_;
};

}  // namespace tenantseal::api
