// Delivering: what is due, who may deliver it, what a step leaves behind.
#include "contract/webhook_contract.h"

namespace tenantseal::store {
namespace {

using model::DeliveryState;
using model::Scope;
using model::Webhook;
using samples::After;
using samples::EventOf;
using samples::kNow;
using Ids = std::vector<std::string>;

TEST_P(WebhookContract, ANewWebhookBeginsAtTheEndOfTheChain) {
  const Scope scope = NewScope();
  Happen(scope);
  const Webhook webhook = NewWebhook(scope);
  EXPECT_EQ(Due(), Ids{}) << "not even its own making";
  Happen(NewScope());
  EXPECT_EQ(Due(), Ids{});
  Happen(scope);
  EXPECT_EQ(Due(), Ids{webhook.id.text()});
  const auto claimed = Claim(webhook);
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->webhook, webhook);
  EXPECT_EQ(claimed->progress, WebhookProgress{.sequence = ChainEnd(scope) - 1});
  EXPECT_TRUE(claimed->due.empty());
}

TEST_P(WebhookContract, OnlyOneHoldsAWebhook) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  EXPECT_FALSE(Claim(webhook)) << "nothing to do";
  Happen(scope);
  const auto first = Claim(webhook);
  ASSERT_TRUE(first);
  EXPECT_FALSE(Claim(webhook));
  EXPECT_EQ(Due(), Ids{});
  EXPECT_EQ(Due(After(29'999)), Ids{});
  EXPECT_EQ(Due(After(30'000)), Ids{webhook.id.text()}) << "its holder may have died";
  const auto second = Claim(webhook, After(30'000));
  ASSERT_TRUE(second);
  EXPECT_GT(second->claim.fence, first->claim.fence);
  EXPECT_EQ(second->progress, first->progress) << "what was not saved is done again";
  EXPECT_ERROR(store().SaveWebhookStep(StepOf(*first)), kConflict);
  EXPECT_DONE(store().SaveWebhookStep(StepOf(*second)));
}

TEST_P(WebhookContract, AClaimOfAClockThatWasWrongIsVoid) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  Happen(scope);
  ASSERT_TRUE(Claim(webhook, After(3'600'000)));
  EXPECT_EQ(Due(), Ids{webhook.id.text()});
  EXPECT_TRUE(Claim(webhook));
}

TEST_P(WebhookContract, WhatWaitsOfAClockThatWasWrongIsDue) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  constexpr std::int64_t kMaxMs = 3 * 3'600'000;
  Happen(scope);
  WebhookStep step = StepOf(*Claim(webhook));
  step.progress.resume_at = After(kMaxMs);
  EXPECT_DONE(store().SaveWebhookStep(step));
  EXPECT_EQ(Due(), Ids{});
  EXPECT_EQ(Due(After(-1)), Ids{webhook.id.text()});
  step = StepOf(*Claim(webhook, After(-1)));
  step.progress = {.sequence = ChainEnd(scope)};
  step.delivery = samples::DeliveryOf(webhook, 1, kMaxMs - 1000);
  EXPECT_DONE(store().SaveWebhookStep(step));
  EXPECT_EQ(Due(), Ids{});
  EXPECT_EQ(Due(After(-1)), Ids{webhook.id.text()});
  EXPECT_EQ(Claim(webhook, After(-1))->due.size(), 1U);
}

TEST_P(WebhookContract, AStepIsThereOrIsNot) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  Happen(scope);
  const auto claimed = Claim(webhook);
  WebhookStep step = StepOf(*claimed);
  step.progress = {ChainEnd(scope), 2, After(3), After(500)};
  step.delivery = samples::DeliveryOf(webhook, step.progress.sequence, 4);
  step.lease_until = After(40'000);
  EXPECT_EQ(store().SaveWebhookStep(step).value(), webhook.revision);
  EXPECT_EQ(store().LoadDelivery(webhook.id, step.delivery->id).value(), *step.delivery);
  EXPECT_EQ(Due(After(39'999)), Ids{}) << "still held";
  step.lease_until.reset();
  step.delivery->message = "HTTP 502";
  EXPECT_DONE(store().SaveWebhookStep(step));
  EXPECT_EQ(store().LoadDelivery(webhook.id, step.delivery->id).value(), *step.delivery);
  EXPECT_EQ(Due(After(1003)), Ids{}) << "the delivery is due at 1004";
  EXPECT_EQ(Due(After(1004)), Ids{webhook.id.text()});
  const auto again = Claim(webhook, After(1004));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->progress, step.progress);
  EXPECT_EQ(again->due, std::vector{*step.delivery});
  EXPECT_EQ(again->unfinished, 1U);
  EXPECT_EQ(again->next_due, After(1004));
}

TEST_P(WebhookContract, ARestingWebhookIsNotDue) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  Happen(scope);
  WebhookStep step = StepOf(*Claim(webhook));
  step.progress.resume_at = After(100);
  EXPECT_DONE(store().SaveWebhookStep(step));
  EXPECT_EQ(Due(After(99)), Ids{});
  EXPECT_FALSE(Claim(webhook, After(99)));
  EXPECT_EQ(Due(After(100)), Ids{webhook.id.text()});
  auto asked_for = samples::DeliveryOf(webhook, 1);
  asked_for.next_attempt_at = kNow;
  EXPECT_DONE(store().AddDelivery(asked_for));
  EXPECT_EQ(Due(), Ids{webhook.id.text()}) << "a person who asks for a delivery ends the rest";
}

TEST_P(WebhookContract, DueDeliveriesComeOldestFirstAndBounded) {
  const Webhook webhook = NewWebhook(NewScope());
  std::vector<model::WebhookDelivery> made;
  for (const int at : {30, 10, 20, 40}) {
    made.push_back(samples::DeliveryOf(webhook, 1, at));
    EXPECT_DONE(store().AddDelivery(made.back()));
  }
  const auto claimed =
      store()
          .ClaimWebhook({webhook.scope.text(), webhook.id.text()}, After(1030), After(2000), 2)
          .value();
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->due, (std::vector{made[1], made[2]}));
  EXPECT_EQ(claimed->unfinished, 4U);
  EXPECT_EQ(claimed->next_due, After(1010));
}

TEST_P(WebhookContract, WhenTheReceiverIsBackAllIsRetried) {
  const Webhook webhook = NewWebhook(NewScope());
  const auto late = samples::DeliveryOf(webhook, 1, 3'600'000);
  const auto now = samples::DeliveryOf(webhook, 2, -1000);
  for (const auto& delivery : {late, now}) EXPECT_DONE(store().AddDelivery(delivery));
  WebhookStep step = StepOf(*Claim(webhook));
  step.delivery = now;
  step.delivery->state = DeliveryState::kSucceeded;
  step.delivery->next_attempt_at.reset();
  step.retry_all_at = After(50);
  EXPECT_DONE(store().SaveWebhookStep(step));
  EXPECT_EQ(store().LoadDelivery(webhook.id, late.id)->next_attempt_at, After(50));
  EXPECT_EQ(store().LoadDelivery(webhook.id, now.id)->next_attempt_at, std::nullopt);
}

TEST_P(WebhookContract, DisablingGivesUpAndTells) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  const auto waiting = samples::DeliveryOf(webhook, 1);
  EXPECT_DONE(store().AddDelivery(waiting));
  Happen(scope);
  const std::uint64_t end = ChainEnd(scope);
  WebhookStep step = StepOf(*Claim(webhook));
  step.delivery = samples::DeliveryOf(webhook, end);
  step.disabling = {"It has failed for a day.", EventOf(scope, "test.disabled")};
  EXPECT_EQ(store().SaveWebhookStep(step).value(), webhook.revision + 1);
  Webhook expected = webhook;
  expected.enabled = false;
  expected.disabled_reason = "It has failed for a day.";
  expected.updated_at = step.disabling->event.time;
  expected.updated_by = step.disabling->event.actor;
  ++expected.revision;
  EXPECT_EQ(store().LoadWebhook(scope, webhook.id).value(), expected);
  EXPECT_EQ(events().ListEvents(scope, end, 10)->at(0).content.type, "test.disabled");
  for (const auto& id : {waiting.id, step.delivery->id}) {
    const auto given_up = store().LoadDelivery(webhook.id, id).value();
    EXPECT_EQ(given_up.state, DeliveryState::kFailed);
    EXPECT_EQ(given_up.message, kGivenUpMessage);
  }
  EXPECT_EQ(Due(After(10'000'000)), Ids{});
  EXPECT_ERROR(store().SaveWebhookStep(step), kConflict);
}

TEST_P(WebhookContract, WhoeverDisablesStopsWhoDelivers) {
  const Scope scope = NewScope();
  Webhook webhook = NewWebhook(scope);
  const auto waiting = samples::DeliveryOf(webhook, 1);
  EXPECT_DONE(store().AddDelivery(waiting));
  Happen(scope);
  const auto claimed = Claim(webhook);
  webhook.enabled = false;
  ++webhook.revision;
  EXPECT_DONE(store().ChangeWebhook(webhook, EventOf(scope)));
  EXPECT_ERROR(store().SaveWebhookStep(StepOf(*claimed)), kConflict);
  EXPECT_EQ(store().LoadDelivery(webhook.id, waiting.id)->state, DeliveryState::kFailed);
  Happen(scope);
  EXPECT_EQ(Due(After(10'000'000)), Ids{});

  webhook.enabled = true;
  ++webhook.revision;
  EXPECT_DONE(store().ChangeWebhook(webhook, EventOf(scope)));
  EXPECT_EQ(Due(), Ids{}) << "it goes on at the end of the chain";
  Happen(scope);
  const auto again = Claim(webhook);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->progress, WebhookProgress{.sequence = ChainEnd(scope) - 1});
}

TEST_P(WebhookContract, AnotherChangeIsSeenByWhoDelivers) {
  const Scope scope = NewScope();
  Webhook webhook = NewWebhook(scope);
  Happen(scope);
  const auto claimed = Claim(webhook);
  webhook.url = "https://other.example.com/";
  ++webhook.revision;
  EXPECT_DONE(store().ChangeWebhook(webhook, EventOf(scope)));
  EXPECT_EQ(store().SaveWebhookStep(StepOf(*claimed)).value(), webhook.revision);
}

TEST_P(WebhookContract, ADeletedWebhookIsGoneWithItsDeliveries) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope), other = NewWebhook(scope);
  const auto delivery = samples::DeliveryOf(webhook, 1), kept = samples::DeliveryOf(other, 1);
  for (const auto& one : {delivery, kept}) EXPECT_DONE(store().AddDelivery(one));
  Happen(scope);
  const auto claimed = Claim(webhook);
  EXPECT_DONE(store().DeleteWebhook(scope, webhook.id, EventOf(scope)));
  EXPECT_ERROR(store().SaveWebhookStep(StepOf(*claimed)), kNotFound);
  EXPECT_ERROR(store().LoadDelivery(webhook.id, delivery.id), kNotFound);
  EXPECT_DONE(store().LoadDelivery(other.id, kept.id));
  EXPECT_ERROR(store().DeleteWebhook(scope, webhook.id, EventOf(scope)), kNotFound);
}

TEST_P(WebhookContract, DueWebhooksArePaged) {
  std::vector<std::pair<std::string, std::string>> made;
  for (int i = 0; i < 3; ++i) {
    const Scope scope = NewScope();
    for (int j = 0; j < 2; ++j) made.emplace_back(scope.text(), NewWebhook(scope).id.text());
    NewWebhook(scope, false);
    Happen(scope);
  }
  const Webhook own = NewWebhook(Scope::Deployment());
  made.emplace_back("-", own.id.text());
  Happen(Scope::Deployment());
  std::ranges::sort(made);
  std::vector<std::pair<std::string, std::string>> paged;
  WebhookPlace after;
  for (int page = 0; page < 10; ++page) {
    const auto due = store().DueWebhooks(kNow, after, 2).value();
    for (const auto& place : due) paged.emplace_back(place.scope, place.id);
    if (due.empty()) break;
    after = due.back();
  }
  EXPECT_EQ(paged, made);
}

}  // namespace
}  // namespace tenantseal::store
