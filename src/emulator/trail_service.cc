#include "emulator/trail_service.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "emulator/authorise.h"
#include "emulator/trail_token.h"

namespace tenantseal::emulator {
namespace {

using Json = nlohmann::json;

constexpr int kLookupsPerSecond = 2;
constexpr std::size_t kWindowsMax = 1000;
constexpr std::int64_t kSecondsMax = 253'402'300'799;  // The end of the year 9999.

constexpr std::pair<std::string_view, TrailAttribute> kAttributes[] = {
    {"EventId", TrailAttribute::kEventId},
    {"EventName", TrailAttribute::kEventName},
    {"ReadOnly", TrailAttribute::kReadOnly},
    {"Username", TrailAttribute::kUsername},
    {"ResourceType", TrailAttribute::kResourceType},
    {"ResourceName", TrailAttribute::kResourceName},
    {"EventSource", TrailAttribute::kEventSource},
    {"AccessKeyId", TrailAttribute::kAccessKeyId},
};

struct LookupInput {
  TrailQuery query;
  std::string token;
  bool insight = false;
};

Fault Serialization(const std::string& what) {
  return {400, "SerializationException", what + " has the wrong type."};
}

// AWS takes null for an absent member.
const Json* Member(const Json& input, const char* name) {
  const auto found = input.find(name);
  return found == input.end() || found->is_null() ? nullptr : &*found;
}

std::optional<Fault> ReadAttributes(const Json& list, TrailQuery& query) {
  const Fault invalid{400, "InvalidLookupAttributesException",
                      "You can specify at most one lookup attribute, with a key of EventId, "
                      "EventName, ReadOnly, Username, ResourceType, ResourceName, EventSource, "
                      "AccessKeyId and a value of at most 2000 characters."};
  if (!list.is_array()) return Serialization("LookupAttributes");
  if (list.empty()) return std::nullopt;
  if (list.size() > 1 || !list[0].is_object()) return invalid;
  const Json& attribute = list[0];
  if (!attribute.contains("AttributeKey") || !attribute["AttributeKey"].is_string() ||
      !attribute.contains("AttributeValue") || !attribute["AttributeValue"].is_string()) {
    return invalid;
  }
  const auto& key = attribute["AttributeKey"].get_ref<const std::string&>();
  query.value = attribute["AttributeValue"].get<std::string>();
  if (query.value.empty() || query.value.size() > 2000) return invalid;
  for (const auto& [name, kind] : kAttributes) {
    if (name == key) query.attribute = kind;
  }
  if (query.attribute == TrailAttribute::kNone) return invalid;
  return std::nullopt;
}

std::optional<Fault> ReadTime(const Json& input, const char* name,
                              std::optional<base::UtcTime>& out) {
  const Json* time = Member(input, name);
  if (time == nullptr) return std::nullopt;
  if (!time->is_number()) return Serialization(name);
  const double seconds = time->get<double>();
  if (!(seconds >= 0 && seconds <= static_cast<double>(kSecondsMax)))
    return Fault{400, "InvalidTimeRangeException", std::string(name) + " is out of range."};
  out = base::UtcTime(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)));
  return std::nullopt;
}

std::optional<Fault> ReadPaging(const Json& input, LookupInput& out) {
  if (const Json* max = Member(input, "MaxResults")) {
    if (!max->is_number_integer()) return Serialization("MaxResults");
    const auto value = max->get<std::int64_t>();
    if (value < 1 || value > 50) {
      return Fault{400, "InvalidMaxResultsException",
                   "A valid number of results is between 1 and 50."};
    }
    out.query.max = static_cast<std::size_t>(value);
  }
  if (const Json* category = Member(input, "EventCategory")) {
    if (*category != "insight") {
      return Fault{400, "InvalidEventCategoryException",
                   "EventCategory must be insight, or left out for management events."};
    }
    out.insight = true;
  }
  if (const Json* token = Member(input, "NextToken")) {
    if (!token->is_string()) return Serialization("NextToken");
    out.token = token->get<std::string>();
    if (out.token.empty()) return Fault{400, "InvalidNextTokenException", "NextToken is empty."};
  }
  return std::nullopt;
}

