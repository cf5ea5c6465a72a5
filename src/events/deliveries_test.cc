#include "events/deliveries.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <latch>
#include <nlohmann/json.hpp>

#include "events/cloud_event.h"
#include "events/event.h"
#include "store/memory/memory_store.h"
#include "store/webhook_rules.h"
#include "store/webhook_samples.h"

namespace tenantseal::events {
namespace {

using namespace std::chrono_literals;
using model::DeliveryState;
using model::Scope;
using model::Webhook;
using nlohmann::json;

// Receivers: what each URL answers (a status, 0: no answer), and what they have got.
class FakeReceivers final : public net::HttpClient {
 public:
  struct Got {
    std::string url;
    std::string body;
    std::vector<net::ResponseHeader> headers;
  };
  Result<net::HttpResponse> Send(const net::HttpRequest& request) const override {
    if (meanwhile) meanwhile(request.url);
    base::MutexLock lock(mutex_);
    got_.push_back({request.url, std::string(base::AsText(request.body)), request.headers});
    const auto found = statuses_.find(request.url);
    const int status = found == statuses_.end() ? 200 : found->second;
    if (status == 0) return Error{ErrorCode::kUnavailable, "the request failed: no route"};
    net::HttpResponse response;
    response.status = status;
    response.headers = {{"Server", "fake"}};
    response.body = base::SecretBytes::CopyOf(base::AsBytes("answer \xff"));
    return response;
  }
  void Answer(const std::string& url, int status) {
    base::MutexLock lock(mutex_);
    statuses_[url] = status;
  }
  std::vector<Got> Take() {
    base::MutexLock lock(mutex_);
    return std::exchange(got_, {});
  }
  std::function<void(const std::string&)> meanwhile;

 private:
  mutable base::Mutex mutex_;
  mutable std::vector<Got> got_ TS_GUARDED_BY(mutex_);
  std::map<std::string, int> statuses_ TS_GUARDED_BY(mutex_);
};

// A store that fails when told to, as one does whose process dies between a delivery and its
// record.
class FailingStore final : public store::MemoryStore {
 public:
  Result<std::optional<store::ClaimedWebhook>> ClaimWebhook(const store::WebhookPlace& place,
                                                            base::UtcTime now,
                                                            base::UtcTime lease_until,
                                                            std::size_t due_max) override {
    TS_RETURN_IF_ERROR(MayFail());
    return MemoryStore::ClaimWebhook(place, now, lease_until, due_max);
  }
  Result<std::uint64_t> SaveWebhookStep(const store::WebhookStep& step) override {
    if (fail_saves) return Error{ErrorCode::kUnavailable, "gone"};
    TS_RETURN_IF_ERROR(MayFail());
    return MemoryStore::SaveWebhookStep(step);
  }
  Result<std::vector<store::WebhookPlace>> DueWebhooks(base::UtcTime now,
                                                       const store::WebhookPlace& after,
                                                       std::size_t limit) const override {
    if (looking) looking();
    return MemoryStore::DueWebhooks(now, after, limit);
  }
  Result<std::vector<model::Event>> ListEvents(const Scope& scope, std::uint64_t after_sequence,
                                               std::size_t limit) const override {
    TS_RETURN_IF_ERROR(MayFail());
    return MemoryStore::ListEvents(scope, after_sequence, limit);
  }
  bool fail_saves = false;
  mutable int fail_at = 0;  // The call that fails, counted from here; 0: none.
  std::function<void()> looking;

