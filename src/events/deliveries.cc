#include "events/deliveries.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "events/cloud_event.h"
#include "events/event.h"
#include "events/webhook_filter.h"
#include "events/webhook_response.h"
#include "events/webhooks.h"
#include "store/webhook_rules.h"

namespace tenantseal::events {
namespace {

using namespace std::chrono_literals;
using model::DeliveryState;
using model::WebhookDelivery;
using store::WebhookPlace;

constexpr std::size_t kDuePage = 500;  // Webhooks that one Dispatch() queues.
constexpr int kLookShare = 20;
constexpr std::size_t kEventsPage = 100;  // Events that one turn reads.
constexpr base::Duration kDelayFirst = 15s;
constexpr base::Duration kDelayMax = 2h;
constexpr base::Duration kAsideFor = 60s;
constexpr std::size_t kSetAsideMax = 10'000;
// A receiver that was gone for so many attempts and answers again gets everything at once.
constexpr std::uint32_t kOutageFailures = 3;
constexpr const char* kUserAgent = "Tenantseal Webhook";
constexpr const char* kOmitted = "**OMITTED**";
constexpr const char* kActor = "service";  // Of what nobody has asked for.
constexpr int kPruneRoundsMax = 1000;

std::chrono::milliseconds Milliseconds(base::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

}  // namespace

base::Duration RetryDelay(std::uint32_t attempts, std::uint8_t spread) {
  const std::uint32_t doublings = std::min<std::uint32_t>(std::max(attempts, 1U) - 1, 16);
  const base::Duration delay = std::min<base::Duration>(kDelayFirst * (1 << doublings), kDelayMax);
  return delay + delay / 5 * spread / 255;
}

// A claim, and what its attempts have in common.
struct Deliveries::Turn {
  store::ClaimedWebhook claimed;
  base::BootTime began;
  base::SecretBytes secret = {};
  std::vector<SecretHeader> secret_headers = {};
  WebhookFilter filter = {};
  int attempts = 0;
  bool ended = false;  // Nothing further may be saved or sent under this claim.

