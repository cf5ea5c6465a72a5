// aws/ holds what a client of AWS and a stand-in for AWS must agree on: names (this file), regions
// and endpoints (region.h), signatures (sigv4.h), credentials (credentials.h), and key policies
// (policy.h, policy_evaluator.h, key_policy.h).
//
// Everything here is a pure function of its arguments, except credentials, which are fetched and
// kept. It promises that a name, policy or signature which is not understood is refused with a
// sentence that quotes the part that is wrong and shows the right form. It knows no tenant keys.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tenantseal::aws {

inline constexpr std::size_t kArnCharsMax = 2048;  // KMS API: KeyIdType.

// Any Amazon Resource Name: "arn:" partition ":" service ":" region ":" account ":" resource.
// `region` and `account` may be empty (IAM has no region).
struct Arn {
  std::string partition, service, region, account, resource;
  std::string text() const;
  bool operator==(const Arn&) const = default;
};
// kInvalidArgument without field when it has not six parts or a part has foreign characters.
Result<Arn> ParseArn(std::string_view text);

// "1234abcd-12ab-34cd-56ef-1234567890ab" (lower-case hexadecimal UUID) or, for a multi-region key,
// "mrk-" and 32 hexadecimal digits. AWS KMS Developer Guide, "Key identifiers".
bool IsKeyId(std::string_view text);
bool IsMultiRegionKeyId(std::string_view text);
// "alias/" and characters of [A-Za-z0-9/_-], at most 256 in all. "alias/aws/..." is reserved and
// nevertheless well-formed.
bool IsAliasName(std::string_view text);
bool IsAccountId(std::string_view text);  // Twelve digits.

// The ARN of a KMS key or alias.
struct KmsArn {
  enum class Kind : std::uint8_t { kKey, kAlias };
  std::string partition, region, account;
  Kind kind = Kind::kKey;
  std::string id;  // A key id, or "alias/NAME".

  std::string text() const;
  bool multi_region() const { return kind == Kind::kKey && IsMultiRegionKeyId(id); }
  // The related key of a multi-region key in another region.
  KmsArn InRegion(std::string_view other_region) const;
  bool operator==(const KmsArn&) const = default;
};
// Checks partition, region (and that they belong together), account and id. The error quotes the
// part that is wrong and shows the right form.
Result<KmsArn> ParseKmsArn(std::string_view text);

}  // namespace tenantseal::aws
