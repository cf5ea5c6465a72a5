#include "aws/region.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "aws/quote.h"

namespace tenantseal::aws {
namespace {

// Partition, and the domains of its endpoints: endpoint rule sets of the AWS SDKs
// (partitions.json). Without a dual-stack domain the partition has no such endpoints.
struct Partition {
  std::string_view name;
  std::string_view domain;
  std::string_view dualstack_domain;
};
constexpr std::array kPartitions = {
    Partition{"aws", "amazonaws.com", "api.aws"},
    Partition{"aws-us-gov", "amazonaws.com", "api.aws"},
    Partition{"aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    Partition{"aws-iso", "c2s.ic.gov", ""},
    Partition{"aws-iso-b", "sc2s.sgov.gov", ""},
    Partition{"aws-iso-e", "cloud.adc-e.uk", ""},
    Partition{"aws-iso-f", "csp.hci.ic.gov", ""},
    Partition{"aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu"},
};

// "Supported regions" of the documentation of tenant encryption.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kPairs = {{
    {"us-east-1", "us-east-2"},
    {"eu-west-1", "eu-west-3"},
    {"eu-west-2", "eu-south-2"},
    {"eu-central-1", "eu-south-1"},
    {"eu-north-1", ""},  // A data transit policy of its own.
    {"ap-southeast-1", "ap-northeast-2"},
    {"ap-southeast-2", "ap-southeast-4"},
    {"ap-northeast-1", "ap-northeast-3"},
    {"ap-south-1", "ap-south-2"},
    {"us-gov-west-1", ""},
    {"us-gov-east-1", ""},
}};

constexpr std::array<std::string_view, 9> kDirections = {"central",   "north",     "south",
                                                         "east",      "west",      "northeast",
                                                         "northwest", "southeast", "southwest"};

Error Malformed(std::string field, std::string message) {
  return InvalidArgument(std::move(field), std::move(message));
}

bool IsLetters(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
}

bool IsDirectionAndNumber(std::string_view direction, std::string_view number) {
  return std::ranges::find(kDirections, direction) != kDirections.end() && !number.empty() &&
         number.size() <= 2 && number.front() != '0' &&
         std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
}

Result<bool> ReadSwitch(const Environment& environment, const std::string& name) {
  const auto value = environment(name);
  if (!value || value->empty()) return false;
  std::string lower = *value;
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  if (lower == "true") return true;
  if (lower == "false") return false;
  return Malformed(name, name + " is " + Quote(*value) + "; it must be 'true' or 'false'.");
}

Result<std::string> ReadUrl(const std::string& name, std::string_view url) {
  const std::string_view given = url;
  const auto wrong = [&] {
    return Malformed(name, name + " is " + Quote(given) +
                               "; it must be a URL such as 'https://kms.example.net:4566'.");
  };
  const std::size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  while (url.ends_with('/')) url.remove_suffix(1);
  if (scheme == 0 || url.size() <= scheme || url[scheme] == ':' || url[scheme] == '/') {
    return wrong();
  }
  const bool clean = std::ranges::all_of(url, [](char c) {
    return c > 0x20 && c < 0x7f && c != '?' && c != '#' && c != '@' && c != '\\';
  });
  if (!clean) return wrong();
  return std::string(url);
}

std::string WithRegion(std::string url, std::string_view region) {
  constexpr std::string_view kPlace = "{region}";
  for (std::size_t at = 0; (at = url.find(kPlace, at)) != url.npos; at += region.size()) {
    url.replace(at, kPlace.size(), region);
  }
  return url;
}

}  // namespace

std::optional<std::string_view> PartitionOfRegion(std::string_view region) {
  std::array<std::string_view, 4> parts;
  std::size_t count = 0;
  for (std::string_view rest = region;; ++count) {
    if (count == parts.size()) return std::nullopt;
    const std::size_t dash = rest.find('-');
    parts[count] = rest.substr(0, dash);
    if (dash == rest.npos) break;
    rest.remove_prefix(dash + 1);
  }
  ++count;
  if (count < 3 || !IsDirectionAndNumber(parts[count - 2], parts[count - 1])) return std::nullopt;
  if (count == 4) {
    if (parts[0] == "eusc" && parts[1].size() == 2 && IsLetters(parts[1])) return "aws-eusc";
    if (parts[0].size() != 2 || !IsLetters(parts[0])) return std::nullopt;
    if (parts[1] == "gov") return "aws-us-gov";
    if (parts[1] == "iso") return "aws-iso";
    if (parts[1] == "isob") return "aws-iso-b";
    if (parts[1] == "isoe") return "aws-iso-e";
    if (parts[1] == "isof") return "aws-iso-f";
    return std::nullopt;
  }
  if (parts[0].size() != 2 || !IsLetters(parts[0])) return std::nullopt;
  return parts[0] == "cn" ? "aws-cn" : "aws";
}

