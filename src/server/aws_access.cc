#include "server/aws_access.h"

#include "base/log.h"

namespace tenantseal::server {
namespace {

constexpr std::size_t kReplyBytesMax = 256 << 10;  // Of KMS, STS and metadata services.
constexpr std::size_t kHandlesMax = 32;
constexpr const char* kSessionName = "tenantseal";

// A refusal is the owner's to decide, and validation asks for some: whoever meets one unexpectedly
// says so. AWS's request id is what a call is found by in the key owner's CloudTrail.
void LogCall(const kms::AwsCall& call) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(call.took).count();
  const bool as_decided = call.outcome == "ok" || call.fault == "revoked";
  base::Log(as_decided ? base::LogLevel::kInfo : base::LogLevel::kWarning, "AWS KMS call",
            {{"tenant", call.tenant},
             {"operation", call.operation},
             {"key", call.key_arn},
             {"region", call.region},
             {"outcome", call.outcome},
             {"awsRequestId", call.request_id},
             {"ms", ms}});
}

Result<aws::BackupRegions> BackupRegionsOf(const Settings& settings) {
  aws::BackupRegions regions;
  for (const std::string& pair : settings.aws_backup_regions) TS_RETURN_IF_ERROR(regions.Add(pair));
  return regions;
}

}  // namespace

Result<std::unique_ptr<AwsAccess>> AwsAccess::Make(
    const Settings& settings, const base::Clock& clock, const base::Random& random,
    const aws::Environment& environment, std::function<void(const kms::AwsCall&)> on_call) {
  kms::AwsKmsOptions options;
  TS_ASSIGN_OR_RETURN(options.endpoints, aws::EndpointOptionsFrom(environment));
  TS_ASSIGN_OR_RETURN(options.backup_regions, BackupRegionsOf(settings));
  options.control_key_arn = settings.aws_control_key;
  options.calls_per_second = settings.aws_calls_per_second;

  std::unique_ptr<AwsAccess> access(new AwsAccess);
  access->http_ = net::NewHttpClient({.response_bytes_max = kReplyBytesMax,
                                      .kept_handles_max = kHandlesMax,
                                      .ca_file = settings.aws_ca_file});
  const aws::CredentialsContext context{
      *access->http_, clock, random, options.endpoints, options.backup_regions, environment};
  access->own_ = aws::DefaultCredentials(context);
  if (!settings.aws_role_arn.empty()) {
    aws::AssumeRoleRequest request;
    request.role_arn = settings.aws_role_arn;
    request.session_name = kSessionName;
    request.external_id = settings.aws_external_id;
    request.tags = settings.aws_session_tags;
    if (const auto checked = aws::CheckAssumeRole(request); !checked) {
      const bool tags = checked.error().field == "tags";
      return InvalidArgument(tags ? "aws-session-tag" : "aws-role-arn", checked.error().message);
    }
    access->role_ = aws::AssumeRoleCredentials(context, *access->own_, std::move(request));
  }
  access->kms_ = std::make_unique<kms::AwsKms>(
      *access->http_, access->role_ ? *access->role_ : *access->own_, clock, random,
      std::move(options), [on_call = std::move(on_call)](const kms::AwsCall& call) {
        LogCall(call);
        if (on_call) on_call(call);
      });
  return access;
}

}  // namespace tenantseal::server
