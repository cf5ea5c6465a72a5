#include "cli/connection.h"

#include <sys/stat.h>

#include <CLI/App.hpp>
#include <cstdlib>

#include "base/file.h"

namespace tenantseal::cli {
namespace {

constexpr std::size_t kApiKeyFileBytesMax = 4096;

Result<std::string> ReadApiKey(const std::string& file) {
  if (!file.empty()) {
    // A pipe will do, as of a shell's <(command). Of others the permissions are not the point.
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode))
      return InvalidArgument("api-key-file", file + " is not a regular file.");
    TS_RETURN_IF_ERROR(base::RequirePrivateFile(file));
    TS_ASSIGN_OR_RETURN(const base::SecretBytes bytes, base::ReadFile(file, kApiKeyFileBytesMax));
    std::string_view text = bytes.RevealText();
    while (text.ends_with('\n') || text.ends_with('\r') || text.ends_with(' '))
      text.remove_suffix(1);
    return std::string(text);
  }
  if (const char* const value = std::getenv("TENANTSEAL_API_KEY");
      value != nullptr && *value != '\0') {
    return std::string(value);
  }
  return InvalidArgument("api-key-file",
                         "No API key: set TENANTSEAL_API_KEY or give --api-key-file FILE.");
}

}  // namespace

std::shared_ptr<Connection> Connection::AddTo(CLI::App& command) {
  auto out = std::make_shared<Connection>();
  const auto add = [&](const std::string& name, std::string& value, const std::string& help) {
    return command.add_option(name, value, help)->group("Connection");
  };
  add("--server", out->server, "URL of the service, e.g. https://tenantseal.example.com")
      ->envname("TENANTSEAL_SERVER")
      ->type_name("URL");
  add("--tenant", out->tenant, "Tenant to act for, where the API key serves several")
      ->envname("TENANTSEAL_TENANT")
      ->type_name("ID");
  add("--api-key-file", out->api_key_file, "File with the API key (default: TENANTSEAL_API_KEY)")
      ->type_name("FILE");
  add("--ca-file", out->ca_file, "PEM roots to trust in place of the system's")
      ->envname("TENANTSEAL_CA_FILE")
      ->type_name("FILE");
  command
      .add_flag("--insecure-http", out->insecure_http,
                "Allow http:// to other machines: keys travel in clear")
      ->group("Connection");
  return out;
}

Result<ClientOptions> Connection::Options() const {
  if (server.empty())
    return InvalidArgument("server", "No server: set TENANTSEAL_SERVER or give --server URL.");
  ClientOptions out;
  out.server = server;
  out.tenant_id = tenant;
  out.ca_file = ca_file;
  out.insecure_http = insecure_http;
  TS_ASSIGN_OR_RETURN(out.api_key, ReadApiKey(api_key_file));
  return out;
}

Result<Client> Connection::ConnectClient() const {
  TS_ASSIGN_OR_RETURN(ClientOptions options, Options());
  return Client::Connect(std::move(options));
}

Result<std::unique_ptr<sdk::Rest>> Connection::ConnectRest() const {
  TS_ASSIGN_OR_RETURN(const ClientOptions options, Options());
  return sdk::NewRest(options);
}

std::shared_ptr<std::vector<std::string>> AddContextOption(CLI::App& command,
                                                           const std::string& help) {
  auto pairs = std::make_shared<std::vector<std::string>>();
  command.add_option("--context,-c", *pairs, help)->type_name("KEY=VALUE")->allow_extra_args(false);
  return pairs;
}

Result<Context::Pairs> ParseContext(const std::vector<std::string>& pairs) {
  Context::Pairs out;
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument("context", "--context takes KEY=VALUE, not \"" + pair + "\".");
    }
    out.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return out;
}

}  // namespace tenantseal::cli
