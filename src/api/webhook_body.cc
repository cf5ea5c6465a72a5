// Bodies of requests about webhooks.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/control_json.h"
#include "api/error_table.h"
#include "api/secret_members.h"
#include "api/webhook_json.h"
#include "base/encoding.h"

namespace tenantseal::api {
namespace {

using events::SecretHeader;
using events::WebhookChange;
using events::WebhookInput;
using nlohmann::json;

constexpr std::string_view kSecret = "secret";
constexpr std::string_view kEncrypted = "encryptedHeaders";

Error Bad(const std::string& field, const std::string& what) {
  return InvalidArgument(field, "The field " + field + " " + what + ".");
}

Result<base::SecretBytes> ReadSecret(const base::SecretBytes& text, const std::string& field) {
  TS_ASSIGN_OR_RETURN(base::SecretBytes secret, SecretString(text, field));
  // An empty one would mean none.
  if (secret.empty()) return Bad(field, "must have 32 to 64 characters");
  return secret;
}

Result<std::vector<SecretHeader>> ReadSecretHeaders(const base::SecretBytes& text,
                                                    const std::string& field) {
  std::vector<SecretHeader> out;
  auto members = SplitObject(text.Reveal());
  if (!members)
    return Bad(field,
               "must be an object of headers with their values; values are never shown, so "
               "what was read cannot be sent back");
  for (const SecretMember& member : *members) {
    TS_ASSIGN_OR_RETURN(base::SecretBytes value, SecretString(member.text, field));
    out.push_back({member.name, std::move(value)});
  }
  return out;
}

// --- Values that are not secret ---

Result<bool> ReadBool(const json& value, const std::string& field) {
  if (!value.is_boolean()) return Bad(field, "must be true or false");
  return value.get<bool>();
}

Result<std::string> ReadText(const json& value, const std::string& field) {
  if (!value.is_string()) return Bad(field, "must be a string");
  return value.get<std::string>();
}

Result<std::vector<std::string>> ReadTexts(const json& value, const std::string& field) {
  const bool texts = value.is_array() &&
                     std::ranges::all_of(value, [](const json& one) { return one.is_string(); });
  if (!texts) return Bad(field, "must be an array of strings");
  return value.get<std::vector<std::string>>();
}

Result<std::vector<model::WebhookHeader>> ReadHeaders(const json& value, const std::string& field) {
  std::vector<model::WebhookHeader> out;
  if (!value.is_object()) return Bad(field, "must be an object of strings");
  for (const auto& [name, text] : value.items()) {
    if (!text.is_string()) return Bad(field, "must be an object of strings");
    out.push_back({name, text.get<std::string>()});
  }
  return out;
}

Result<void> CheckCloudEvents(const json& value, const std::string& field) {
  TS_ASSIGN_OR_RETURN(const bool on, ReadBool(value, field));
  if (on) return {};
  return Bad(field, "must be true: events are delivered as CloudEvents alone");
}

Result<void> CheckLevel(const json& value) {
  if (value == "tenant") return {};
  return Bad("level", "must be \"tenant\": webhooks of single users do not exist here");
}

Result<model::WebhookOrigin> ReadOrigin(const json& value) {
  using enum model::WebhookOrigin;
  for (const model::WebhookOrigin origin : {kApi, kAutomations, kManagementConsole}) {
    if (value == OriginName(origin)) return origin;
  }
  return Bad("origin", "must be api, automations or management-console");
}

// --- Creation and replacement ---

// What is left of a body without its secrets, which go into `out`.
Result<json> TakeSecrets(base::ByteSpan body, WebhookInput& out) {
  TS_ASSIGN_OR_RETURN(const auto members, SplitObject(body));
  std::string open;
  bool has_secret = false, has_headers = false;
  for (const SecretMember& member : members) {
    const bool is_secret = member.name == kSecret, is_headers = member.name == kEncrypted;
    if ((is_secret && std::exchange(has_secret, true)) ||
        (is_headers && std::exchange(has_headers, true)))
      return Bad(member.name, "stands twice");
    if (is_secret) {
      TS_ASSIGN_OR_RETURN(out.secret, ReadSecret(member.text, member.name));
    } else if (is_headers) {
      TS_ASSIGN_OR_RETURN(out.encrypted_headers, ReadSecretHeaders(member.text, member.name));
    } else {
      open += (open.empty() ? "" : ",") + JsonString(member.name) + ":";
      open += member.text.RevealText();
    }
  }
  open = "{" + open + "}";
  return ParseControlBody(base::AsBytes(open), {"name",
                                                "url",
                                                "description",
                                                "eventTypes",
                                                "level",
                                                "enabled",
                                                "filter",
                                                "headers",
                                                "enableCloudEventDelivery",
                                                "checkCertificateRevocation",
                                                "origin",
                                                "id",
                                                "createdAt",
                                                "updatedAt",
                                                "createdByUserId",
                                                "updatedByUserId",
                                                "disabledReason",
                                                "disabledReasonCode",
                                                "ownerId",
                                                "secretKeyAdded"});
}

Result<void> ReadMember(const std::string& name, const json& value, WebhookInput& out) {
  if (name == "name") {
    TS_ASSIGN_OR_RETURN(out.name, ReadText(value, name));
  } else if (name == "url") {
    TS_ASSIGN_OR_RETURN(out.url, ReadText(value, name));
  } else if (name == "description") {
    TS_ASSIGN_OR_RETURN(out.description, ReadText(value, name));
  } else if (name == "filter") {
    TS_ASSIGN_OR_RETURN(out.filter, ReadText(value, name));
  } else if (name == "eventTypes") {
    TS_ASSIGN_OR_RETURN(out.event_types, ReadTexts(value, name));
  } else if (name == "headers") {
    TS_ASSIGN_OR_RETURN(out.headers, ReadHeaders(value, name));
  } else if (name == "enabled") {
    TS_ASSIGN_OR_RETURN(out.enabled, ReadBool(value, name));
  } else if (name == "checkCertificateRevocation") {
    TS_ASSIGN_OR_RETURN(out.check_revocation, ReadBool(value, name));
  } else if (name == "origin") {
    TS_ASSIGN_OR_RETURN(out.origin, ReadOrigin(value));
  } else if (name == "level") {
    return CheckLevel(value);
  } else if (name == "enableCloudEventDelivery") {
    return CheckCloudEvents(value, name);
  }
  return {};
}

// --- Patch ---

struct Operation {
  std::string op, path;
  const base::SecretBytes* value = nullptr;  // Null: none.
  std::string at;                            // Names it in errors: its place in the array.
};

Result<Operation> ReadOperation(const std::vector<SecretMember>& members, const std::string& at) {
  Operation out;
  out.at = at;
  std::vector<std::string_view> seen;
  for (const SecretMember& member : members) {
    const bool known = member.name == "op" || member.name == "path" || member.name == "value";
    const bool twice = std::ranges::find(seen, member.name) != seen.end();
    if (!known || twice)
      return InvalidArgument(at, "An operation has the members op, path and value alone, once.");
    seen.push_back(member.name);
    if (member.name == "value") {
      out.value = &member.text;
      continue;
    }
    TS_ASSIGN_OR_RETURN(const auto text, SecretString(member.text, at + "/" + member.name));
    (member.name == "op" ? out.op : out.path) = text.RevealText();
  }
  if (out.op != "add" && out.op != "replace" && out.op != "remove")
    return InvalidArgument(at + "/op", "The member op must be add, replace or remove.");
  if (out.op == "remove") out.value = nullptr;
  if (out.op != "remove" && out.value == nullptr)
    return InvalidArgument(at + "/value", "The member value is missing.");
  return out;
}

Error NotPatchable(const Operation& operation) {
  return InvalidArgument(operation.at + "/path",
                         "The member path must be /name, /description, /url, /eventTypes, "
                         "/headers, /enabled, /secret, /encryptedHeaders or "
                         "/enableCloudEventDelivery.");
}

Result<void> ReadSecretChange(const Operation& operation, WebhookChange& out) {
  const std::string field = operation.at + "/value";
  if (operation.path == "/secret") {
    out.secret.emplace();
    if (operation.value == nullptr) return {};
    TS_ASSIGN_OR_RETURN(*out.secret, ReadSecret(*operation.value, field));
    return {};
  }
  out.encrypted_headers.emplace();
  if (operation.value == nullptr) return {};
  TS_ASSIGN_OR_RETURN(*out.encrypted_headers, ReadSecretHeaders(*operation.value, field));
  return {};
}

// What a member is without a value.
Result<json> ValueOf(const Operation& operation) {
  if (operation.value != nullptr) {
    // A bare value is no body: it is read as the only element of an array.
    const std::string array = "[" + std::string(operation.value->RevealText()) + "]";
    TS_ASSIGN_OR_RETURN(json parsed, ParseControlJson(base::AsBytes(array)));
    if (parsed.size() != 1)
      return InvalidArgument("body", "The body is not valid JSON (RFC 8259) in UTF-8.");
    return std::move(parsed[0]);
  }
  if (operation.path == "/description") return json("");
  if (operation.path == "/eventTypes") return json(json::array());
  if (operation.path == "/headers") return json(json::object());
  if (operation.path == "/enabled") return json(false);
  return InvalidArgument(operation.at + "/op",
                         "The member " + operation.path.substr(0, 64) + " cannot be removed.");
}

Result<void> ReadChange(const Operation& operation, WebhookChange& out) {
  const std::string field = operation.at + "/value";
  const std::string& path = operation.path;
  if (path == "/secret" || path == "/encryptedHeaders") return ReadSecretChange(operation, out);
  static constexpr std::string_view kOpen[] = {"/name",
                                               "/description",
                                               "/url",
                                               "/eventTypes",
                                               "/headers",
                                               "/enabled",
                                               "/enableCloudEventDelivery"};
  if (std::ranges::find(kOpen, path) == std::end(kOpen)) return NotPatchable(operation);
  TS_ASSIGN_OR_RETURN(const json value, ValueOf(operation));
  if (path == "/name") {
    TS_ASSIGN_OR_RETURN(out.name, ReadText(value, field));
  } else if (path == "/description") {
    TS_ASSIGN_OR_RETURN(out.description, ReadText(value, field));
  } else if (path == "/url") {
    TS_ASSIGN_OR_RETURN(out.url, ReadText(value, field));
  } else if (path == "/eventTypes") {
    TS_ASSIGN_OR_RETURN(out.event_types, ReadTexts(value, field));
  } else if (path == "/headers") {
    TS_ASSIGN_OR_RETURN(out.headers, ReadHeaders(value, field));
  } else if (path == "/enabled") {
    TS_ASSIGN_OR_RETURN(out.enabled, ReadBool(value, field));
  } else {
    return CheckCloudEvents(value, field);
  }
  return {};
}

}  // namespace

Result<WebhookInput> ParseWebhook(base::ByteSpan body) {
  WebhookInput out;
  TS_ASSIGN_OR_RETURN(const json open, TakeSecrets(body, out));
  for (const char* field : {"name", "url"}) {
    if (!open.contains(field))
      return InvalidArgument(field, std::string("The field ") + field + " is missing.");
  }
  for (const auto& [name, value] : open.items()) TS_RETURN_IF_ERROR(ReadMember(name, value, out));
  return out;
}

Result<WebhookChange> ParseWebhookPatch(base::ByteSpan body) {
  WebhookChange out;
  const auto operations = SplitArray(body);
  if (!operations || operations->empty() || operations->size() > kPatchOperationsMax) {
    return InvalidArgument("body", "The body must be an array of 1 to " +
                                       std::to_string(kPatchOperationsMax) +
                                       " operations (RFC 6902).");
  }
  for (std::size_t i = 0; i < operations->size(); ++i) {
    const std::string at = std::to_string(i);
    const auto members = SplitObject((*operations)[i].Reveal());
    if (!members) return InvalidArgument(at, "Each operation must be a JSON object.");
    TS_ASSIGN_OR_RETURN(const Operation operation, ReadOperation(*members, at));
    TS_RETURN_IF_ERROR(ReadChange(operation, out));
  }
  return out;
}

}  // namespace tenantseal::api
