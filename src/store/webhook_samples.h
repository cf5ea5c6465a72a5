// Webhooks and deliveries to fill a store with, for tests.
#pragma once

#include "store/store_test_ground.h"
#include "store/webhook_store.h"

namespace tenantseal::store::samples {

inline model::Webhook WebhookOf(const model::Scope& scope, bool enabled = true) {
  model::Webhook out;
  out.id = model::WebhookId::New(kRandom);
  out.scope = scope;
  out.name = "Ours";
  out.description = "for tests";
  out.url = "https://hooks.example.com/in";
  out.event_types = {"test.happened", "test.again"};
  out.filter = R"(id eq "1")";
  out.origin = model::WebhookOrigin::kAutomations;
  out.enabled = enabled;
  out.headers = {{"X-One", "1"}, {"X-Two", ""}};
  out.sealed_secret = base::Bytes(90, 5);
  out.encrypted_headers = {"X-Token"};
  out.sealed_headers = base::Bytes(100, 6);
  out.created_at = kNow;
  out.updated_at = After(5);
  out.created_by = "api-key:tester";
  out.updated_by = "api-key:another";
  return out;
}

inline model::WebhookDelivery DeliveryOf(
    const model::Webhook& webhook, std::uint64_t sequence, std::int64_t at_ms = 0,
    model::DeliveryState state = model::DeliveryState::kRetrying) {
  model::WebhookDelivery out;
  out.id = model::DeliveryId::New(kRandom);
  out.webhook = webhook.id;
  out.scope = webhook.scope;
  out.sequence = sequence;
  out.event_type = "test.happened";
  out.state = state;
  out.triggered_at = After(at_ms);
  out.attempts = 3;
  if (out.unfinished()) out.next_attempt_at = After(at_ms + 1000);
  out.message = "HTTP 500";
  out.url = webhook.url;
  out.request_headers = {{"Content-Type", "application/json"}};
  out.response_status = 500;
  out.response_headers = {{"Server", "x"}};
  out.response_body = "sorry";
  return out;
}

}  // namespace tenantseal::store::samples
