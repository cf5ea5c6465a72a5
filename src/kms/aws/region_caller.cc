#include "kms/aws/region_caller.h"

#include <algorithm>

#include "aws/arn.h"
#include "base/log.h"
#include "kms/aws/kms_protocol.h"

namespace tenantseal::kms {
namespace {

constexpr base::Duration kAttemptLeast = std::chrono::milliseconds(1);
constexpr int kFreeRepeatsMax = 2;  // One for the clock, one for expired credentials.

Error OutOfTime(const RegionCall& call) {
  return {ErrorCode::kKeyUnavailable, "KMS " + std::string(call.operation) + " in " + call.region +
                                          ": the time was up before it was asked."};
}

}  // namespace

struct RegionCaller::Tries {
  int attempts = 0;
  int paid = 0;  // What the last retry took from the quota.
  bool clock_learnt = false;
  bool refreshed = false;
  Verdict verdict = {};
  bool region_failed = false;  // The last attempt says that the region is in trouble.
  bool repeat = false;         // Once more at once: what was wrong has been mended.
};

RegionCaller::RegionCaller(const net::HttpClient& http, aws::CredentialsProvider& credentials,
                           const base::Clock& clock, const base::Random& random,
                           const AwsKmsOptions& options,
                           std::function<void(const AwsCall&)> on_call)
    : options_(options),
      credentials_(credentials),
      clock_(clock),
      random_(random),
      exchange_(http, clock, options.endpoints, std::move(on_call)),
      circuits_(clock, options.probe_interval),
      control_(clock) {}

// Regions come from well-formed ARNs of registered keys; there are a few dozen.
RegionCaller::Region& RegionCaller::Of(const std::string& region) {
  constexpr std::size_t kRegionsMax = 256;
  base::MutexLock lock(mutex_);
  const bool known = regions_.contains(region) || regions_.size() < kRegionsMax;
  std::unique_ptr<Region>& found = regions_[known ? region : std::string()];
  if (!found) {
    found.reset(new Region{
        {}, CallBudget(clock_, options_.calls_per_second, options_.renewal_share, options_.sleep)});
  }
  return *found;
}

RegionOutcome RegionCaller::Do(const RegionCall& call, CallLimits limits, Effort effort,
                               const ReadReply& read) {
  Region& region = Of(call.region);
  Tries tries;
  for (int i = 0; i < effort.attempts_max + kFreeRepeatsMax; ++i) {
    const auto turn = region.budget.Acquire(std::string(call.tenant), limits);
    if (!turn) return {turn.error(), FaultClass::kUnavailable, false};
    RegionOutcome outcome = Attempt(call, limits, effort, read, tries);
    if (!outcome.error) {
      region.retries.GiveBack(tries.paid > 0 ? tries.paid : RetryQuota::kSuccessGain);
      return outcome;
    }
    if (!Again(tries, region, limits, effort)) {
      if (tries.region_failed) TellFailed(call.region, *outcome.error);
      return outcome;
    }
  }
  return {OutOfTime(call), FaultClass::kUnavailable, false};
}

RegionOutcome RegionCaller::Attempt(const RegionCall& call, CallLimits limits, Effort effort,
                                    const ReadReply& read, Tries& tries) {
  tries.verdict = {};
  tries.repeat = tries.region_failed = false;
  const auto session = credentials_.Get(call.region, limits.deadline);
  if (!session) {
    const bool ours = session.error().code != ErrorCode::kKeyUnavailable;
    Error error{ours ? ErrorCode::kServiceFault : ErrorCode::kKeyUnavailable,
                session.error().message};
    return {std::move(error), ours ? FaultClass::kOurs : FaultClass::kUnavailable, !ours};
  }
  const base::Duration left = limits.deadline - clock_.Boot();
  if (left < kAttemptLeast) return {OutOfTime(call), FaultClass::kUnavailable, false};
  const base::Duration patience =
      effort.other_region ? std::min(options_.attempt_timeout_with_replica, left * 2 / 3)
                          : std::min(options_.attempt_timeout, left);
  const base::Duration timeout = std::max(kAttemptLeast, patience);
  RegionCall numbered = call;
  numbered.attempt = ++tries.attempts;
  Exchanged done = exchange_.Once(numbered, **session, timeout, read);
  if (done.answered && !done.verdict.region) TellAnswered(call.region);
  if (!done.error) return {};

  tries.verdict = done.verdict;
  tries.region_failed = done.verdict.region && done.telling;
  if (done.clock_learnt && !tries.clock_learnt) tries.clock_learnt = tries.repeat = true;
  if (done.verdict.expired && !tries.refreshed) {
    credentials_.Refused(**session);
    tries.refreshed = tries.repeat = true;
  }
  if (done.verdict.denied && ControlDenied(**session, limits)) {
    done.error->code = ErrorCode::kServiceFault;
    done.error->message += " The control key is denied to us too.";
    done.verdict.fault = FaultClass::kOurs;
  }
  const bool elsewhere = done.verdict.fault == FaultClass::kUnavailable;
  return {std::move(done.error), done.verdict.fault, elsewhere, std::move(done.code)};
}

bool RegionCaller::Again(Tries& tries, Region& region, CallLimits limits, Effort effort) {
  if (tries.repeat) return true;
  if (!tries.verdict.retry || tries.attempts >= effort.attempts_max) return false;
  if (tries.verdict.timeout && effort.other_region) return false;
  const base::Duration pause = RetryPause(tries.attempts, tries.verdict.throttled, random_);
  const base::Duration left = limits.deadline - clock_.Boot();
  if (pause + kAttemptLeast >= (effort.other_region ? left * 2 / 3 : left)) return false;
  const int cost = tries.verdict.timeout ? RetryQuota::kTimeoutCost : RetryQuota::kRetryCost;
  if (!region.retries.Take(cost)) return false;
  tries.paid = cost;
  options_.sleep(pause);
  return true;
}

void RegionCaller::TellFailed(const std::string& region, const Error& error) {
  if (!circuits_.Failed(region)) return;
  base::LogWarning("AWS KMS does not answer in a region",
                   {{"region", region}, {"because", error.message}});
}

void RegionCaller::TellAnswered(const std::string& region) {
  if (!circuits_.Answered(region)) return;
  base::LogInfo("AWS KMS answers again in a region", {{"region", region}});
}

bool RegionCaller::ControlDenied(const aws::Credentials& credentials, CallLimits limits) {
  const std::string& arn = options_.control_key_arn;
  const auto key = aws::ParseKmsArn(arn);
  if (!key) return false;  // There is none.
  return control_.Denied(credentials.access_key_id, limits.deadline, [&]() -> std::optional<bool> {
    const base::SecretBytes body = GenerateDataKeyBody(arn, {});
    const RegionCall call{"GenerateDataKey", key->region, arn, {}, body.Reveal()};
    const base::Duration left = limits.deadline - clock_.Boot();
    const base::Duration timeout =
        std::clamp(left, kAttemptLeast, std::max(kAttemptLeast, options_.attempt_timeout));
    const Exchanged done = exchange_.Once(call, credentials, timeout, [&](base::ByteSpan reply) {
      const auto made = ParseGenerateDataKey(reply, arn);
      return made ? Result<void>() : Result<void>(made.error());
    });
    if (!done.error) return false;
    if (done.verdict.denied || done.verdict.fault == FaultClass::kOurs) return true;
    return std::nullopt;
  });
}

void RegionCaller::Probe(const std::string& region, const std::string& key_arn) {
  const auto session = credentials_.Get(region, clock_.Boot() + options_.attempt_timeout);
  if (!session) {
    circuits_.Failed(region);
    return;
  }
  const base::SecretBytes body = DescribeKeyBody(key_arn);
  const RegionCall call{"DescribeKey", region, key_arn, {}, body.Reveal()};
  const Exchanged done =
      exchange_.Once(call, **session, options_.attempt_timeout, [&](base::ByteSpan reply) {
        const auto described = ParseDescribeKey(reply, key_arn);
        return described ? Result<void>() : Result<void>(described.error());
      });
  if (done.answered && !done.verdict.region) {
    TellAnswered(region);
  } else {
    circuits_.Failed(region);
  }
}

std::uint64_t RegionCaller::throttled() const {
  std::uint64_t all = 0;
  base::MutexLock lock(mutex_);
  for (const auto& [name, region] : regions_) all += region->budget.throttled();
  return all;
}

}  // namespace tenantseal::kms
