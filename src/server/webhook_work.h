// Webhooks of a running service: their life, and the work of delivering to them.
#pragma once

#include <memory>

#include "api/metrics.h"
#include "base/clock.h"
#include "base/random.h"
#include "events/deliveries.h"
#include "events/webhook_secrets.h"
#include "events/webhooks.h"
#include "net/http_client.h"
#include "server/settings.h"
#include "store/store.h"
#include "store/webhook_store.h"

namespace tenantseal::server {

struct WebhookWork {
  // The stores, clock and random outlive it.
  WebhookWork(const WebhookSettings& settings, const store::Store& store,
              store::WebhookStore& webhook_store, const base::Secret256& key,
              const base::Clock& clock, const base::Random& random);

  void AddCounters(api::Metrics& metrics) const;

  const events::WebhookSecrets secrets;
  events::Webhooks webhooks;
  // Sends only where webhooks may reach, past every proxy.
  const std::unique_ptr<net::HttpClient> http;
  events::Deliveries deliveries;
};

}  // namespace tenantseal::server