 private:
  Result<void> MayFail() const {
    if (fail_at == 0 || --fail_at > 0) return {};
    return Error{ErrorCode::kUnavailable, "gone"};
  }
};

class DeliveriesTest : public testing::Test {
 protected:
  Scope NewScope() {
    auto state = store::samples::NewTenant(clock_.Utc());
    EXPECT_TRUE(store_.CreateTenant(state, EventOf(Scope::Of(state.tenant.id))).ok());
    return Scope::Of(state.tenant.id);
  }
  model::NewEvent EventOf(const Scope& scope, const std::string& type = "test.happened",
                          const json& data = json::object()) {
    return MakeEvent(clock_, random_, scope, type, "api-key:tester", data);
  }
  Webhook NewWebhook(const Scope& scope, const std::string& url = "https://a.example/") {
    Webhook webhook;
    webhook.id = model::WebhookId::New(random_);
    webhook.scope = scope;
    webhook.name = "ours";
    webhook.url = url;
    webhook.enabled = true;
    webhook.headers = {{"X-Plain", "shown"}};
    secrets_.SealSecret(base::SecretBytes::CopyOf(base::AsBytes(kSecret)), webhook);
    std::vector<SecretHeader> hidden;
    hidden.push_back({"X-Token", base::SecretBytes::CopyOf(base::AsBytes("hidden"))});
    secrets_.SealHeaders(hidden, webhook);
    EXPECT_TRUE(store_.CreateWebhook(webhook, EventOf(scope)).ok());
    return webhook;
  }
  // Returns the event's id.
  std::string Happen(const Scope& scope, const std::string& type = "test.happened",
                     const json& data = json::object()) {
    auto key = store::samples::ApiKeyOf(std::nullopt);
    if (!scope.is_deployment()) key.tenant = model::TenantId::Parse(scope.text()).value();
    const auto event = EventOf(scope, type, data);
    EXPECT_TRUE(store_.CreateApiKey(key, event).ok());
    return event.id;
  }
  Deliveries Worker(DeliveryOptions options = {.threads = 1}) {
    return Deliveries(store_, store_, secrets_, http_, clock_, random_, options);
  }
  static store::WebhookPlace Place(const Webhook& webhook) {
    return {webhook.scope.text(), webhook.id.text()};
  }
  // Ids of the events that the receivers have got since the last call.
  std::vector<std::string> Got() {
    std::vector<std::string> out;
    for (const auto& got : http_.Take()) out.push_back(json::parse(got.body)["id"]);
    return out;
  }
  std::vector<model::WebhookDelivery> Log(const Webhook& webhook) {
    return store_.ListDeliveries({.webhook = webhook.id, .descending = false, .limit = 1000})
        .value();
  }

