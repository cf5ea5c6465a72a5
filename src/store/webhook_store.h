// Webhooks, how far the delivery to each has come, and the log of deliveries.
//
// The queue of events that are to be delivered is the event chain itself: a webhook's progress says
// up to which sequence events have been dealt with. So an event is queued if and only if it is
// committed. What failed and is to be tried again has a row of its own, as has what was delivered.
//
// A webhook's row carries a RowMac over every column, so that nobody who can write to the database
// sends a tenant's events elsewhere. Progress and deliveries have none: they decide which events
// are sent again or are not sent, as deleting a webhook does. A row that was deleted and is put
// back is not noticed; see docs/threat-model.md.
//
// One process delivers to a webhook at a time, under a claim: a fence that grows with every claim,
// held until a time. What a process saves under an older fence is refused, so two processes may at
// worst send the same event, never lose one. Times are of the claimer's UTC clock; a claim that
// reaches further into the future than kWebhookLeaseMax is one of a clock that was wrong, and void.
//
// Errors of every method: kUnavailable, kIntegrity, and what is listed at the method. All methods
// block, are one transaction each, and are thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/records.h"
#include "model/webhook.h"

namespace tenantseal::store {

inline constexpr std::chrono::minutes kWebhookLeaseMax{5};
// The same of a webhook's rest and of a delivery's next attempt: what lies further ahead is due.
inline constexpr std::chrono::hours kWebhookWaitMax{3};
// Unfinished deliveries of one webhook. With so many, no further event is begun.
inline constexpr std::size_t kUnfinishedDeliveriesMax = 1000;
// Finished deliveries that ForgetDeliveries() leaves to one webhook.
inline constexpr std::size_t kFinishedDeliveriesMax = 10'000;

struct WebhookProgress {
  std::uint64_t sequence = 0;  // Events up to it are delivered, given up, or have a delivery.
  std::uint32_t failures = 0;  // Attempts that have failed since the last that succeeded.
  std::optional<base::UtcTime> failing_since = {};  // The first of them.
  base::UtcTime resume_at{};                        // Nothing is sent before.
  bool operator==(const WebhookProgress&) const = default;
};

// A webhook's place in a list over all scopes.
struct WebhookPlace {
  std::string scope;  // Scope::text(); empty: before all.
  std::string id;
  auto operator<=>(const WebhookPlace&) const = default;
};

// The right to deliver to a webhook.
struct WebhookClaim {
  model::Scope scope = model::Scope::Deployment();
  model::WebhookId webhook;
  std::uint64_t fence = 0;
};

struct ClaimedWebhook {
  model::Webhook webhook;
  WebhookClaim claim;
  WebhookProgress progress;
  std::vector<model::WebhookDelivery> due;     // Unfinished ones whose time has come, oldest first.
  std::uint64_t unfinished = 0;                // All of them, due or not.
  std::optional<base::UtcTime> next_due = {};  // Of all of them.
};

// The service disables a webhook.
struct WebhookDisabling {
  std::string reason;
  model::NewEvent event;  // Its time is the time of the change.
};

// What one step of delivering has come to.
struct WebhookStep {
  WebhookClaim claim;
  WebhookProgress progress;                             // From now on.
  std::optional<model::WebhookDelivery> delivery = {};  // Added, or put in place of its old row.
  // The claim is held until then; nothing: it is given up.
  std::optional<base::UtcTime> lease_until = {};
  // Unfinished deliveries become due now: the receiver is back.
  std::optional<base::UtcTime> retry_all_at = {};
  std::optional<WebhookDisabling> disabling = {};
};

// Where a page of deliveries begins: past this one.
struct DeliveryPlace {
  std::uint8_t rank = 0;  // DeliveryRank(), or 0 where the order does not ask for it.
  base::UtcTime triggered_at;
  std::string id;
  auto operator<=>(const DeliveryPlace&) const = default;
};

struct DeliveryQuery {
  model::WebhookId webhook;
  std::string event_type = {};            // Empty: any.
  std::optional<std::uint8_t> rank = {};  // Of this DeliveryRank() alone.
  bool by_rank = false;                   // Else by time; then by id.
  bool descending = true;
  std::optional<DeliveryPlace> after = {};
  std::size_t limit = 20;
};

class WebhookStore {
 public:
  virtual ~WebhookStore() = default;

  // --- Webhooks ---
  // Adds one whose deliveries begin after `event`, i.e. at the end of its scope's chain. kConflict
  // when the scope has model::kWebhooksMax already or is that of a tenant that is not there.
  virtual Result<void> CreateWebhook(const model::Webhook& webhook,
                                     const model::NewEvent& event) = 0;
  virtual Result<model::Webhook> LoadWebhook(const model::Scope& scope,
                                             const model::WebhookId& id) const = 0;  // kNotFound.
  virtual Result<std::vector<model::Webhook>> ListWebhooks(
      const model::Scope& scope) const = 0;  // By id.
  // Stores `changed` in place of the revision before it; kConflict when that is not the stored one,
  // kNotFound. One that becomes enabled goes on at the end of the chain, with a clean record; of
  // one that becomes disabled all unfinished deliveries are given up.
  virtual Result<void> ChangeWebhook(const model::Webhook& changed,
                                     const model::NewEvent& event) = 0;
  // With its deliveries. kNotFound.
  virtual Result<void> DeleteWebhook(const model::Scope& scope, const model::WebhookId& id,
                                     const model::NewEvent& event) = 0;

  // --- Delivering ---
  // Enabled webhooks past `after` for which there is something to do: an event that is not dealt
  // with, or a delivery whose time has come. Not those that somebody holds, or that rest.
  virtual Result<std::vector<WebhookPlace>> DueWebhooks(base::UtcTime now,
                                                        const WebhookPlace& after,
                                                        std::size_t limit) const = 0;
  // Nothing when it is not due any more. At most `due_max` of its due deliveries come with it.
  virtual Result<std::optional<ClaimedWebhook>> ClaimWebhook(const WebhookPlace& place,
                                                             base::UtcTime now,
                                                             base::UtcTime lease_until,
                                                             std::size_t due_max) = 0;
  // Returns the webhook's revision. kConflict when the claim is no longer the last, kNotFound when
  // the webhook is gone: then nothing has changed.
  virtual Result<std::uint64_t> SaveWebhookStep(const WebhookStep& step) = 0;

  // --- Deliveries ---
  // Adds an unfinished one that somebody has asked for, and ends the webhook's rest. kNotFound when
  // there is no such webhook; kConflict when it is disabled or has kUnfinishedDeliveriesMax.
  virtual Result<void> AddDelivery(const model::WebhookDelivery& delivery) = 0;
  virtual Result<model::WebhookDelivery> LoadDelivery(
      const model::WebhookId& webhook, const model::DeliveryId& id) const = 0;  // kNotFound.
  virtual Result<std::vector<model::WebhookDelivery>> ListDeliveries(
      const DeliveryQuery& query) const = 0;
  // Deletes finished deliveries that were triggered before, and the oldest of a webhook beyond
  // kFinishedDeliveriesMax: a bounded number at a time, true when there may be more.
  virtual Result<bool> ForgetDeliveries(base::UtcTime before) = 0;
};

}  // namespace tenantseal::store
