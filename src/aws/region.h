// Partitions, regions, the pairs of primary and backup region, and service endpoints.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tenantseal::aws {

// The partition that a region belongs to, by its form: "us-gov-west-1" is in "aws-us-gov",
// "cn-north-1" in "aws-cn", "us-iso-east-1" in "aws-iso", "us-isob-east-1" in "aws-iso-b", every
// other well-formed code in "aws". Nothing when it is not a region code.
std::optional<std::string_view> PartitionOfRegion(std::string_view region);
bool IsPartition(std::string_view text);

// Where a multi-region key of a tenant's region has its replica. Built in are the pairs that the
// documentation of tenant encryption names (us-east-1 with us-east-2, eu-west-1 with eu-west-3
// ...); eu-north-1 and the GovCloud regions need none.
class BackupRegions {
 public:
  BackupRegions();
  // Adds or replaces a pair, "PRIMARY=BACKUP"; an empty BACKUP says that the region needs none.
  // kInvalidArgument when a code is malformed or the two lie in different partitions.
  Result<void> Add(std::string_view pair);
  // Whether the region is one that tenants may be hosted in.
  bool Knows(std::string_view region) const;
  // The region's partner, whichever of the two is asked for; nothing when it has or needs none.
  std::optional<std::string> Partner(std::string_view region) const;
  const std::map<std::string, std::string>& pairs() const { return pairs_; }  // "" for none.

 private:
  std::map<std::string, std::string> pairs_;
};

// Reads a variable; tests pass their own.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment ProcessEnvironment();

struct EndpointOptions {
  bool fips = false;
  bool dualstack = false;
  // Custom endpoints by upper-case service ("KMS", "STS", "CLOUDTRAIL"), "" for all services.
  // "{region}" in them is replaced.
  std::map<std::string, std::string> custom = {};
};
// AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE>,
// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS. kInvalidArgument names the variable: a custom endpoint
// together with FIPS or dualstack, or a URL that is neither http nor https.
Result<EndpointOptions> EndpointOptionsFrom(const Environment& environment);

// "https://kms.us-east-1.amazonaws.com" and so on, without a trailing slash; `service` is "kms",
// "sts" or "cloudtrail". Rules: endpoint rule sets of the AWS SDKs.
Result<std::string> EndpointUrl(std::string_view service, std::string_view region,
                                const EndpointOptions& options);

}  // namespace tenantseal::aws