  static constexpr const char* kSecret = "0123456789abcdef0123456789abcdef";
  base::FakeClock clock_;
  base::SystemRandom random_;
  FailingStore store_;
  WebhookSecrets secrets_{random_.Key(), random_};
  FakeReceivers http_;
};
using Ids = std::vector<std::string>;

TEST_F(DeliveriesTest, SendsWhatHappensInOrderAndSigned) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  auto worker = Worker();
  EXPECT_FALSE(worker.Serve(Place(webhook))) << "it begins at the end of the chain";
  const Ids happened = {Happen(scope), Happen(scope), Happen(scope)};
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  const auto got = http_.Take();
  ASSERT_EQ(got.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(json::parse(got[i].body)["id"], happened[i]);
  const auto header = [&](const std::string& name) {
    for (const auto& field : got[0].headers)
      if (field.name == name) return field.value;
    return std::string();
  };
  EXPECT_EQ(header("Content-Type"), "application/json");
  EXPECT_EQ(header("User-Agent"), "Tenantseal Webhook");
  EXPECT_EQ(header("Qlik-Signature"),
            WebhookSignature(base::SecretBytes::CopyOf(base::AsBytes(kSecret)), got[0].body));
  const auto log = Log(webhook);
  ASSERT_EQ(log.size(), 3U);
  EXPECT_EQ(log[0].state, DeliveryState::kSucceeded);
  EXPECT_EQ(log[0].response_status, 200);
  EXPECT_EQ(log[0].response_body, "answer \xEF\xBF\xBD");
  EXPECT_EQ(log[0].attempts, 1U);
  for (const auto& shown : log[0].request_headers) EXPECT_NE(shown.value, "hidden");
  EXPECT_EQ(log[0].request_headers.back(), (model::WebhookHeader{"X-Token", "**OMITTED**"}));
  EXPECT_FALSE(worker.Serve(Place(webhook))) << "nothing is left";
}

TEST_F(DeliveriesTest, SendsOnlyWhatIsWanted) {
  const Scope scope = NewScope();
  Webhook webhook = NewWebhook(scope);
  webhook.event_types = {"test.wanted"};
  webhook.filter = R"(id eq "one")";
  ++webhook.revision;
  EXPECT_TRUE(store_.ChangeWebhook(webhook, EventOf(scope)).ok());
  auto worker = Worker();
  Happen(scope);
  Happen(scope, "test.wanted", {{"id", "two"}});
  const std::string wanted = Happen(scope, "test.wanted", {{"id", "one"}});
  Happen(scope);
  Happen(NewScope(), "test.wanted", {{"id", "one"}});
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  EXPECT_EQ(Got(), Ids{wanted});
  EXPECT_EQ(Log(webhook).size(), 1U);
  EXPECT_FALSE(worker.Serve(Place(webhook))) << "what is passed over is dealt with";
}

TEST_F(DeliveriesTest, WaitsLongerEachTimeWithinBounds) {
  EXPECT_EQ(RetryDelay(1, 0), 15s);
  EXPECT_EQ(RetryDelay(2, 0), 30s);
  EXPECT_EQ(RetryDelay(1, 255), 18s);
  EXPECT_EQ(RetryDelay(9, 0), 3840s);
  base::Duration least{}, most{};
  for (std::uint32_t n = 1; n < Deliveries::kAttemptsMax; ++n) {
    EXPECT_GE(RetryDelay(n + 1, 0), RetryDelay(n, 0));
    EXPECT_LE(RetryDelay(n, 255), 144min);
    least += RetryDelay(n, 0);
    most += RetryDelay(n, 255);
  }
  EXPECT_GE(least, Deliveries::kFailingMax) << "about a day";
  EXPECT_LE(most, 30h);
  EXPECT_EQ(RetryDelay(4'000'000'000U, 0), 2h);
}

TEST_F(DeliveriesTest, OneEventThatFailsDoesNotHoldUpOthers) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  auto worker = Worker();
  int sent = 0;
  http_.meanwhile = [&](const std::string& url) {
    http_.Answer(url, sent++ == 0 ? 400 : 200);
    clock_.Advance(1ms);  // So that the log has an order.
  };
  const Ids happened = {Happen(scope), Happen(scope), Happen(scope)};
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  EXPECT_EQ(Got(), happened) << "a single failure gives the webhook no rest";
  EXPECT_EQ(Log(webhook)[0].state, DeliveryState::kRetrying);
  EXPECT_FALSE(worker.Serve(Place(webhook)));
  clock_.Advance(18s);
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  EXPECT_EQ(Got(), Ids{happened[0]}) << "the same event under the same id";
  const auto log = Log(webhook);
  ASSERT_EQ(log.size(), 3U) << "an attempt is no delivery of its own";
  EXPECT_EQ(log[0].state, DeliveryState::kSucceeded);
  EXPECT_EQ(log[0].attempts, 2U);
}

TEST_F(DeliveriesTest, AReceiverThatIsGoneCostsLittleAndMissesNothing) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  auto worker = Worker();
  http_.Answer(webhook.url, 0);
  std::set<std::string> happened;
  for (int i = 0; i < 50; ++i) happened.insert(Happen(scope));
  std::size_t attempts = 0;
  for (int second = 0; second < 3600; ++second) {
    worker.Serve(Place(webhook));
    attempts += Got().size();
    clock_.Advance(1s);
  }
  EXPECT_GE(attempts, 8U);
  EXPECT_LE(attempts, 20U) << "two at first, then with a rest after each";
  http_.Answer(webhook.url, 204);
  std::set<std::string> got;
  for (int second = 0; second < 1200 && got.size() < happened.size(); ++second) {
    worker.Serve(Place(webhook));
    for (const std::string& id : Got()) got.insert(id);
    clock_.Advance(1s);
  }
  EXPECT_EQ(got, happened) << "within the longest rest of its return";
  for (const auto& delivery : Log(webhook)) EXPECT_EQ(delivery.state, DeliveryState::kSucceeded);
}

TEST_F(DeliveriesTest, DisablesWhatHasFailedForADay) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  auto worker = Worker();
  http_.Answer(webhook.url, 503);
  Happen(scope);
  base::Duration passed{};
  while (store_.LoadWebhook(scope, webhook.id)->enabled && passed < 40h) {
    worker.Serve(Place(webhook));
    clock_.Advance(1min);
    passed += 1min;
  }
  EXPECT_GE(passed, 24h);
  EXPECT_LE(passed, 31h);
  const Webhook disabled = store_.LoadWebhook(scope, webhook.id).value();
  EXPECT_FALSE(disabled.enabled);
  EXPECT_NE(disabled.disabled_reason.find("HTTP 503"), std::string::npos);
  EXPECT_EQ(disabled.updated_by, "service");
  const auto events = store_.ListEvents(scope, 0, 1000).value();
  EXPECT_EQ(events.back().content.type, kWebhookDisabled);
  const json data = json::parse(events.back().content.data);
  EXPECT_EQ(data["id"], webhook.id.text());
  EXPECT_EQ(data["reason"], disabled.disabled_reason);
  ASSERT_EQ(Log(webhook).size(), 1U);
  EXPECT_EQ(Log(webhook)[0].state, DeliveryState::kFailed);
  Got();
  clock_.Advance(48h);
  EXPECT_FALSE(worker.Serve(Place(webhook)));
  EXPECT_EQ(Got(), Ids{});
}

TEST_F(DeliveriesTest, GivesUpAnEventThatNeverSucceeds) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  auto worker = Worker();
  const std::string poison = Happen(scope);
  http_.Answer(webhook.url, 400);
  std::size_t attempts = 0;
  for (int minute = 0; minute < 40 * 60; ++minute) {
    worker.Serve(Place(webhook));
    for (const std::string& id : Got()) attempts += id == poison ? 1 : 0;
    // A success now and then, so that the webhook itself is well.
    if (minute % 30 == 0) {
      store::WebhookStep step;
      const auto claimed =
          store_.ClaimWebhook(Place(webhook), clock_.Utc() + 24h, clock_.Utc() + 24h + 1s, 1);
      if (claimed && *claimed) {
        step.claim = (*claimed)->claim;
        step.progress.sequence = (*claimed)->progress.sequence;
        EXPECT_TRUE(store_.SaveWebhookStep(step).ok());
      }
    }
    clock_.Advance(1min);
  }
  EXPECT_EQ(attempts, Deliveries::kAttemptsMax);
  EXPECT_TRUE(store_.LoadWebhook(scope, webhook.id)->enabled);
  ASSERT_EQ(Log(webhook).size(), 1U);
  EXPECT_EQ(Log(webhook)[0].state, DeliveryState::kFailed);
  EXPECT_EQ(Log(webhook)[0].message, "HTTP 400; given up after 21 attempts");
}

