#include "cli/webhook_views.h"

#include <nlohmann/json.hpp>

#include "cli/table.h"

namespace tenantseal::cli {
namespace {

using nlohmann::json;
using Fields = std::vector<std::pair<std::string, std::string>>;
using Rows = std::vector<std::vector<std::string>>;

void Add(Fields& fields, const json& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (std::string text = Text(object, name); !text.empty()) fields.emplace_back(name, text);
  }
}

// The elements of a list of texts, or the names of an object's members.
std::string Names(const json& object, const char* member) {
  std::string out;
  const auto found = object.find(member);
  if (found == object.end() || !found->is_structured()) return out;
  for (const auto& [name, value] : found->items()) {
    const std::string one = !found->is_array()  ? name
                            : value.is_string() ? value.get<std::string>()
                                                : value.dump();
    out += (out.empty() ? "" : ", ") + one;
  }
  return out;
}

std::string Types(const json& webhook) {
  const std::string types = Names(webhook, "eventTypes");
  return types.empty() ? "all" : types;
}

void PrintWebhook(const json& webhook) {
  Fields fields;
  Add(fields, webhook, {"id", "name", "description", "url", "enabled"});
  fields.emplace_back("eventTypes", Types(webhook));
  Add(fields, webhook, {"filter"});
  for (const char* name : {"headers", "encryptedHeaders"}) {
    if (std::string names = Names(webhook, name); !names.empty()) fields.emplace_back(name, names);
  }
  Add(fields, webhook,
      {"secretKeyAdded", "checkCertificateRevocation", "origin", "createdAt", "createdByUserId",
       "updatedAt", "updatedByUserId", "disabledReason"});
  PrintFields(fields);
}

void PrintWebhooks(const json& webhooks) {
  Rows rows = {{"ID", "NAME", "ENABLED", "URL", "EVENT TYPES"}};
  for (const json& webhook : webhooks) {
    const bool disabled = !Text(webhook, "disabledReason").empty();
    rows.push_back({Text(webhook, "id"), Text(webhook, "name"),
                    disabled ? "disabled by failures" : Text(webhook, "enabled"),
                    Text(webhook, "url"), Types(webhook)});
  }
  PrintTable(rows);
}

void PrintTypes(const json& answer) {
  Rows rows = {{"NAME", "TITLE"}};
  const auto data = answer.find("data");
  if (data != answer.end() && data->is_array()) {
    for (const json& type : *data) rows.push_back({Text(type, "name"), Text(type, "title")});
  }
  PrintTable(rows);
}

void PrintDelivery(const json& delivery) {
  Fields fields;
  Add(fields, delivery,
      {"id", "webhookId", "eventType", "triggeredAt", "status", "statusMessage", "attempts",
       "nextAttemptAt"});
  PrintFields(fields);
  for (const char* part : {"request", "response"}) {
    const auto found = delivery.find(part);
    if (found == delivery.end()) continue;
    PrintFields({{part, ""}});
    PrintJson(*found);
  }
}

void PrintDeliveries(const json& deliveries) {
  Rows rows = {{"ID", "TRIGGERED", "STATUS", "ATTEMPTS", "EVENT TYPE", "MESSAGE"}};
  for (const json& delivery : deliveries) {
    rows.push_back({Text(delivery, "id"), Text(delivery, "triggeredAt"), Text(delivery, "status"),
                    Text(delivery, "attempts"), Text(delivery, "eventType"),
                    Text(delivery, "statusMessage")});
  }
  PrintTable(rows);
}

}  // namespace

const View kWebhook = {"id", PrintWebhook};
const View kWebhookList = {"id", PrintWebhooks};
const View kWebhookTypes = {"name", PrintTypes};
const View kDelivery = {"id", PrintDelivery};
const View kDeliveryList = {"id", PrintDeliveries};

}  // namespace tenantseal::cli
