// The client of AWS STS: temporary credentials from regional endpoints.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/credentials.h"
#include "aws/region.h"
#include "base/clock.h"
#include "base/random.h"
#include "net/http_client.h"
#include "net/secret_buffer.h"

namespace tenantseal::aws {

struct CallerIdentity {
  std::string account, arn, user_id;
};

// What STS answered. `fault_code` is AWS's error code, empty on success.
struct StsReply {
  std::string fault_code, fault_message, request_id;
  Credentials credentials;  // Of the AssumeRole actions.
  CallerIdentity identity;  // Of GetCallerIdentity.
};
// Reads a reply of `action` ("AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity") or an
// error. kInvalidArgument: it is neither, or lacks a part; the message quotes nothing of it.
Result<StsReply> ParseStsReply(std::string_view action, std::string_view document);

// The form bodies. CheckAssumeRole has passed.
net::SecretBuffer AssumeRoleBody(const AssumeRoleRequest& request);
net::SecretBuffer WebIdentityBody(const AssumeRoleRequest& request, std::string_view token);

struct StsOptions {
  base::Duration attempt_timeout = std::chrono::seconds(2);  // Of one HTTP exchange.
  int attempts_max = 3;
  // Waits before a retry; tests pass their own.
  std::function<void(base::Duration)> sleep = {};
};

// Thread-safe. Every method blocks, at most until the deadline. kServiceFault: STS refuses, with
// its code in the message. kKeyUnavailable: no answer, throttling or a server fault, after
// retries; or an answer that is not understood. kInvalidArgument: the region is none.
class StsClient {
 public:
  // Everything passed by reference outlives it.
  StsClient(const net::HttpClient& http, const base::Clock& clock, const base::Random& random,
            EndpointOptions endpoints, StsOptions options = {});

  Result<Credentials> AssumeRole(const AssumeRoleRequest& request, const Credentials& caller,
                                 std::string_view region, base::Deadline deadline) const;
  // Unsigned: the token says who asks. Takes role, session name, duration and policy of `request`.
  Result<Credentials> AssumeRoleWithWebIdentity(const AssumeRoleRequest& request,
                                                const base::SecretBytes& token,
                                                std::string_view region,
                                                base::Deadline deadline) const;
  Result<CallerIdentity> GetCallerIdentity(const Credentials& caller, std::string_view region,
                                           base::Deadline deadline) const;

 private:
  // An answer, or what to do about its absence.
  struct Attempt {
    std::optional<StsReply> reply;
    Error error;
    bool retry = false;
  };
  Result<StsReply> Call(std::string_view action, base::ByteSpan body, const Credentials* caller,
                        std::string_view region, base::Deadline deadline) const;
  Attempt Once(std::string_view action, const std::string& url, base::ByteSpan body,
               const Credentials* caller, std::string_view region, base::Duration timeout) const;
  Attempt Judge(std::string_view action, std::string_view region,
                const net::HttpResponse& response) const;
  // Learns the server's time when it says that ours is wrong; returns whether it did.
  bool LearnTime(const StsReply& reply, const net::HttpResponse& response) const;
  void Pause(int attempt, base::Deadline deadline) const;

  const net::HttpClient& http_;
  const base::Clock& clock_;
  const base::Random& random_;
  const EndpointOptions endpoints_;
  const StsOptions options_;
  // What to add to our clock when signing, because a server said that it is wrong.
  mutable std::atomic<std::int64_t> skew_ms_{0};
};

}  // namespace tenantseal::aws
