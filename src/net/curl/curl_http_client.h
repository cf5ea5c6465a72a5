// The HTTP client on libcurl's easy interface.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "net/http_client.h"

namespace tenantseal::net::curl {

struct EasyDeleter {
  void operator()(void* easy) const;
};
using Easy = std::unique_ptr<void, EasyDeleter>;  // A CURL*, whose header stays in the .cc.

// Each Send takes an idle handle, with the connections that it keeps, or makes one; at most
// kept_handles_max go back. Memory that libcurl frees is wiped first, in the whole process.
// libcurl sends a request once more when a kept connection turns out to have been closed before
// a byte of the answer came.
class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(HttpClientOptions options);

  Result<HttpResponse> Send(const HttpRequest& request) const override;

 private:
  Easy Take() const;
  void Give(Easy easy) const;

  const HttpClientOptions options_;
  mutable base::Mutex mutex_;
  mutable std::vector<Easy> idle_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::net::curl
