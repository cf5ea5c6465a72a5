#include "server/wiring.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "server/key_policy.h"

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
  // Answers are data for whoever asked, and for nobody's cache.
  options.headers = {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}};
  if (!s.tls_cert_file.empty() || s.sign_in.public_url.starts_with("https://"))
    options.headers.push_back({"Strict-Transport-Security", "max-age=31536000"});
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

providers::ValidatorOptions ValidatorOptionsOf(const Settings& s) {
  providers::ValidatorOptions options;
  for (const std::string& pair : s.aws_backup_regions) {
    const auto added = options.backup_regions.Add(pair);
    TS_CHECK(added.ok());  // Checked when it was set.
  }
  options.policy_principals = PolicyPrincipals(s);
  options.shared_keys_refused = s.refuse_shared_keys;
  return options;
}

identity::SessionOptions SessionOptionsOf(const SignInSettings& s) {
  identity::SessionOptions options;
  options.idle = s.session_idle;
  options.max = s.session_max;
  options.access_token = s.access_token_life;
  options.bounds.in_all = s.sessions_max;
  return options;
}

api::SignInOptions SignInOptionsOf(const Settings& s) {
  api::SignInOptions options;
  options.with_api_key = s.sign_in.oidc_issuer.empty() || s.sign_in.with_api_key;
  options.secure_cookies = !s.tls_cert_file.empty() || s.sign_in.public_url.starts_with("https://");
  options.public_origin = s.sign_in.public_url;
  options.emulated = s.sign_in.emulated;
  options.emulated_page = s.sign_in.emulated_page;
  options.version = TENANTSEAL_VERSION;
  options.oidc_name = OidcName(s.sign_in);
  options.attempts_per_minute = s.sign_in.attempts_per_minute;
  return options;
}

void LogFailure(std::string_view what, const Result<void>& result) {
  if (!result)
    base::LogWarning("background work failed",
                     {{"what", what}, {"reason", result.error().message}});
}

}  // namespace

Result<void> CheckListener(const Settings& settings) {
  return net::HttpServer::Check(HttpOptions(settings));
}

Service::Service(const Settings& settings, Ground ground)
    : settings_(settings),
      ground_(ground),
      lease_(ground.store, ground.clock, model::ProcessId::New(ground.random)),
      usage_(ground.store, ground.clock),
      keyring_(ground.store, ground.kms, lease_, ground.clock, ground.random,
               KeyringOptionsOf(settings), &renewals_),
      values_(keyring_, ground.random),
      data_keys_(keyring_, ground.store, ground.clock, ground.random),
      rotation_(keyring_, ground.store, lease_, ground.clock, ground.random),
      tenants_(keyring_, ground.store, lease_, ground.internal_keys, ground.clock, ground.random,
               settings.destroy_after),
      validator_(ground.inspector, ground.clock, ground.random, ValidatorOptionsOf(settings)),
      providers_(ground.store, lease_, validator_, ground.clock, ground.random,
                 settings.backup_retention),
      migrations_(ground.store, keyring_, lease_, rotation_, providers_, ground.clock,
                  ground.random, settings.migration_rate),
      runner_(ground.store, keyring_, lease_, ground.clock, ground.random),
      webhooks_(ground.webhook_store == nullptr || ground.webhook_key == nullptr
                    ? nullptr
                    : std::make_unique<WebhookWork>(settings.webhooks, ground.store,
                                                    *ground.webhook_store, *ground.webhook_key,
                                                    ground.clock, ground.random)),
      sessions_(ground.store, ground.sessions, lease_, ground.clock, ground.random,
                ground.api_key_pepper, SessionOptionsOf(settings.sign_in)),
      oidc_(Oidc::Make(
          settings.sign_in,
          {ground.store, ground.sessions, ground.clock, ground.random, ground.api_key_pepper},
          ground.oidc_client_secret)),
      authenticator_(ground.store, lease_, ground.clock, ground.random,
                     ground.api_key_pepper.Copy(), {&sessions_, oidc_ ? &oidc_->bearer : nullptr}),
      api_keys_(ground.store, lease_, ground.clock, ground.random, ground.api_key_pepper),
      sign_in_(sessions_, ground.clock, SignInOptionsOf(settings),
               oidc_ ? &oidc_->sign_in : nullptr),
      live_streams_(authenticator_, ground.clock),
      handler_({keyring_,
                lease_,
                values_,
                data_keys_,
                rotation_,
                tenants_,
                providers_,
                migrations_,
                api_keys_,
                authenticator_,
                sign_in_,
                usage_,
                ground.store,
                ground.clock,
                settings.region,
                [this](const model::TenantId& tenant) {
                  return KeyPolicyFor(settings_, ground_.store, tenant);
                },
                ground.kms_call_store,
                settings.kms_call_retention,
                PolicyPrincipals(settings),
                &live_streams_,
                webhooks_ ? &webhooks_->webhooks : nullptr,
                ground.ready},
               {settings.tenant_rate, settings.read_rate, settings.write_rate}),
      site_(console::EmbeddedFiles(), handler_),
      workers_(PoolOptions(settings)),
      http_(HttpOptions(settings), site_, workers_, ground.clock, ground.random) {
  if (ground_.kms_calls != nullptr && ground_.kms_call_store != nullptr) {
    kms_call_log_.emplace(*ground_.kms_calls, *ground_.kms_call_store, ground_.clock,
                          lease_.process(), settings_.kms_call_retention);
  }
  AddGauges();
  AddKeyringGauges();
  AddSignInCounters();
  if (webhooks_) webhooks_->AddCounters(handler_.metrics());
  if (ground_.aws_stats) AddAwsGauges();
  if (kms_call_log_) AddKmsCallGauge();
}

