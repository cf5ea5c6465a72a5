// sdk/ implements the client library of include/tenantseal/: data keys from the service, kept
// within their limits, and content sealed and opened with them in this process.
//
// It promises that a data key is never used beyond its lease, counted on CLOCK_BOOTTIME from the
// moment before it was asked for; that keys which failed to unwrap are never kept; that plaintext
// leaves only after its tag was verified; and that work on files and streams takes memory that
// does not grow with them. It never logs and never holds the service's internals: everything it
// knows comes over HTTP or from a DataKeySource.
//
// Keys that expired are wiped at the next use of their cache, all of them when it is destroyed (an
// idle cache wipes nothing by itself); one that a message is being worked on with goes with that.
#pragma once

#include <condition_variable>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/secret.h"
#include "formats/content_header.h"
#include "sdk/lru_map.h"
#include "tenantseal/data_keys.h"

namespace tenantseal::sdk {

// A data key ready for use. Shared by the messages that are being worked on; wiped with the last.
struct CachedKey {
  base::Secret256 plaintext;
  std::string wrapped;
  Context context;
  model::TenantId tenant;       // As the context names it.
  std::int64_t expires_ns = 0;  // On the cache's clock.
};
using CachedKeyPtr = std::shared_ptr<const CachedKey>;

// Thread-safe. One cache serves one tenant, so nothing of another tenant is ever found in it.
class DataKeyCache {
 public:
  DataKeyCache(const DataKeySource& source, model::TenantId tenant, DataKeyLimits limits,
               BootNanoseconds clock);

  // A data key for one message of `bytes` bytes of plaintext. A message larger than the byte limit
  // gets a key of its own. Callers that need a new key for the same context at the same time wait
  // for one request and share its outcome.
  Result<CachedKeyPtr> ForSealing(const Context& context, std::uint64_t bytes);

  // A data key that is not kept, for a message whose size is not known.
  Result<CachedKeyPtr> Fresh(const Context& context) const;

  // The data key of a message. DecryptFailed() when the message names another tenant, or does not
  // belong to Tenantseal at all.
  Result<CachedKeyPtr> ForOpening(const formats::ContentHeader& header);

  // Keys held at present, those included that expired since the last lookup.
  std::size_t size() const;

 private:
  struct SealingKey {
    CachedKeyPtr key;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
  };
  // One request for a new key, and those who wait for it.
  struct Flight {
    bool done = false;
    Error error;
    CachedKeyPtr key;  // Null after an error.
  };

  // Takes a use of the kept key, if there is one that may be used.
  CachedKeyPtr TakeUse(std::string_view id, std::uint64_t bytes) TS_REQUIRES(mutex_);
  // Keeps a key until it expires, if it has not yet.
  void KeepForSealing(std::string_view id, const CachedKeyPtr& key, std::uint64_t bytes)
      TS_REQUIRES(mutex_);
  void KeepForOpening(std::string_view id, const CachedKeyPtr& key) TS_REQUIRES(mutex_);
  // Waits for the request under way; null when its key has to be asked for again.
  Result<CachedKeyPtr> Await(const std::shared_ptr<Flight>& flight, std::uint64_t bytes,
                             std::string_view id) TS_EXCLUDES(mutex_);
  // Wipes what has expired at `now_ns`. Looks at every key only when one has.
  void DropExpired(std::int64_t now_ns) TS_REQUIRES(mutex_);
  CachedKeyPtr MakeKey(DataKey key, const Context& context, std::int64_t asked_ns) const;

  const DataKeySource& source_;
  const model::TenantId tenant_;
  const DataKeyLimits limits_;
  const BootNanoseconds clock_;

  mutable base::Mutex mutex_;
  std::condition_variable landed_;
  LruMap<SealingKey> sealing_ TS_GUARDED_BY(mutex_);    // By serialised context.
  LruMap<CachedKeyPtr> opening_ TS_GUARDED_BY(mutex_);  // By the header's context and data key.
  // No kept key expires before this.
  std::int64_t next_expiry_ns_ TS_GUARDED_BY(mutex_) = std::numeric_limits<std::int64_t>::max();
  std::map<std::string, std::shared_ptr<Flight>, std::less<>> flights_ TS_GUARDED_BY(mutex_);
};

// CLOCK_BOOTTIME.
std::int64_t SystemBootNanoseconds();

}  // namespace tenantseal::sdk
