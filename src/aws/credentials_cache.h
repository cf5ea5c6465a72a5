// Keeps fetched credentials and fetches them again in time. Private to aws/.
#pragma once

#include <condition_variable>
#include <memory>
#include <optional>
#include <string>

#include "aws/credentials.h"
#include "base/mutex.h"

namespace tenantseal::aws {

// Where credentials are fetched. One call at a time.
class CredentialsSource {
 public:
  virtual ~CredentialsSource() = default;
  virtual Result<Credentials> Fetch(std::string_view region, base::Deadline deadline) = 0;
};

// The times of CachedCredentials. Life is counted on the clock that never jumps, from the moment
// before the fetch.
inline constexpr base::Duration kRefreshMargin = std::chrono::minutes(5);  // Before expiry, least.
inline constexpr base::Duration kRefreshJitter = std::chrono::minutes(1);  // More, at random.
inline constexpr base::Duration kRefreshRetry = std::chrono::seconds(30);  // After a failure.
inline constexpr base::Duration kRefreshTime = std::chrono::seconds(2);    // For one, while others
                                                                           // are still valid.
inline constexpr base::Duration kFailureKept = std::chrono::seconds(1);    // Without valid ones.
inline constexpr base::Duration kRefusedPause = std::chrono::seconds(10);  // Between two refetches.
// However wrong our clock.
inline constexpr std::chrono::milliseconds kLifeLeast = std::chrono::minutes(1);

// One fetch is in flight. While credentials are valid, its caller alone waits for it, kRefreshTime
// at most, and a failure goes to the log; without valid ones everyone waits, and everyone who
// waited, or asks within kFailureKept, is told of the failure.
class CachedCredentials final : public CredentialsProvider {
 public:
  // `lifetime`: how long what the source makes is valid, where the source is told so rather than
  // asked; it makes the wall clock irrelevant.
  CachedCredentials(std::unique_ptr<CredentialsSource> source, const base::Clock& clock,
                    const base::Random& random, std::optional<base::Duration> lifetime = {});

  Result<std::shared_ptr<const Credentials>> Get(std::string_view region,
                                                 base::Deadline deadline) override;
  void Refused(const Credentials& credentials) override;

 private:
  using Shared = std::shared_ptr<const Credentials>;
  bool Valid(base::BootTime now) const TS_REQUIRES(mutex_) {
    return current_ && now < expires_ && !refused_;
  }
  Result<Shared> Fetch(std::string_view region, base::Deadline deadline);
  void Keep(Shared fetched, base::BootTime started) TS_REQUIRES(mutex_);
  void KeepFailure(Error error) TS_REQUIRES(mutex_);
  base::Duration Jitter() const;

  const std::unique_ptr<CredentialsSource> source_;
  const base::Clock& clock_;
  const base::Random& random_;
  const std::optional<base::Duration> lifetime_;

  base::Mutex mutex_;
  std::condition_variable fetched_;
  bool fetching_ TS_GUARDED_BY(mutex_) = false;
  Shared current_ TS_GUARDED_BY(mutex_);
  base::BootTime refresh_ TS_GUARDED_BY(mutex_);  // Not before this.
  base::BootTime expires_ TS_GUARDED_BY(mutex_);
  bool refused_ TS_GUARDED_BY(mutex_) = false;
  std::optional<base::BootTime> refused_at_ TS_GUARDED_BY(mutex_);
  std::optional<Error> failure_ TS_GUARDED_BY(mutex_);  // Of the last fetch.
  base::BootTime failed_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::aws
