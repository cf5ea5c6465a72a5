// The objects of a running service, wired. Members stand in layer order: each uses only those
// above.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/handler.h"
#include "api/live_streams.h"
#include "api/sign_in.h"
#include "console/console_handler.h"
#include "events/head_writer.h"
#include "events/kms_call_log.h"
#include "events/usage.h"
#include "identity/api_keys.h"
#include "identity/authenticator.h"
#include "identity/sessions.h"
#include "keyring/data_keys.h"
#include "keyring/keyring.h"
#include "keyring/rotation.h"
#include "keyring/store_lease.h"
#include "keyring/tenants.h"
#include "keyring/values.h"
#include "kms/aws/aws_kms.h"
#include "kms/key_inspector.h"
#include "kms/kms_client.h"
#include "migration/migrations.h"
#include "migration/runner.h"
#include "net/http_server.h"
#include "net/worker_pool.h"
#include "providers/key_providers.h"
#include "providers/validator.h"
#include "server/background.h"
#include "server/oidc.h"
#include "server/renewal_pool.h"
#include "server/settings.h"
#include "server/webhook_work.h"
#include "store/session_store.h"
#include "store/store.h"

namespace tenantseal::server {

// What a service stands on; owned by the caller, outlives the service.
struct Ground {
  store::Store& store;
  store::SessionStore& sessions;
  const kms::KmsClient& kms;
  kms::InternalKeys& internal_keys;
  const kms::KeyInspector& inspector;
  const base::Secret256& api_key_pepper;  // See identity/token.h.
  const base::Clock& clock;
  const base::Random& random;
  std::function<kms::AwsKmsStats()> aws_stats = {};  // Of what is behind `kms`; may be empty.
  events::HeadWriter* event_heads = nullptr;         // Null: heads are not signed.
  // Where calls of AWS KMS gather, and where they are kept; null: they are not.
  events::KmsCallBuffer* kms_calls = nullptr;
  store::KmsCallStore* kms_call_store = nullptr;
  const base::SecretBytes* oidc_client_secret = nullptr;  // Null: a public client.
  // What webhooks need; null: there are none.
  store::WebhookStore* webhook_store = nullptr;
  const base::Secret256* webhook_key = nullptr;  // See events/webhook_secrets.h.
  // How long a write has held the database at most; empty: nobody knows.
  std::function<std::chrono::nanoseconds()> longest_write = {};
  // What must hold for content to be sealed, beside the store lease; may be empty.
  std::function<Result<void>()> ready = {};
};

// The labels of "REGION OPERATION OUTCOME", as kms::AwsKmsStats names its calls.
std::vector<std::pair<std::string, std::string>> AwsCallLabels(const std::string& what);

// Whether the address is free and the certificate can be used, before anything is opened.
Result<void> CheckListener(const Settings& settings);

class Service {
 public:
  Service(const Settings& settings, Ground ground);
  ~Service();

  // Takes the store lease, listens, and starts the background work.
  Result<void> Start();
  std::uint16_t port() const { return http_.Port(); }
  identity::ApiKeys& api_keys() { return api_keys_; }
  Result<void> ReloadCertificate() { return http_.ReloadCertificate(); }

  // Answers what is in flight, makes counts durable, gives up the store lease.
  void Drain();

 private:
  void StartBackground();
  void StartDeliveries();
  void StartUpkeep();
  void Every(base::Duration interval, Periodic::Work work,
             Periodic::Priority priority = Periodic::Priority::kNormal);
  void AddGauges();
  void AddKeyringGauges();
  void AddAwsGauges();
  void AddKmsCallGauge();
  void AddSignInCounters();

  const Settings settings_;
  Ground ground_;
  keyring::StoreLease lease_;
  events::UsageCounter usage_;
  std::optional<events::KmsCallLog> kms_call_log_;
  RenewalPool renewals_;
  keyring::Keyring keyring_;
  keyring::Values values_;
  keyring::DataKeys data_keys_;
  keyring::Rotation rotation_;
  keyring::Tenants tenants_;
  providers::Validator validator_;
  providers::KeyProviders providers_;
  migration::Migrations migrations_;
  migration::Runner runner_;
  const std::unique_ptr<WebhookWork> webhooks_;  // Null: there are none.
  identity::Sessions sessions_;
  const std::unique_ptr<Oidc> oidc_;  // Null: no provider.
  identity::Authenticator authenticator_;
  identity::ApiKeys api_keys_;
  api::SignIn sign_in_;
  api::LiveStreams live_streams_;
  api::ApiHandler handler_;
  console::ConsoleHandler site_;  // All that is served: the console and the API.
  net::WorkerPool workers_;
  net::HttpServer http_;
  std::vector<std::unique_ptr<Periodic>> background_;
};

}  // namespace tenantseal::server
