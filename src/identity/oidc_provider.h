// The OpenID Connect provider: its configuration and its keys, fetched and kept.
//
// Whatever it answers is bounded and treated as hostile. Keys are kept for an hour; a token by an
// unknown key has them fetched anew, at most once a minute, whatever anybody presents. A provider
// that is down costs nobody his session: keys and configuration are used for a day then.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "identity/jose.h"
#include "identity/oidc_metadata.h"
#include "net/http_client.h"

namespace tenantseal::identity {

// Something that is fetched, kept, and fetched anew in time. Thread-safe: one caller fetches, the
// others use what is there, or get kUnavailable when nothing is.
template <typename T>
class Kept {
 public:
  // What is there, if it is not due to be fetched, or if it is and cannot be: another caller does,
  // or a fetch has been tried just now, or it fails. `insist`: due after a minute already.
  Result<T> Get(bool insist, const base::Clock& clock, const std::function<Result<T>()>& fetch) {
    {
      base::MutexLock lock(mutex_);
      if (!IsDue(insist, clock.Boot())) return Present(clock.Boot());
      fetching_ = true;
      tried_at_ = clock.Boot();
    }
    Result<T> fetched = fetch();
    base::MutexLock lock(mutex_);
    fetching_ = false;
    failed_ = !fetched;
    if (fetched) {
      value_ = std::move(*fetched);
      fetched_at_ = clock.Boot();
    } else {
      error_ = fetched.error();
    }
    return Present(clock.Boot());
  }

 private:
  static constexpr base::Duration kFresh = std::chrono::hours(1);
  static constexpr base::Duration kInsistedFresh = std::chrono::minutes(1);
  static constexpr base::Duration kRetry = std::chrono::seconds(5);  // While there is nothing.
  static constexpr base::Duration kUsable = std::chrono::hours(24);

  bool IsDue(bool insist, base::BootTime now) const TS_REQUIRES(mutex_) {
    if (fetching_) return false;
    if (failed_) return now - tried_at_ >= (value_ ? kInsistedFresh : kRetry);
    return !value_ || now - fetched_at_ >= (insist ? kInsistedFresh : kFresh);
  }
  Result<T> Present(base::BootTime now) const TS_REQUIRES(mutex_) {
    if (value_ && now - fetched_at_ < kUsable) return *value_;
    Error error = error_.value_or(Error{ErrorCode::kUnavailable, "it is being asked just now"});
    error.code = ErrorCode::kUnavailable;
    error.retry_after_s = 5;
    return error;
  }

  base::Mutex mutex_;
  std::optional<T> value_ TS_GUARDED_BY(mutex_);
  std::optional<Error> error_ TS_GUARDED_BY(mutex_);
  base::BootTime fetched_at_ TS_GUARDED_BY(mutex_);
  base::BootTime tried_at_ TS_GUARDED_BY(mutex_);
  bool fetching_ TS_GUARDED_BY(mutex_) = false;
  bool failed_ TS_GUARDED_BY(mutex_) = false;
};

// Thread-safe. Both methods may block for the time of two requests.
class OidcProvider {
 public:
  OidcProvider(std::string issuer, const net::HttpClient& http, const base::Clock& clock)
      : issuer_(std::move(issuer)), http_(http), clock_(clock) {}

  // kUnavailable.
  Result<OidcMetadata> Metadata();

  // The claims of a token that one of the provider's keys has signed. kUnauthenticated, with what
  // is wrong, for the log alone; kUnavailable.
  Result<nlohmann::json> Verify(std::string_view token);

  const std::string& issuer() const { return issuer_; }
  const net::HttpClient& http() const { return http_; }

 private:
  Result<KeySet> Keys(bool insist);
  Result<net::HttpResponse> Fetch(const std::string& url) const;

  const std::string issuer_;
  const net::HttpClient& http_;
  const base::Clock& clock_;
  Kept<OidcMetadata> metadata_;
  Kept<KeySet> keys_;
};

}  // namespace tenantseal::identity