std::optional<Fault> ReadInput(std::string_view body, LookupInput& out) {
  const Json input = Json::parse(body.empty() ? "{}" : body, nullptr, false);
  if (!input.is_object())
    return Fault{400, "SerializationException", "The body is not a JSON object."};
  if (const Json* attributes = Member(input, "LookupAttributes")) {
    if (auto fault = ReadAttributes(*attributes, out.query)) return fault;
  }
  if (auto fault = ReadTime(input, "StartTime", out.query.start)) return fault;
  if (auto fault = ReadTime(input, "EndTime", out.query.end)) return fault;
  if (out.query.start && out.query.end && *out.query.start > *out.query.end) {
    return Fault{400, "InvalidTimeRangeException", "The start time is after the end time."};
  }
  return ReadPaging(input, out);
}

void AppendEvent(const TrailRecord& record, std::string& out) {
  out += '{';
  AppendJsonMember("EventId", UuidText(record.event_id), out);
  out += ',';
  AppendJsonMember("EventName", record.operation, out);
  out += record.note.read_only ? R"(,"ReadOnly":"true")" : R"(,"ReadOnly":"false")";
  if (!record.who->access_key_id.empty()) {
    out += ',';
    AppendJsonMember("AccessKeyId", record.who->access_key_id, out);
  }
  const std::int64_t seconds =
      std::chrono::floor<std::chrono::seconds>(record.time).time_since_epoch().count();
  out += ",\"EventTime\":" + std::to_string(seconds) + ',';
  AppendJsonMember("EventSource", record.source + ".amazonaws.com", out);
  if (!record.who->user_name.empty()) {
    out += ',';
    AppendJsonMember("Username", record.who->user_name, out);
  }
  out += ",\"Resources\":[";
  for (const std::string& arn : record.note.key_arns) {
    out += out.back() == '[' ? "{" : ",{";
    AppendJsonMember("ResourceType", ResourceType(arn), out);
    out += ',';
    AppendJsonMember("ResourceName", arn, out);
    out += '}';
  }
  out += "],";
  AppendJsonMember("CloudTrailEvent", CloudTrailJson(record), out);
  out += '}';
}

Reply Failed(Fault fault) { return {.fault = std::move(fault), .body = {}}; }

}  // namespace

bool TrailService::Admit(const std::string& account, const std::string& region) {
  if (!throttle_) return true;
  const base::BootTime now = clock_.Boot();
  base::MutexLock lock(mutex_);
  if (windows_.size() >= kWindowsMax) windows_.clear();
  Window& window = windows_[account + ' ' + region];
  if (window.used == 0 || now - window.begun >= std::chrono::seconds(1)) window = {now, 0};
  return ++window.used <= kLookupsPerSecond;
}

Reply TrailService::Handle(const Call& call, std::string_view body_json, TrailNote& note) {
  note.read_only = true;
  if (auto denied = DeniedByIdentity(call, "cloudtrail:LookupEvents", "*"))
    return Failed(std::move(*denied));
  if (!Admit(call.caller->identity.account, call.region))
    return Failed({400, "ThrottlingException", "Rate exceeded"});
  LookupInput input;
  if (auto fault = ReadInput(body_json, input)) return Failed(std::move(*fault));
  input.query.region = call.region;
  input.query.account = call.caller->identity.account;
  if (!input.token.empty()) {
    const auto before = ParseTrailToken(token_key_, input.query, input.token);
    if (!before) {
      return Failed({400, "InvalidNextTokenException",
                     "The token is not one of an earlier answer to the same parameters."});
    }
    input.query.before = *before;
  }
  if (const auto delay = this->delay(); delay.count() > 0)
    input.query.visible_until = world_.Now() - delay;
  // What is due is recorded first. What is recorded can be told even where that fails.
  if (auto due = world_.RunDue(); !due)
    base::LogError("what is due is not done", {{"reason", due.error().message}});
  TrailPage page;
  if (!input.insight) page = trail_.Find(input.query);
  std::string out = "{\"Events\":[";
  for (const TrailRecord& record : page.records) {
    if (out.back() != '[') out += ',';
    AppendEvent(record, out);
  }
  out += ']';
  if (page.next_before != 0) {
    out += ',';
    AppendJsonMember("NextToken", MakeTrailToken(token_key_, input.query, page.next_before), out);
  }
  out += '}';
  return {.fault = {}, .body = base::SecretBytes::CopyOf(base::AsBytes(out))};
}

}  // namespace tenantseal::emulator
