#include <thread>

#include "sdk/rest.h"

namespace tenantseal::sdk {

Result<std::unique_ptr<Rest>> NewRest(const ClientOptions& options) {
  TS_RETURN_IF_ERROR(CheckOptions(options));
  net::HttpClientOptions http;
  http.ca_file = options.ca_file;
  http.connect_timeout = options.connect_timeout;
  http.user_agent = "tenantseal-sdk";
  return std::make_unique<Rest>(
      net::NewHttpClient(http), options,
      [](std::chrono::milliseconds delay) { std::this_thread::sleep_for(delay); });
}

}  // namespace tenantseal::sdk
