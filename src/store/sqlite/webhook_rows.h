// Rows of webhooks, their progress and their deliveries.
#pragma once

#include "store/sqlite/session.h"
#include "store/webhook_rules.h"

namespace tenantseal::store {

// Progress with what only its claimer knows.
struct ProgressRow {
  WebhookProgress progress;
  std::uint64_t fence = 0;
  std::optional<base::UtcTime> lease_until;
};

// Verified. kNotFound.
Result<model::Webhook> ReadWebhook(Session& session, const model::Scope& scope,
                                   const model::WebhookId& id);
Result<std::vector<model::Webhook>> ReadWebhooks(Session& session, const model::Scope& scope);
// Inserts or replaces.
Result<void> PutWebhook(Session& session, const model::Webhook& webhook);
Result<ProgressRow> ReadProgress(Session& session, const model::WebhookId& webhook);  // kNotFound.
Result<void> PutProgress(Session& session, const model::WebhookId& webhook, const ProgressRow& row);
// kNotFound.
Result<model::WebhookDelivery> ReadDelivery(Session& session, const model::WebhookId& webhook,
                                            const model::DeliveryId& id);
// The delivery of the present row of a statement that selects kDeliveryColumns. kIntegrity for one
// that no row of ours can hold.
Result<model::WebhookDelivery> ReadDeliveryRow(const Statement& row);
#define WEBHOOK_DELIVERY_COLUMNS                                                         \
  "id,webhook,scope,sequence,event_type,state,triggered_at,attempts,due_at,message,url," \
  "request_headers,response_status,response_headers,response_body"
Result<void> InsertDelivery(Session& session, const model::WebhookDelivery& delivery);
// Inserts, or replaces the row of this id.
Result<void> PutDelivery(Session& session, const model::WebhookDelivery& delivery);
// All that belongs to the scope's webhooks, for the scope's end.
Result<void> DeleteWebhooksOf(Session& session, const model::Scope& scope);

}  // namespace tenantseal::store
