// Counts of data-plane use: by minute, scope, principal, operation and outcome.
//
// Counting is in memory, a few tens of nanoseconds; Flush() adds what has gathered to the store.
// A process that is killed loses at most what came since the last flush (5 s in the server); a
// flush that fails keeps its counts for the next one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "model/records.h"
#include "store/store.h"

namespace tenantseal::events {

// Thread-safe.
class UsageCounter {
 public:
  UsageCounter(store::Store& store, const base::Clock& clock) : store_(store), clock_(clock) {}

  void Add(std::string_view scope, std::string_view principal, std::string_view operation,
           std::string_view outcome, std::uint64_t count);

  // Makes everything counted so far durable. Blocks.
  Result<void> Flush();

 private:
  struct KeyView {
    std::int64_t minute;
    std::string_view scope, principal, operation, outcome;
    bool operator==(const KeyView&) const = default;
  };
  struct Key {
    std::int64_t minute;
    std::string scope, principal, operation, outcome;
    operator KeyView() const { return {minute, scope, principal, operation, outcome}; }  // NOLINT
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const KeyView& key) const noexcept;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const KeyView& a, const KeyView& b) const noexcept { return a == b; }
  };
  using Counts = std::unordered_map<Key, std::uint64_t, Hash, Equal>;
  struct Shard {
    base::Mutex mutex;
    Counts counts TS_GUARDED_BY(mutex);
  };
  static constexpr std::size_t kShards = 8;
  static constexpr std::size_t kEntriesPerShardMax = 50'000;  // Beyond it principals are merged.

  static Shard& Mine(std::array<Shard, kShards>& shards);

  store::Store& store_;
  const base::Clock& clock_;
  std::array<Shard, kShards> shards_;
};

}  // namespace tenantseal::events
