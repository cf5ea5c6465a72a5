#include "cli/related_keys.h"

#include <nlohmann/json.hpp>

#include "aws/cloudtrail.h"
#include "aws/sign_request.h"

namespace tenantseal::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kReplyBytesMax = 64 << 10;
constexpr std::size_t kKeysMax = 64;
constexpr base::Duration kTimeout = std::chrono::seconds(20);
constexpr const char* kService = "kms";

Error NotUnderstood(const aws::KmsArn& key) {
  return InvalidArgument("", "AWS KMS in " + key.region + " answers what is not understood.");
}

Result<net::HttpResponse> Describe(const TrailGround& ground, aws::CredentialsProvider& credentials,
                                   const aws::KmsArn& key) {
  TS_ASSIGN_OR_RETURN(const auto session,
                      credentials.Get(key.region, ground.clock.Boot() + kTimeout));
  TS_ASSIGN_OR_RETURN(const std::string url,
                      aws::EndpointUrl(kService, key.region, ground.endpoints));
  const std::string body = json{{"KeyId", key.text()}}.dump();
  net::HttpRequest request{
      .method = net::Method::kPost, .url = url, .body = base::AsBytes(body), .timeout = kTimeout};
  request.headers.push_back({"Content-Type", "application/x-amz-json-1.1"});
  request.headers.push_back({"X-Amz-Target", "TrentService.DescribeKey"});
  aws::SignRequest(request, *session, key.region, kService, ground.clock.Utc());
  return ground.http.Send(request);
}

}  // namespace

Result<std::vector<std::string>> ParseRelatedKeys(base::ByteSpan reply, const aws::KmsArn& key) {
  if (reply.size() > kReplyBytesMax) return NotUnderstood(key);
  const json answer = json::parse(base::AsText(reply), nullptr, /*allow_exceptions=*/false);
  const json::json_pointer here("/KeyMetadata/MultiRegionConfiguration");
  if (!answer.is_object() || !answer.contains(here)) return NotUnderstood(key);
  const json& regions = answer[here];
  std::vector<json> keys;
  if (regions.is_object() && regions.contains("PrimaryKey")) keys.push_back(regions["PrimaryKey"]);
  if (regions.is_object() && regions.contains("ReplicaKeys")) {
    for (const json& replica : regions["ReplicaKeys"]) keys.push_back(replica);
  }
  if (keys.empty() || keys.size() > kKeysMax) return NotUnderstood(key);
  std::vector<std::string> out;
  for (const json& each : keys) {
    const bool named = each.is_object() && each.contains("Arn") && each["Arn"].is_string();
    const auto arn = aws::ParseKmsArn(named ? each["Arn"].get<std::string>() : "");
    if (!arn || *arn != key.InRegion(arn->region)) return NotUnderstood(key);
    out.push_back(arn->text());
  }
  return out;
}

Result<std::vector<std::string>> AskRelatedKeys(const TrailGround& ground,
                                                aws::CredentialsProvider& credentials,
                                                const aws::KmsArn& key) {
  TS_ASSIGN_OR_RETURN(const net::HttpResponse response, Describe(ground, credentials, key));
  if (response.status == 200) return ParseRelatedKeys(response.body.Reveal(), key);
  const std::string code = aws::ParseJsonErrorCode(response.body.Reveal());
  std::string said = "AWS KMS in " + key.region + ": " +
                     (code.empty() ? "HTTP " + std::to_string(response.status) : code);
  if (code.starts_with("AccessDenied")) said += ": the credentials need kms:DescribeKey";
  return Error{ErrorCode::kUnavailable, said + "."};
}

bool IsBehind(std::string_view principal, std::string_view identity) {
  if (principal == identity) return true;
  const auto who = aws::ParseArn(principal), session = aws::ParseArn(identity);
  constexpr std::string_view kAssumed = "assumed-role/";
  if (!who || !session || who->account != session->account || !who->resource.starts_with("role/") ||
      !session->resource.starts_with(kAssumed))
    return false;
  const std::string name = who->resource.substr(who->resource.rfind('/') + 1);
  return session->resource.substr(kAssumed.size()).starts_with(name + "/");
}

}  // namespace tenantseal::cli
