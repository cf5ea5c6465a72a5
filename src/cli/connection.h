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

// Filled when the command line is parsed. Server and API key come from the flags, else from
// TENANTSEAL_SERVER and TENANTSEAL_API_KEY, else from the current context (contexts.h); a context
// that is named, or whose file is, comes before the environment. A context's key is sent to that
// context's server alone. The key is an argument only where --headers names Authorization (api.h).
struct Connection {
  std::string server;
  std::string context;        // The name of one; empty: the current one.
  std::string contexts_file;  // Empty: the user's own.
  std::string api_key;        // Of an Authorization header; empty: none was given.
  std::string api_key_file;
  std::string tenant;
  std::string ca_file;
  bool insecure_http = false;

  // Adds --server (-s), --tenant, --api-key-file, --ca-file and --insecure-http.
  static std::shared_ptr<Connection> AddTo(CLI::App& command);

  Result<ClientOptions> Options() const;
  Result<Client> ConnectClient() const;
  Result<std::unique_ptr<sdk::Rest>> ConnectRest() const;
};

// The API key in a file, without what surrounds it. kPermissionDenied when others may read it.
Result<std::string> ReadApiKeyFile(const std::string& file);

// Adds `--context k=v`, which may stand several times.
std::shared_ptr<std::vector<std::string>> AddContextOption(CLI::App& command,
                                                           const std::string& help);
// kInvalidArgument for one without '='.
Result<Context::Pairs> ParseContext(const std::vector<std::string>& pairs);

}  // namespace tenantseal::cli
