// What a change of webhooks and their deliveries requires, apart from how rows are kept; see
// rules.h.
#pragma once

#include <span>

#include "store/webhook_store.h"

namespace tenantseal::store {

Error WebhookNotFound();
Error DeliveryNotFound();

// Another webhook fits beside `count`; `scope_is_there`: it is the deployment's, or of a tenant
// that is not destroyed.
Result<void> CheckNewWebhook(bool scope_is_there, std::uint64_t count);
// `changed` continues `stored`.
Result<void> CheckWebhookChange(const model::Webhook& stored, const model::Webhook& changed);
// What the service's disabling makes of a webhook.
void ApplyDisabling(model::Webhook& stored, const WebhookDisabling& disabling);
// An unfinished delivery is given up, because its webhook is disabled.
void GiveUp(model::WebhookDelivery& delivery);
inline constexpr const char* kGivenUpMessage = "Given up: the webhook was disabled.";

// Whether a claim until `lease_until` holds at `now`.
bool IsHeld(std::optional<base::UtcTime> lease_until, base::UtcTime now);
// Whether something that waits until `time` is due at `now`.
bool IsDueAt(base::UtcTime time, base::UtcTime now);
// `claim` is the last one.
Result<void> CheckClaim(std::uint64_t stored_fence, const WebhookClaim& claim);
Result<void> CheckNewDelivery(const model::Webhook& webhook, std::uint64_t unfinished);

// How deliveries are told apart and sorted by those who read them: failed (0), waiting for their
// first attempt (1), succeeded (2).
std::uint8_t DeliveryRank(model::DeliveryState state);
DeliveryPlace PlaceOf(const model::WebhookDelivery& delivery, bool by_rank);

// Lists as one column: each text length-prefixed. Nothing when the bytes are none of ours.
base::Bytes SerializeTexts(std::span<const std::string> texts);
std::optional<std::vector<std::string>> ParseTexts(base::ByteSpan bytes);
base::Bytes SerializeHeaders(std::span<const model::WebhookHeader> headers);
std::optional<std::vector<model::WebhookHeader>> ParseHeaders(base::ByteSpan bytes);

}  // namespace tenantseal::store
