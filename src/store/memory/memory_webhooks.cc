// Webhooks, the progress of delivering to them, and the log of deliveries.
#include <algorithm>

#include "store/memory/memory_store.h"
#include "store/webhook_rules.h"

namespace tenantseal::store {
namespace {

using base::MutexLock;
using model::WebhookDelivery;

WebhookPlace Place(const model::Scope& scope, const model::WebhookId& id) {
  return {scope.text(), id.text()};
}

template <typename Deliveries>
void GiveUpAll(Deliveries& deliveries) {
  for (auto& [id, delivery] : deliveries) {
    if (delivery.unfinished()) GiveUp(delivery);
  }
}

bool Matches(const WebhookDelivery& delivery, const DeliveryQuery& query) {
  return (query.event_type.empty() || delivery.event_type == query.event_type) &&
         (!query.rank || DeliveryRank(delivery.state) == *query.rank);
}

}  // namespace

std::uint64_t MemoryStore::ChainEnd(const model::Scope& scope) const {
  const auto chain = events_.find(scope);
  return chain == events_.end() ? 0 : chain->second.size();
}

bool MemoryStore::IsDue(const StoredWebhook& webhook, base::UtcTime now) const {
  if (!webhook.row.enabled || !IsDueAt(webhook.progress.resume_at, now) ||
      IsHeld(webhook.lease_until, now))
    return false;
  const auto due = [now](const auto& entry) {
    return entry.second.next_attempt_at && IsDueAt(*entry.second.next_attempt_at, now);
  };
  return webhook.progress.sequence < ChainEnd(webhook.row.scope) ||
         std::any_of(webhook.deliveries.begin(), webhook.deliveries.end(), due);
}

Result<void> MemoryStore::CreateWebhook(const model::Webhook& webhook,
                                        const model::NewEvent& event) {
  MutexLock lock(mutex_);
  bool is_there = webhook.scope.is_deployment();
  if (!is_there) {
    const auto tenant = tenants_.find(model::TenantId::Parse(webhook.scope.text()).value());
    is_there =
        tenant != tenants_.end() && tenant->second.tenant.status != model::TenantStatus::kDestroyed;
  }
  const auto count = std::count_if(webhooks_.begin(), webhooks_.end(), [&](const auto& entry) {
    return entry.second.row.scope == webhook.scope;
  });
  TS_RETURN_IF_ERROR(CheckNewWebhook(is_there, static_cast<std::uint64_t>(count)));
  Append(event);
  StoredWebhook& stored = webhooks_[Place(webhook.scope, webhook.id)];
  stored.row = webhook;
  stored.progress.sequence = ChainEnd(webhook.scope);
  return {};
}

Result<model::Webhook> MemoryStore::LoadWebhook(const model::Scope& scope,
                                                const model::WebhookId& id) const {
  MutexLock lock(mutex_);
  const auto found = webhooks_.find(Place(scope, id));
  if (found == webhooks_.end()) return WebhookNotFound();
  return found->second.row;
}

Result<std::vector<model::Webhook>> MemoryStore::ListWebhooks(const model::Scope& scope) const {
  MutexLock lock(mutex_);
  std::vector<model::Webhook> out;
  for (const auto& [place, webhook] : webhooks_) {
    if (webhook.row.scope == scope) out.push_back(webhook.row);
  }
  return out;
}

Result<void> MemoryStore::ChangeWebhook(const model::Webhook& changed,
                                        const model::NewEvent& event) {
  MutexLock lock(mutex_);
  const auto found = webhooks_.find(Place(changed.scope, changed.id));
  if (found == webhooks_.end()) return WebhookNotFound();
  StoredWebhook& stored = found->second;
  TS_RETURN_IF_ERROR(CheckWebhookChange(stored.row, changed));
  const bool switched = stored.row.enabled != changed.enabled;
  stored.row = changed;
  Append(event);
  if (!switched) return {};
  ++stored.fence;
  stored.lease_until.reset();
  if (changed.enabled)
    stored.progress = {.sequence = ChainEnd(changed.scope)};
  else
    GiveUpAll(stored.deliveries);
  return {};
}

Result<void> MemoryStore::DeleteWebhook(const model::Scope& scope, const model::WebhookId& id,
                                        const model::NewEvent& event) {
  MutexLock lock(mutex_);
  if (webhooks_.erase(Place(scope, id)) == 0) return WebhookNotFound();
  Append(event);
  return {};
}

Result<std::vector<WebhookPlace>> MemoryStore::DueWebhooks(base::UtcTime now,
                                                           const WebhookPlace& after,
                                                           std::size_t limit) const {
  MutexLock lock(mutex_);
  std::vector<WebhookPlace> out;
  for (const auto& [place, webhook] : webhooks_) {
    if (out.size() == limit) break;
    if (place > after && IsDue(webhook, now)) out.push_back(place);
  }
  return out;
}

Result<std::optional<ClaimedWebhook>> MemoryStore::ClaimWebhook(const WebhookPlace& place,
                                                                base::UtcTime now,
                                                                base::UtcTime lease_until,
                                                                std::size_t due_max) {
  MutexLock lock(mutex_);
  const auto found = webhooks_.find(place);
  if (found == webhooks_.end() || !IsDue(found->second, now))
    return std::optional<ClaimedWebhook>();
  StoredWebhook& stored = found->second;
  ++stored.fence;
  stored.lease_until = lease_until;
  ClaimedWebhook out;
  out.webhook = stored.row;
  out.claim = {stored.row.scope, stored.row.id, stored.fence};
  out.progress = stored.progress;
  for (const auto& [id, delivery] : stored.deliveries) {
    if (!delivery.unfinished()) continue;
    ++out.unfinished;
    out.next_due =
        std::min(out.next_due.value_or(*delivery.next_attempt_at), *delivery.next_attempt_at);
    if (IsDueAt(*delivery.next_attempt_at, now)) out.due.push_back(delivery);
  }
  std::ranges::stable_sort(out.due, {}, [](const auto& one) { return *one.next_attempt_at; });
  if (out.due.size() > due_max) out.due.resize(due_max);
  return std::optional(std::move(out));
}

Result<std::uint64_t> MemoryStore::SaveWebhookStep(const WebhookStep& step) {
  MutexLock lock(mutex_);
  const auto found = webhooks_.find(Place(step.claim.scope, step.claim.webhook));
  if (found == webhooks_.end()) return WebhookNotFound();
  StoredWebhook& stored = found->second;
  TS_RETURN_IF_ERROR(CheckClaim(stored.fence, step.claim));
  stored.progress = step.progress;
  stored.lease_until = step.lease_until;
  if (step.delivery) stored.deliveries.insert_or_assign(step.delivery->id, *step.delivery);
  if (step.retry_all_at) {
    for (auto& [id, delivery] : stored.deliveries) {
      auto& due = delivery.next_attempt_at;
      if (due) due = std::min(*due, *step.retry_all_at);
    }
  }
  if (!step.disabling) return stored.row.revision;
  ApplyDisabling(stored.row, *step.disabling);
  Append(step.disabling->event);
  ++stored.fence;
  stored.lease_until.reset();
  GiveUpAll(stored.deliveries);
  return stored.row.revision;
}

Result<void> MemoryStore::AddDelivery(const WebhookDelivery& delivery) {
  MutexLock lock(mutex_);
  const auto found = webhooks_.find(Place(delivery.scope, delivery.webhook));
  if (found == webhooks_.end()) return WebhookNotFound();
  StoredWebhook& stored = found->second;
  const auto unfinished = std::ranges::count_if(
      stored.deliveries, [](const auto& entry) { return entry.second.unfinished(); });
  TS_RETURN_IF_ERROR(CheckNewDelivery(stored.row, static_cast<std::uint64_t>(unfinished)));
  if (!stored.deliveries.emplace(delivery.id, delivery).second)
    return Error{ErrorCode::kAlreadyExists, "There is a delivery with this id."};
  stored.progress.resume_at = {};
  return {};
}

Result<WebhookDelivery> MemoryStore::LoadDelivery(const model::WebhookId& webhook,
                                                  const model::DeliveryId& id) const {
  MutexLock lock(mutex_);
  for (const auto& [place, stored] : webhooks_) {
    const auto found = stored.deliveries.find(id);
    if (stored.row.id == webhook && found != stored.deliveries.end()) return found->second;
  }
  return DeliveryNotFound();
}

Result<std::vector<WebhookDelivery>> MemoryStore::ListDeliveries(const DeliveryQuery& query) const {
  MutexLock lock(mutex_);
  std::vector<WebhookDelivery> out;
  const auto before = [&query](const DeliveryPlace& a, const DeliveryPlace& b) {
    return query.descending ? b < a : a < b;
  };
  for (const auto& [place, stored] : webhooks_) {
    if (stored.row.id != query.webhook) continue;
    for (const auto& [id, delivery] : stored.deliveries) {
      const bool past = !query.after || before(*query.after, PlaceOf(delivery, query.by_rank));
      if (past && Matches(delivery, query)) out.push_back(delivery);
    }
  }
  std::ranges::sort(out, [&](const auto& a, const auto& b) {
    return before(PlaceOf(a, query.by_rank), PlaceOf(b, query.by_rank));
  });
  if (out.size() > query.limit) out.resize(query.limit);
  return out;
}

Result<bool> MemoryStore::ForgetDeliveries(base::UtcTime before) {
  MutexLock lock(mutex_);
  for (auto& [place, stored] : webhooks_) {
    std::vector<DeliveryPlace> finished;
    std::erase_if(stored.deliveries, [&](const auto& entry) {
      return !entry.second.unfinished() && entry.second.triggered_at < before;
    });
    for (const auto& [id, delivery] : stored.deliveries) {
      if (!delivery.unfinished()) finished.push_back(PlaceOf(delivery, false));
    }
    if (finished.size() <= kFinishedDeliveriesMax) continue;
    std::ranges::sort(finished);
    finished.resize(finished.size() - kFinishedDeliveriesMax);
    for (const DeliveryPlace& oldest : finished)
      stored.deliveries.erase(model::DeliveryId::Parse(oldest.id).value());
  }
  return false;
}

}  // namespace tenantseal::store
