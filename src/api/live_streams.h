// Streams of server-sent events: who follows what, and the one loop that tells them.
//
// However many follow one thing, the store is asked once for all, by Tick(); what a follower gets
// first is read when it comes. A stream ends after a while by itself, and within seconds when its
// caller may no longer ask for it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/live_feed.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/secret.h"
#include "identity/authenticator.h"
#include "net/message.h"
#include "net/stream.h"

namespace tenantseal::api {

struct LiveStreamOptions {
  std::size_t in_all_max = 500;             // Open at a time.
  std::size_t per_principal_max = 8;        // Likewise, of one caller.
  std::size_t waiting_bytes_max = 1 << 20;  // For one slow client; then it is cut off.
  base::Duration heartbeat = std::chrono::seconds(15);
  base::Duration recheck = std::chrono::seconds(3);         // Of the caller's credentials.
  base::Duration unchecked_max = std::chrono::seconds(15);  // While they cannot be checked.
  base::Duration life_max = std::chrono::minutes(5);        // Clients come again by themselves.
  base::Duration fresh = std::chrono::milliseconds(1500);   // What was read may be shown as it is.
};

// Who follows, and what it showed to be let in.
struct Follower {
  identity::Principal principal = {};
  base::SecretBytes credentials = {};  // A bearer token or a session's.
  bool session = false;
  FeedPlace place = {};
  std::optional<std::uint64_t> after = {};  // Of Last-Event-ID.
};

// Thread-safe.
class LiveStreams {
 public:
  LiveStreams(identity::Authenticator& authenticator, const base::Clock& clock,
              LiveStreamOptions options = {});

  // The answer to one who has been let in. `key` names what is followed, `make` makes its feed
  // when nobody follows it yet. kRateLimited: the caller has too many streams, kUnavailable: all
  // have; errors of the feed. Blocks.
  Result<net::Response> Follow(const std::string& key,
                               const std::function<std::unique_ptr<LiveFeed>()>& make,
                               Follower follower);

  // Reads what is new and tells it. Called once a second, by one thread.
  void Tick(const std::atomic<bool>& stopping);

  std::size_t open() const;

 private:
  // Counts streams, each until nobody holds it any more.
  class Slots;
  struct Following {
    std::weak_ptr<net::Stream> stream;
    Follower who;
    base::BootTime opened, checked, told;
  };
  // One thing that is followed.
  struct Watched {
    base::Mutex mutex;
    std::unique_ptr<LiveFeed> feed TS_GUARDED_BY(mutex);
    std::optional<base::BootTime> polled TS_GUARDED_BY(mutex);
    bool forgotten TS_GUARDED_BY(mutex) = false;  // Not in watched_ any more.
    std::vector<Following> followers TS_GUARDED_BY(mutex);
  };
  enum class Standing : std::uint8_t { kGood, kUnknown, kBad };

  std::shared_ptr<Watched> At(const std::string& key,
                              const std::function<std::unique_ptr<LiveFeed>()>& make);
  // Adds the follower of `stream` and pushes what it gets first. False: `watched` is forgotten.
  Result<bool> Join(Watched& watched, const std::shared_ptr<net::Stream>& stream,
                    Follower& follower);
  // Tells what is new. False: nobody follows any more.
  bool Turn(Watched& watched);
  // False: it follows no more.
  bool Tell(Following& following, const LiveFeed& feed, const Result<void>& polled);
  Standing StandingOf(Following& following);

  identity::Authenticator& authenticator_;
  const base::Clock& clock_;
  const LiveStreamOptions options_;
  const std::shared_ptr<Slots> slots_;
  base::Mutex mutex_;  // Never waited for while a Watched's is held.
  std::map<std::string, std::shared_ptr<Watched>> watched_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::api
