#include "kms/aws/exchange.h"

#include <cstdlib>

#include "aws/http_date.h"
#include "aws/quote.h"
#include "aws/sign_request.h"
#include "kms/aws/kms_protocol.h"

namespace tenantseal::kms {
namespace {

constexpr std::string_view kContentType = "application/x-amz-json-1.1";
constexpr std::size_t kRequestIdCharsMax = 128;
constexpr base::Duration kTellingTimeout = std::chrono::milliseconds(500);
constexpr std::int64_t kSkewLeastMs = 60'000;  // A smaller correction would change nothing.

// "KMS Decrypt in us-east-1: WHAT (request ID)."
std::string Sentence(const RegionCall& call, std::string what, const std::string& request) {
  if (what.ends_with('.')) what.pop_back();
  std::string out = "KMS " + std::string(call.operation) + " in " + call.region + ": " + what;
  if (!request.empty()) out += " (request " + request + ")";
  return out + ".";
}

// AWS's request id, if it is one that may stand in a log line.
std::string RequestId(const net::HttpResponse& response) {
  const auto header = response.Header("x-amzn-RequestId");
  if (!header || header->size() > kRequestIdCharsMax) return {};
  for (const char c : *header) {
    if (c <= ' ' || c > '~') return {};
  }
  return std::string(*header);
}

bool IsAlias(std::string_view arn) { return arn.find(":alias/") != arn.npos; }

std::string TransportOutcome(ErrorCode code) {
  switch (code) {
    case ErrorCode::kDeadlineExceeded:
      return "timeout";
    case ErrorCode::kTooLarge:
      return "malformed";
    case ErrorCode::kInvalidArgument:
      return "request";
    default:
      return "connect";
  }
}

}  // namespace

Exchange::Exchange(const net::HttpClient& http, const base::Clock& clock,
                   aws::EndpointOptions endpoints, std::function<void(const AwsCall&)> on_call)
    : http_(http), clock_(clock), endpoints_(std::move(endpoints)), on_call_(std::move(on_call)) {}

Exchanged Exchange::Once(const RegionCall& call, const aws::Credentials& credentials,
                         base::Duration timeout, const ReadReply& read) {
  AwsCall record;
  record.tenant = call.tenant;
  record.operation = call.operation;
  record.key_arn = call.key_arn;
  record.region = call.region;
  record.attempt = call.attempt;
  record.time = clock_.Utc();
  const base::BootTime started = clock_.Boot();
  const std::int64_t skew_ms = skew_ms_.load();
  const auto response = Send(call, credentials, timeout, skew_ms);
  record.took = clock_.Boot() - started;

  Exchanged done;
  if (response) {
    done = Judge(call, *response, read, record);
    done.clock_learnt = done.verdict.clock && LearnTime(*response, skew_ms);
  } else {
    done.verdict = ClassifyTransport(response.error().code);
    // A connection that is not made in time is no better than an answer that does not come.
    if (record.took >= timeout / 2) done.verdict.timeout = true;
    done.telling = timeout >= kTellingTimeout;
    record.outcome = TransportOutcome(response.error().code);
    done.error = Error{CodeOf(done.verdict.fault), Sentence(call, response.error().message, "")};
  }
  if (done.error) record.fault = FaultName(done.verdict.fault);
  Tell(record);
  return done;
}

Result<net::HttpResponse> Exchange::Send(const RegionCall& call,
                                         const aws::Credentials& credentials,
                                         base::Duration timeout, std::int64_t skew_ms) const {
  const auto url = aws::EndpointUrl("kms", call.region, endpoints_);
  if (!url) return InvalidArgument("url", url.error().message);
  const std::string target = "TrentService." + std::string(call.operation);
  net::HttpRequest request{
      .method = net::Method::kPost, .url = *url, .body = call.body, .timeout = timeout};
  request.headers.push_back({"Content-Type", std::string(kContentType)});
  request.headers.push_back({"X-Amz-Target", target});
  aws::SignRequest(request, credentials, call.region, "kms",
                   clock_.Utc() + std::chrono::milliseconds(skew_ms));
  return http_.Send(request);
}

Exchanged Exchange::Judge(const RegionCall& call, const net::HttpResponse& response,
                          const ReadReply& read, AwsCall& record) const {
  Exchanged done;
  done.answered = true;
  record.http_status = response.status;
  record.request_id = RequestId(response);
  if (response.status == 200) {
    const auto taken = read(response.body.Reveal());
    record.outcome = taken ? "ok" : "malformed";
    if (taken) {
      if (IsAlias(call.key_arn))
        record.key_arn = AnsweringKey(response.body.Reveal(), call.key_arn);
      return done;
    }
    const bool wrong = taken.error().code == ErrorCode::kIntegrity;
    done.verdict = wrong ? Verdict{.fault = FaultClass::kIntegrity} : ClassifyFault(200, "", "");
    done.error =
        Error{CodeOf(done.verdict.fault), Sentence(call, taken.error().message, record.request_id)};
    return done;
  }
  const ErrorReply reply = ParseErrorReply(
      response.body.Reveal(), response.Header("x-amzn-ErrorType").value_or(std::string_view()));
  done.verdict = ClassifyFault(response.status, reply.code, reply.message);
  const std::string status = "HTTP " + std::to_string(response.status);
  record.outcome = reply.code.empty() ? status : reply.code;
  std::string what = record.outcome;
  if (!reply.message.empty()) what += ", " + aws::Quote(reply.message, 500);
  done.error = Error{CodeOf(done.verdict.fault), Sentence(call, what, record.request_id)};
  done.code = reply.code;
  return done;
}

bool Exchange::LearnTime(const net::HttpResponse& response, std::int64_t signed_ms) {
  const auto header = response.Header("date");
  const auto time = header ? aws::ParseHttpDate(*header) : std::nullopt;
  if (!time) return false;
  const std::int64_t skew = (*time - clock_.Utc()).count();
  skew_ms_ = skew;
  return std::abs(skew - signed_ms) > kSkewLeastMs;
}

void Exchange::Tell(AwsCall& record) {
  const std::string what = record.region + " " + record.operation + " " + record.outcome;
  {
    base::MutexLock lock(mutex_);
    const bool known = counts_.contains(what);
    ++counts_[known || counts_.size() < kCountsMax ? what : record.region + " other other"];
  }
  if (on_call_) on_call_(record);
}

std::map<std::string, std::uint64_t> Exchange::counts() const {
  base::MutexLock lock(mutex_);
  return counts_;
}

}  // namespace tenantseal::kms
