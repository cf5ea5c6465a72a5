// The service's REST API as a client sees it: authentication, repetition, errors.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "net/http_client.h"
#include "tenantseal/client.h"

namespace tenantseal::sdk {

// Thread-safe.
class Rest {
 public:
  using Sleep = std::function<void(std::chrono::milliseconds)>;

  // The options have been checked.
  Rest(std::unique_ptr<net::HttpClient> http, const ClientOptions& options, Sleep sleep);

  enum class Repeat {
    kAnyFailure,    // The call may take effect twice: nothing is created by it.
    kRefusalsOnly,  // Repeat only what the service itself has refused for now.
  };

  // The body of a 2xx answer; any other answer as the error that its envelope names. `path` starts
  // with '/'; `json` is empty for a call without a body.
  Result<base::SecretBytes> Call(net::Method method, const std::string& path, base::ByteSpan json,
                                 Repeat repeat) const;

 private:
  Result<base::SecretBytes> Attempt(const net::HttpRequest& request, bool* refused) const;

  std::unique_ptr<net::HttpClient> http_;
  std::string server_;  // Without a slash at the end.
  std::string tenant_id_;
  base::SecretBytes authorization_;
  base::Duration timeout_;
  int attempts_max_;
  std::chrono::milliseconds retry_delay_max_;
  Sleep sleep_;
};

// Refuses options that could not work or would send keys in clear; `field` names the option.
Result<void> CheckOptions(const ClientOptions& options);

// The error that an answer's envelope stands for.
Error ErrorOfResponse(const net::HttpResponse& response);

// Rest on libcurl, after CheckOptions().
Result<std::unique_ptr<Rest>> NewRest(const ClientOptions& options);

}  // namespace tenantseal::sdk
