// Writes the head of a response.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "net/message.h"

namespace tenantseal::net::beast {

struct HeadContext {
  std::string_view date = {};        // IMF-fixdate, see HttpDate.
  std::string_view request_id = {};  // Empty: no X-Request-Id.
  bool http11 = true;
  bool keep_alive = true;
  std::span<const ResponseHeader> defaults = {};  // For those that the response does not have.
};

// Appends status line, fields and the empty line to `out`. Statuses 204 and 304 have no body and
// no Content-Length (RFC 9110 section 8.6), an answer with a stream is chunked; whether a body
// follows for others is the caller's business (HEAD). `response` must be sendable.
void AppendHead(const Response& response, const HeadContext& context, std::string& out);

// Whether the status allows a body.
bool StatusHasBody(int status);

// Whether status and headers can be sent as they are: a final status, names that are tokens and
// not the server's own, values without control characters.
bool IsSendable(const Response& response);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
std::string HttpDate(std::int64_t utc_seconds);

}  // namespace tenantseal::net::beast