TEST_F(DeliveriesTest, WhatWasSentAndNotRecordedIsSentAgain) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  const std::string id = Happen(scope);
  {
    auto dying = Worker();
    store_.fail_saves = true;
    EXPECT_TRUE(dying.Serve(Place(webhook)));
    EXPECT_EQ(Got(), Ids{id});
    store_.fail_saves = false;
  }
  auto other = Worker();
  EXPECT_FALSE(other.Serve(Place(webhook))) << "the dead one's claim lasts";
  clock_.Advance(Deliveries::kLease);
  EXPECT_TRUE(other.Serve(Place(webhook)));
  EXPECT_EQ(Got(), Ids{id});
  EXPECT_EQ(Log(webhook).size(), 1U);
}

TEST_F(DeliveriesTest, NothingIsLostWhicheverCallOfTheStoreFails) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  auto worker = Worker();
  int answers = 0;
  // Every third attempt fails, so that repeats are under way, too.
  http_.meanwhile = [&](const std::string& url) {
    http_.Answer(url, ++answers % 3 == 0 ? 500 : 200);
  };
  bool all_tried = false;
  for (int call = 1; !all_tried && call < 100; ++call) {
    std::set<std::string> happened;
    for (int i = 0; i < 4; ++i) happened.insert(Happen(scope));
    store_.fail_at = call;
    std::set<std::string> got;
    for (int round = 0; round < 20; ++round) {
      worker.Serve(Place(webhook));
      for (const std::string& id : Got()) got.insert(id);
      clock_.Advance(60s);  // A claim that was not given up runs out; repeats fall due.
    }
    EXPECT_EQ(got, happened) << call;
    for (const auto& delivery : Log(webhook))
      EXPECT_EQ(delivery.state, DeliveryState::kSucceeded) << call;
    all_tried = store_.fail_at > 0;
    store_.fail_at = 0;
  }
  EXPECT_TRUE(all_tried);
  EXPECT_TRUE(store_.LoadWebhook(scope, webhook.id)->enabled);
}