bool IsPartition(std::string_view text) {
  return std::ranges::find(kPartitions, text, &Partition::name) != kPartitions.end();
}

BackupRegions::BackupRegions() {
  for (const auto& [primary, backup] : kPairs) pairs_.emplace(primary, backup);
}

Result<void> BackupRegions::Add(std::string_view pair) {
  const auto wrong = [&](const std::string& why) {
    return Error{ErrorCode::kInvalidArgument,
                 "The pair of regions " + Quote(pair) + " " + why +
                     "; the form is PRIMARY=BACKUP, for example us-east-1=us-east-2, or PRIMARY= "
                     "for a region without backup."};
  };
  const std::size_t equals = pair.find('=');
  if (equals == pair.npos) return wrong("has no '='");
  const std::string_view primary = pair.substr(0, equals), backup = pair.substr(equals + 1);
  const auto home = PartitionOfRegion(primary);
  if (!home) return wrong("names " + Quote(primary) + ", which is not a region code");
  if (!backup.empty()) {
    const auto other = PartitionOfRegion(backup);
    if (!other) return wrong("names " + Quote(backup) + ", which is not a region code");
    if (primary == backup) return wrong("names one region twice");
    if (*other != *home) {
      return wrong("lies in two partitions, " + Quote(*home) + " and " + Quote(*other));
    }
  }
  pairs_.insert_or_assign(std::string(primary), std::string(backup));
  return {};
}

bool BackupRegions::Knows(std::string_view region) const {
  return pairs_.contains(std::string(region));
}

std::optional<std::string> BackupRegions::Partner(std::string_view region) const {
  if (const auto found = pairs_.find(std::string(region)); found != pairs_.end()) {
    if (found->second.empty()) return std::nullopt;
    return found->second;
  }
  for (const auto& [primary, backup] : pairs_) {
    if (!backup.empty() && backup == region) return primary;
  }
  return std::nullopt;
}

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the process never changes its environment.
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

Result<EndpointOptions> EndpointOptionsFrom(const Environment& environment) {
  EndpointOptions options;
  TS_ASSIGN_OR_RETURN(options.fips, ReadSwitch(environment, "AWS_USE_FIPS_ENDPOINT"));
  TS_ASSIGN_OR_RETURN(options.dualstack, ReadSwitch(environment, "AWS_USE_DUALSTACK_ENDPOINT"));
  TS_ASSIGN_OR_RETURN(const bool ignore,
                      ReadSwitch(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"));
  if (ignore) return options;
  for (const std::string service : {"", "KMS", "STS", "CLOUDTRAIL"}) {
    const std::string name = "AWS_ENDPOINT_URL" + (service.empty() ? "" : "_" + service);
    const auto value = environment(name);
    if (!value || value->empty()) continue;
    if (options.fips || options.dualstack) {
      return Malformed(
          name, name + " names a custom endpoint, which cannot be combined with " +
                    (options.fips ? "AWS_USE_FIPS_ENDPOINT" : "AWS_USE_DUALSTACK_ENDPOINT") + ".");
    }
    TS_ASSIGN_OR_RETURN(options.custom[service], ReadUrl(name, *value));
  }
  return options;
}

Result<std::string> EndpointUrl(std::string_view service, std::string_view region,
                                const EndpointOptions& options) {
  const auto home = PartitionOfRegion(region);
  if (!home) {
    return Malformed("region",
                     "The region " + Quote(region) + " is not a region code such as 'us-east-1'.");
  }
  std::string upper(service);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  auto custom = options.custom.find(upper);
  if (custom == options.custom.end()) custom = options.custom.find("");
  if (custom != options.custom.end()) return WithRegion(custom->second, region);

  const Partition& partition = *std::ranges::find(kPartitions, *home, &Partition::name);
  if (options.dualstack && partition.dualstack_domain.empty()) {
    return Malformed("region", "The partition " + Quote(partition.name) + " of the region " +
                                   Quote(region) + " has no dual-stack endpoints.");
  }
  // In GovCloud the plain endpoints of STS and CloudTrail are the FIPS endpoints.
  const bool plain_is_fips =
      partition.name == "aws-us-gov" && service != "kms" && !options.dualstack;
  std::string url = "https://";
  url += service;
  if (options.fips && !plain_is_fips) url += "-fips";
  url += '.';
  url += region;
  url += '.';
  url += options.dualstack ? partition.dualstack_domain : partition.domain;
  return url;
}

}  // namespace tenantseal::aws
