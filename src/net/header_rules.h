// What may stand in a header that is sent, by server and client alike.
#pragma once

#include <string_view>

namespace tenantseal::net {

// Whether `text` is a token (RFC 9110 section 5.6.2): what a header name must be.
bool IsToken(std::string_view text);

// Whether `text` can be a header value: no control character, so no second line.
bool IsHeaderValue(std::string_view text);

}  // namespace tenantseal::net
