#include "sdk/rest.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <thread>

namespace tenantseal::sdk {
namespace {

constexpr std::chrono::milliseconds kFirstDelay{100};
constexpr std::size_t kDetailBytesMax = 1024;

struct StatusCode {
  int status;
  ErrorCode code;
};
constexpr StatusCode kByStatus[] = {{400, ErrorCode::kInvalidArgument},
                                    {401, ErrorCode::kUnauthenticated},
                                    {403, ErrorCode::kPermissionDenied},
                                    {404, ErrorCode::kNotFound},
                                    {409, ErrorCode::kConflict},
                                    {413, ErrorCode::kTooLarge},
                                    {415, ErrorCode::kUnsupportedMediaType},
                                    {422, ErrorCode::kDecryptFailed},
                                    {429, ErrorCode::kRateLimited},
                                    {502, ErrorCode::kUnavailable},
                                    {503, ErrorCode::kUnavailable},
                                    {504, ErrorCode::kDeadlineExceeded}};

ErrorCode CodeOfStatus(int status) {
  for (const StatusCode& row : kByStatus) {
    if (row.status == status) return row.code;
  }
  return ErrorCode::kInternal;
}

// The envelope's code, where it is one of ours, says more than the status.
ErrorCode CodeOfName(std::string_view name, ErrorCode fallback) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (ErrorCodeName(code) == name) return code;
  }
  return fallback;
}

std::string TextAt(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string()
             ? found->get<std::string>().substr(0, kDetailBytesMax)
             : std::string();
}

bool IsLoopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string_view HostOf(std::string_view url) {
  url.remove_prefix(std::min(url.find("://") + 3, url.size()));
  url = url.substr(0, url.find_first_of("/?#"));
  if (url.starts_with("[")) return url.substr(0, url.find(']') + 1);
  return url.substr(0, url.find(':'));
}

bool Repeatable(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kKeyUnavailable ||
         code == ErrorCode::kRateLimited || code == ErrorCode::kDeadlineExceeded;
}

// Composed in secret memory, so that no copy of the key is left behind unwiped.
base::SecretBytes Bearer(std::string_view api_key) {
  constexpr std::string_view kScheme = "Bearer ";
  base::SecretBytes out(kScheme.size() + api_key.size());
  const auto rest = std::copy(kScheme.begin(), kScheme.end(), out.RevealMutable().begin());
  std::copy(api_key.begin(), api_key.end(), rest);
  return out;
}

}  // namespace

Result<void> CheckOptions(const ClientOptions& options) {
  const bool https = options.server.starts_with("https://");
  if (!https && !options.server.starts_with("http://")) {
    return InvalidArgument("server",
                           "The server must be a URL that starts with https:// or http://.");
  }
  const std::string_view host = HostOf(options.server);
  if (host.empty() || host.find('@') != std::string_view::npos) {
    return InvalidArgument("server", "The server's URL names no host, or holds a user.");
  }
  if (!https && !options.insecure_http && !IsLoopback(host)) {
    return InvalidArgument(
        "server", "Data keys would travel to " + std::string(host) + " in clear; use https://.");
  }
  const bool printable = std::all_of(options.api_key.begin(), options.api_key.end(),
                                     [](char c) { return c > ' ' && c < '\x7f'; });
  if (options.api_key.empty() || !printable) {
    return InvalidArgument("api_key", "The API key is missing, or is not one line of text.");
  }
  if (!options.tenant_id.empty()) {
    if (!Context::Make(options.tenant_id)) {
      return InvalidArgument("tenant_id",
                             "A tenant id has 32 characters of A-Z, a-z, 0-9, _ and -.");
    }
  }
  if (options.attempts_max < 1)
    return InvalidArgument("attempts_max", "At least one attempt is needed.");
  if (options.timeout.count() < 1)
    return InvalidArgument("timeout", "The timeout must be positive.");
  return {};
}

Error ErrorOfResponse(const net::HttpResponse& response) {
  Error error{CodeOfStatus(response.status),
              "The service answered with status " + std::to_string(response.status) + "."};
  const auto json = nlohmann::json::parse(response.body.RevealText(), nullptr, false);
  if (json.is_object() && json.contains("errors") && json["errors"].is_array() &&
      !json["errors"].empty() && json["errors"][0].is_object()) {
    const auto& first = json["errors"][0];
    error.code = CodeOfName(TextAt(first, "code"), error.code);
    const std::string title = TextAt(first, "title"), detail = TextAt(first, "detail");
    if (!title.empty()) error.message = title;
    if (!detail.empty()) error.message = detail;
    if (const auto meta = first.find("meta"); meta != first.end() && meta->is_object()) {
      error.field = TextAt(*meta, "field");
    }
  }
  if (const auto after = response.Header("Retry-After")) {
    std::from_chars(after->data(), after->data() + after->size(), error.retry_after_s);
  }
  return error;
}

Rest::Rest(std::unique_ptr<net::HttpClient> http, const ClientOptions& options, Sleep sleep)
    : http_(std::move(http)),
      server_(options.server),
      tenant_id_(options.tenant_id),
      authorization_(Bearer(options.api_key)),
      timeout_(options.timeout),
      attempts_max_(options.attempts_max),
      retry_delay_max_(options.retry_delay_max),
      sleep_(std::move(sleep)) {
  while (server_.ends_with('/')) server_.pop_back();
}

Result<base::SecretBytes> Rest::Attempt(const net::HttpRequest& request, bool* refused) const {
  *refused = false;
  TS_ASSIGN_OR_RETURN(net::HttpResponse response, http_->Send(request));
  if (response.status >= 200 && response.status < 300) return std::move(response.body);
  *refused = response.status == 429 || response.status == 503;
  return ErrorOfResponse(response);
}

Result<base::SecretBytes> Rest::Call(net::Method method, const std::string& path,
                                     base::ByteSpan json, Repeat repeat) const {
  net::HttpRequest request;
  request.method = method;
  request.url = server_ + path;
  request.body = json;
  request.timeout = timeout_;
  request.headers.push_back({"Authorization", std::string(authorization_.RevealText())});
  if (!json.empty()) request.headers.push_back({"Content-Type", "application/json"});
  if (!tenant_id_.empty()) request.headers.push_back({"Tenantseal-Tenant", tenant_id_});
  std::chrono::milliseconds delay = kFirstDelay;
  for (int attempt = 1;; ++attempt) {
    bool refused = false;
    auto answer = Attempt(request, &refused);
    const bool again =
        !answer && Repeatable(answer.error().code) && (refused || repeat == Repeat::kAnyFailure);
    if (!again || attempt >= attempts_max_) {
      std::string& authorization = request.headers[0].value;
      explicit_bzero(authorization.data(), authorization.size());
      return answer;
    }
    const std::chrono::seconds asked(answer.error().retry_after_s);
    sleep_(std::min<std::chrono::milliseconds>(std::max<std::chrono::milliseconds>(delay, asked),
                                               retry_delay_max_));
    delay *= 2;
  }
}

}  // namespace tenantseal::sdk
