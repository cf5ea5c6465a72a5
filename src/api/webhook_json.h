// JSON of webhooks, with the names that the webhooks API of
// https://qlik.dev/apis/rest/webhooks gives them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "events/webhooks.h"

namespace tenantseal::api {

nlohmann::json WebhookJson(const model::Webhook& webhook);
// Without "request.body", which takes the event.
nlohmann::json DeliveryJson(const model::WebhookDelivery& delivery);
nlohmann::json DeliveryJson(const events::DeliveryView& view);  // With it.
// {"name","title","description","category","levels"}
nlohmann::json EventTypeJson(std::string_view type);

std::string_view OriginName(model::WebhookOrigin origin);
std::string_view DeliveryStatus(model::DeliveryState state);  // "success", "fail", "pending".

// The body of a creation or replacement. What the service itself fills in may stand there and is
// ignored; so what was read can be sent back, with the secrets in it. Secrets never pass through a
// general tree. kInvalidArgument names the field.
Result<events::WebhookInput> ParseWebhook(base::ByteSpan body);
// The body of a change: RFC 6902, `add`, `replace` and `remove` of single members.
Result<events::WebhookChange> ParseWebhookPatch(base::ByteSpan body);

}  // namespace tenantseal::api
