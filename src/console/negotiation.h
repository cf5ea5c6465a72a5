// What a client accepts, by the headers of RFC 9110.
#pragma once

#include <string_view>

namespace tenantseal::console {

// Whether Accept-Encoding allows `encoding` (sections 12.5.3 and 12.4.2): named, or by "*", and not
// with a weight of 0. Without the header only what is not encoded is sent, so: no.
bool AcceptsEncoding(std::string_view accept_encoding, std::string_view encoding);

// Whether Accept names `type` itself, not by a wildcard, and not with a weight of 0. Browsers that
// open a page do; programs that call an API do not.
bool AcceptsType(std::string_view accept, std::string_view type);

// Whether If-None-Match holds `tag`, by weak comparison, or is "*" (section 13.1.2). `tag` comes
// with its quotes.
bool TagMatches(std::string_view if_none_match, std::string_view tag);

}  // namespace tenantseal::console
