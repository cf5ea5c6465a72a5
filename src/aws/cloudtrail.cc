#include "aws/cloudtrail.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/encoding.h"

namespace tenantseal::aws {
namespace {

using nlohmann::json;

constexpr int kDepthMax = 32;
constexpr std::size_t kTextBytesMax = 2048;
constexpr std::size_t kTokenBytesMax = 16 << 10;
constexpr std::size_t kErrorBytesMax = 64 << 10;

// Before a tree is built: a tree that is too deep would be costly to build.
bool TooDeep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// Null unless it is one JSON object.
json ParseObject(std::string_view text) {
  if (!base::IsUtf8(text) || TooDeep(text)) return nullptr;
  json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  return object.is_object() ? object : json(nullptr);
}

const json* Member(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// Reads the texts of a record. A member of another type, or too long, makes ok() false.
class Record {
 public:
  explicit Record(const json& object) : object_(object) {}
  std::string Required(const char* name) {
    std::string text = Optional(object_, name);
    ok_ = ok_ && !text.empty();
    return text;
  }
  std::string Optional(const char* name) { return Optional(object_, name); }
  std::string Optional(const json& object, const char* name) {
    const json* const member = Member(object, name);
    if (member == nullptr) return {};
    if (!member->is_string() || member->get_ref<const std::string&>().size() > kTextBytesMax) {
      ok_ = false;
      return {};
    }
    return member->get<std::string>();
  }
  // A member that is an object; an empty object when it is missing or null.
  const json& Object(const json& object, const char* name) {
    static const json kNone = json::object();
    const json* const member = Member(object, name);
    if (member == nullptr) return kNone;
    ok_ = ok_ && member->is_object();
    return member->is_object() ? *member : kNone;
  }
  void Fail() { ok_ = false; }
  bool ok() const { return ok_; }

 private:
  const json& object_;
  bool ok_ = true;
};

void ReadIdentity(const json& record, Record& reader, TrailEvent& event) {
  const json& identity = reader.Object(record, "userIdentity");
  event.principal_type = reader.Optional(identity, "type");
  event.principal_arn = reader.Optional(identity, "arn");
  event.account = reader.Optional(identity, "accountId");
  event.access_key_id = reader.Optional(identity, "accessKeyId");
  const std::string invoked_by = reader.Optional(identity, "invokedBy");
  if (event.principal_arn.empty()) event.principal_arn = invoked_by;
  const json& session = reader.Object(identity, "sessionContext");
  event.role_arn = reader.Optional(reader.Object(session, "sessionIssuer"), "arn");
}

std::optional<TrailEvent> ReadEvent(const json& entry) {
  const json* const text = Member(entry, "CloudTrailEvent");
  if (text == nullptr || !text->is_string()) return std::nullopt;
  const json record = ParseObject(text->get_ref<const std::string&>());
  if (record.is_null()) return std::nullopt;
  Record reader(record);
  TrailEvent event;
  event.event_id = reader.Required("eventID");
  event.shared_event_id = reader.Optional("sharedEventID");
  event.request_id = reader.Optional("requestID");
  event.source = reader.Required("eventSource");
  event.name = reader.Required("eventName");
  event.region = reader.Required("awsRegion");
  event.recipient = reader.Optional("recipientAccountId");
  event.source_ip = reader.Optional("sourceIPAddress");
  event.error_code = reader.Optional("errorCode");
  const auto time = base::ParseUtc(reader.Required("eventTime"));
  if (!time) return std::nullopt;
  event.time = *time;
  ReadIdentity(record, reader, event);
  const std::string type = reader.Optional("eventType");
  event.of_aws = type == "AwsServiceEvent" || event.principal_type == "AWSService";
  const json& context =
      reader.Object(reader.Object(record, "requestParameters"), "encryptionContext");
  event.tenant = reader.Optional(context, "TenantId");
  if (!reader.ok()) return std::nullopt;
  return event;
}

Error NoReply(const char* what) {
  return InvalidArgument("", std::string("CloudTrail's answer ") + what + ".");
}

}  // namespace

std::string LookupEventsBody(const EventLookup& lookup) {
  const auto start = std::chrono::floor<std::chrono::seconds>(lookup.start);
  const auto end = std::chrono::ceil<std::chrono::seconds>(lookup.end);
  json body = {{"StartTime", start.time_since_epoch().count()},
               {"EndTime", end.time_since_epoch().count()},
               {"MaxResults", kLookupEventsMax},
               {"LookupAttributes",
                {{{"AttributeKey", lookup.attribute}, {"AttributeValue", lookup.value}}}}};
  if (!lookup.next_token.empty()) body["NextToken"] = lookup.next_token;
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<TrailPage> ParseLookupEvents(base::ByteSpan body) {
  if (body.size() > kLookupReplyBytesMax) return NoReply("is too large");
  const json reply = ParseObject(base::AsText(body));
  if (reply.is_null()) return NoReply("is not the JSON expected");
  TrailPage page;
  if (const json* const token = Member(reply, "NextToken")) {
    if (!token->is_string() || token->get_ref<const std::string&>().size() > kTokenBytesMax)
      return NoReply("has a NextToken that is none");
    page.next_token = token->get<std::string>();
  }
  const json* const events = Member(reply, "Events");
  if (events == nullptr) return page;
  if (!events->is_array() || events->size() > kLookupEventsMax)
    return NoReply("has no list of events");
  for (const json& entry : *events) {
    auto event = ReadEvent(entry);
    if (event) {
      page.events.push_back(std::move(*event));
    } else {
      ++page.unreadable;
    }
  }
  return page;
}

std::string ParseJsonErrorCode(base::ByteSpan body) {
  if (body.size() > kErrorBytesMax) return {};
  const json reply = ParseObject(base::AsText(body));
  const json* const type = Member(reply, "__type");
  if (type == nullptr || !type->is_string()) return {};
  std::string code = type->get<std::string>();
  if (const std::size_t hash = code.rfind('#'); hash != code.npos) code.erase(0, hash + 1);
  code = code.substr(0, std::min<std::size_t>(code.find(':'), 128));
  const bool plain = std::ranges::all_of(code, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.';
  });
  return plain ? code : std::string();
}

}  // namespace tenantseal::aws
