#include "aws/credentials_http.h"

#include <algorithm>

#include "aws/credentials_json.h"
#include "aws/quote.h"
#include "base/file.h"

namespace tenantseal::aws {
namespace {

constexpr int kAttemptsMax = 3;
constexpr std::size_t kTokenBytesMax = 64 << 10;
constexpr base::Duration kContainerTimeout = std::chrono::seconds(2);
constexpr base::Duration kInstanceTimeout = std::chrono::seconds(1);

Error Ours(std::string message) { return {ErrorCode::kServiceFault, std::move(message)}; }

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  return text;
}

// Sends, again on a lost connection or a server's fault. The answer's status is 200.
Result<net::HttpResponse> Fetch(const CredentialsContext& context, net::HttpRequest request,
                                const std::string& origin, base::Duration timeout,
                                base::Deadline deadline) {
  Error last{ErrorCode::kKeyUnavailable, origin + ": there was no time to ask."};
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const base::Duration left = deadline - context.clock.Boot();
    if (left < std::chrono::milliseconds(1)) break;
    request.timeout = std::min(left, timeout);
    auto response = context.http.Send(request);
    if (response && response->status == 200) return response;
    if (!response) {
      const bool ours = response.error().code == ErrorCode::kInvalidArgument;
      last = {ours ? ErrorCode::kServiceFault : ErrorCode::kKeyUnavailable,
              origin + ": " + response.error().message};
      if (ours) break;
      continue;
    }
    const bool transient = response->status >= 500 || response->status == 429;
    last = {transient ? ErrorCode::kKeyUnavailable : ErrorCode::kServiceFault,
            origin + ": HTTP " + std::to_string(response->status) + "."};
    if (!transient) break;
  }
  return last;
}

// Whether credentials may come from this host over plain http.
bool IsLocalHost(std::string_view host) {
  const auto is_loopback = [](std::string_view text) {
    return text.starts_with("127.") && std::ranges::count(text, '.') == 3 &&
           std::ranges::all_of(text, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
  };
  return host == "localhost" || host == "[::1]" || is_loopback(host) || host == "169.254.170.2" ||
         host == "169.254.170.23" || host == "[fd00:ec2::23]";
}

Result<std::string> ContainerUrl(const std::string& full) {
  constexpr std::string_view kName = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
  std::string_view rest = full;
  const bool secure = rest.starts_with("https://");
  if (!secure && !rest.starts_with("http://")) {
    return Ours(std::string(kName) + " is " + Quote(full) +
                "; it must be a URL such as 'http://169.254.170.23/v1/credentials'.");
  }
  rest.remove_prefix(secure ? 8 : 7);
  std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t port = host.rfind(':');
  if (port != host.npos && host.find(']', port) == host.npos) host = host.substr(0, port);
  if (host.contains('@') || host.empty() || (!secure && !IsLocalHost(host))) {
    return Ours(std::string(kName) + " is " + Quote(full) +
                "; over http only loopback, 169.254.170.2, 169.254.170.23 and [fd00:ec2::23] are "
                "allowed.");
  }
  return full;
}

Result<std::string> ContainerToken(const Environment& environment) {
  std::string token;
  if (const auto file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
      file && !file->empty()) {
    const auto content = base::ReadFile(*file, kTokenBytesMax);
    if (!content) {
      return Ours("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: " + content.error().message);
    }
    token = Trimmed(content->RevealText());
  } else {
    token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
  }
  if (std::ranges::any_of(token, [](char c) { return c < 0x20 || c == 0x7f; })) {
    return Ours("The container's authorization token holds a control character.");
  }
  return token;
}

std::string InstanceEndpoint(const Environment& environment) {
  auto given = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (given && !given->empty()) {
    while (given->ends_with('/')) given->pop_back();
    return *given;
  }
  const auto mode = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
  const bool v6 = mode && (*mode == "IPv6" || *mode == "ipv6");
  return v6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
}

bool IsTrue(const std::optional<std::string>& value) {
  std::string lower = value.value_or("");
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return lower == "true";
}

}  // namespace

Result<std::optional<Credentials>> ContainerCredentials(const CredentialsContext& context,
                                                        base::Deadline deadline) {
  const auto relative = context.environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const auto full = context.environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  const std::string origin = "container endpoint";
  net::HttpRequest request{.url = {}};
  if (relative && !relative->empty()) {
    if (!relative->starts_with('/')) {
      return Ours("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is " + Quote(*relative) +
                  "; it must begin with '/'.");
    }
    request.url = "http://169.254.170.2" + *relative;
  } else if (full && !full->empty()) {
    TS_ASSIGN_OR_RETURN(request.url, ContainerUrl(*full));
  } else {
    return std::optional<Credentials>();
  }
  TS_ASSIGN_OR_RETURN(std::string token, ContainerToken(context.environment));
  if (!token.empty()) request.headers.push_back({"Authorization", std::move(token)});
  request.headers.push_back({"Accept", "application/json"});
  TS_ASSIGN_OR_RETURN(const auto response,
                      Fetch(context, std::move(request), origin, kContainerTimeout, deadline));
  TS_ASSIGN_OR_RETURN(
      Credentials credentials,
      ParseCredentialsJson(response.body.RevealText(), CredentialsJson::kEndpoint, origin));
  return std::optional<Credentials>(std::move(credentials));
}

Result<std::optional<Credentials>> InstanceCredentials(const CredentialsContext& context,
                                                       base::Deadline deadline) {
  if (IsTrue(context.environment("AWS_EC2_METADATA_DISABLED"))) return std::optional<Credentials>();
  const std::string origin = "instance metadata service";
  const std::string endpoint = InstanceEndpoint(context.environment);
  const std::string roles = endpoint + "/latest/meta-data/iam/security-credentials/";
  TS_ASSIGN_OR_RETURN(const auto token_reply,
                      Fetch(context,
                            {.method = net::Method::kPut,
                             .url = endpoint + "/latest/api/token",
                             .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}}},
                            origin, kInstanceTimeout, deadline));
  const std::string token(Trimmed(token_reply.body.RevealText()));
  const bool token_ok = !token.empty() && token.size() <= 1024 &&
                        std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!token_ok) return Ours(origin + ": the session token is malformed.");
  const auto get = [&](const std::string& url) {
    return Fetch(context, {.url = url, .headers = {{"X-aws-ec2-metadata-token", token}}}, origin,
                 kInstanceTimeout, deadline);
  };
  TS_ASSIGN_OR_RETURN(const auto role_reply, get(roles));
  const std::string_view names = role_reply.body.RevealText();
  const std::string role(Trimmed(names.substr(0, names.find('\n'))));
  const bool role_ok = !role.empty() && role.size() <= 64 && std::ranges::all_of(role, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("_+=,.@-").contains(c);
  });
  if (!role_ok) return Ours(origin + ": the role's name " + Quote(role) + " is malformed.");
  TS_ASSIGN_OR_RETURN(const auto response, get(roles + role));
  TS_ASSIGN_OR_RETURN(
      Credentials credentials,
      ParseCredentialsJson(response.body.RevealText(), CredentialsJson::kEndpoint, origin));
  return std::optional<Credentials>(std::move(credentials));
}

}  // namespace tenantseal::aws
