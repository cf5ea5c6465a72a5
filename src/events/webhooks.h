// The life of webhooks: made, changed, deleted, and the log of what was delivered to them.
// Deliveries themselves are the work of deliveries.h. Every method blocks; all are thread-safe.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "events/webhook_secrets.h"
#include "net/egress.h"
#include "store/store.h"
#include "store/webhook_store.h"

namespace tenantseal::events {

// A webhook as it is asked for. What is not given is empty.
struct WebhookInput {
  std::string name;
  std::string description;
  std::string url;
  std::vector<std::string> event_types;
  std::string filter;
  model::WebhookOrigin origin = model::WebhookOrigin::kApi;
  bool enabled = false;
  bool check_revocation = false;
  std::vector<model::WebhookHeader> headers;
  base::SecretBytes secret;  // Empty: none.
  std::vector<SecretHeader> encrypted_headers;
};

// What is to be changed.
struct WebhookChange {
  std::optional<std::string> name;
  std::optional<std::string> description;
  std::optional<std::string> url;
  std::optional<std::vector<std::string>> event_types;
  std::optional<bool> enabled;
  std::optional<std::vector<model::WebhookHeader>> headers;
  std::optional<base::SecretBytes> secret;  // Empty: removes it.
  std::optional<std::vector<SecretHeader>> encrypted_headers;
};

// What events tell of a webhook: nothing that may be secret.
nlohmann::json WebhookEventData(const model::Webhook& webhook);

// A delivery with what was, or will be, sent.
struct DeliveryView {
  model::WebhookDelivery delivery;
  std::string body;
};

class Webhooks {
 public:
  // `egress` is what deliveries go through: a URL that it would never let through is refused here.
  Webhooks(const store::Store& store, store::WebhookStore& webhooks, const WebhookSecrets& secrets,
           net::Egress egress, const base::Clock& clock, const base::Random& random);

  // Errors of input are kInvalidArgument and name the field. kConflict when there are too many.
  Result<model::Webhook> Create(const model::Scope& scope, const WebhookInput& input,
                                const std::string& actor);
  Result<std::vector<model::Webhook>> List(const model::Scope& scope) const;
  Result<model::Webhook> Get(const model::Scope& scope, std::string_view id) const;
  // Everything but id, origin and who made it becomes as `input` says.
  Result<model::Webhook> Replace(const model::Scope& scope, std::string_view id,
                                 const WebhookInput& input, const std::string& actor);
  // Another URL clears encrypted headers that are not given anew.
  Result<void> Patch(const model::Scope& scope, std::string_view id, const WebhookChange& change,
                     const std::string& actor);
  Result<void> Delete(const model::Scope& scope, std::string_view id, const std::string& actor);

  // `query.webhook` is filled in.
  Result<std::vector<model::WebhookDelivery>> Deliveries(const model::Scope& scope,
                                                         std::string_view id,
                                                         store::DeliveryQuery query) const;
  Result<DeliveryView> Delivery(const model::Scope& scope, std::string_view id,
                                std::string_view delivery) const;
  // Queues the event of a delivery again, as a delivery of its own. kConflict when the webhook is
  // disabled.
  Result<DeliveryView> Resend(const model::Scope& scope, std::string_view id,
                              std::string_view delivery);
  // The body that a delivery sends.
  Result<std::string> BodyOf(const model::WebhookDelivery& delivery) const;

 private:
  void Apply(const WebhookInput& input, const std::string& actor, model::Webhook& webhook) const;
  void Apply(const WebhookChange& change, model::Webhook& webhook) const;
  // Saves `after` in place of `before`, unless nothing has changed.
  Result<void> Save(const model::Webhook& before, model::Webhook& after, const std::string& actor);
  model::NewEvent EventOf(std::string_view type, const model::Webhook& webhook,
                          const std::string& actor) const;

  const store::Store& store_;
  store::WebhookStore& webhooks_;
  const WebhookSecrets& secrets_;
  const net::Egress egress_;
  const base::Clock& clock_;
  const base::Random& random_;
};

}  // namespace tenantseal::events
