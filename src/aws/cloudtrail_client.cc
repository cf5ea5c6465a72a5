#include "aws/cloudtrail_client.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>

#include "aws/http_date.h"
#include "aws/sign_request.h"

namespace tenantseal::aws {
namespace {

constexpr std::string_view kContentType = "application/x-amz-json-1.1";
constexpr std::string_view kTarget =
    "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
constexpr base::Duration kPauseMax = std::chrono::seconds(30);
constexpr std::int64_t kSkewLeastMs = 60'000;  // A smaller correction would change nothing.

bool IsThrottle(std::string_view code) {
  constexpr std::array<std::string_view, 5> kCodes = {
      "ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException",
      "RequestLimitExceeded"};
  return std::ranges::find(kCodes, code) != kCodes.end();
}

bool IsOfTheClock(std::string_view code) {
  return code == "InvalidSignatureException" || code == "SignatureDoesNotMatch" ||
         code == "RequestExpired";
}

}  // namespace

// One request, and what to do about it.
struct CloudTrailClient::Attempt {
  std::optional<TrailPage> page = {};
  Error error = {};
  bool retry = false;
  bool throttled = false;
};

CloudTrailClient::CloudTrailClient(const net::HttpClient& http, CredentialsProvider& credentials,
                                   const base::Clock& clock, EndpointOptions endpoints,
                                   CloudTrailOptions options)
    : http_(http),
      credentials_(credentials),
      clock_(clock),
      endpoints_(std::move(endpoints)),
      options_(std::move(options)) {}

Result<void> CloudTrailClient::Read(const std::string& region, EventLookup lookup,
                                    const std::function<bool(const TrailPage&)>& take) {
  for (int pages = 0; pages < options_.pages_max; ++pages) {
    TS_ASSIGN_OR_RETURN(const TrailPage page, ReadPage(region, lookup));
    if (!take(page) || page.next_token.empty()) return {};
    if (page.next_token == lookup.next_token)
      return InvalidArgument("", "CloudTrail in " + region + " gives the same page again.");
    lookup.next_token = page.next_token;
  }
  return Error{ErrorCode::kTooLarge,
               "CloudTrail in " + region + " has more events than can be read: ask for less time."};
}

Result<TrailPage> CloudTrailClient::ReadPage(const std::string& region, const EventLookup& lookup) {
  const std::string body = LookupEventsBody(lookup);
  base::Duration pause = options_.throttled_pause;
  for (int attempt = 1;; ++attempt) {
    AwaitTurn(region);
    Attempt done = Once(region, body);
    if (done.page) return std::move(*done.page);
    if (!done.retry || attempt >= options_.attempts_max) return std::move(done.error);
    if (!done.throttled) continue;
    options_.sleep ? options_.sleep(pause) : std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kPauseMax);
  }
}

void CloudTrailClient::AwaitTurn(const std::string& region) {
  const auto last = sent_.find(region);
  const base::Duration left = last == sent_.end()
                                  ? base::Duration::zero()
                                  : last->second + options_.interval - clock_.Boot();
  if (left > base::Duration::zero())
    options_.sleep ? options_.sleep(left) : std::this_thread::sleep_for(left);
  sent_.insert_or_assign(region, clock_.Boot());
}

CloudTrailClient::Attempt CloudTrailClient::Once(const std::string& region,
                                                 const std::string& body) {
  const auto session = credentials_.Get(region, clock_.Boot() + options_.attempt_timeout);
  if (!session) {
    const bool retry = session.error().code == ErrorCode::kKeyUnavailable;
    return {.error = {retry ? ErrorCode::kUnavailable : ErrorCode::kServiceFault,
                      session.error().message},
            .retry = retry};
  }
  const auto response = Send(region, body, **session);
  if (!response) {
    const bool retry = response.error().code != ErrorCode::kInvalidArgument;
    return {.error = {retry ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument,
                      "CloudTrail in " + region + ": " + response.error().message},
            .retry = retry};
  }
  Attempt judged = Judge(region, *response);
  if (judged.error.code == ErrorCode::kServiceFault && judged.retry)
    credentials_.Refused(**session);
  return judged;
}

Result<net::HttpResponse> CloudTrailClient::Send(const std::string& region, const std::string& body,
                                                 const Credentials& credentials) {
  TS_ASSIGN_OR_RETURN(const std::string url, EndpointUrl("cloudtrail", region, endpoints_));
  net::HttpRequest request{.method = net::Method::kPost,
                           .url = url,
                           .body = base::AsBytes(body),
                           .timeout = options_.attempt_timeout};
  request.headers.push_back({"Content-Type", std::string(kContentType)});
  request.headers.push_back({"X-Amz-Target", std::string(kTarget)});
  SignRequest(request, credentials, region, "cloudtrail",
              clock_.Utc() + std::chrono::milliseconds(skew_ms_));
  return http_.Send(request);
}

CloudTrailClient::Attempt CloudTrailClient::Judge(const std::string& region,
                                                  const net::HttpResponse& response) {
  const std::string where = "CloudTrail in " + region + ": ";
  if (response.status == 200) {
    auto page = ParseLookupEvents(response.body.Reveal());
    if (page) return {.page = std::move(*page)};
    return {.error = {ErrorCode::kInvalidArgument, where + page.error().message}, .retry = true};
  }
  const std::string code = ParseJsonErrorCode(response.body.Reveal());
  const std::string said =
      where + (code.empty() ? "HTTP " + std::to_string(response.status) : code);
  if (IsThrottle(code) || response.status == 429)
    return {.error = {ErrorCode::kRateLimited, said + "."}, .retry = true, .throttled = true};
  if (response.status >= 500)
    return {.error = {ErrorCode::kUnavailable, said + "."}, .retry = true, .throttled = true};
  if (code.starts_with("AccessDenied"))
    return {.error = {ErrorCode::kPermissionDenied,
                      said + ": the credentials need cloudtrail:LookupEvents."}};
  Attempt out{.error = {ErrorCode::kServiceFault, said + "."}};
  if (code == "ExpiredTokenException" || code == "ExpiredToken") out.retry = true;
  const auto date = response.Header("date");
  const auto time = IsOfTheClock(code) && date ? ParseHttpDate(*date) : std::nullopt;
  if (!time) return out;
  const std::int64_t skew = (*time - clock_.Utc()).count();
  out.retry = std::abs(skew - skew_ms_) > kSkewLeastMs;
  skew_ms_ = skew;
  return out;
}

}  // namespace tenantseal::aws
