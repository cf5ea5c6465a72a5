// How a command reaches the service: flags, environment, API key.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "sdk/rest.h"
#include "tenantseal/client.h"

namespace CLI {
class App;
}

namespace tenantseal::cli {

// Filled when the command line is parsed. The API key comes from --api-key-file, else from
// TENANTSEAL_API_KEY, and never from an argument.
struct Connection {
  std::string server;
  std::string api_key_file;
  std::string tenant;
  std::string ca_file;
  bool insecure_http = false;

  // Adds --server, --tenant, --api-key-file, --ca-file and --insecure-http.
  static std::shared_ptr<Connection> AddTo(CLI::App& command);

  Result<ClientOptions> Options() const;
  Result<Client> ConnectClient() const;
  Result<std::unique_ptr<sdk::Rest>> ConnectRest() const;
};

// Adds `--context k=v`, which may stand several times.
std::shared_ptr<std::vector<std::string>> AddContextOption(CLI::App& command,
                                                           const std::string& help);
// kInvalidArgument for one without '='.
Result<Context::Pairs> ParseContext(const std::vector<std::string>& pairs);

}  // namespace tenantseal::cli