// Drain() stops the renewals, which use the keyring.
Service::~Service() { Drain(); }

Result<void> Service::Start() {
  TS_RETURN_IF_ERROR(lease_.Refresh());
  TS_RETURN_IF_ERROR(http_.Start());
  StartBackground();
  return {};
}

void Service::Every(base::Duration interval, Periodic::Work work, Periodic::Priority priority) {
  background_.push_back(std::make_unique<Periodic>(interval, std::move(work), priority));
}

void Service::StartBackground() {
  using std::chrono::milliseconds;
  // On its own, so that nothing slow delays the renewal that all use depends on.
  Every(milliseconds(500),
        [this](const std::atomic<bool>&) { LogFailure("store lease", lease_.Refresh()); });
  Every(std::min<base::Duration>(milliseconds(250), settings_.revocation_bound / 16),
        [this](const std::atomic<bool>&) { keyring_.Tick(); });
  rotation_.LimitRate(settings_.migration_rate);
  rotation_.GiveWayTo([this] { return http_.stats().requests; });
  rotation_.OnBatch([this](const model::RewrapJob& before, const model::RewrapJob& after) {
    return runner_.ProgressEvent(before, after);
  });
  // Often, since a migration is handed from one to the other and back; there is an index for each
  // to find out that there is nothing to do.
  Every(
      milliseconds(250), [this](const std::atomic<bool>& stopping) { rotation_.RunJobs(stopping); },
      Periodic::Priority::kLow);
  Every(
      milliseconds(250), [this](const std::atomic<bool>& stopping) { runner_.RunSteps(stopping); },
      Periodic::Priority::kLow);
  Every(std::chrono::seconds(1),
        [this](const std::atomic<bool>& stopping) { live_streams_.Tick(stopping); });
  Every(std::chrono::seconds(5), [this](const std::atomic<bool>&) {
    LogFailure("usage counts", usage_.Flush());
    tenants_.DestroyDue();
  });
  if (kms_call_log_) {
    // Once now: a process that is killed right after its start has begun a log.
    LogFailure("log of KMS calls", kms_call_log_->Flush());
    Every(std::chrono::seconds(5), [this](const std::atomic<bool>&) {
      LogFailure("log of KMS calls", kms_call_log_->Flush());
    });
  }
  if (ground_.event_heads != nullptr) {
    Every(std::chrono::seconds(5), [this](const std::atomic<bool>&) {
      LogFailure("event heads", ground_.event_heads->SignDue());
    });
  }
  if (webhooks_) StartDeliveries();
  StartUpkeep();
}

void Service::StartDeliveries() {
  if (settings_.webhooks.concurrency > 0) {
    Every(std::chrono::seconds(1),
          [this](const std::atomic<bool>&) { webhooks_->deliveries.Dispatch(); });
  }
  Every(std::chrono::minutes(1),
        [this](const std::atomic<bool>& stopping) { webhooks_->deliveries.Prune(stopping); });
}

// Each looks at a page of tenants at a time.
void Service::StartUpkeep() {
  if (settings_.validation_interval > base::Duration::zero()) {
    Every(std::chrono::minutes(1), [this](const std::atomic<bool>& stopping) {
      providers_.ValidateScheduled(settings_.validation_interval, stopping);
    });
  }
  if (settings_.rotate_after > base::Duration::zero()) {
    Every(std::chrono::minutes(1),
          [this](const std::atomic<bool>&) { rotation_.RotateAged(settings_.rotate_after); });
  }
}

void Service::Drain() {
  http_.Drain(settings_.drain_timeout);
  workers_.Stop();
  const bool served = !background_.empty();
  background_.clear();
  if (webhooks_) webhooks_->deliveries.Stop();
  renewals_.Stop();
  if (!served) return;
  LogFailure("usage counts", usage_.Flush());
  if (kms_call_log_) LogFailure("log of KMS calls", kms_call_log_->Stop());
  if (ground_.event_heads != nullptr) LogFailure("event heads", ground_.event_heads->SignNow());
  lease_.Leave();
}

}  // namespace tenantseal::server
