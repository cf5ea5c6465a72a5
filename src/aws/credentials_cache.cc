#include "aws/credentials_cache.h"

#include <algorithm>

#include "base/log.h"

namespace tenantseal::aws {
namespace {

constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24 * 365 * 100);

Error OutOfTime() {
  return {ErrorCode::kKeyUnavailable, "AWS credentials were not there in time."};
}

}  // namespace

CachedCredentials::CachedCredentials(std::unique_ptr<CredentialsSource> source,
                                     const base::Clock& clock, const base::Random& random,
                                     std::optional<base::Duration> lifetime)
    : source_(std::move(source)), clock_(clock), random_(random), lifetime_(lifetime) {}

Result<std::shared_ptr<const Credentials>> CachedCredentials::Get(std::string_view region,
                                                                  base::Deadline deadline) {
  {
    base::MutexLock lock(mutex_);
    bool waited = false;
    while (true) {
      const base::BootTime now = clock_.Boot();
      if (Valid(now) && (fetching_ || now < refresh_)) return current_;
      if (!Valid(now)) {
        if (failure_ && (waited || now - failed_ < kFailureKept) && !fetching_) return *failure_;
        if (now >= deadline) return OutOfTime();
      }
      if (!fetching_) break;
      waited = true;
      lock.WaitFor(fetched_, std::min<base::Duration>(deadline - now, std::chrono::seconds(1)));
    }
    fetching_ = true;
    const base::BootTime now = clock_.Boot();
    if (Valid(now)) deadline = std::min(deadline, now + kRefreshTime);
  }
  return Fetch(region, deadline);
}

// The caller has set fetching_.
Result<CachedCredentials::Shared> CachedCredentials::Fetch(std::string_view region,
                                                           base::Deadline deadline) {
  const base::BootTime started = clock_.Boot();
  auto fetched = source_->Fetch(region, deadline);
  base::MutexLock lock(mutex_);
  fetching_ = false;
  fetched_.notify_all();
  if (fetched) {
    Keep(std::make_shared<const Credentials>(std::move(*fetched)), started);
    return current_;
  }
  const base::BootTime now = clock_.Boot();
  // A caller in a hurry fails alone: those who waited for it have more time, and try themselves.
  if (!Valid(now) && now >= deadline) return std::move(fetched).error();
  KeepFailure(std::move(fetched).error());
  if (!Valid(now)) return *failure_;
  base::LogWarning("AWS credentials cannot be refreshed; the present ones are still valid",
                   {{"source", current_->source}, {"reason", failure_->message}});
  return current_;
}

void CachedCredentials::Keep(Shared fetched, base::BootTime started) {
  base::Duration life = kForEver;
  if (lifetime_) {
    life = *lifetime_;
  } else if (fetched->expires) {
    // Some say the year 9999, which nanoseconds since 1970 could not express.
    const std::chrono::milliseconds left = *fetched->expires - clock_.Utc();
    if (left < kLifeLeast) {
      base::LogWarning("AWS credentials came all but expired; the clock may be wrong",
                       {{"source", fetched->source}});
    }
    life = std::clamp(left, kLifeLeast, kForEver);
  }
  const base::Duration margin = std::min<base::Duration>(kRefreshMargin + Jitter(), life / 2);
  current_ = std::move(fetched);
  expires_ = started + life;
  refresh_ = expires_ - margin;
  refused_ = false;
  failure_.reset();
}

void CachedCredentials::KeepFailure(Error error) {
  // Of what a provider says, callers act on these two alone.
  if (error.code != ErrorCode::kKeyUnavailable) error.code = ErrorCode::kServiceFault;
  failure_ = std::move(error);
  failed_ = clock_.Boot();
  refresh_ = failed_ + kRefreshRetry;
}

void CachedCredentials::Refused(const Credentials& credentials) {
  base::MutexLock lock(mutex_);
  if (!current_ || current_->access_key_id != credentials.access_key_id ||
      current_->session_token != credentials.session_token) {
    return;  // Others are there already.
  }
  const base::BootTime now = clock_.Boot();
  if (refused_at_ && now - *refused_at_ < kRefusedPause) return;
  refused_at_ = now;
  refused_ = true;
}

base::Duration CachedCredentials::Jitter() const {
  std::uint16_t draw = 0;
  random_.FillPublic({reinterpret_cast<std::uint8_t*>(&draw), sizeof(draw)});
  return kRefreshJitter * draw / 65535;
}

}  // namespace tenantseal::aws
