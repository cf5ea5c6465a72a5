#include "cli/api.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/report_text.h"
#include "net/header_rules.h"
#include "sdk/rest.h"

namespace tenantseal::cli {
namespace {

constexpr std::chrono::minutes kDelayMax{5};
constexpr std::chrono::seconds kTimeout{60};  // A validation asks two regions of AWS.
constexpr int kRetriesMax = 10;

std::string WithoutSlash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

bool IsJson(std::string_view text) { return nlohmann::json::accept(text); }

Error RefusalOf(const net::HttpResponse& response) {
  Error error = sdk::ErrorOfResponse(response);
  const std::string body(response.body.RevealText());
  if (!IsJson(body)) return error;
  const Refusal refusal = ReadRefusal(body);
  if (!refusal.text.empty()) error.message = refusal.text;
  error.encryption_code = refusal.encryption_code;
  error.meta = body;
  return error;
}

// An error quotes no value: it may be a secret.
Result<net::ResponseHeader> ParseHeader(const std::string& pair) {
  const std::size_t equals = pair.find('=');
  net::ResponseHeader out{pair.substr(0, equals), ""};
  if (equals == std::string::npos || !net::IsToken(out.name)) {
    return InvalidArgument("headers",
                           "--headers takes NAME=VALUE, as in --headers X-Source=script; one of "
                           "them, not shown here since it may hold a secret, has no header's name "
                           "and = at its beginning.");
  }
  out.value = pair.substr(equals + 1);
  if (net::IsHeaderValue(out.value)) return out;
  return InvalidArgument("headers",
                         "--headers " + out.name + ": leave control characters out of the value.");
}

// The API key of an Authorization header.
Result<std::string> ApiKeyOf(const net::ResponseHeader& authorization) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string& value = authorization.value;
  if (value.size() <= kBearer.size() ||
      !net::EqualsIgnoreCase(value.substr(0, kBearer.size()), kBearer))
    return InvalidArgument("headers",
                           "--headers Authorization: its value must be Bearer and the API key, as "
                           "in --headers \"Authorization=Bearer KEY\".");
  return value.substr(kBearer.size());
}

// The headers to send besides, and the API key where one of them is it.
struct GivenHeaders {
  std::vector<net::ResponseHeader> others = {};
  std::string api_key = {};
};
Result<GivenHeaders> ReadHeaders(const std::vector<std::string>& pairs) {
  GivenHeaders out;
  for (const std::string& pair : pairs) {
    TS_ASSIGN_OR_RETURN(net::ResponseHeader header, ParseHeader(pair));
    if (!net::EqualsIgnoreCase(header.name, "authorization")) {
      out.others.push_back(std::move(header));
      continue;
    }
    if (!out.api_key.empty())
      return InvalidArgument("headers", "--headers names Authorization twice: give one of them.");
    TS_ASSIGN_OR_RETURN(out.api_key, ApiKeyOf(header));
  }
  return out;
}

}  // namespace

Api::Api(std::unique_ptr<net::HttpClient> http, ApiOptions options, Sleep sleep)
    : http_(std::move(http)),
      options_(std::move(options)),
      server_(WithoutSlash(options_.connection.server)),
      sleep_(std::move(sleep)) {}

Result<net::HttpResponse> Api::Send(net::Method method, const std::string& path,
                                    const std::string& body) const {
  net::HttpRequest request;
  request.method = method;
  request.url = server_ + path;
  request.headers = options_.headers;
  request.headers.push_back({"Authorization", "Bearer " + options_.connection.api_key});
  if (!body.empty()) request.headers.push_back({"Content-Type", "application/json"});
  if (!options_.connection.tenant_id.empty())
    request.headers.push_back({"Tenantseal-Tenant", options_.connection.tenant_id});
  request.body = base::AsBytes(body);
  request.timeout = options_.connection.timeout;
  if (options_.verbose) {
    std::fprintf(stderr, "> %s %s\n", std::string(net::MethodName(method)).c_str(),
                 request.url.c_str());
  }
  auto response = http_->Send(request);
  if (options_.verbose && response) std::fprintf(stderr, "< %d\n", response->status);
  return response;
}

