#include "events/webhooks.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/encoding.h"
#include "base/text.h"
#include "events/cloud_event.h"
#include "events/event.h"
#include "events/webhook_filter.h"
#include "events/webhook_input.h"
#include "net/url.h"

namespace tenantseal::events {
namespace {

using model::Webhook;
using nlohmann::json;

constexpr int kAttemptsMax = 5;  // Of a change that others forestall.

Error NoSuchWebhook() { return NotFound("There is no such webhook."); }

Result<model::WebhookId> IdOf(std::string_view id) {
  auto parsed = model::WebhookId::Parse(id);
  if (!parsed) return NoSuchWebhook();
  return parsed;
}

// Where deliveries go, without what may be secret of the URL: many receivers put a token into path
// or query.
std::string Origin(const std::string& url) {
  const auto parts = net::SplitUrl(url);
  if (!parts) return "";
  return parts->scheme + "://" + parts->host + ":" + std::to_string(parts->port);
}

json Updates(const Webhook& before, const Webhook& after) {
  json updates = json::array();
  const auto compare = [&updates](const char* path, const json& was, const json& is) {
    if (was != is) updates.push_back({{"path", path}, {"before", was}, {"after", is}});
  };
  // Of what may be secret, only that it has changed.
  const auto touched = [&updates](const char* path, bool changed) {
    if (changed) updates.push_back({{"path", path}});
  };
  compare("/name", before.name, after.name);
  compare("/description", before.description, after.description);
  compare("/eventTypes", before.event_types, after.event_types);
  compare("/filter", before.filter, after.filter);
  compare("/enabled", before.enabled, after.enabled);
  compare("/checkCertificateRevocation", before.check_revocation, after.check_revocation);
  if (Origin(before.url) != Origin(after.url))
    compare("/url", Origin(before.url), Origin(after.url));
  else
    touched("/url", before.url != after.url);
  touched("/headers", before.headers != after.headers);
  touched("/secret", before.sealed_secret != after.sealed_secret);
  touched("/encryptedHeaders", before.sealed_headers != after.sealed_headers);
  return updates;
}

}  // namespace

json WebhookEventData(const Webhook& webhook) {
  return {{"id", webhook.id.text()},
          {"name", webhook.name},
          {"origin", Origin(webhook.url)},
          {"enabled", webhook.enabled},
          {"eventTypes", webhook.event_types}};
}

Webhooks::Webhooks(const store::Store& store, store::WebhookStore& webhooks,
                   const WebhookSecrets& secrets, net::Egress egress, const base::Clock& clock,
                   const base::Random& random)
    : store_(store),
      webhooks_(webhooks),
      secrets_(secrets),
      egress_(std::move(egress)),
      clock_(clock),
      random_(random) {}

model::NewEvent Webhooks::EventOf(std::string_view type, const Webhook& webhook,
                                  const std::string& actor) const {
  return MakeEvent(clock_, random_, webhook.scope, type, actor, WebhookEventData(webhook));
}

// --- Made, changed, deleted ---

Result<Webhook> Webhooks::Create(const model::Scope& scope, const WebhookInput& input,
                                 const std::string& actor) {
  TS_RETURN_IF_ERROR(CheckWebhookInput(input, egress_));
  Webhook webhook;
  webhook.id = model::WebhookId::New(random_);
  webhook.scope = scope;
  webhook.origin = input.origin;
  webhook.created_by = actor;
  webhook.created_at = clock_.Utc();
  Apply(input, actor, webhook);
  webhook.updated_at = webhook.created_at;
  TS_RETURN_IF_ERROR(webhooks_.CreateWebhook(webhook, EventOf(kWebhookCreated, webhook, actor)));
  return webhook;
}

Result<std::vector<Webhook>> Webhooks::List(const model::Scope& scope) const {
  return webhooks_.ListWebhooks(scope);
}

Result<Webhook> Webhooks::Get(const model::Scope& scope, std::string_view id) const {
  TS_ASSIGN_OR_RETURN(const model::WebhookId parsed, IdOf(id));
  return webhooks_.LoadWebhook(scope, parsed);
}

void Webhooks::Apply(const WebhookInput& input, const std::string& actor, Webhook& webhook) const {
  webhook.name = input.name;
  webhook.description = input.description;
  webhook.url = input.url;
  webhook.event_types = input.event_types;
  webhook.filter = input.filter;
  webhook.enabled = input.enabled;
  webhook.check_revocation = input.check_revocation;
  webhook.headers = input.headers;
  webhook.updated_by = actor;
  if (webhook.enabled) webhook.disabled_reason.clear();
  secrets_.SealSecret(input.secret, webhook);
  secrets_.SealHeaders(input.encrypted_headers, webhook);
}

void Webhooks::Apply(const WebhookChange& change, Webhook& webhook) const {
  if (change.name) webhook.name = *change.name;
  if (change.description) webhook.description = *change.description;
  if (change.event_types) webhook.event_types = *change.event_types;
  if (change.enabled) webhook.enabled = *change.enabled;
  if (change.headers) webhook.headers = *change.headers;
  if (webhook.enabled) webhook.disabled_reason.clear();
  if (change.url && *change.url != webhook.url) {
    webhook.url = *change.url;
    secrets_.SealHeaders({}, webhook);
  }
  if (change.secret) secrets_.SealSecret(*change.secret, webhook);
  if (change.encrypted_headers) secrets_.SealHeaders(*change.encrypted_headers, webhook);
}

Result<void> Webhooks::Save(const Webhook& before, Webhook& after, const std::string& actor) {
  json updates = Updates(before, after);
  if (updates.empty()) {
    after = before;
    return {};
  }
  after.updated_at = clock_.Utc();
  after.updated_by = actor;
  after.revision = before.revision + 1;
  json data = WebhookEventData(after);
  data["updates"] = std::move(updates);
  return webhooks_.ChangeWebhook(
      after, MakeEvent(clock_, random_, after.scope, kWebhookUpdated, actor, data));
}

Result<Webhook> Webhooks::Replace(const model::Scope& scope, std::string_view id,
                                  const WebhookInput& input, const std::string& actor) {
  TS_RETURN_IF_ERROR(CheckWebhookInput(input, egress_));
  for (int attempt = 1;; ++attempt) {
    TS_ASSIGN_OR_RETURN(const Webhook before, Get(scope, id));
    Webhook after = before;
    Apply(input, actor, after);
    const auto saved = Save(before, after, actor);
    if (saved) return after;
    if (saved.error().code != ErrorCode::kConflict || attempt == kAttemptsMax) return saved.error();
  }
}

Result<void> Webhooks::Patch(const model::Scope& scope, std::string_view id,
                             const WebhookChange& change, const std::string& actor) {
  TS_RETURN_IF_ERROR(CheckWebhookChange(change, egress_));
  for (int attempt = 1;; ++attempt) {
    TS_ASSIGN_OR_RETURN(const Webhook before, Get(scope, id));
    Webhook after = before;
    Apply(change, after);
    TS_RETURN_IF_ERROR(CheckHeaderNames(after));
    const auto saved = Save(before, after, actor);
    if (saved || saved.error().code != ErrorCode::kConflict || attempt == kAttemptsMax)
      return saved;
  }
}

Result<void> Webhooks::Delete(const model::Scope& scope, std::string_view id,
                              const std::string& actor) {
  TS_ASSIGN_OR_RETURN(const Webhook webhook, Get(scope, id));
  return webhooks_.DeleteWebhook(scope, webhook.id, EventOf(kWebhookDeleted, webhook, actor));
}

// --- Deliveries ---

Result<std::vector<model::WebhookDelivery>> Webhooks::Deliveries(const model::Scope& scope,
                                                                 std::string_view id,
                                                                 store::DeliveryQuery query) const {
  TS_ASSIGN_OR_RETURN(const Webhook webhook, Get(scope, id));
  query.webhook = webhook.id;
  return webhooks_.ListDeliveries(query);
}

Result<std::string> Webhooks::BodyOf(const model::WebhookDelivery& delivery) const {
  store::EventQuery query;
  query.sequences = {delivery.sequence};
  query.limit = 1;
  TS_ASSIGN_OR_RETURN(const auto events, store_.QueryEvents(delivery.scope, query));
  if (events.empty()) return IntegrityError("a delivery names an event that is not there");
  return CloudEventJson(events[0]);
}

Result<DeliveryView> Webhooks::Delivery(const model::Scope& scope, std::string_view id,
                                        std::string_view delivery) const {
  TS_ASSIGN_OR_RETURN(const Webhook webhook, Get(scope, id));
  const auto parsed = model::DeliveryId::Parse(delivery);
  if (!parsed) return NotFound("There is no such delivery; those of the last week are kept.");
  DeliveryView view;
  TS_ASSIGN_OR_RETURN(view.delivery, webhooks_.LoadDelivery(webhook.id, *parsed));
  TS_ASSIGN_OR_RETURN(view.body, BodyOf(view.delivery));
  return view;
}

Result<DeliveryView> Webhooks::Resend(const model::Scope& scope, std::string_view id,
                                      std::string_view delivery) {
  TS_ASSIGN_OR_RETURN(DeliveryView view, Delivery(scope, id, delivery));
  model::WebhookDelivery again;
  again.id = model::DeliveryId::New(random_);
  again.webhook = view.delivery.webhook;
  again.scope = view.delivery.scope;
  again.sequence = view.delivery.sequence;
  again.event_type = view.delivery.event_type;
  again.triggered_at = clock_.Utc();
  again.next_attempt_at = again.triggered_at;
  again.message = "Waits for its first attempt.";
  TS_RETURN_IF_ERROR(webhooks_.AddDelivery(again));
  view.delivery = std::move(again);
  return view;
}

}  // namespace tenantseal::events
