#include "server/wiring.h"

#include <algorithm>

#include "base/log.h"

namespace tenantseal::server {
namespace {

net::HttpServerOptions HttpOptions(const Settings& s) {
  net::HttpServerOptions options;
  options.address = s.listen_address;
  options.port = s.listen_port;
  options.threads = s.io_threads;
  options.tls_cert_file = s.tls_cert_file;
  options.tls_key_file = s.tls_key_file;
  options.connections_max = s.connections_max;
  return options;
}

net::WorkerPoolOptions PoolOptions(const Settings& s) {
  net::WorkerPoolOptions options;
  options.threads = s.worker_threads;
  options.queued_max = s.queue_max;
  options.queued_per_key_max = std::max<std::size_t>(1, s.queue_max / 8);
  // One tenant whose provider is slow leaves workers to the others.
  options.running_per_key_max = std::max<std::size_t>(1, s.worker_threads / 2);
  return options;
}

keyring::KeyringOptions KeyringOptionsOf(const Settings& s) {
  keyring::KeyringOptions options;
  options.revocation_bound = s.revocation_bound;
  options.outage_grace = s.outage_grace;
  return options;
}

void LogFailure(std::string_view what, const Result<void>& result) {
  if (!result)
    base::LogWarning("background work failed",
                     {{"what", what}, {"reason", result.error().message}});
}

}  // namespace

Service::Service(const Settings& settings, Ground ground)
    : settings_(settings),
      ground_(ground),
      lease_(ground.store, ground.clock, model::ProcessId::New(ground.random)),
      usage_(ground.store, ground.clock),
      keyring_(ground.store, ground.kms, lease_, ground.clock, ground.random,
               KeyringOptionsOf(settings)),
      values_(keyring_, ground.random),
      data_keys_(keyring_, ground.store, ground.clock, ground.random),
      rotation_(keyring_, ground.store, lease_, ground.clock, ground.random),
      tenants_(keyring_, ground.store, lease_, ground.internal_keys, ground.clock, ground.random,
               settings.destroy_after),
      authenticator_(ground.store, lease_, ground.clock, ground.random,
                     ground.api_key_pepper.Copy()),
      api_keys_(ground.store, lease_, ground.clock, ground.random, ground.api_key_pepper),
      handler_({keyring_, lease_, values_, data_keys_, rotation_, tenants_, api_keys_,
                authenticator_, usage_, ground.store, ground.clock, settings.region},
               {settings.tenant_rate, settings.read_rate, settings.write_rate}),
      workers_(PoolOptions(settings)),
      http_(HttpOptions(settings), handler_, workers_, ground.clock, ground.random) {
  AddGauges();
}

Service::~Service() { Drain(); }

Result<void> Service::Start() {
  TS_RETURN_IF_ERROR(lease_.Refresh());
  TS_RETURN_IF_ERROR(http_.Start());
  StartBackground();
  return {};
}

void Service::StartBackground() {
  using std::chrono::milliseconds;
  const auto every = [this](base::Duration interval, Periodic::Work work) {
    background_.push_back(std::make_unique<Periodic>(interval, std::move(work)));
  };
  // On its own, so that nothing slow delays the renewal that all use depends on.
  every(milliseconds(500),
        [this](const std::atomic<bool>&) { LogFailure("store lease", lease_.Refresh()); });
  every(milliseconds(250), [this](const std::atomic<bool>&) { keyring_.Tick(); });
  every(std::chrono::seconds(1),
        [this](const std::atomic<bool>& stopping) { rotation_.RunJobs(stopping); });
  every(std::chrono::seconds(5), [this](const std::atomic<bool>&) {
    LogFailure("usage counts", usage_.Flush());
    tenants_.DestroyDue();
  });
}

void Service::Drain() {
  http_.Drain(settings_.drain_timeout);
  workers_.Stop();
  if (background_.empty()) return;
  background_.clear();
  LogFailure("usage counts", usage_.Flush());
  lease_.Leave();
}

void Service::AddGauges() {
  const auto gauge = [this](const char* name, const char* help, bool counter,
                            std::function<double()> read) {
    handler_.metrics().AddGauge({name, help, counter, std::move(read)});
  };
  const auto http = [this](auto field) {
    return [this, field] { return static_cast<double>(http_.stats().*field); };
  };
  const auto keys = [this](auto field) {
    return [this, field] { return static_cast<double>(keyring_.Stats().*field); };
  };
  using keyring::KeyringStats;
  using net::HttpServerStats;
  gauge("tenantseal_connections_open", "Open connections.", false,
        http(&HttpServerStats::connections_open));
  gauge("tenantseal_connections_accepted_total", "Connections accepted.", true,
        http(&HttpServerStats::connections_accepted));
  gauge("tenantseal_connections_rejected_total", "Connections beyond connections-max.", true,
        http(&HttpServerStats::connections_rejected));
  gauge("tenantseal_requests_refused_total", "Requests refused before a route saw them.", true,
        http(&HttpServerStats::requests_refused));
  gauge("tenantseal_requests_in_flight", "Requests on a worker or waiting for one.", false,
        http(&HttpServerStats::requests_in_flight));
  gauge("tenantseal_queue_depth", "Requests waiting for a worker.", false,
        http(&HttpServerStats::queue_depth));
  gauge("tenantseal_tenants_cached", "Tenants whose keys are in memory.", false,
        keys(&KeyringStats::tenants_cached));
  gauge("tenantseal_tenant_key_renewals_total",
        "Successful unwraps of tenant keys by their provider.", true,
        keys(&KeyringStats::renewals));
  gauge("tenantseal_tenant_key_renewal_failures_total", "Failed ones.", true,
        keys(&KeyringStats::renewal_failures));
  gauge("tenantseal_revocations_total", "Refusals by the owner of a provider key.", true,
        keys(&KeyringStats::revocations));
  gauge("tenantseal_integrity_alarms_total",
        "Stored state or provider replies that were not to be believed.", true,
        keys(&KeyringStats::integrity_alarms));
  gauge("tenantseal_tenant_key_longest_use_milliseconds",
        "Longest time after its unwrap was sent that a tenant key was used; at most "
        "revocation-bound plus outage-grace.",
        false, keys(&KeyringStats::longest_use_ms));
}

}  // namespace tenantseal::server
