// Calls in one region, until they succeed, fail for good or run out of time. Private to kms/aws.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kms/aws/budget.h"
#include "kms/aws/circuit.h"
#include "kms/aws/control_key.h"
#include "kms/aws/exchange.h"
#include "kms/aws/retry.h"

namespace tenantseal::kms {

struct RegionOutcome {
  std::optional<Error> error;                   // None: a success.
  FaultClass fault = FaultClass::kUnavailable;  // Of the error.
  bool elsewhere = false;  // Another region may do better: this one was asked, or asked in vain.
  std::string code = {};   // AWS's, of the error; empty when AWS gave none.
};

// How hard a region is tried.
struct Effort {
  int attempts_max = 3;
  bool other_region = false;  // There is one to turn to: a timeout is not waited for twice, and
                              // the first attempt leaves a third of the time to the other.
};

// Thread-safe. Everything passed by reference outlives it.
class RegionCaller {
 public:
  RegionCaller(const net::HttpClient& http, aws::CredentialsProvider& credentials,
               const base::Clock& clock, const base::Random& random, const AwsKmsOptions& options,
               std::function<void(const AwsCall&)> on_call);

  RegionOutcome Do(const RegionCall& call, CallLimits limits, Effort effort, const ReadReply& read);
  // Asks the region of `key_arn` something harmless, once, and tells the circuit.
  void Probe(const std::string& region, const std::string& key_arn);

  Circuits& circuits() { return circuits_; }
  const Circuits& circuits() const { return circuits_; }
  std::map<std::string, std::uint64_t> counts() const { return exchange_.counts(); }
  std::uint64_t throttled() const;

 private:
  struct Region {
    RetryQuota retries;
    CallBudget budget;
  };
  struct Tries;  // What was tried in one Do.

  Region& Of(const std::string& region);
  RegionOutcome Attempt(const RegionCall& call, CallLimits limits, Effort effort,
                        const ReadReply& read, Tries& tries);
  // Whether to try again; waits before it.
  bool Again(Tries& tries, Region& region, CallLimits limits, Effort effort);
  void TellAnswered(const std::string& region);
  void TellFailed(const std::string& region, const Error& error);
  bool ControlDenied(const aws::Credentials& credentials, CallLimits limits);

  const AwsKmsOptions& options_;
  aws::CredentialsProvider& credentials_;
  const base::Clock& clock_;
  const base::Random& random_;
  Exchange exchange_;
  Circuits circuits_;
  ControlKey control_;
  mutable base::Mutex mutex_;
  std::map<std::string, std::unique_ptr<Region>> regions_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::kms
