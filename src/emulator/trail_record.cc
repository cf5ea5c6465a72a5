#include "emulator/trail_record.h"

#include <nlohmann/json.hpp>

#include "base/encoding.h"

namespace tenantseal::emulator {
namespace {

void AppendOrNull(std::string_view name, std::string_view json, std::string& out) {
  out += ",\"";
  out += name;
  out += "\":";
  out += json.empty() ? "null" : json;
}

void AppendMember(std::string_view name, std::string_view value, std::string& out) {
  out += ',';
  AppendJsonMember(name, value, out);
}

std::string AssumedRoleJson(const Caller& caller) {
  const std::string& user_id = caller.identity.user_id;
  std::string out = "{\"type\":\"AssumedRole\"";
  AppendMember("principalId", user_id, out);
  AppendMember("arn", caller.identity.arn, out);
  AppendMember("accountId", caller.identity.account, out);
  AppendMember("accessKeyId", caller.access_key_id, out);
  out += ",\"sessionContext\":{\"sessionIssuer\":{\"type\":\"Role\"";
  AppendMember("principalId", std::string_view(user_id).substr(0, user_id.find(':')), out);
  AppendMember("arn", caller.identity.role_arn, out);
  AppendMember("accountId", caller.identity.account, out);
  AppendMember("userName", caller.role_name, out);
  out += "},\"attributes\":{";
  AppendJsonMember("creationDate", base::FormatUtcSeconds(caller.session_created), out);
  out += ",\"mfaAuthenticated\":\"false\"}}}";
  return out;
}

std::string IdentityJson(const Caller& caller) {
  if (!caller.identity.role_arn.empty()) return AssumedRoleJson(caller);
  if (caller.identity.arn.find(":oidc-provider/") != std::string::npos) {
    std::string out = "{\"type\":\"WebIdentityUser\"";
    AppendMember("principalId", caller.identity.user_id, out);
    AppendMember("userName", caller.identity.user_name, out);
    AppendMember("identityProvider", caller.identity.arn, out);
    return out + '}';
  }
  const bool root = caller.identity.root();
  std::string out = root ? "{\"type\":\"Root\"" : "{\"type\":\"IAMUser\"";
  AppendMember("principalId", root ? caller.identity.account : caller.identity.user_id, out);
  AppendMember("arn", caller.identity.arn, out);
  AppendMember("accountId", caller.identity.account, out);
  if (!caller.access_key_id.empty()) AppendMember("accessKeyId", caller.access_key_id, out);
  if (!root) AppendMember("userName", caller.identity.user_name, out);
  return out + '}';
}

void AppendResources(const TrailRecord& record, std::string& out) {
  if (record.note.key_arns.empty()) return;
  out += ",\"resources\":[";
  for (const std::string& arn : record.note.key_arns) {
    out += out.back() == '[' ? "{" : ",{";
    AppendJsonMember("accountId", AccountOfArn(arn), out);
    AppendMember("type", ResourceType(arn), out);
    AppendMember("ARN", arn, out);
    out += '}';
  }
  out += ']';
}

}  // namespace

std::shared_ptr<const TrailIdentity> TrailIdentityOf(const Caller& caller) {
  auto who = std::make_shared<TrailIdentity>();
  who->account = caller.identity.account;
  who->access_key_id = caller.access_key_id;
  who->user_name = !caller.session_name.empty()         ? caller.session_name
                   : !caller.identity.user_name.empty() ? caller.identity.user_name
                                                        : "root";
  who->json = IdentityJson(caller);
  return who;
}

std::size_t TrailRecord::bytes() const {
  std::size_t sum = sizeof(TrailRecord) + region.size() + request_id.size() + error_code.size() +
                    error_message.size() + note.request_parameters_json.size() +
                    note.response_elements_json.size() + note.additional_data_json.size();
  for (const std::string& arn : note.key_arns) sum += sizeof(std::string) + arn.size();
  return sum;
}

std::string_view ResourceType(std::string_view arn) {
  return arn.find(":role/") != arn.npos ? "AWS::IAM::Role" : "AWS::KMS::Key";
}

std::string_view AccountOfArn(std::string_view arn) {
  for (int colons = 0; colons < 4; ++colons) {
    const std::size_t colon = arn.find(':');
    if (colon == arn.npos) return {};
    arn.remove_prefix(colon + 1);
  }
  const std::size_t end = arn.find(':');
  return end == arn.npos ? std::string_view() : arn.substr(0, end);
}

std::string CloudTrailJson(const TrailRecord& record) {
  const TrailNote& note = record.note;
  std::string out = R"({"eventVersion":"1.11","userIdentity":)";
  out += record.who->json;
  AppendMember("eventTime", base::FormatUtcSeconds(record.time), out);
  AppendMember("eventSource", record.source + ".amazonaws.com", out);
  AppendMember("eventName", record.operation, out);
  AppendMember("awsRegion", record.region, out);
  AppendMember("sourceIPAddress", record.source_ip, out);
  AppendMember("userAgent", *record.user_agent, out);
  if (!record.error_code.empty()) {
    AppendMember("errorCode", record.error_code, out);
    AppendMember("errorMessage", record.error_message, out);
  }
  AppendOrNull("requestParameters", note.request_parameters_json, out);
  AppendOrNull("responseElements", note.response_elements_json, out);
  if (!note.additional_data_json.empty()) {
    AppendOrNull(record.service_event ? "serviceEventDetails" : "additionalEventData",
                 note.additional_data_json, out);
  }
  if (!record.request_id.empty()) AppendMember("requestID", record.request_id, out);
  AppendMember("eventID", UuidText(record.event_id), out);
  out += note.read_only ? ",\"readOnly\":true" : ",\"readOnly\":false";
  AppendResources(record, out);
  AppendMember("eventType", record.service_event ? "AwsServiceEvent" : "AwsApiCall", out);
  out += ",\"managementEvent\":true";
  AppendMember("recipientAccountId", record.recipient, out);
  if (record.shared_event_id) AppendMember("sharedEventID", UuidText(*record.shared_event_id), out);
  return out + R"(,"eventCategory":"Management"})";
}

std::string ToRow(const TrailRecord& record) {
  using Json = nlohmann::json;
  Json row{{"time", record.time.time_since_epoch().count()},
           {"region", record.region},
           {"recipient", record.recipient},
           {"source", record.source},
           {"operation", record.operation},
           {"requestId", record.request_id},
           {"eventId", UuidText(record.event_id)},
           {"ip", record.source_ip},
           {"agent", *record.user_agent},
           {"account", record.who->account},
           {"accessKeyId", record.who->access_key_id},
           {"userName", record.who->user_name},
           {"identity", record.who->json},
           {"service", record.service_event},
           {"errorCode", record.error_code},
           {"errorMessage", record.error_message},
           {"readOnly", record.note.read_only},
           {"request", record.note.request_parameters_json},
           {"response", record.note.response_elements_json},
           {"additional", record.note.additional_data_json},
           {"arns", record.note.key_arns}};
  if (record.shared_event_id) row["sharedEventId"] = UuidText(*record.shared_event_id);
  return row.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<TrailRecord> TrailRecordFromRow(std::string_view text) {
  try {
    const nlohmann::json row = nlohmann::json::parse(text);
    TrailRecord record;
    record.time = base::UtcTime(std::chrono::milliseconds(row.at("time").get<std::int64_t>()));
    record.region = row.at("region");
    record.recipient = row.at("recipient");
    record.source = row.at("source");
    record.operation = row.at("operation");
    record.request_id = row.at("requestId");
    const auto event_id = ParseUuid(row.at("eventId").get<std::string>());
    if (!event_id) return IntegrityError("A row of the trail has no event id.");
    record.event_id = *event_id;
    if (row.contains("sharedEventId"))
      record.shared_event_id = ParseUuid(row.at("sharedEventId").get<std::string>());
    record.source_ip = row.at("ip");
    record.user_agent = std::make_shared<const std::string>(row.at("agent").get<std::string>());
    record.who = std::make_shared<const TrailIdentity>(TrailIdentity{
        row.at("account"), row.at("accessKeyId"), row.at("userName"), row.at("identity")});
    record.service_event = row.at("service");
    record.error_code = row.at("errorCode");
    record.error_message = row.at("errorMessage");
    record.note = {row.at("readOnly"), row.at("request"), row.at("response"), row.at("additional"),
                   row.at("arns")};
    return record;
  } catch (const nlohmann::json::exception&) {
    return IntegrityError("A row of the trail cannot be read.");
  }
}

}  // namespace tenantseal::emulator
