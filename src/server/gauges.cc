// What /metrics tells of the objects that wiring.cc has put together.
#include <algorithm>

#include "server/wiring.h"

namespace tenantseal::server {

void Service::AddGauges() {
  const auto gauge = [this](const char* name, const char* help, bool counter, auto field) {
    handler_.metrics().AddGauge(
        {name, help, counter, [this, field] { return static_cast<double>(http_.stats().*field); }});
  };
  using net::HttpServerStats;
  gauge("tenantseal_connections_open", "Open connections.", false,
        &HttpServerStats::connections_open);
  gauge("tenantseal_connections_accepted_total", "Connections accepted.", true,
        &HttpServerStats::connections_accepted);
  gauge("tenantseal_connections_rejected_total", "Connections beyond connections-max.", true,
        &HttpServerStats::connections_rejected);
  gauge("tenantseal_requests_refused_total", "Requests refused before a route saw them.", true,
        &HttpServerStats::requests_refused);
  gauge("tenantseal_requests_in_flight", "Requests on a worker or waiting for one.", false,
        &HttpServerStats::requests_in_flight);
  gauge("tenantseal_streams_open", "Streams of server-sent events that are open.", false,
        &HttpServerStats::streams_open);
  gauge("tenantseal_queue_depth", "Requests waiting for a worker.", false,
        &HttpServerStats::queue_depth);
  if (!ground_.longest_write) return;
  handler_.metrics().AddGauge({"tenantseal_store_longest_write_milliseconds",
                               "Longest time that a write has held the database since the start.",
                               false, [this] {
                                 using Milliseconds = std::chrono::duration<double, std::milli>;
                                 return Milliseconds(ground_.longest_write()).count();
                               }});
}

void Service::AddKeyringGauges() {
  const auto gauge = [this](const char* name, const char* help, bool counter, auto field) {
    handler_.metrics().AddGauge({name, help, counter, [this, field] {
                                   return static_cast<double>(keyring_.Stats().*field);
                                 }});
  };
  using keyring::KeyringStats;
  gauge("tenantseal_tenants_cached", "Tenants whose keys are in memory.", false,
        &KeyringStats::tenants_cached);
  gauge("tenantseal_tenant_key_renewals_total",
        "Successful unwraps of tenant keys by their provider.", true, &KeyringStats::renewals);
  gauge("tenantseal_tenant_key_renewal_failures_total", "Failed ones.", true,
        &KeyringStats::renewal_failures);
  gauge("tenantseal_revocations_total", "Refusals by the owner of a provider key.", true,
        &KeyringStats::revocations);
  gauge("tenantseal_integrity_alarms_total",
        "Stored state or provider replies that were not to be believed.", true,
        &KeyringStats::integrity_alarms);
  gauge("tenantseal_service_faults_total",
        "Unwraps that failed because a provider refused the service's own credentials.", true,
        &KeyringStats::service_faults);
  gauge("tenantseal_tenant_key_longest_use_milliseconds",
        "Longest time after its unwrap was sent that a tenant key was used; at most "
        "revocation-bound plus outage-grace.",
        false, &KeyringStats::longest_use_ms);
  gauge("tenantseal_revocation_longest_use_milliseconds",
        "The same of keys whose owner then refused their use: the last use before the refusal was "
        "obeyed, counted from the last good unwrap.",
        false, &KeyringStats::longest_use_before_refusal_ms);
}

void Service::AddSignInCounters() {
  handler_.metrics().AddFamily(
      {"tenantseal_sign_ins_total", "Attempts to sign in or to get an access token.", true, [this] {
         std::vector<api::GaugeFamily::Sample> samples;
         for (std::size_t i = 0; i < api::kSignInOutcomes.size(); ++i) {
           const auto outcome = static_cast<api::SignInOutcome>(i);
           samples.push_back({{{"outcome", std::string(api::kSignInOutcomes[i])}},
                              static_cast<double>(sign_in_.CountOf(outcome))});
         }
         return samples;
       }});
}

void Service::AddKmsCallGauge() {
  handler_.metrics().AddGauge(
      {"tenantseal_aws_calls_not_kept_total",
       "Calls of AWS KMS that could not be kept for reconciliation.", true,
       [this] { return static_cast<double>(ground_.kms_calls->dropped()); }});
}

void Service::AddAwsGauges() {
  using Samples = std::vector<api::GaugeFamily::Sample>;
  handler_.metrics().AddFamily(
      {"tenantseal_aws_calls_total", "Exchanges with AWS KMS by region, operation and outcome.",
       true, [this] {
         Samples samples;
         for (const auto& [what, count] : ground_.aws_stats().calls)
           samples.push_back({AwsCallLabels(what), static_cast<double>(count)});
         return samples;
       }});
  handler_.metrics().AddFamily({"tenantseal_aws_circuit_open",
                                "Regions that calls of AWS KMS are led away from.", false, [this] {
                                  Samples samples;
                                  for (const std::string& region :
                                       ground_.aws_stats().open_circuits)
                                    samples.push_back({{{"region", region}}, 1});
                                  return samples;
                                }});
  const auto counter = [this](const char* name, const char* help, auto field) {
    handler_.metrics().AddGauge({name, help, true, [this, field] {
                                   return static_cast<double>(ground_.aws_stats().*field);
                                 }});
  };
  counter("tenantseal_aws_failovers_total", "Calls that a backup region answered.",
          &kms::AwsKmsStats::failovers);
  counter("tenantseal_aws_budget_waits_total",
          "Calls that waited for, or were refused by, aws-calls-per-second.",
          &kms::AwsKmsStats::throttled_here);
}

std::vector<std::pair<std::string, std::string>> AwsCallLabels(const std::string& what) {
  std::vector<std::pair<std::string, std::string>> labels;
  std::size_t begin = 0;
  for (const char* name : {"region", "operation", "outcome"}) {
    const bool last = name == std::string_view("outcome");
    const std::size_t end = last ? what.size() : std::min(what.find(' ', begin), what.size());
    labels.emplace_back(name, what.substr(std::min(begin, what.size()), end - begin));
    begin = end + 1;
  }
  return labels;
}

}  // namespace tenantseal::server
