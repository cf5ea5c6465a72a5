#include "server/webhook_work.h"

#include <algorithm>

#include "base/check.h"

namespace tenantseal::server {
namespace {

net::Egress EgressOf(const WebhookSettings& settings) {
  net::Egress egress;
  for (const std::string& network : settings.allowed_networks) {
    const auto allowed = egress.Allow(network);
    TS_CHECK(allowed.ok());  // Checked when it was set.
  }
  return egress;
}

net::HttpClientOptions ClientOptionsOf(const WebhookSettings& settings) {
  net::HttpClientOptions options;
  options.response_bytes_max = model::kWebhookResponseBytesMax;
  options.cut_response = true;
  options.kept_handles_max = settings.concurrency;
  options.ca_file = settings.ca_file;
  options.use_proxy_environment = false;
  options.egress = EgressOf(settings);
  return options;
}

events::DeliveryOptions DeliveryOptionsOf(const WebhookSettings& settings) {
  events::DeliveryOptions options;
  options.threads = settings.concurrency;
  options.per_scope_max = std::max<std::size_t>(1, settings.concurrency / 4);
  return options;
}

}  // namespace

WebhookWork::WebhookWork(const WebhookSettings& settings, const store::Store& store,
                         store::WebhookStore& webhook_store, const base::Secret256& key,
                         const base::Clock& clock, const base::Random& random)
    : secrets(key.Copy(), random),
      webhooks(store, webhook_store, secrets, EgressOf(settings), clock, random),
      http(net::NewHttpClient(ClientOptionsOf(settings))),
      deliveries(store, webhook_store, secrets, *http, clock, random, DeliveryOptionsOf(settings)) {
}

}  // namespace tenantseal::server
