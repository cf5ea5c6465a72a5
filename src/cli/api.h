// Calls of the service's control routes: their answers as they came, and refusals in full.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/connection.h"
#include "net/http_client.h"

namespace tenantseal::cli {

struct ApiOptions {
  ClientOptions connection = {};
  std::vector<net::ResponseHeader> headers = {};  // Sent besides.
  int retries = 3;                                // After the first attempt.
  std::chrono::seconds interval{1};               // Between attempts, at least.
  bool verbose = false;                           // Each call on standard error, without headers.
};

// Thread-safe. Unlike sdk/rest.h it keeps nothing in wiped memory: no key travels here but its own.
class Api {
 public:
  using Sleep = std::function<void(std::chrono::milliseconds)>;

  // The options have been checked.
  Api(std::unique_ptr<net::HttpClient> http, ApiOptions options, Sleep sleep);

  struct Answer {
    int status = 0;
    std::string body = {};
  };
  // A 2xx answer. 429 and 503 are repeated after `Retry-After`, at most five minutes; for kGet a
  // lost connection is too. Any other answer is an Error whose message is RefusalText() of
  // report_text.h and whose `meta` is the body, if that is JSON. `body` is JSON or empty.
  Result<Answer> Call(net::Method method, const std::string& path,
                      const std::string& body = {}) const;

 private:
  Result<net::HttpResponse> Send(net::Method method, const std::string& path,
                                 const std::string& body) const;

  const std::unique_ptr<net::HttpClient> http_;
  const ApiOptions options_;
  const std::string server_;  // Without a slash at the end.
  const Sleep sleep_;
};

// What the commands of `tenantseal encryption` have in common on their command line.
struct ApiFlags {
  std::shared_ptr<Connection> connection;
  std::vector<std::string> headers;  // One named Authorization is the API key.
  std::string server_type;           // Ignored.
  int retries = 3;
  int interval_s = 1;
  bool insecure = false, verbose = false;
  bool json = false, raw = false, quiet = false;

  // Adds those of Connection, --context (-c), --config, --headers, --insecure, --server-type,
  // --retry, --interval, --verbose (-v), --json, --raw and --quiet (-q).
  static std::shared_ptr<ApiFlags> AddTo(CLI::App& command);

  Result<std::unique_ptr<Api>> Connect() const;
};

}  // namespace tenantseal::cli
