// What a webhook may be: checks of what callers give. Errors are kInvalidArgument and name the
// field.
#pragma once

#include <string>

#include "base/result.h"
#include "events/webhooks.h"
#include "net/egress.h"

namespace tenantseal::events {

Result<void> CheckWebhookInput(const WebhookInput& input, const net::Egress& egress);
Result<void> CheckWebhookChange(const WebhookChange& change, const net::Egress& egress);
// No header of a webhook stands twice, plain or encrypted.
Result<void> CheckHeaderNames(const model::Webhook& webhook);
// https, and http to a loopback address that `egress` allows explicitly. A host that is an address
// must be one that `egress` allows; a name is judged when it is connected to.
Result<void> CheckWebhookUrl(const std::string& url, const net::Egress& egress);

}  // namespace tenantseal::events
