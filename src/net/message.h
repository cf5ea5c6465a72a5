// net: HTTP/1.1, as a server (on Boost.Beast, beast/) and as a client (on libcurl, curl/), and
// the bounded pool of worker threads that requests which block run on.
//
// Promises: every message is bounded in head, body and time before anything is kept of it; a
// message whose framing two parsers might read differently is refused and its connection closed;
// bodies live in memory that is wiped after use; one slow, silent or flooding peer costs the
// others nothing. Never: knows a route, a tenant or JSON; decides who may do what; throws.
//
// Start at http_server.h (HttpServer, HttpHandler) and http_client.h (HttpClient); this file
// holds the two values that pass between server and handler.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/secret.h"

namespace tenantseal::net {

enum class Method : std::uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

// "GET" and so on; "OTHER" for kOther.
std::string_view MethodName(Method method);

inline constexpr std::size_t kHeadersMax = 64;     // Fields of one request; more are a 431.
inline constexpr std::size_t kRequestIdSize = 16;  // Characters of [A-Za-z0-9_-].

struct HeaderField {
  std::string_view name;   // As sent; compare without case.
  std::string_view value;  // Without surrounding white space.
};

// Whether two header names are equal, ASCII case aside.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// One request, complete with its body. All views point into the connection's memory, or into
// whatever a test made them point to, and are valid until the handler has returned its response.
// One thread at a time: first the I/O thread, then, if the request needs one, a worker.
struct Request {
  Method method = Method::kGet;
  std::string_view path;   // Raw, not percent-decoded, without the query: '/'..., or "*".
  std::string_view query;  // Raw, what follows the first '?'; empty when there is none.
  std::span<const HeaderField> headers;
  base::ByteSpan body;  // Memory that is wiped after the request.

  std::string_view request_id;  // Made by the server, never taken from the client.
  std::string_view peer;        // The peer's numeric address, without the port.
  bool secure = false;          // Came over TLS.
  base::Deadline deadline;      // The answer is worthless after this.

  // For the handler: what HandleNow sets here, the server and HandleBlocking find. `queue_key`
  // chooses the fair queue of the worker pool (the tenant id).
  std::string queue_key;

  // The value of the first field of this name. The server refuses a second Authorization,
  // Content-Length, Content-Type, Host or Transfer-Encoding, so these have at most one.
  std::optional<std::string_view> Header(std::string_view name) const;
};

struct ResponseHeader {
  std::string name;
  std::string value;
};

// How a response leaves: stand-ins of failing services (emulator/) choose the other two.
enum class Delivery : std::uint8_t {
  kWhole,
  kCut,   // Content-Length tells of the whole body, half of it is sent, the connection closes.
  kDrop,  // Nothing is sent, the connection closes.
};

class Stream;  // stream.h

// Bytes that outlive the server, such as those that are embedded in the binary: not copied.
struct StaticBytes {
  base::ByteSpan bytes;
};

// One response. The server adds Content-Length, Date, Connection and X-Request-Id. A header that
// holds a control character is dropped and the answer becomes an empty 500: a defect of the
// handler must not become response splitting.
struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  // Static storage. Not sent without a body.
  // Secret: wiped with every copy.
  std::variant<std::string, base::SecretBytes, StaticBytes> body = {};
  std::vector<ResponseHeader> headers = {};
  std::optional<base::UtcTime> date = {};  // Told by the Date header instead of the server's time.
  bool close = false;                      // Close the connection after this answer.
  Delivery delivery = Delivery::kWhole;
  base::Duration delay = {};  // Delivered this much later; the server's end does not wait for it.
  // Set: `body` is not sent, but what is pushed here, until it ends; then the connection closes.
  // Clients of HTTP/1.0 get 505. The server's is the only lasting reference.
  std::shared_ptr<Stream> stream = {};

  base::ByteSpan BodyBytes() const {
    if (const auto* text = std::get_if<std::string>(&body)) return base::AsBytes(*text);
    if (const auto* fixed = std::get_if<StaticBytes>(&body)) return fixed->bytes;
    return std::get<base::SecretBytes>(body).Reveal();
  }
  bool secret() const { return std::holds_alternative<base::SecretBytes>(body); }
};

}  // namespace tenantseal::net
