#include "aws/credentials_role.h"

#include <algorithm>
#include <vector>

namespace tenantseal::aws {
namespace {

// Fetches sessions of one role for the credentials of `base`.
class RoleSource final : public CredentialsSource {
 public:
  RoleSource(CredentialsContext context, CredentialsProvider& base, AssumeRoleRequest request)
      : context_(std::move(context)), sts_(context_), base_(base), request_(std::move(request)) {}

  Result<Credentials> Fetch(std::string_view region, base::Deadline deadline) override {
    auto session = Once(region, deadline);
    if (session || !refused_) return session;
    return Once(region, deadline);  // With the caller's credentials fetched anew.
  }

 private:
  Result<Credentials> Once(std::string_view region, base::Deadline deadline) {
    refused_ = false;
    TS_ASSIGN_OR_RETURN(const auto caller, base_.Get(region, deadline));
    auto session = sts_.Call(
        region, deadline, [&](const StsClient& sts, std::string_view where, base::Deadline until) {
          return sts.AssumeRole(request_, *caller, where, until);
        });
    if (!session && session.error().message.find(": 'ExpiredToken") != std::string::npos) {
      base_.Refused(*caller);
      refused_ = true;
    }
    return session;
  }

  const CredentialsContext context_;
  RegionalSts sts_;
  CredentialsProvider& base_;
  const AssumeRoleRequest request_;
  bool refused_ = false;
};

}  // namespace

RegionalSts::RegionalSts(const CredentialsContext& context)
    : context_(context),
      sts_(context.http, context.clock, context.random, context.endpoints, {.attempts_max = 2}) {}

std::string RegionalSts::RegionOr(std::string_view region) const {
  if (!region.empty()) return std::string(region);
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    const auto value = context_.environment(name);
    if (value && !value->empty()) return *value;
  }
  return "us-east-1";
}

bool RegionalSts::Avoided(const std::string& region) {
  base::MutexLock lock(mutex_);
  const auto failed = failed_.find(region);
  return failed != failed_.end() && context_.clock.Boot() - failed->second < kRegionAvoided;
}

Result<Credentials> RegionalSts::Call(std::string_view region, base::Deadline deadline,
                                      const Ask& ask) {
  std::vector<std::string> regions = {RegionOr(region)};
  if (auto partner = context_.backup_regions.Partner(regions[0])) {
    regions.push_back(std::move(*partner));
    if (Avoided(regions[0]) && !Avoided(regions[1])) std::swap(regions[0], regions[1]);
  }
  std::string words;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const base::BootTime now = context_.clock.Boot();
    const base::Deadline until =
        i + 1 < regions.size()
            ? std::min(deadline,
                       now + std::min<base::Duration>(kFirstRegionTime, (deadline - now) / 2))
            : deadline;
    auto session = ask(sts_, regions[i], until);
    if (session || session.error().code != ErrorCode::kKeyUnavailable) {
      base::MutexLock lock(mutex_);
      failed_.erase(regions[i]);
      return session;
    }
    words += (words.empty() ? "" : " ") + session.error().message;
    base::MutexLock lock(mutex_);
    if (failed_.size() < 64) failed_[regions[i]] = context_.clock.Boot();
  }
  return Error{ErrorCode::kKeyUnavailable, std::move(words)};
}

std::unique_ptr<CredentialsProvider> AssumeRoleCredentials(CredentialsContext context,
                                                           CredentialsProvider& base,
                                                           AssumeRoleRequest request) {
  const base::Clock& clock = context.clock;
  const base::Random& random = context.random;
  const base::Duration lifetime = request.duration;
  return std::make_unique<CachedCredentials>(
      std::make_unique<RoleSource>(std::move(context), base, std::move(request)), clock, random,
      lifetime);
}

}  // namespace tenantseal::aws
