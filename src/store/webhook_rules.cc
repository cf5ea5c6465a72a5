#include "store/webhook_rules.h"

namespace tenantseal::store {
namespace {

Error Conflict(std::string message) { return {ErrorCode::kConflict, std::move(message)}; }

// Of rows that were not written here, before memory is taken for them.
constexpr std::size_t kTextsMax = 10'000;

}  // namespace

Error WebhookNotFound() { return NotFound("There is no such webhook."); }
Error DeliveryNotFound() {
  return NotFound("There is no such delivery; those of the last week are kept.");
}

Result<void> CheckNewWebhook(bool scope_is_there, std::uint64_t count) {
  if (!scope_is_there) return Conflict("The webhook's tenant is not there.");
  if (count < model::kWebhooksMax) return {};
  return Conflict("There are " + std::to_string(count) +
                  " webhooks already, the most there may be: delete some.");
}

Result<void> CheckWebhookChange(const model::Webhook& stored, const model::Webhook& changed) {
  if (stored.revision + 1 == changed.revision) return {};
  return Conflict("The webhook has been changed meanwhile: read it again.");
}

void ApplyDisabling(model::Webhook& stored, const WebhookDisabling& disabling) {
  stored.enabled = false;
  stored.disabled_reason = disabling.reason;
  stored.updated_at = disabling.event.time;
  stored.updated_by = disabling.event.actor;
  ++stored.revision;
}

void GiveUp(model::WebhookDelivery& delivery) {
  delivery.state = model::DeliveryState::kFailed;
  delivery.next_attempt_at.reset();
  delivery.message = kGivenUpMessage;
}

bool IsHeld(std::optional<base::UtcTime> lease_until, base::UtcTime now) {
  return lease_until && *lease_until > now && *lease_until <= now + kWebhookLeaseMax;
}

bool IsDueAt(base::UtcTime time, base::UtcTime now) {
  return time <= now || time > now + kWebhookWaitMax;
}

Result<void> CheckClaim(std::uint64_t stored_fence, const WebhookClaim& claim) {
  if (stored_fence == claim.fence) return {};
  return Conflict("Another process delivers to the webhook by now, or it has been changed.");
}

Result<void> CheckNewDelivery(const model::Webhook& webhook, std::uint64_t unfinished) {
  if (!webhook.enabled) return Conflict("The webhook is disabled: enable it first.");
  if (unfinished < kUnfinishedDeliveriesMax) return {};
  return Conflict("Too many deliveries of the webhook wait already.");
}

std::uint8_t DeliveryRank(model::DeliveryState state) {
  switch (state) {
    case model::DeliveryState::kRetrying:
    case model::DeliveryState::kFailed:
      return 0;
    case model::DeliveryState::kWaiting:
      return 1;
    case model::DeliveryState::kSucceeded:
      break;
  }
  return 2;
}

DeliveryPlace PlaceOf(const model::WebhookDelivery& delivery, bool by_rank) {
  return {by_rank ? DeliveryRank(delivery.state) : std::uint8_t{0}, delivery.triggered_at,
          delivery.id.text()};
}

base::Bytes SerializeTexts(std::span<const std::string> texts) {
  base::ByteWriter out;
  for (const std::string& text : texts) out.Field(text);
  return out.Take();
}

std::optional<std::vector<std::string>> ParseTexts(base::ByteSpan bytes) {
  base::ByteReader in(bytes);
  std::vector<std::string> out;
  while (in.ok() && in.remaining() > 0 && out.size() < kTextsMax)
    out.emplace_back(base::AsText(in.Field()));
  if (!in.AtEnd()) return std::nullopt;
  return out;
}

base::Bytes SerializeHeaders(std::span<const model::WebhookHeader> headers) {
  base::ByteWriter out;
  for (const model::WebhookHeader& header : headers) {
    out.Field(header.name);
    out.Field(header.value);
  }
  return out.Take();
}

std::optional<std::vector<model::WebhookHeader>> ParseHeaders(base::ByteSpan bytes) {
  const auto texts = ParseTexts(bytes);
  if (!texts || texts->size() % 2 != 0) return std::nullopt;
  std::vector<model::WebhookHeader> out;
  for (std::size_t i = 0; i < texts->size(); i += 2) out.push_back({(*texts)[i], (*texts)[i + 1]});
  return out;
}

}  // namespace tenantseal::store
