#include "kms/aws/core.h"

#include <thread>

#include "base/log.h"

namespace tenantseal::kms {
namespace {

AwsKmsOptions Completed(AwsKmsOptions options) {
  if (!options.sleep) options.sleep = [](base::Duration d) { std::this_thread::sleep_for(d); };
  return options;
}

// The related key that may stand in for the primary: the same multi-region key elsewhere.
std::optional<aws::KmsArn> StandIn(const aws::KmsArn& primary, const std::string& replica_arn) {
  auto replica = aws::ParseKmsArn(replica_arn);
  if (!replica || !primary.multi_region() || replica->region == primary.region) return std::nullopt;
  if (primary.InRegion(replica->region) != *replica) return std::nullopt;
  return std::move(*replica);
}

}  // namespace

Result<aws::KmsArn> ParseKey(const KmsKey& key) {
  auto arn = aws::ParseKmsArn(key.arn);
  if (!arn) return InvalidArgument("keyArn", arn.error().message);
  return std::move(*arn);
}

AwsKms::Core::Core(const net::HttpClient& http, aws::CredentialsProvider& credentials,
                   const base::Clock& clock, const base::Random& random, AwsKmsOptions options,
                   std::function<void(const AwsCall&)> on_call)
    : options_(Completed(std::move(options))),
      caller_(http, credentials, clock, random, options_, std::move(on_call)) {}

RegionOutcome AwsKms::Core::Ask(const aws::KmsArn& key, std::string_view tenant, CallLimits limits,
                                Effort effort, const Question& question) {
  const std::string arn = key.text();
  const base::SecretBytes body = question.body(arn);
  const RegionCall call{question.operation.name, key.region, arn, tenant, body.Reveal()};
  return caller_.Do(call, limits, effort,
                    [&](base::ByteSpan reply) { return question.take(reply, arn); });
}

RegionOutcome AwsKms::Core::AskOneRegion(const aws::KmsArn& key, std::string_view tenant,
                                         CallLimits limits, const Question& question) {
  return Ask(key, tenant, limits, {options_.attempts_max, false}, question);
}

RegionOutcome AwsKms::Core::AskPrimary(const Routed& call) {
  const bool away = caller_.circuits().Open(call.primary.region);
  const Effort effort{away ? 1 : options_.attempts_max, call.replica.has_value()};
  RegionOutcome outcome = Ask(call.primary, call.tenant.text(), call.limits, effort, call.question);
  const unsigned bit = call.question.operation.bit;
  if (!outcome.error) {
    refusals_.Granted(call.name(), bit);
  } else if (outcome.fault == FaultClass::kRevoked) {
    refusals_.Refused(call.name(), bit);
  }
  return outcome;
}

// What the replica refuses while the primary is silent is the owner's word: only a replica that has
// passed the last validation stands in.
RegionOutcome AwsKms::Core::AskReplica(const Routed& call) {
  const Effort effort{options_.attempts_max, false};
  RegionOutcome outcome =
      Ask(*call.replica, call.tenant.text(), call.limits, effort, call.question);
  if (!outcome.error) {
    ++failovers_;
    return outcome;
  }
  if (outcome.fault == FaultClass::kRevoked) {
    base::LogWarning("A replica key refuses while its primary is silent",
                     {{"tenant", call.tenant.text()},
                      {"replica", call.replica->text()},
                      {"because", outcome.error->message}});
  }
  return outcome;
}

Result<void> AwsKms::Core::Route(const KmsKey& key, const model::TenantId& tenant,
                                 CallLimits limits, const Question& question) {
  TS_ASSIGN_OR_RETURN(aws::KmsArn primary, ParseKey(key));
  Routed call{key, tenant, limits, question, std::move(primary), {}};
  if (!Refused(call)) call.replica = StandIn(call.primary, key.replica_arn);

  Circuits& circuits = caller_.circuits();
  bool replica_asked = false;
  if (call.replica && circuits.Open(call.primary.region) && !circuits.Open(call.replica->region)) {
    RegionOutcome outcome = AskReplica(call);
    ProbeIfDue(call.primary);
    if (!outcome.error) return {};
    if (outcome.fault != FaultClass::kUnavailable) return std::move(*outcome.error);
    replica_asked = true;
  }
  RegionOutcome outcome = AskPrimary(call);
  if (!outcome.error) return {};
  // Asked again: another call may have met the owner's refusal meanwhile.
  const bool turn = outcome.elsewhere && call.replica && !replica_asked && !Refused(call);
  if (!turn) return std::move(*outcome.error);
  RegionOutcome other = AskReplica(call);
  if (!other.error) return {};
  if (other.fault == FaultClass::kUnavailable) {
    other.error->message += " Before: " + outcome.error->message;
  }
  return std::move(*other.error);
}

void AwsKms::Core::ProbeIfDue(const aws::KmsArn& primary) {
  if (!caller_.circuits().TakeProbe(primary.region)) return;
  auto probe = [this, region = primary.region, arn = primary.text()] {
    caller_.Probe(region, arn);
  };
  if (options_.run_aside) {
    options_.run_aside(std::move(probe));
  } else if (!probes_.Run(std::move(probe))) {
    caller_.circuits().Failed(primary.region);  // The next interval brings another.
  }
}

AwsKmsStats AwsKms::Core::stats() const {
  AwsKmsStats stats;
  stats.calls = caller_.counts();
  stats.open_circuits = caller_.circuits().open();
  stats.failovers = failovers_;
  stats.throttled_here = caller_.throttled();
  return stats;
}

}  // namespace tenantseal::kms
