// Deliveries sends the events of a chain to the webhooks that want them.
//
// It promises: every event that is committed while a webhook is enabled is sent at least once, or
// given up after about a day of attempts, which the log of deliveries shows; the consumer tells
// repeats by the event's id. First attempts of one webhook are made in the order of the chain, one
// at a time. A webhook that fails rests, so that it costs little; one that has failed for a day is
// disabled, and an event says so. However many webhooks of one scope are slow, at most
// `per_scope_max` of them are served at a time, and scopes take turns. Nothing is logged but
// statuses.
//
// What is to be sent is known from the store alone (see store/webhook_store.h), so a process that
// dies loses nothing, and several share the work.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "events/webhook_secrets.h"
#include "net/http_client.h"
#include "net/worker_pool.h"
#include "store/store.h"
#include "store/webhook_store.h"

namespace tenantseal::events {

struct DeliveryOptions {
  std::size_t threads = 8;                            // Webhooks that are served at the same time.
  std::size_t per_scope_max = 2;                      // Of them, those of one scope.
  base::Duration timeout = std::chrono::seconds(10);  // Of one attempt.
};

// Since the start of this process.
struct DeliveryCounts {
  std::uint64_t succeeded = 0;  // Attempts.
  std::uint64_t failed = 0;     // Attempts.
  std::uint64_t given_up = 0;   // Deliveries after their last attempt.
  std::uint64_t disabled = 0;   // Webhooks, by their failures.
};

// How long to wait after the n-th attempt in a row has failed: 15 s, doubled each time, at most two
// hours, and up to a fifth more by chance (`spread`: 0 to 255), so that what failed together is not
// tried together.
base::Duration RetryDelay(std::uint32_t attempts, std::uint8_t spread);

// Thread-safe.
class Deliveries {
 public:
  static constexpr std::uint32_t kAttemptsMax = 21;  // Of one delivery, over about a day.
  // A webhook without success for so long is disabled, when it has failed so often.
  static constexpr base::Duration kFailingMax = std::chrono::hours(24);
  static constexpr std::uint32_t kFailuresToDisable = 10;
  // A webhook that fails rests at most so long, so that new events are not late when it is back.
  static constexpr base::Duration kRestMax = std::chrono::minutes(10);
  // How long a claim lasts without a sign of life; longer than an attempt can take.
  static constexpr base::Duration kLease = std::chrono::seconds(30);
  static constexpr base::Duration kKept = std::chrono::hours(24 * 7);  // Of the log.
  // One turn of a webhook: then others have theirs.
  static constexpr int kAttemptsPerTurn = 20;
  static constexpr base::Duration kTurnMax = std::chrono::seconds(15);

  // Everything outlives it. `http` sends only where webhooks may reach.
  Deliveries(const store::Store& store, store::WebhookStore& webhooks,
             const WebhookSecrets& secrets, const net::HttpClient& http, const base::Clock& clock,
             const base::Random& random, const DeliveryOptions& options);
  ~Deliveries();  // Stops.

  // Finds what is due and queues it. Called about every second, by one thread; with very many
  // webhooks it looks less often, so that looking takes a twentieth of the time at most.
  void Dispatch();
  // Deletes what the log has kept long enough. Called about every minute, by one thread.
  void Prune(const std::atomic<bool>& stop);
  // Lets attempts that run end, and begins no others. Idempotent.
  void Stop();

  DeliveryCounts counts() const;

  // One turn of a webhook, right here; false when there was nothing to do for it. For tests, and
  // what Dispatch() queues.
  bool Serve(const store::WebhookPlace& place);

 private:
  struct Turn;
  bool Queue(const store::WebhookPlace& place);
  void RunTurn(Turn& turn);
  // Deliveries that are tried again.
  void Retry(Turn& turn);
  // Events that are new to the webhook.
  void Advance(Turn& turn);
  // Passes over the event, or makes its first attempt.
  void Begin(Turn& turn, const model::Event& event);
  void Attempt(Turn& turn, const model::Event& event, model::WebhookDelivery delivery);
  void Send(const Turn& turn, const std::string& body, model::WebhookDelivery& delivery) const;
  // What an attempt means for delivery and webhook.
  void Judge(Turn& turn, model::WebhookDelivery& delivery, store::WebhookStep& step) const;
  // Stores the step; the turn ends when that fails or the webhook has been changed.
  void Save(Turn& turn, store::WebhookStep step);
  void Release(Turn& turn);
  bool MayGoOn(const Turn& turn) const;
  // Prepares what every attempt of the turn needs. kIntegrity when secrets do not open.
  Result<void> Prepare(Turn& turn) const;
  std::uint8_t Spread() const;

  const store::Store& store_;
  store::WebhookStore& webhooks_;
  const WebhookSecrets& secrets_;
  const net::HttpClient& http_;
  const base::Clock& clock_;
  const base::Random& random_;
  const DeliveryOptions options_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> succeeded_{0}, failed_{0}, given_up_{0}, disabled_{0};
  // Touched by Dispatch() alone: how far it has come, and when it looks again.
  store::WebhookPlace dispatched_up_to_;
  base::BootTime look_at_;
  base::Mutex mutex_;
  std::set<store::WebhookPlace> queued_ TS_GUARDED_BY(mutex_);  // Or being served.
  // Those that cannot be served, by a fault of ours, and until when they are left alone.
  std::map<store::WebhookPlace, base::BootTime> set_aside_ TS_GUARDED_BY(mutex_);
  net::WorkerPool pool_;  // The last: its threads use all else.
};

}  // namespace tenantseal::events
