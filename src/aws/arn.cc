#include "aws/arn.h"

#include <algorithm>
#include <array>
#include <optional>

#include "aws/quote.h"
#include "aws/region.h"

namespace tenantseal::aws {
namespace {

constexpr std::string_view kKeyForm =
    "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
constexpr std::string_view kAliasForm = "arn:aws:kms:us-east-1:111122223333:alias/NAME";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLowerHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

Error Malformed(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

std::string Forms() {
  return "; the form is " + std::string(kKeyForm) + " or " + std::string(kAliasForm) + ".";
}

// The six parts, or nothing. The sixth keeps its colons.
std::optional<std::array<std::string_view, 6>> SixParts(std::string_view text) {
  std::array<std::string_view, 6> parts;
  for (std::size_t i = 0; i < 5; ++i) {
    const std::size_t colon = text.find(':');
    if (colon == text.npos) return std::nullopt;
    parts[i] = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  parts[5] = text;
  return parts;
}

Result<void> CheckLength(std::string_view text) {
  if (text.empty()) return Malformed("The ARN is empty" + Forms());
  if (text.size() > kArnCharsMax) {
    return Malformed("The ARN " + Quote(text, 40) + " has " + std::to_string(text.size()) +
                     " characters; at most " + std::to_string(kArnCharsMax) + " are allowed.");
  }
  return {};
}

// What is often given in place of a key's ARN.
Error NoKmsArn(std::string_view text) {
  if (IsKeyId(text)) {
    return Malformed(Quote(text) + " is a key id, which does not name region and account" +
                     Forms());
  }
  if (text.starts_with("alias/")) {
    return Malformed(Quote(text) + " is an alias name, which does not name region and account" +
                     Forms());
  }
  return Malformed(Quote(text) + " is not an ARN" + Forms());
}

Result<void> CheckPlace(const std::array<std::string_view, 6>& parts) {
  const auto [arn, partition, service, region, account, resource] = parts;
  if (arn != "arn") {
    return Malformed("The ARN begins with " + Quote(arn) + " in place of 'arn'" + Forms());
  }
  if (!IsPartition(partition)) {
    return Malformed("The partition " + Quote(partition) +
                     " of the ARN is none: 'aws', 'aws-us-gov' and 'aws-cn' are some" + Forms());
  }
  if (service != "kms") {
    return Malformed("The ARN is of the service " + Quote(service) + ", not 'kms'" + Forms());
  }
  const auto home = PartitionOfRegion(region);
  if (!home) {
    return Malformed("The region " + Quote(region) +
                     " of the ARN is not a region code such as 'us-east-1'" + Forms());
  }
  if (*home != partition) {
    return Malformed("The region " + Quote(region) + " is in the partition " + Quote(*home) +
                     ", but the ARN says " + Quote(partition) + ".");
  }
  if (!IsAccountId(account)) {
    return Malformed("The account " + Quote(account) + " of the ARN is not twelve digits" +
                     Forms());
  }
  return {};
}

}  // namespace

std::string Arn::text() const {
  return "arn:" + partition + ":" + service + ":" + region + ":" + account + ":" + resource;
}

Result<Arn> ParseArn(std::string_view text) {
  TS_RETURN_IF_ERROR(CheckLength(text));
  const auto parts = SixParts(text);
  constexpr std::string_view kForm = "; the form is arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE.";
  const auto wrong = [&](std::string_view what, std::string_view part) {
    return Malformed("The " + std::string(what) + " " + Quote(part) + " of the ARN " + Quote(text) +
                     " is malformed" + std::string(kForm));
  };
  if (!parts || (*parts)[0] != "arn") {
    return Malformed(Quote(text) + " is not an ARN" + std::string(kForm));
  }
  const auto [arn, partition, service, region, account, resource] = *parts;
  const auto is_name = [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; };
  if (!IsPartition(partition)) return wrong("partition", partition);
  if (service.empty() || !std::ranges::all_of(service, is_name)) return wrong("service", service);
  if (!std::ranges::all_of(region, is_name)) return wrong("region", region);
  // "aws" owns the managed policies of IAM.
  if (!account.empty() && account != "aws" && !IsAccountId(account)) {
    return wrong("account", account);
  }
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if (resource.empty() || !std::ranges::all_of(resource, is_visible)) {
    return wrong("resource", resource);
  }
  return Arn{std::string(partition), std::string(service), std::string(region),
             std::string(account), std::string(resource)};
}

bool IsKeyId(std::string_view text) {
  if (IsMultiRegionKeyId(text)) return true;
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsLowerHex(text[i])) return false;
  }
  return true;
}

bool IsMultiRegionKeyId(std::string_view text) {
  return text.size() == 36 && text.starts_with("mrk-") &&
         std::ranges::all_of(text.substr(4), IsLowerHex);
}

bool IsAliasName(std::string_view text) {
  constexpr std::string_view kPrefix = "alias/";
  if (text.size() > 256 || text.size() <= kPrefix.size() || !text.starts_with(kPrefix)) {
    return false;
  }
  return std::ranges::all_of(text.substr(kPrefix.size()), [](char c) {
    return IsLower(c) || IsUpper(c) || IsDigit(c) || c == '/' || c == '_' || c == '-';
  });
}

bool IsAccountId(std::string_view text) {
  return text.size() == 12 && std::ranges::all_of(text, IsDigit);
}

std::string KmsArn::text() const {
  return "arn:" + partition + ":kms:" + region + ":" + account + ":" +
         (kind == Kind::kKey ? "key/" : "") + id;
}

KmsArn KmsArn::InRegion(std::string_view other_region) const {
  KmsArn other = *this;
  other.region = other_region;
  return other;
}

Result<KmsArn> ParseKmsArn(std::string_view text) {
  TS_RETURN_IF_ERROR(CheckLength(text));
  const auto parts = SixParts(text);
  if (!parts) return NoKmsArn(text);
  TS_RETURN_IF_ERROR(CheckPlace(*parts));
  const std::string_view resource = (*parts)[5];
  KmsArn arn{.partition = std::string((*parts)[1]),
             .region = std::string((*parts)[3]),
             .account = std::string((*parts)[4]),
             .id = {}};
  if (resource.starts_with("key/")) {
    const std::string_view id = resource.substr(4);
    if (!IsKeyId(id)) {
      return Malformed("The key id " + Quote(id) +
                       " of the ARN is neither a lower-case UUID nor 'mrk-' and 32 hexadecimal "
                       "digits" +
                       Forms());
    }
    arn.id = id;
  } else if (resource.starts_with("alias/")) {
    if (!IsAliasName(resource)) {
      return Malformed("The alias " + Quote(resource) +
                       " of the ARN is not 'alias/' and 1 to 250 characters of A-Z a-z 0-9 / _ -" +
                       Forms());
    }
    arn.kind = KmsArn::Kind::kAlias;
    arn.id = resource;
  } else {
    return Malformed("The resource " + Quote(resource) +
                     " of the ARN is neither a key nor an alias" + Forms());
  }
  return arn;
}

}  // namespace tenantseal::aws