  const model::Webhook& webhook() const { return claimed.webhook; }
  store::WebhookProgress& progress() { return claimed.progress; }
  bool Wants(const model::Event& event) const {
    const auto& types = claimed.webhook.event_types;
    if (!types.empty() && std::ranges::find(types, event.content.type) == types.end()) return false;
    return filter.Matches(nlohmann::json::parse(event.content.data, nullptr, false));
  }
};

Deliveries::Deliveries(const store::Store& store, store::WebhookStore& webhooks,
                       const WebhookSecrets& secrets, const net::HttpClient& http,
                       const base::Clock& clock, const base::Random& random,
                       const DeliveryOptions& options)
    : store_(store),
      webhooks_(webhooks),
      secrets_(secrets),
      http_(http),
      clock_(clock),
      random_(random),
      options_(options),
      pool_({.threads = options.threads,
             .queued_max = kDuePage,
             .queued_per_key_max = model::kWebhooksMax,
             .running_per_key_max = options.per_scope_max}) {}

Deliveries::~Deliveries() { Stop(); }

DeliveryCounts Deliveries::counts() const {
  return {succeeded_.load(), failed_.load(), given_up_.load(), disabled_.load()};
}

void Deliveries::Stop() {
  stopping_.store(true);
  pool_.Stop();
}

std::uint8_t Deliveries::Spread() const {
  std::uint8_t byte = 0;
  random_.FillPublic({&byte, 1});
  return byte;
}

// --- Finding what is due ---

bool Deliveries::Queue(const WebhookPlace& place) {
  {
    base::MutexLock lock(mutex_);
    const auto aside = set_aside_.find(place);
    if (aside != set_aside_.end()) {
      if (aside->second > clock_.Boot()) return true;
      set_aside_.erase(aside);
    }
    if (!queued_.insert(place).second) return true;
  }
  const bool taken = pool_.Submit(place.scope, [this, place] {
    if (!stopping_.load()) Serve(place);
    base::MutexLock lock(mutex_);
    queued_.erase(place);
  });
  if (taken) return true;
  base::MutexLock lock(mutex_);
  queued_.erase(place);
  return false;
}

// Goes on where the last one ended, so that nobody is behind others for ever.
void Deliveries::Dispatch() {
  const base::BootTime began = clock_.Boot();
  if (stopping_.load() || began < look_at_) return;
  auto due = webhooks_.DueWebhooks(clock_.Utc(), dispatched_up_to_, kDuePage);
  if (due && due->empty() && dispatched_up_to_ != WebhookPlace()) {
    dispatched_up_to_ = {};
    due = webhooks_.DueWebhooks(clock_.Utc(), dispatched_up_to_, kDuePage);
  }
  look_at_ = began + (clock_.Boot() - began) * kLookShare;
  if (!due) {
    base::LogWarning("cannot look for deliveries that are due", {{"reason", due.error().message}});
    return;
  }
  for (const WebhookPlace& place : *due) {
    if (!Queue(place)) return;
    dispatched_up_to_ = place;
  }
  if (due->size() < kDuePage) dispatched_up_to_ = {};
}

void Deliveries::Prune(const std::atomic<bool>& stop) {
  for (int round = 0; round < kPruneRoundsMax && !stop.load(); ++round) {
    const auto more = webhooks_.ForgetDeliveries(clock_.Utc() - Milliseconds(kKept));
    if (!more)
      base::LogWarning("cannot prune the log of deliveries", {{"reason", more.error().message}});
    if (!more || !*more) return;
  }
}

// --- A turn ---

bool Deliveries::Serve(const WebhookPlace& place) {
  const base::UtcTime now = clock_.Utc();
  auto claimed = webhooks_.ClaimWebhook(place, now, now + Milliseconds(kLease), kAttemptsPerTurn);
  Result<void> prepared;
  if (claimed && *claimed) {
    Turn turn{std::move(**claimed), clock_.Boot()};
    prepared = Prepare(turn);
    if (prepared) RunTurn(turn);
    Release(turn);
    if (prepared) return true;
  } else if (claimed) {
    return false;
  }
  const Error& error = claimed ? prepared.error() : claimed.error();
  base::LogError("a webhook cannot be served",
                 {{"scope", place.scope}, {"webhook", place.id}, {"reason", error.message}});
  base::MutexLock lock(mutex_);
  if (set_aside_.size() >= kSetAsideMax) set_aside_.clear();
  set_aside_[place] = clock_.Boot() + kAsideFor;
  return false;
}

Result<void> Deliveries::Prepare(Turn& turn) const {
  TS_ASSIGN_OR_RETURN(turn.secret, secrets_.OpenSecret(turn.webhook()));
  TS_ASSIGN_OR_RETURN(turn.secret_headers, secrets_.OpenHeaders(turn.webhook()));
  TS_ASSIGN_OR_RETURN(turn.filter, WebhookFilter::Parse(turn.webhook().filter));
  return {};
}

bool Deliveries::MayGoOn(const Turn& turn) const {
  return !turn.ended && !stopping_.load() && turn.attempts < kAttemptsPerTurn &&
         clock_.Boot() - turn.began < kTurnMax;
}

// New events come first: what fails for a reason of its own must not hold them up.
void Deliveries::RunTurn(Turn& turn) {
  Advance(turn);
  Retry(turn);
}

void Deliveries::Advance(Turn& turn) {
  if (turn.claimed.unfinished >= store::kUnfinishedDeliveriesMax) {
    // They have to become fewer first.
    if (turn.claimed.due.empty() && turn.claimed.next_due)
      turn.progress().resume_at = *turn.claimed.next_due;
    return;
  }
  const auto events =
      store_.ListEvents(turn.webhook().scope, turn.progress().sequence, kEventsPage);
  if (!events) {
    base::LogError("events cannot be read to deliver them",
                   {{"scope", turn.webhook().scope.text()}, {"reason", events.error().message}});
    turn.progress().resume_at = clock_.Utc() + Milliseconds(kAsideFor);
    return;
  }
  for (const model::Event& event : *events) {
    if (!MayGoOn(turn)) return;
    Begin(turn, event);
  }
}

void Deliveries::Begin(Turn& turn, const model::Event& event) {
  if (!turn.Wants(event)) {
    turn.progress().sequence = event.sequence;  // Stored with the next step, or at the end.
    return;
  }
  WebhookDelivery delivery;
  delivery.id = model::DeliveryId::New(random_);
  delivery.webhook = turn.webhook().id;
  delivery.scope = turn.webhook().scope;
  delivery.sequence = event.sequence;
  delivery.event_type = event.content.type;
  delivery.triggered_at = clock_.Utc();
  turn.progress().sequence = event.sequence;
  Attempt(turn, event, std::move(delivery));
}

void Deliveries::Retry(Turn& turn) {
  for (const WebhookDelivery& delivery : turn.claimed.due) {
    if (!MayGoOn(turn)) return;
    const auto event = store_.ListEvents(delivery.scope, delivery.sequence - 1, 1);
    if (!event || event->empty()) {
      base::LogError("an event cannot be read to deliver it",
                     {{"scope", delivery.scope.text()},
                      {"reason", event ? "it is not there" : event.error().message}});
      turn.progress().resume_at = clock_.Utc() + Milliseconds(kAsideFor);
      return;
    }
    Attempt(turn, event->front(), delivery);
  }
}

// --- One attempt ---

void Deliveries::Attempt(Turn& turn, const model::Event& event, WebhookDelivery delivery) {
  ++turn.attempts;
  ++delivery.attempts;
  Send(turn, CloudEventJson(event), delivery);
  store::WebhookStep step{turn.claimed.claim, turn.progress()};
  Judge(turn, delivery, step);
  ++(delivery.state == DeliveryState::kSucceeded ? succeeded_ : failed_);
  if (delivery.state == DeliveryState::kFailed) ++given_up_;
  base::Log(
      delivery.state == DeliveryState::kSucceeded ? base::LogLevel::kDebug : base::LogLevel::kInfo,
      "webhook delivery",
      {{"scope", delivery.scope.text()},
       {"webhook", delivery.webhook.text()},
       {"delivery", delivery.id.text()},
       {"status", delivery.response_status},
       {"attempt", delivery.attempts}});
  step.delivery = std::move(delivery);
  Save(turn, std::move(step));
}

void Deliveries::Send(const Turn& turn, const std::string& body, WebhookDelivery& delivery) const {
  net::HttpRequest request;
  request.method = net::Method::kPost;
  request.url = turn.webhook().url;
  request.body = base::AsBytes(body);
  request.timeout = options_.timeout;
  request.require_ocsp = turn.webhook().check_revocation;
  // Room for all, so that no value is left behind where it is not wiped.
  request.headers.reserve(3 + turn.webhook().headers.size() + turn.secret_headers.size());
  request.headers.push_back({"Content-Type", "application/json"});
  request.headers.push_back({"User-Agent", kUserAgent});
  if (!turn.secret.empty())
    request.headers.push_back({"Qlik-Signature", WebhookSignature(turn.secret, body)});
  for (const model::WebhookHeader& header : turn.webhook().headers)
    request.headers.push_back({header.name, header.value});
  delivery.url = request.url;
  delivery.request_headers.clear();
  for (const net::ResponseHeader& header : request.headers)
    delivery.request_headers.push_back({header.name, header.value});
  for (const SecretHeader& header : turn.secret_headers) {
    request.headers.push_back({header.name, std::string(header.value.RevealText())});
    delivery.request_headers.push_back({header.name, kOmitted});
  }
  const auto response = http_.Send(request);
  for (net::ResponseHeader& header : request.headers)
    base::Wipe({reinterpret_cast<std::uint8_t*>(header.value.data()), header.value.size()});
  KeepResponse(response, delivery);
}

void Deliveries::Judge(Turn& turn, WebhookDelivery& delivery, store::WebhookStep& step) const {
  const base::UtcTime now = clock_.Utc();
  store::WebhookProgress& progress = step.progress;
  delivery.next_attempt_at.reset();
  if (delivery.response_status >= 200 && delivery.response_status < 300) {
    delivery.state = DeliveryState::kSucceeded;
    if (progress.failures >= kOutageFailures) step.retry_all_at = now;
    progress = {.sequence = progress.sequence};
    return;
  }
  const bool over = delivery.attempts >= kAttemptsMax;
  delivery.state = over ? DeliveryState::kFailed : DeliveryState::kRetrying;
  if (over) {
    delivery.message += "; given up after " + std::to_string(delivery.attempts) + " attempts";
  } else {
    delivery.next_attempt_at = now + Milliseconds(RetryDelay(delivery.attempts, Spread()));
  }
  ++progress.failures;
  // One that lies ahead is of a clock that was wrong.
  progress.failing_since = std::min(progress.failing_since.value_or(now), now);
  // One failure may be the event's own matter; the next event will show.
  if (progress.failures > 1) {
    const base::Duration rest = RetryDelay(progress.failures - 1, Spread());
    progress.resume_at = now + Milliseconds(std::min(rest, kRestMax));
  }
  const bool for_long = now - *progress.failing_since >= kFailingMax;
  if (!for_long || progress.failures < kFailuresToDisable) return;
  model::Webhook disabled = turn.webhook();
  disabled.enabled = false;
  const std::string reason = "No delivery has succeeded since " +
                             base::FormatUtcSeconds(*progress.failing_since) +
                             "; the last answer was: " + delivery.message + ".";
  nlohmann::json data = WebhookEventData(disabled);
  data["reason"] = reason;
  step.disabling = {reason,
                    MakeEvent(clock_, random_, disabled.scope, kWebhookDisabled, kActor, data)};
}

// A webhook that rests, or is another by now, has no further attempt in this turn.
void Deliveries::Save(Turn& turn, store::WebhookStep step) {
  const base::UtcTime now = clock_.Utc();
  step.lease_until = now + Milliseconds(kLease);
  const bool disables = step.disabling.has_value();
  const auto revision = webhooks_.SaveWebhookStep(step);
  if (!revision) {
    // Whoever has it now, or the one after this claim has run out, sends again.
    base::LogWarning("what became of a delivery was not stored",
                     {{"webhook", turn.webhook().id.text()}, {"reason", revision.error().message}});
    turn.ended = true;
    return;
  }
  turn.progress() = step.progress;
  if (disables) {
    ++disabled_;
    base::LogWarning(
        "webhook disabled after repeated failure",
        {{"scope", turn.webhook().scope.text()}, {"webhook", turn.webhook().id.text()}});
    turn.ended = true;
  } else if (*revision != turn.webhook().revision || step.progress.resume_at > now) {
    turn.attempts = kAttemptsPerTurn;
  }
}

void Deliveries::Release(Turn& turn) {
  if (turn.ended) return;
  const auto released = webhooks_.SaveWebhookStep({turn.claimed.claim, turn.progress()});
  if (released) return;
  base::LogWarning("a webhook was not released; it will be when its claim has run out",
                   {{"webhook", turn.webhook().id.text()}, {"reason", released.error().message}});
}

}  // namespace tenantseal::events
