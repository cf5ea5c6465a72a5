// The trail: what was called, as CloudTrail would tell it. A bounded memory of the latest records;
// older ones fall out. They are found by time, newest first, and of one time in the order of their
// arrival: events of AWS's own come late, and the clock may be set back. Their JSON is made when
// somebody looks. Calls that differ only in when they
// were made share the rest, so that a busy client takes little memory, and little time to fault it
// in.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "emulator/trail_record.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

struct TrailLimits {
  std::size_t records_max = 200'000;
  std::size_t bytes_max = 128 << 20;
};

enum class TrailAttribute : std::uint8_t {
  kNone,
  kEventId,
  kEventName,
  kReadOnly,
  kUsername,
  kResourceType,
  kResourceName,
  kEventSource,
  kAccessKeyId,
};

struct TrailQuery {
  std::string region, account;
  TrailAttribute attribute = TrailAttribute::kNone;
  std::string value;
  std::optional<base::UtcTime> start, end;     // Inclusive.
  std::optional<base::UtcTime> visible_until;  // Later ones have not arrived yet.
  std::uint64_t before = UINT64_MAX;           // What follows the record of this sequence number.
  std::size_t max = 50;
};
struct TrailPage {
  std::vector<TrailRecord> records;  // Newest first.
  std::uint64_t next_before = 0;     // 0: there are no more.
};

// Thread-safe.
class Trail {
 public:
  explicit Trail(const base::Random& random, TrailLimits limits = {})
      : random_(random), limits_(limits) {}

  // Records a call. Where keys of other accounts were used, the record goes to these too, unless
  // the caller was denied.
  void Add(const Call& call, std::shared_ptr<const TrailIdentity> who, TrailNote note,
           const Fault* fault);
  void Add(const ServiceEvent& event);
  // A record of an earlier process, in the order of arrival.
  void Load(TrailRecord record);

  TrailPage Find(const TrailQuery& query) const;
  // Up to `max` records with sequence numbers above `sequence`, oldest first.
  std::vector<TrailRecord> After(std::uint64_t sequence, std::size_t max) const;
  std::uint64_t last_sequence() const;
  std::size_t size() const;
  void Clear();

 private:
  // A record whose repeated part is shared.
  struct Kept {
    std::uint64_t sequence = 0;
    base::UtcTime time;
    base::UtcTime latest;  // Of its own time and those of all that arrived before it.
    Uuid event_id{};
    std::optional<Uuid> shared_event_id;
    std::string request_id;
    std::shared_ptr<const TrailIdentity> who;
    std::shared_ptr<const TrailRecord> rest;  // Without what stands above.
    std::size_t bytes = 0;                    // With `rest` when it is the first to have it.
    TrailRecord Whole() const;
  };
  static bool IsNewer(const Kept& a, const Kept& b);
  static bool InScope(const Kept& kept, const TrailQuery& query);
  static bool Matches(const Kept& kept, const TrailQuery& query,
                      const std::optional<Uuid>& event_id);

  void Append(TrailRecord record) TS_REQUIRES(mutex_);
  // Adds to `bytes` what a rest takes that was not there yet.
  std::shared_ptr<const TrailRecord> Shared(TrailRecord rest, std::size_t& bytes)
      TS_REQUIRES(mutex_);
  std::shared_ptr<const std::string> Interned(const std::string& text) TS_REQUIRES(mutex_);

  const base::Random& random_;
  const TrailLimits limits_;
  mutable base::Mutex mutex_;
  std::deque<Kept> records_ TS_GUARDED_BY(mutex_);
  std::unordered_map<std::size_t, std::shared_ptr<const TrailRecord>> rests_
      TS_GUARDED_BY(mutex_);  // By hash. Bounded.
  std::size_t bytes_ TS_GUARDED_BY(mutex_) = 0;
  std::uint64_t last_sequence_ TS_GUARDED_BY(mutex_) = 0;
  // User agents: few and long. Bounded.
  std::unordered_map<std::string, std::shared_ptr<const std::string>> agents_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::emulator
