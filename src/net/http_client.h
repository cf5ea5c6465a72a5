// The HTTP client: one request, one bounded response.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "net/egress.h"
#include "net/message.h"

namespace tenantseal::net {

struct HttpRequest {
  Method method = Method::kGet;       // kOther is refused.
  std::string url = {};               // http:// or https://, without user, password or fragment.
  std::vector<ResponseHeader> headers = {};  // Names are tokens; values hold no control characters.
  base::ByteSpan body = {};           // The caller's; must live until Send returns.
  base::Duration timeout = std::chrono::seconds(10);  // The whole exchange; at least 1 ms.
  bool require_ocsp = false;  // The server must staple an OCSP answer that says "good".
};

struct HttpResponse {
  int status = 0;
  std::vector<ResponseHeader> headers = {};  // Of the final response, in order.
  base::SecretBytes body = {};

  // The value of the first header of this name, ASCII case aside.
  std::optional<std::string_view> Header(std::string_view name) const;
};

// Thread-safe. Never follows a redirect, never leaves http and https. Retrying is the caller's
// business.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Any status is a response, not an error. kInvalidArgument: the request is not well-formed
  // (field "url", "method", "headers", "timeout"). kUnavailable: no connection (not in time
  // either), or it broke, or TLS verification failed. kDeadlineExceeded: the request was sent, and
  // the timeout passed. kTooLarge: the response is
  // greater than the client's bound. kPermissionDenied: the host has addresses that
  // HttpClientOptions::egress does not allow, and none that answers.
  virtual Result<HttpResponse> Send(const HttpRequest& request) const = 0;
};

struct HttpClientOptions {
  std::size_t response_bytes_max = 8 << 20;   // Body; headers are bounded at 64 KiB and 256 lines.
  bool cut_response = false;  // Of a longer body the beginning is taken; else it is kTooLarge.
  std::size_t kept_handles_max = 16;          // Idle handles, each with its kept connections.
  base::Duration connect_timeout = std::chrono::seconds(5);
  std::string ca_file = {};   // PEM roots in place of the system's; empty: the system's.
  std::string user_agent = "tenantseal";
  bool use_proxy_environment = true;  // Honour https_proxy, http_proxy and no_proxy.
  // Only addresses that it allows are connected to. Goes with use_proxy_environment = false: what a
  // proxy connects to cannot be seen.
  std::optional<Egress> egress = {};
};

// The client on libcurl (curl/). Certificates and host names are always verified, TLS 1.2 or
// later.
std::unique_ptr<HttpClient> NewHttpClient(HttpClientOptions options = {});

}  // namespace tenantseal::net