Result<Api::Answer> Api::Call(net::Method method, const std::string& path,
                              const std::string& body) const {
  for (int attempt = 0;; ++attempt) {
    auto response = Send(method, path, body);
    if (response && response->status >= 200 && response->status < 300)
      return Answer{response->status, std::string(response->body.RevealText())};
    const bool again =
        response ? response->status == 429 || response->status == 503
                 : response.error().code == ErrorCode::kUnavailable && method == net::Method::kGet;
    Error error = response ? RefusalOf(*response) : std::move(response).error();
    if (!again || attempt >= options_.retries) return error;
    const std::chrono::seconds asked(error.retry_after_s);
    sleep_(std::min<std::chrono::milliseconds>(std::max(options_.interval, asked), kDelayMax));
  }
}

std::shared_ptr<ApiFlags> ApiFlags::AddTo(CLI::App& command) {
  auto out = std::make_shared<ApiFlags>();
  out->connection = Connection::AddTo(command);
  const std::string group = "Connection";
  command
      .add_option("--context,-c", out->connection->context,
                  "Context to use in place of the environment and the current one")
      ->type_name("NAME")
      ->group(group);
  command
      .add_option("--config", out->connection->contexts_file,
                  "File with contexts in place of the user's own")
      ->type_name("FILE")
      ->group(group);
  command
      .add_option("--headers", out->headers,
                  "Header to send besides, or \"Authorization=Bearer KEY\", which others on this "
                  "machine can read; may stand several times")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->group(group);
  command
      .add_flag("--insecure", out->insecure,
                "The same as --insecure-http; certificates are verified always, see --ca-file")
      ->group(group);
  command
      .add_option("--server-type", out->server_type,
                  "Nothing: a flag of qlik-cli, which scripts may go on to give")
      ->check(CLI::IsMember({"cloud", "Windows", "engine"}, CLI::ignore_case))
      ->group(group);
  command.add_option("--retry", out->retries, "Repetitions of what the service refuses for now")
      ->check(CLI::Range(0, kRetriesMax))
      ->capture_default_str()
      ->group(group);
  command.add_option("--interval", out->interval_s, "Seconds between them, at least")
      ->check(CLI::Range(1, 300))
      ->capture_default_str()
      ->group(group);
  command.add_flag("-v,--verbose", out->verbose, "Show each call")->group(group);
  CLI::Option* const json = command.add_flag("--json", out->json, "The service's JSON, indented");
  CLI::Option* const raw = command.add_flag("--raw", out->raw, "The service's answer as it came");
  command.add_flag("-q,--quiet", out->quiet, "Ids alone")->excludes(json)->excludes(raw);
  return out;
}

Result<std::unique_ptr<Api>> ApiFlags::Connect() const {
  ApiOptions options;
  TS_ASSIGN_OR_RETURN(GivenHeaders given, ReadHeaders(headers));
  options.headers = std::move(given.others);
  if (!given.api_key.empty()) {
    std::fprintf(stderr,
                 "tenantseal: warning: other users of this machine can read the API key among the "
                 "arguments; TENANTSEAL_API_KEY, --api-key-file and contexts keep it from them\n");
  }
  Connection reached = *connection;
  reached.api_key = std::move(given.api_key);
  TS_ASSIGN_OR_RETURN(options.connection, reached.Options());
  options.connection.insecure_http |= insecure;
  options.connection.timeout = kTimeout;
  TS_RETURN_IF_ERROR(sdk::CheckOptions(options.connection));
  options.retries = retries;
  options.interval = std::chrono::seconds(interval_s);
  options.verbose = verbose;
  net::HttpClientOptions http;
  http.ca_file = options.connection.ca_file;
  http.user_agent = "tenantseal-cli";
  return std::make_unique<Api>(
      net::NewHttpClient(http), std::move(options),
      [](std::chrono::milliseconds delay) { std::this_thread::sleep_for(delay); });
}

}  // namespace tenantseal::cli
