// Which region a call goes to: the primary's, or the replica's where it may and must stand in.
// Private to kms/aws.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "aws/arn.h"
#include "kms/aws/aws_kms.h"
#include "kms/aws/probe_thread.h"
#include "kms/aws/refusals.h"
#include "kms/aws/region_caller.h"

namespace tenantseal::kms {

// kInvalidArgument names "keyArn".
Result<aws::KmsArn> ParseKey(const KmsKey& key);

// Thread-safe.
class AwsKms::Core {
 public:
  Core(const net::HttpClient& http, aws::CredentialsProvider& credentials, const base::Clock& clock,
       const base::Random& random, AwsKmsOptions options,
       std::function<void(const AwsCall&)> on_call);

  // What is asked, of whichever key is asked in the end. `body` and `take` are given the ARN.
  struct Operation {
    std::string_view name;
    unsigned bit;  // In Refusals.
  };
  struct Question {
    Operation operation;
    std::function<base::SecretBytes(const std::string& arn)> body;
    std::function<Result<void>(base::ByteSpan reply, const std::string& arn)> take;
  };
  // Asks the primary, or the replica where it may and must stand in.
  Result<void> Route(const KmsKey& key, const model::TenantId& tenant, CallLimits limits,
                     const Question& question);
  // Asks the key's region and no other.
  RegionOutcome AskOneRegion(const aws::KmsArn& key, std::string_view tenant, CallLimits limits,
                             const Question& question);
  AwsKmsStats stats() const;

 private:
  struct Routed {
    const KmsKey& key;
    const model::TenantId& tenant;
    CallLimits limits;
    const Question& question;
    aws::KmsArn primary;
    std::optional<aws::KmsArn> replica;  // None where it may not stand in.
    Refusals::Name name() const { return {tenant.text(), key.arn}; }
  };
  RegionOutcome Ask(const aws::KmsArn& key, std::string_view tenant, CallLimits limits,
                    Effort effort, const Question& question);
  RegionOutcome AskPrimary(const Routed& call);
  RegionOutcome AskReplica(const Routed& call);
  bool Refused(const Routed& call) const {
    return call.key.primary_refuses || refusals_.Any(call.name());
  }
  void ProbeIfDue(const aws::KmsArn& primary);

  const AwsKmsOptions options_;
  RegionCaller caller_;
  Refusals refusals_;
  std::atomic<std::uint64_t> failovers_ = 0;
  ProbeThread probes_;  // Last: it ends before what its jobs use.
};

}  // namespace tenantseal::kms
