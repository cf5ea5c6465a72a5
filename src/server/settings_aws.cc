#include <algorithm>

#include "aws/arn.h"
#include "aws/region.h"
#include "server/settings_values.h"

namespace tenantseal::server {
namespace {

Result<void> CheckRoleArn(const std::string& text) {
  auto arn = aws::ParseArn(text);
  if (!arn) return Bad("is not a role's ARN: " + arn.error().message);
  if (arn->service == "iam" && aws::IsAccountId(arn->account) && arn->resource.size() > 5 &&
      arn->resource.starts_with("role/"))
    return {};
  return Bad("must be a role's ARN, e.g. arn:aws:iam::111122223333:role/NAME, not \"" + text +
             "\"");
}

}  // namespace

Result<void> SetRoleArn(Settings& s, const std::string& text) {
  TS_RETURN_IF_ERROR(CheckRoleArn(text));
  s.aws_role_arn = text;
  return {};
}

// AWS STS AssumeRole: ExternalId has 2 to 1224 characters of [\w+=,.@:/-].
Result<void> SetExternalId(Settings& s, const std::string& text) {
  const auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("_+=,.@:/-").find(c) != std::string_view::npos;
  };
  if (text.size() < 2 || text.size() > 1224 || !std::all_of(text.begin(), text.end(), allowed))
    return Bad("must have 2 to 1224 characters of A-Z, a-z, 0-9 and _+=,.@:/-");
  s.aws_external_id = text;
  return {};
}

Result<void> SetSessionTags(Settings& s, const std::string& text) {
  s.aws_session_tags.clear();
  for (const std::string& pair : Split(text)) {
    const std::size_t sign = pair.find('=');
    if (sign == std::string::npos || sign == 0)
      return Bad("must be KEY=VALUE, e.g. service=tenantseal, not \"" + pair + "\"");
    const std::string key = pair.substr(0, sign);
    if (std::ranges::find(s.aws_session_tags, key, &aws::SessionTag::key) !=
        s.aws_session_tags.end())
      return Bad("has the key \"" + key + "\" twice");
    s.aws_session_tags.push_back({key, pair.substr(sign + 1)});
  }
  return {};
}

Result<void> SetPolicyPrincipals(Settings& s, const std::string& text) {
  s.aws_policy_principals.clear();
  for (std::string& principal : Split(text)) {
    const auto arn = aws::ParseArn(principal);
    if (!arn) return Bad("is not a principal's ARN: " + arn.error().message);
    // A wildcard, or a whole account's root, would open a tenant's key to more than the service.
    const bool one = arn->service == "iam" && aws::IsAccountId(arn->account) &&
                     (arn->resource.starts_with("role/") || arn->resource.starts_with("user/")) &&
                     arn->resource.find_first_of("*?") == std::string::npos;
    if (!one) {
      return Bad(
          "must hold ARNs of roles or users, e.g. arn:aws:iam::111122223333:role/NAME, not \"" +
          principal + "\"");
    }
    s.aws_policy_principals.push_back(std::move(principal));
  }
  return {};
}

Result<void> SetControlKey(Settings& s, const std::string& text) {
  const auto arn = aws::ParseKmsArn(text);
  if (!arn) return Bad("is not a KMS key's ARN: " + arn.error().message);
  if (arn->kind != aws::KmsArn::Kind::kKey) return Bad("must be a key's ARN, not an alias");
  s.aws_control_key = text;
  return {};
}

Result<void> SetCallsPerSecond(Settings& s, const std::string& text) {
  TS_ASSIGN_OR_RETURN(s.aws_calls_per_second, Number<double>(text, 1, 1e6));
  return {};
}

Result<void> SetBackupRegions(Settings& s, const std::string& text) {
  aws::BackupRegions regions;
  s.aws_backup_regions = Split(text);
  for (const std::string& pair : s.aws_backup_regions) {
    if (const auto added = regions.Add(pair); !added)
      return Bad("is not a list of PRIMARY=BACKUP: " + added.error().message);
  }
  return {};
}

}  // namespace tenantseal::server