TEST_F(DeliveriesTest, TwoProcessesShareTheWorkWithoutRepeating) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  auto one = Worker(), two = Worker();
  bool other_could = false;
  http_.meanwhile = [&](const std::string&) {
    other_could = other_could || two.Serve(Place(webhook));
  };
  const Ids happened = {Happen(scope), Happen(scope)};
  EXPECT_TRUE(one.Serve(Place(webhook)));
  EXPECT_FALSE(other_could);
  EXPECT_EQ(Got(), happened);
  http_.meanwhile = nullptr;
  const std::string later = Happen(scope);
  EXPECT_TRUE(two.Serve(Place(webhook)));
  EXPECT_EQ(Got(), Ids{later});
}

TEST_F(DeliveriesTest, AClaimThatRanOutRecordsNothing) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  auto slow = Worker(), quick = Worker();
  const std::string id = Happen(scope);
  bool taken = false;
  http_.meanwhile = [&](const std::string&) {
    if (std::exchange(taken, true)) return;
    clock_.Advance(Deliveries::kLease);  // The slow one hangs for longer than its claim lasts.
    EXPECT_TRUE(quick.Serve(Place(webhook)));
  };
  EXPECT_TRUE(slow.Serve(Place(webhook)));
  EXPECT_EQ(Got(), (Ids{id, id}));
  EXPECT_EQ(Log(webhook).size(), 1U) << "the quick one's";
}

TEST_F(DeliveriesTest, AChangeOfTheUrlTakesEffectAtTheNextEvent) {
  const Scope scope = NewScope();
  Webhook webhook = NewWebhook(scope);
  auto worker = Worker();
  Happen(scope);
  Happen(scope);
  bool changed = false;
  http_.meanwhile = [&](const std::string&) {
    if (std::exchange(changed, true)) return;
    webhook.url = "https://b.example/";
    secrets_.SealHeaders({}, webhook);
    ++webhook.revision;
    EXPECT_TRUE(store_.ChangeWebhook(webhook, EventOf(scope)).ok());
  };
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  std::vector<std::string> urls;
  for (const auto& got : http_.Take()) urls.push_back(got.url);
  EXPECT_EQ(urls, (std::vector<std::string>{"https://a.example/", "https://b.example/",
                                            "https://b.example/"}))
      << "the last is the event of the change";
}

TEST_F(DeliveriesTest, ATurnIsBounded) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  auto worker = Worker();
  for (int i = 0; i < Deliveries::kAttemptsPerTurn + 5; ++i) Happen(scope);
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  EXPECT_EQ(Got().size(), static_cast<std::size_t>(Deliveries::kAttemptsPerTurn));
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  EXPECT_EQ(Got().size(), 5U);
  http_.meanwhile = [&](const std::string&) { clock_.Advance(Deliveries::kTurnMax / 2); };
  for (int i = 0; i < 5; ++i) Happen(scope);
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  EXPECT_EQ(Got().size(), 2U) << "by time, too";
}

