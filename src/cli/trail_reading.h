// Reads CloudTrail in the accounts of the service and of a key's owner.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "aws/cloudtrail_client.h"
#include "aws/credentials.h"
#include "aws/sts.h"
#include "cli/reconcile.h"

namespace tenantseal::cli {

// What AWS calls stand on.
struct TrailGround {
  const net::HttpClient& http;
  const base::Clock& clock;
  const base::Random& random;
  aws::EndpointOptions endpoints;
  aws::Environment environment;
  aws::CloudTrailOptions options = {};
};

// Credentials, and whose they are.
struct TrailAccount {
  std::unique_ptr<aws::CredentialsProvider> credentials;
  aws::CallerIdentity identity;
};

// Of a profile of the shared files, whatever credentials the environment holds; of the usual chain
// when `profile` is empty. Asks STS in `region` whose they are. Errors as of the credentials.
Result<TrailAccount> OpenTrailAccount(const TrailGround& ground, const std::string& profile,
                                      const std::string& region);

struct TrailReading {
  std::vector<aws::TrailEvent> events;
  std::vector<TrailPlace> places;
  std::size_t unreadable = 0;
};

// Adds to `out` what the account's trail has of each key, in the key's region, from..to. A failure
// is noted in the place. Tells of its progress on standard error.
void ReadTrail(const TrailGround& ground, TrailAccount& account,
               const std::vector<std::string>& key_arns, base::UtcTime from, base::UtcTime to,
               TrailReading& out);

// Looks for the events of these calls among all of the account's calls of KMS around their times:
// CloudTrail does not always name the key of a call that was denied. Adds what it finds to `out`.
// Whether it could look everywhere; it does not look at more than a bounded number of pages.
bool FindDenials(const TrailGround& ground, TrailAccount& account,
                 const std::vector<KeptCall>& denials, TrailReading& out);

}  // namespace tenantseal::cli
