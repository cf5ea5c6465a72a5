// Events as they are delivered: CloudEvents 1.0 in JSON, and their signature.
#pragma once

#include <string>

#include "base/secret.h"
#include "model/records.h"

namespace tenantseal::events {

// {"specversion":"1.0","id","source","type","time","datacontenttype","tenantid","userid",
//  "sequence","data"}. `tenantid` is "-" for the deployment's own events. The same event always
// becomes the same text.
std::string CloudEventJson(const model::Event& event);

// HMAC-SHA-256 of the body in hexadecimal digits: the header Qlik-Signature.
std::string WebhookSignature(const base::SecretBytes& secret, std::string_view body);

}  // namespace tenantseal::events
