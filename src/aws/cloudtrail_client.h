// Reads events of one account, page by page, as slowly as CloudTrail wants it.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "aws/cloudtrail.h"
#include "aws/credentials.h"
#include "aws/region.h"
#include "base/clock.h"
#include "net/http_client.h"

namespace tenantseal::aws {

struct CloudTrailOptions {
  // AWS admits two requests a second for each account and region.
  base::Duration interval = std::chrono::milliseconds(550);
  base::Duration throttled_pause = std::chrono::seconds(2);  // Doubled each time, 30 s at most.
  base::Duration attempt_timeout = std::chrono::seconds(30);
  int attempts_max = 8;                            // Of one page.
  int pages_max = 200'000;                         // Of one lookup: ten million events.
  std::function<void(base::Duration)> sleep = {};  // Empty: the thread sleeps.
};

// Not thread-safe: one reader goes slowly, two would be throttled.
class CloudTrailClient {
 public:
  // Everything passed by reference outlives it.
  CloudTrailClient(const net::HttpClient& http, CredentialsProvider& credentials,
                   const base::Clock& clock, EndpointOptions endpoints,
                   CloudTrailOptions options = {});

  // Gives each page of the region's events to `take`, newest first, until there are no more or
  // `take` returns false. kRateLimited: it was throttled to the end; kPermissionDenied: the
  // credentials may not; kServiceFault: they are none; kUnavailable: there was no answer;
  // kInvalidArgument: the answer is none. Pages that came before an error have been given.
  Result<void> Read(const std::string& region, EventLookup lookup,
                    const std::function<bool(const TrailPage&)>& take);

 private:
  struct Attempt;
  Result<TrailPage> ReadPage(const std::string& region, const EventLookup& lookup);
  Attempt Once(const std::string& region, const std::string& body);
  Result<net::HttpResponse> Send(const std::string& region, const std::string& body,
                                 const Credentials& credentials);
  Attempt Judge(const std::string& region, const net::HttpResponse& response);
  void AwaitTurn(const std::string& region);

  const net::HttpClient& http_;
  CredentialsProvider& credentials_;
  const base::Clock& clock_;
  const EndpointOptions endpoints_;
  const CloudTrailOptions options_;
  std::map<std::string, base::BootTime> sent_;  // The last request, by region.
  std::int64_t skew_ms_ = 0;                    // AWS's time less ours.
};

}  // namespace tenantseal::aws