TEST_F(DeliveriesTest, TooMuchThatIsUnfinishedHoldsUpNewEvents) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  for (std::size_t i = 0; i < store::kUnfinishedDeliveriesMax; ++i) {
    auto delivery = store::samples::DeliveryOf(webhook, 1);
    delivery.next_attempt_at = clock_.Utc() + 1h;
    ASSERT_TRUE(store_.AddDelivery(delivery).ok());
  }
  Happen(scope);
  auto worker = Worker();
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  EXPECT_EQ(Got(), Ids{});
  EXPECT_FALSE(worker.Serve(Place(webhook))) << "it rests until the first of them is due";
  clock_.Advance(1h);
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  EXPECT_EQ(Got().size(), static_cast<std::size_t>(Deliveries::kAttemptsPerTurn));
}

TEST_F(DeliveriesTest, WhatCannotBeOpenedIsLeftAloneForAWhile) {
  const Scope scope = NewScope();
  Webhook webhook = NewWebhook(scope);
  webhook.sealed_secret[40] ^= 1;
  ++webhook.revision;
  EXPECT_TRUE(store_.ChangeWebhook(webhook, EventOf(scope)).ok());
  auto worker = Worker();
  EXPECT_FALSE(worker.Serve(Place(webhook)));
  EXPECT_EQ(Got(), Ids{}) << "never without its signature";
  EXPECT_EQ(store_.DueWebhooks(clock_.Utc(), {}, 10)->size(), 1U) << "and nothing is lost";
}

TEST_F(DeliveriesTest, OneScopesSlowReceiversLeaveRoomForOthers) {
  const Scope slow = NewScope(), other = NewScope();
  constexpr std::size_t kSlow = 6;
  for (std::size_t i = 0; i < kSlow; ++i)
    NewWebhook(slow, "https://slow.example/" + std::to_string(i));
  NewWebhook(other, "https://quick.example/");
  std::latch release(1), quick(1);
  std::atomic<std::size_t> waiting = 0, most = 0;
  http_.meanwhile = [&](const std::string& url) {
    if (url == "https://quick.example/") return quick.count_down();
    const std::size_t now = ++waiting;
    std::size_t seen = most.load();
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
    release.wait();
    --waiting;
  };
  Happen(slow);
  Happen(other);
  {
    auto worker = Worker({.threads = 4, .per_scope_max = 2});
    worker.Dispatch();
    quick.wait();  // Served although the other scope's receivers answer nobody.
    release.count_down();
    // Every webhook is served once its turn comes.
    for (std::size_t got = 0; got < kSlow + 1;) {
      worker.Dispatch();
      got += Got().size();
      std::this_thread::yield();
    }
  }
  EXPECT_LE(most.load(), 2U);
}

TEST_F(DeliveriesTest, LooksLessOftenWhenLookingTakesLong) {
  int looks = 0;
  store_.looking = [&] {
    ++looks;
    clock_.Advance(100ms);
  };
  auto worker = Worker();
  worker.Dispatch();
  EXPECT_EQ(looks, 1);
  clock_.Advance(1800ms);
  worker.Dispatch();
  EXPECT_EQ(looks, 1) << "a twentieth of the time at most";
  clock_.Advance(100ms);
  worker.Dispatch();
  EXPECT_EQ(looks, 2);
}

TEST_F(DeliveriesTest, PrunesTheLog) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  auto worker = Worker();
  Happen(scope);
  EXPECT_TRUE(worker.Serve(Place(webhook)));
  clock_.Advance(Deliveries::kKept);
  const std::atomic<bool> stop{false};
  worker.Prune(stop);
  EXPECT_EQ(Log(webhook).size(), 1U);
  clock_.Advance(1ms);
  worker.Prune(stop);
  EXPECT_EQ(Log(webhook).size(), 0U);
}

}  // namespace
}  // namespace tenantseal::events
