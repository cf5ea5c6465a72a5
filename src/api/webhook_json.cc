#include "api/webhook_json.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "api/control_json.h"
#include "api/error_table.h"
#include "base/encoding.h"

namespace tenantseal::api {
namespace {

using model::DeliveryState;
using model::Webhook;
using model::WebhookDelivery;
using nlohmann::json;

constexpr const char* kDisabledCode = "WEBHOOK-DELIVERIES-FAIL";

json HeadersJson(const std::vector<model::WebhookHeader>& headers) {
  json out = json::object();
  for (const model::WebhookHeader& header : headers) {
    // A response may have a header twice.
    const auto found = out.find(header.name);
    out[header.name] =
        found == out.end() ? header.value : found->get<std::string>() + ", " + header.value;
  }
  return out;
}

}  // namespace

std::string_view OriginName(model::WebhookOrigin origin) {
  switch (origin) {
    case model::WebhookOrigin::kAutomations:
      return "automations";
    case model::WebhookOrigin::kManagementConsole:
      return "management-console";
    case model::WebhookOrigin::kApi:
      break;
  }
  return "api";
}

std::string_view DeliveryStatus(DeliveryState state) {
  switch (state) {
    case DeliveryState::kSucceeded:
      return "success";
    case DeliveryState::kWaiting:
      return "pending";
    case DeliveryState::kRetrying:
    case DeliveryState::kFailed:
      break;
  }
  return "fail";
}

json WebhookJson(const Webhook& webhook) {
  json out = {{"id", webhook.id.text()},
              {"name", webhook.name},
              {"url", webhook.url},
              {"description", webhook.description},
              {"eventTypes", webhook.event_types},
              {"level", "tenant"},
              {"enabled", webhook.enabled},
              {"filter", webhook.filter},
              {"headers", HeadersJson(webhook.headers)},
              {"encryptedHeaders", webhook.encrypted_headers},
              {"secretKeyAdded", !webhook.sealed_secret.empty()},
              {"enableCloudEventDelivery", true},
              {"checkCertificateRevocation", webhook.check_revocation},
              {"origin", OriginName(webhook.origin)},
              {"createdAt", base::FormatUtc(webhook.created_at)},
              {"updatedAt", base::FormatUtc(webhook.updated_at)},
              {"createdByUserId", webhook.created_by},
              {"updatedByUserId", webhook.updated_by}};
  if (!webhook.disabled_reason.empty()) {
    out["disabledReason"] = webhook.disabled_reason;
    out["disabledReasonCode"] = kDisabledCode;
  }
  return out;
}

json DeliveryJson(const WebhookDelivery& delivery) {
  json out = {{"id", delivery.id.text()},
              {"webhookId", delivery.webhook.text()},
              {"eventType", delivery.event_type},
              {"triggeredAt", base::FormatUtc(delivery.triggered_at)},
              {"status", DeliveryStatus(delivery.state)},
              {"statusMessage", delivery.message},
              {"attempts", delivery.attempts}};
  if (delivery.next_attempt_at) out["nextAttemptAt"] = base::FormatUtc(*delivery.next_attempt_at);
  if (delivery.attempts > 0) {
    out["request"] = {{"url", delivery.url}, {"headers", HeadersJson(delivery.request_headers)}};
  }
  if (delivery.response_status > 0) {
    out["response"] = {{"statusCode", delivery.response_status},
                       {"headers", HeadersJson(delivery.response_headers)},
                       {"body", delivery.response_body}};
  }
  return out;
}

json DeliveryJson(const events::DeliveryView& view) {
  json out = DeliveryJson(view.delivery);
  json body = json::parse(view.body, nullptr, /*allow_exceptions=*/false);
  out["request"]["body"] = std::move(body);
  return out;
}

json EventTypeJson(std::string_view type) {
  // "com.qlik.v1.encryption.keyprovider.created": what happened is the last part, to what the one
  // before; the vendor and the version lead.
  const std::size_t last = type.rfind('.');
  std::string_view thing = type.substr(0, last);
  for (int part = 0; part < 3; ++part) thing.remove_prefix(thing.find('.') + 1);
  const std::string happened(type.substr(last + 1));
  std::string title(thing.substr(thing.rfind('.') + 1));
  title += " " + happened;
  std::ranges::replace(title, '-', ' ');
  title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return {{"name", type},
          {"title", title},
          {"description", title + ". What it holds: docs/events.md."},
          {"category", thing},
          {"levels", json::array({"tenant"})}};
}

}  // namespace tenantseal::api
