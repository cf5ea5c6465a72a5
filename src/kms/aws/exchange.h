// One exchange with AWS KMS: signed, sent, judged, counted and told of. Private to kms/aws.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "aws/credentials.h"
#include "aws/region.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "kms/aws/aws_kms.h"
#include "kms/aws/kms_errors.h"
#include "net/http_client.h"

namespace tenantseal::kms {

// An operation on one key in one region. The views outlive the exchange.
struct RegionCall {
  std::string_view operation;  // "Decrypt".
  std::string region;
  std::string key_arn;
  std::string_view tenant;  // Empty: none.
  base::ByteSpan body;
  int attempt = 1;
};

// Reads the body of a success. kKeyUnavailable: it was cut off; kIntegrity: it is wrong.
using ReadReply = std::function<Result<void>(base::ByteSpan body)>;

struct Exchanged {
  bool answered = false;       // There was an HTTP answer.
  bool telling = true;         // False: so little time was given that silence says nothing.
  std::optional<Error> error;  // None: a success, which the reader has taken.
  std::string code = {};       // AWS's, of the error; empty when AWS gave none.
  Verdict verdict = {};        // Of the error.
  bool clock_learnt = false;   // Our clock was wrong and is now corrected: sign and send again.
};

// Thread-safe. Everything passed by reference outlives it.
class Exchange {
 public:
  Exchange(const net::HttpClient& http, const base::Clock& clock, aws::EndpointOptions endpoints,
           std::function<void(const AwsCall&)> on_call);

  Exchanged Once(const RegionCall& call, const aws::Credentials& credentials,
                 base::Duration timeout, const ReadReply& read);
  std::map<std::string, std::uint64_t> counts() const;  // AwsKmsStats::calls.

 private:
  Result<net::HttpResponse> Send(const RegionCall& call, const aws::Credentials& credentials,
                                 base::Duration timeout, std::int64_t skew_ms) const;
  // Fills what `record` lacks.
  Exchanged Judge(const RegionCall& call, const net::HttpResponse& response, const ReadReply& read,
                  AwsCall& record) const;
  // Whether that is another time than the one the request was signed with.
  bool LearnTime(const net::HttpResponse& response, std::int64_t signed_ms);
  void Tell(AwsCall& record);

  static constexpr std::size_t kCountsMax = 1024;

  const net::HttpClient& http_;
  const base::Clock& clock_;
  const aws::EndpointOptions endpoints_;
  const std::function<void(const AwsCall&)> on_call_;
  std::atomic<std::int64_t> skew_ms_ = 0;  // AWS's time less ours.
  mutable base::Mutex mutex_;
  std::map<std::string, std::uint64_t> counts_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::kms
