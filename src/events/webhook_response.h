// What a delivery keeps of its receiver's answer, which may be anything.
#pragma once

#include "base/result.h"
#include "model/webhook.h"
#include "net/http_client.h"

namespace tenantseal::events {

// Status (0 when there was none), message, headers and body, cut to their bounds and made UTF-8.
void KeepResponse(const Result<net::HttpResponse>& response, model::WebhookDelivery& delivery);

}  // namespace tenantseal::events
