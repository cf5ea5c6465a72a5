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
  options.kept_handles_max = std::max<std::size_t>(1, settings.concurrency);
  options.ca_file = settings.ca_file;
  options.use_proxy_environment = false;
  options.egress = EgressOf(settings);
  return options;
}

events::DeliveryOptions DeliveryOptionsOf(const WebhookSettings& settings) {
  events::DeliveryOptions options;
  options.threads = std::max<std::size_t>(1, settings.concurrency);
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

void WebhookWork::AddCounters(api::Metrics& metrics) const {
  using events::DeliveryCounts;
  const auto counter = [&](const char* name, const char* help, auto field) {
    metrics.AddGauge({name, help, true,
                      [this, field] { return static_cast<double>(deliveries.counts().*field); }});
  };
  counter("tenantseal_webhook_attempts_succeeded_total", "Deliveries to webhooks that succeeded.",
          &DeliveryCounts::succeeded);
  counter("tenantseal_webhook_attempts_failed_total",
          "Attempts to deliver to a webhook that failed.", &DeliveryCounts::failed);
  counter("tenantseal_webhook_deliveries_given_up_total",
          "Deliveries to webhooks given up after their last attempt.", &DeliveryCounts::given_up);
  counter("tenantseal_webhooks_disabled_total", "Webhooks disabled because they kept failing.",
          &DeliveryCounts::disabled);
}

}  // namespace tenantseal::server
