// A request of AWS's API as the HTTP client sends it, signed.
#pragma once

#include <string_view>

#include "aws/credentials.h"
#include "base/clock.h"
#include "net/http_client.h"

namespace tenantseal::aws {

// Adds the headers of AWS Signature Version 4 to a POST. Signed are the URL, which has no query,
// the headers that stand there, and the body.
void SignRequest(net::HttpRequest& request, const Credentials& credentials, std::string_view region,
                 std::string_view service, base::UtcTime now);

}  // namespace tenantseal::aws
