#include "api/live_streams.h"

#include <utility>

#include "api/error_table.h"
#include "base/log.h"

namespace tenantseal::api {
namespace {

// Clients come again after two seconds.
constexpr std::string_view kPreamble = "retry: 2000\n\n";
constexpr std::string_view kHeartbeat = ": still here\n\n";

bool IsPassing(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kDeadlineExceeded ||
         error.code == ErrorCode::kWouldBlock;
}

// Tells the client why before it ends.
void Farewell(net::Stream& stream, std::string_view reason) {
  stream.Push(SseEvent("end", "", "{\"reason\":\"" + std::string(reason) + "\"}"));
  stream.End();
}

}  // namespace

class LiveStreams::Slots {
 public:
  Slots(std::size_t in_all_max, std::size_t per_principal_max)
      : in_all_max_(in_all_max), per_principal_max_(per_principal_max) {}

  Result<void> Take(const std::string& principal) {
    base::MutexLock lock(mutex_);
    if (in_all_ >= in_all_max_) {
      return Error{ErrorCode::kUnavailable, std::string(kStreamsFull), "", 5};
    }
    const auto [own, first] = by_principal_.try_emplace(principal, 0);
    if (own->second >= per_principal_max_) {
      return Error{ErrorCode::kRateLimited,
                   "This caller has too many streams open. Close some, or ask for the state.", "",
                   5};
    }
    ++own->second;
    ++in_all_;
    return {};
  }
  void Free(const std::string& principal) {
    base::MutexLock lock(mutex_);
    --in_all_;
    const auto own = by_principal_.find(principal);
    if (--own->second == 0) by_principal_.erase(own);
  }
  std::size_t in_all() const {
    base::MutexLock lock(mutex_);
    return in_all_;
  }

 private:
  const std::size_t in_all_max_, per_principal_max_;
  mutable base::Mutex mutex_;
  std::size_t in_all_ TS_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::size_t> by_principal_ TS_GUARDED_BY(mutex_);
};

LiveStreams::LiveStreams(identity::Authenticator& authenticator, const base::Clock& clock,
                         LiveStreamOptions options)
    : authenticator_(authenticator),
      clock_(clock),
      options_(options),
      slots_(std::make_shared<Slots>(options.in_all_max, options.per_principal_max)) {}

std::size_t LiveStreams::open() const { return slots_->in_all(); }

Result<net::Response> LiveStreams::Follow(const std::string& key,
                                          const std::function<std::unique_ptr<LiveFeed>()>& make,
                                          Follower follower) {
  TS_RETURN_IF_ERROR(slots_->Take(follower.principal.id));
  // The slot is free once the server and this let go of the stream, whatever comes first.
  const std::shared_ptr<net::Stream> stream(
      new net::Stream(options_.waiting_bytes_max),
      [slots = slots_, principal = follower.principal.id](const net::Stream* gone) {
        delete gone;
        slots->Free(principal);
      });
  bool joined = false;
  while (!joined) {
    TS_ASSIGN_OR_RETURN(joined, Join(*At(key, make), stream, follower));
  }
  // Proxies must not hold back what comes.
  return net::Response{.content_type = "text/event-stream; charset=utf-8",
                       .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}},
                       .stream = stream};
}

std::shared_ptr<LiveStreams::Watched> LiveStreams::At(
    const std::string& key, const std::function<std::unique_ptr<LiveFeed>()>& make) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<Watched>& watched = watched_[key];
  if (!watched) {
    watched = std::make_shared<Watched>();
    base::MutexLock own(watched->mutex);
    watched->feed = make();
  }
  return watched;
}

Result<bool> LiveStreams::Join(Watched& watched, const std::shared_ptr<net::Stream>& stream,
                               Follower& follower) {
  base::MutexLock lock(watched.mutex);
  if (watched.forgotten) return false;
  base::BootTime now = clock_.Boot();
  if (!watched.polled || now - *watched.polled > options_.fresh) {
    TS_RETURN_IF_ERROR(watched.feed->Poll());
    watched.polled = now;
  }
  TS_ASSIGN_OR_RETURN(const std::string text, watched.feed->Begin(follower.place, follower.after));
  stream->Push(std::string(kPreamble) + text);
  watched.followers.push_back({stream, std::move(follower), now, now, now});
  return true;
}

void LiveStreams::Tick(const std::atomic<bool>& stopping) {
  std::vector<std::pair<std::string, std::shared_ptr<Watched>>> all;
  {
    base::MutexLock lock(mutex_);
    all.assign(watched_.begin(), watched_.end());
  }
  for (const auto& [key, watched] : all) {
    if (stopping) return;
    if (Turn(*watched)) continue;
    base::MutexLock lock(mutex_);
    watched_.erase(key);
  }
}

bool LiveStreams::Turn(Watched& watched) {
  base::MutexLock lock(watched.mutex);
  std::erase_if(watched.followers,
                [](const Following& following) { return following.stream.expired(); });
  if (watched.followers.empty()) {
    watched.forgotten = true;
    return false;
  }
  LiveFeed& feed = *watched.feed;
  const Result<void> polled = feed.Poll();
  if (polled) watched.polled = clock_.Boot();
  std::erase_if(watched.followers,
                [&](Following& following) { return !Tell(following, feed, polled); });
  return true;
}

bool LiveStreams::Tell(Following& following, const LiveFeed& feed, const Result<void>& polled) {
  const std::shared_ptr<net::Stream> stream = following.stream.lock();
  if (!stream) return false;
  const base::BootTime now = clock_.Boot();
  const auto end = [&stream](std::string_view reason) {
    Farewell(*stream, reason);
    return false;
  };
  if (now - following.opened >= options_.life_max) return end("time");
  const Standing standing = StandingOf(following);
  if (standing == Standing::kBad) return end("authorisation");
  if (standing == Standing::kUnknown)
    return now - following.checked < options_.unchecked_max || end("unavailable");
  if (!polled && !IsPassing(polled.error())) {
    base::LogWarning("a stream ends: what it follows cannot be read",
                     {{"code", ErrorCodeName(polled.error().code)}});
    return end("failed");
  }
  std::string text = polled ? feed.News(following.who.place) : std::string();
  if (text.empty() && now - following.told >= options_.heartbeat) text = kHeartbeat;
  if (text.empty()) return true;
  following.told = now;
  return stream->Push(text);
}

LiveStreams::Standing LiveStreams::StandingOf(Following& following) {
  const base::BootTime now = clock_.Boot();
  if (now - following.checked < options_.recheck) return Standing::kGood;
  const std::string_view token = following.who.credentials.RevealText();
  // Nobody has asked for anything: a session that is not used otherwise ends all the same.
  const auto principal = following.who.session
                             ? authenticator_.AuthenticateSession(token, keyring::Wait::kAllowed,
                                                                  identity::SessionUse::kLook)
                             : authenticator_.Authenticate(token, keyring::Wait::kAllowed);
  if (!principal) return IsPassing(principal.error()) ? Standing::kUnknown : Standing::kBad;
  if (*principal != following.who.principal) return Standing::kBad;
  following.checked = now;
  return Standing::kGood;
}

}  // namespace tenantseal::api
