#include "aws/sts.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>

#include "aws/http_date.h"
#include "aws/quote.h"
#include "aws/sign_request.h"

namespace tenantseal::aws {
namespace {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded; charset=utf-8";
constexpr std::string_view kGetCallerIdentityBody = "Action=GetCallerIdentity&Version=2011-06-15";

// Codes after which the same request may succeed: botocore's list, and STS's own.
bool IsTransient(std::string_view code) {
  constexpr std::array<std::string_view, 14> kCodes = {"Throttling",
                                                       "ThrottlingException",
                                                       "ThrottledException",
                                                       "RequestThrottled",
                                                       "RequestThrottledException",
                                                       "TooManyRequestsException",
                                                       "RequestLimitExceeded",
                                                       "SlowDown",
                                                       "PriorRequestNotComplete",
                                                       "RequestTimeout",
                                                       "RequestTimeoutException",
                                                       "IDPCommunicationError",
                                                       "ServiceUnavailable",
                                                       "InternalFailure"};
  return std::ranges::find(kCodes, code) != kCodes.end();
}

Error Unavailable(std::string message) { return {ErrorCode::kKeyUnavailable, std::move(message)}; }

std::string Where(std::string_view action, std::string_view region) {
  return "STS " + std::string(action) + " in " + std::string(region);
}

}  // namespace

StsClient::StsClient(const net::HttpClient& http, const base::Clock& clock,
                     const base::Random& random, EndpointOptions endpoints, StsOptions options)
    : http_(http),
      clock_(clock),
      random_(random),
      endpoints_(std::move(endpoints)),
      options_(std::move(options)) {}

Result<Credentials> StsClient::AssumeRole(const AssumeRoleRequest& request,
                                          const Credentials& caller, std::string_view region,
                                          base::Deadline deadline) const {
  const net::SecretBuffer body = AssumeRoleBody(request);
  TS_ASSIGN_OR_RETURN(StsReply reply, Call("AssumeRole", body.Reveal(), &caller, region, deadline));
  reply.credentials.source = "assume-role " + request.role_arn;
  return std::move(reply.credentials);
}

Result<Credentials> StsClient::AssumeRoleWithWebIdentity(const AssumeRoleRequest& request,
                                                         const base::SecretBytes& token,
                                                         std::string_view region,
                                                         base::Deadline deadline) const {
  const net::SecretBuffer body = WebIdentityBody(request, token.RevealText());
  TS_ASSIGN_OR_RETURN(StsReply reply,
                      Call("AssumeRoleWithWebIdentity", body.Reveal(), nullptr, region, deadline));
  reply.credentials.source = "web-identity " + request.role_arn;
  return std::move(reply.credentials);
}

Result<CallerIdentity> StsClient::GetCallerIdentity(const Credentials& caller,
                                                    std::string_view region,
                                                    base::Deadline deadline) const {
  TS_ASSIGN_OR_RETURN(
      StsReply reply,
      Call("GetCallerIdentity", base::AsBytes(kGetCallerIdentityBody), &caller, region, deadline));
  return std::move(reply.identity);
}

Result<StsReply> StsClient::Call(std::string_view action, base::ByteSpan body,
                                 const Credentials* caller, std::string_view region,
                                 base::Deadline deadline) const {
  TS_ASSIGN_OR_RETURN(const std::string url, EndpointUrl("sts", region, endpoints_));
  Error last = Unavailable(Where(action, region) + ": the time was up before it was asked.");
  for (int attempt = 0; attempt < options_.attempts_max; ++attempt) {
    if (attempt > 0) Pause(attempt, deadline);
    const base::Duration left = deadline - clock_.Boot();
    if (left < std::chrono::milliseconds(1)) break;
    Attempt done =
        Once(action, url, body, caller, region, std::min(left, options_.attempt_timeout));
    if (done.reply) return std::move(*done.reply);
    last = std::move(done.error);
    if (!done.retry) break;
  }
  return last;
}

StsClient::Attempt StsClient::Once(std::string_view action, const std::string& url,
                                   base::ByteSpan body, const Credentials* caller,
                                   std::string_view region, base::Duration timeout) const {
  net::HttpRequest request{
      .method = net::Method::kPost, .url = url, .body = body, .timeout = timeout};
  request.headers.push_back({"Content-Type", std::string(kFormType)});
  if (caller != nullptr) {
    SignRequest(request, *caller, region, "sts",
                clock_.Utc() + std::chrono::milliseconds(skew_ms_.load()));
  }
  const auto response = http_.Send(request);
  if (!response) {
    const bool ours = response.error().code == ErrorCode::kInvalidArgument;
    Error error = Unavailable(Where(action, region) + ": " + response.error().message);
    if (ours) error.code = ErrorCode::kServiceFault;
    return {std::nullopt, std::move(error), !ours};
  }
  return Judge(action, region, *response);
}

StsClient::Attempt StsClient::Judge(std::string_view action, std::string_view region,
                                    const net::HttpResponse& response) const {
  const std::string where = Where(action, region);
  const std::string status = "HTTP " + std::to_string(response.status);
  auto reply = ParseStsReply(action, response.body.RevealText());
  if (!reply) {
    Error error = Unavailable(where + ": " + status + ". " + reply.error().message);
    const bool client_fault = response.status >= 400 && response.status < 500 &&
                              response.status != 408 && response.status != 429;
    if (client_fault) error.code = ErrorCode::kServiceFault;
    return {std::nullopt, std::move(error), !client_fault};
  }
  if (reply->fault_code.empty()) {
    if (response.status == 200) return {std::move(*reply), {}, false};
    return {std::nullopt, Unavailable(where + ": " + status + " with a result."), true};
  }
  Error error{ErrorCode::kServiceFault, where + ": " + Quote(reply->fault_code) + ", " +
                                            Quote(reply->fault_message, 500) + " (request " +
                                            Quote(reply->request_id) + ")."};
  const bool transient = response.status >= 500 || IsTransient(reply->fault_code);
  if (transient) error.code = ErrorCode::kKeyUnavailable;
  return {std::nullopt, std::move(error), transient || LearnTime(*reply, response)};
}

bool StsClient::LearnTime(const StsReply& reply, const net::HttpResponse& response) const {
  const std::string_view message = reply.fault_message;
  const bool about_time =
      reply.fault_code == "RequestExpired" || reply.fault_code == "RequestTimeTooSkewed" ||
      message.starts_with("Signature expired") || message.starts_with("Signature not yet current");
  const auto header = response.Header("date");
  const auto time = about_time && header ? ParseHttpDate(*header) : std::nullopt;
  if (!time) return false;
  const std::int64_t skew = (*time - clock_.Utc()).count();
  const std::int64_t before = skew_ms_.exchange(skew);
  return std::abs(skew - before) > 60'000;  // Else it would change nothing.
}

// Full jitter: up to 50 ms, then up to 100 ms, ...
void StsClient::Pause(int attempt, base::Deadline deadline) const {
  std::uint8_t byte = 0;
  random_.FillPublic({&byte, 1});
  const base::Duration most = std::chrono::milliseconds(25) * (1 << std::min(attempt, 8));
  const base::Duration pause = std::min(most * byte / 255, deadline - clock_.Boot());
  if (pause <= base::Duration::zero()) return;
  if (options_.sleep) {
    options_.sleep(pause);
  } else {
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace tenantseal::aws
