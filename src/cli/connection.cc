#include "cli/connection.h"

#include <sys/stat.h>

#include <CLI/App.hpp>
#include <cstdlib>

#include "base/file.h"
#include "cli/contexts.h"

namespace tenantseal::cli {
namespace {

constexpr std::size_t kApiKeyFileBytesMax = 4096;

std::string FromEnvironment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool SameServer(std::string_view a, std::string_view b) {
  while (a.ends_with('/')) a.remove_suffix(1);
  while (b.ends_with('/')) b.remove_suffix(1);
  return a == b;
}

// Fills in what flags and environment have left open.
void TakeFrom(const ServiceContext& context, ClientOptions& out) {
  if (out.server.empty()) out.server = context.server;
  if (!SameServer(out.server, context.server)) return;
  if (out.api_key.empty()) out.api_key = context.api_key;
  if (out.ca_file.empty()) out.ca_file = context.ca_file;
}

// Of the context that is named, else of the current one, if any.
Result<void> TakeFromContexts(const std::string& name, const std::string& file,
                              ClientOptions& out) {
  if (!file.empty() && !base::FileExists(file))
    return NotFound("--config " + file +
                    ": there is no such file; `tenantseal context set` makes "
                    "$XDG_CONFIG_HOME/tenantseal/contexts.json.");
  TS_ASSIGN_OR_RETURN(const Contexts contexts,
                      Contexts::Load(file.empty() ? Contexts::Path() : file));
  const std::string& chosen = name.empty() ? contexts.current : name;
  if (chosen.empty()) return {};
  TS_ASSIGN_OR_RETURN(const ServiceContext* const context, contexts.Find(chosen));
  TakeFrom(*context, out);
  return {};
}

}  // namespace

Result<std::string> ReadApiKeyFile(const std::string& file) {
  // A pipe will do, as of a shell's <(command). Of others the permissions are not the point.
  struct stat info {};
  if (::stat(file.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode))
    return InvalidArgument(
        "api-key-file",
        "--api-key-file " + file + " is not a regular file; give one with the API key.");
  TS_RETURN_IF_ERROR(base::RequirePrivateFile(file));
  TS_ASSIGN_OR_RETURN(const base::SecretBytes bytes, base::ReadFile(file, kApiKeyFileBytesMax));
  std::string_view text = bytes.RevealText();
  while (text.ends_with('\n') || text.ends_with('\r') || text.ends_with(' ')) text.remove_suffix(1);
  if (text.empty())
    return InvalidArgument("api-key-file",
                           "--api-key-file " + file + ": it is empty; write the API key there.");
  return std::string(text);
}

std::shared_ptr<Connection> Connection::AddTo(CLI::App& command) {
  auto out = std::make_shared<Connection>();
  const auto add = [&](const std::string& name, std::string& value, const std::string& help) {
    return command.add_option(name, value, help)->group("Connection");
  };
  add("--server,-s", out->server,
      "URL of the service, e.g. https://tenantseal.example.com (default: TENANTSEAL_SERVER, else "
      "the current context's)")
      ->type_name("URL");
  add("--tenant", out->tenant, "Tenant to act for, where the API key serves several")
      ->envname("TENANTSEAL_TENANT")
      ->type_name("ID");
  add("--api-key-file", out->api_key_file,
      "File with the API key (default: TENANTSEAL_API_KEY, else the current context's)")
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
  const bool named = !context.empty() || !contexts_file.empty();
  ClientOptions out;
  out.tenant_id = tenant;
  out.ca_file = ca_file;
  out.insecure_http = insecure_http;
  out.server = server;
  out.api_key = api_key;
  if (!api_key_file.empty()) {
    if (!api_key.empty())
      return InvalidArgument("api-key-file",
                             "Give one API key: either --api-key-file, or Authorization by "
                             "--headers.");
    TS_ASSIGN_OR_RETURN(out.api_key, ReadApiKeyFile(api_key_file));
  }
  const auto take_environment = [&out] {
    if (out.server.empty()) out.server = FromEnvironment("TENANTSEAL_SERVER");
    if (out.api_key.empty()) out.api_key = FromEnvironment("TENANTSEAL_API_KEY");
  };
  if (!named) take_environment();
  if (named || out.server.empty() || out.api_key.empty())
    TS_RETURN_IF_ERROR(TakeFromContexts(context, contexts_file, out));
  take_environment();
  if (out.server.empty()) {
    return InvalidArgument("server",
                           "No server: give --server URL, set TENANTSEAL_SERVER, or use a context "
                           "(`tenantseal context set NAME --server URL`).");
  }
  if (out.api_key.empty()) {
    return InvalidArgument("api-key-file",
                           "No API key for " + out.server +
                               ": set TENANTSEAL_API_KEY, give --api-key-file FILE, or use a "
                               "context of this server.");
  }
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
