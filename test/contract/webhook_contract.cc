// Webhooks as rows: made, read, changed, deleted.
#include "contract/webhook_contract.h"

namespace tenantseal::store {
namespace {

using model::DeliveryState;
using model::Scope;
using model::Webhook;
using samples::After;
using samples::EventOf;
using samples::kNow;

INSTANTIATE_TEST_SUITE_P(Stores, WebhookContract,
                         testing::Values(WebhookStoreMaker{"Memory", MakeMemoryWebhooks},
                                         WebhookStoreMaker{"Sqlite", MakeSqliteWebhooks}),
                         WebhookMakerName);

TEST_P(WebhookContract, KeepsEveryField) {
  for (const Scope& scope : {Scope::Deployment(), NewScope()}) {
    const Webhook full = NewWebhook(scope);
    EXPECT_EQ(store().LoadWebhook(scope, full.id).value(), full);
    Webhook bare;
    bare.id = model::WebhookId::New(samples::kRandom);
    bare.scope = scope;
    bare.name = "bare";
    EXPECT_DONE(store().CreateWebhook(bare, EventOf(scope)));
    EXPECT_EQ(store().LoadWebhook(scope, bare.id).value(), bare);
  }
}

TEST_P(WebhookContract, TheEventIsInTheTransaction) {
  const Scope scope = NewScope();
  const std::uint64_t before = ChainEnd(scope);
  Webhook webhook = NewWebhook(scope);
  EXPECT_EQ(ChainEnd(scope), before + 1);
  ++webhook.revision;
  EXPECT_DONE(store().ChangeWebhook(webhook, EventOf(scope)));
  EXPECT_EQ(ChainEnd(scope), before + 2);
  EXPECT_ERROR(store().ChangeWebhook(webhook, EventOf(scope)), kConflict);
  EXPECT_EQ(ChainEnd(scope), before + 2) << "a refused change tells nothing";
  EXPECT_DONE(store().DeleteWebhook(scope, webhook.id, EventOf(scope)));
  EXPECT_EQ(ChainEnd(scope), before + 3);
}

TEST_P(WebhookContract, AnotherScopesWebhookIsNotFound) {
  const Scope mine = NewScope(), other = NewScope();
  Webhook webhook = NewWebhook(mine);
  EXPECT_ERROR(store().LoadWebhook(other, webhook.id), kNotFound);
  EXPECT_ERROR(store().LoadWebhook(Scope::Deployment(), webhook.id), kNotFound);
  EXPECT_TRUE(store().ListWebhooks(other).value().empty());
  EXPECT_ERROR(store().DeleteWebhook(other, webhook.id, EventOf(other)), kNotFound);
  Webhook moved = webhook;
  moved.scope = other;
  ++moved.revision;
  EXPECT_ERROR(store().ChangeWebhook(moved, EventOf(other)), kNotFound);
  EXPECT_EQ(store().LoadWebhook(mine, webhook.id).value(), webhook);
}

TEST_P(WebhookContract, ListsByIdWithinTheScope) {
  const Scope scope = NewScope();
  NewWebhook(NewScope());
  std::vector<Webhook> made;
  for (int i = 0; i < 5; ++i) made.push_back(NewWebhook(scope, i % 2 == 0));
  std::ranges::sort(made, {}, [](const Webhook& one) { return one.id; });
  EXPECT_EQ(store().ListWebhooks(scope).value(), made);
}

TEST_P(WebhookContract, AScopeHasABoundedNumber) {
  const Scope scope = NewScope();
  for (std::size_t i = 0; i < model::kWebhooksMax; ++i) NewWebhook(scope, false);
  EXPECT_ERROR(store().CreateWebhook(samples::WebhookOf(scope), EventOf(scope)), kConflict);
  NewWebhook(NewScope());
  const auto all = store().ListWebhooks(scope).value();
  EXPECT_EQ(all.size(), model::kWebhooksMax);
  EXPECT_DONE(store().DeleteWebhook(scope, all[0].id, EventOf(scope)));
  NewWebhook(scope);
}

TEST_P(WebhookContract, ATenantThatIsNotThereHasNone) {
  const Scope nowhere = Scope::Of(model::TenantId::New(samples::kRandom));
  EXPECT_ERROR(store().CreateWebhook(samples::WebhookOf(nowhere), EventOf(nowhere)), kConflict);
  EXPECT_EQ(ChainEnd(nowhere), 0U);
}

TEST_P(WebhookContract, ADestroyedTenantHasNone) {
  const Scope scope = NewScope();
  const Webhook webhook = NewWebhook(scope);
  EXPECT_DONE(store().AddDelivery(samples::DeliveryOf(webhook, 1)));
  const auto id = model::TenantId::Parse(scope.text()).value();
  const auto tenant = events().LoadTenant(id).value().tenant;
  EXPECT_DONE(
      events().ChangeTenant(tenant, model::TenantStatus::kDeactivated, After(10), EventOf(scope)));
  EXPECT_EQ(Due().size(), 1U) << "a deactivated tenant is still told";
  EXPECT_DONE(events().DestroyTenant(id, After(20), EventOf(scope)));
  EXPECT_TRUE(Due().empty());
  EXPECT_TRUE(store().ListWebhooks(scope).value().empty());
  EXPECT_TRUE(store().ListDeliveries({.webhook = webhook.id}).value().empty());
  EXPECT_ERROR(store().CreateWebhook(samples::WebhookOf(scope), EventOf(scope)), kConflict);
}

TEST_P(WebhookContract, AChangeContinuesTheStoredRevision) {
  const Scope scope = NewScope();
  Webhook webhook = NewWebhook(scope);
  Webhook changed = webhook;
  changed.url = "https://other.example.com/";
  changed.event_types.clear();
  changed.sealed_secret.clear();
  EXPECT_ERROR(store().ChangeWebhook(changed, EventOf(scope)), kConflict);
  changed.revision += 2;
  EXPECT_ERROR(store().ChangeWebhook(changed, EventOf(scope)), kConflict);
  changed.revision = webhook.revision + 1;
  EXPECT_DONE(store().ChangeWebhook(changed, EventOf(scope)));
  EXPECT_EQ(store().LoadWebhook(scope, webhook.id).value(), changed);
}

// --- Deliveries as rows ---

TEST_P(WebhookContract, KeepsEveryFieldOfADelivery) {
  const Webhook webhook = NewWebhook(NewScope());
  model::WebhookDelivery full = samples::DeliveryOf(webhook, 7);
  model::WebhookDelivery bare = samples::DeliveryOf(webhook, 8, 0, DeliveryState::kWaiting);
  bare.message = bare.url = bare.response_body = "";
  bare.request_headers.clear();
  bare.response_headers.clear();
  bare.response_status = 0;
  for (const auto& delivery : {full, bare}) {
    EXPECT_DONE(store().AddDelivery(delivery));
    EXPECT_EQ(store().LoadDelivery(webhook.id, delivery.id).value(), delivery);
    EXPECT_ERROR(store().AddDelivery(delivery), kAlreadyExists);
  }
  const Webhook other = NewWebhook(webhook.scope);
  EXPECT_ERROR(store().LoadDelivery(other.id, full.id), kNotFound);
  EXPECT_ERROR(store().LoadDelivery(webhook.id, model::DeliveryId::New(samples::kRandom)),
               kNotFound);
}

TEST_P(WebhookContract, ADeliveryNeedsAnEnabledWebhookWithRoom) {
  const Scope scope = NewScope();
  const Webhook off = NewWebhook(scope, false);
  EXPECT_ERROR(store().AddDelivery(samples::DeliveryOf(off, 1)), kConflict);
  Webhook gone = samples::WebhookOf(scope);
  EXPECT_ERROR(store().AddDelivery(samples::DeliveryOf(gone, 1)), kNotFound);
  const Webhook on = NewWebhook(scope);
  for (std::size_t i = 0; i < kUnfinishedDeliveriesMax; ++i)
    EXPECT_DONE(store().AddDelivery(samples::DeliveryOf(on, i + 1)));
  EXPECT_ERROR(store().AddDelivery(samples::DeliveryOf(on, 1)), kConflict);
}

TEST_P(WebhookContract, ListsDeliveriesAsAskedFor) {
  const Webhook webhook = NewWebhook(NewScope()), other = NewWebhook(webhook.scope);
  EXPECT_DONE(store().AddDelivery(samples::DeliveryOf(other, 1)));
  std::vector<model::WebhookDelivery> made;
  for (int i = 0; i < 12; ++i) {
    const auto state = static_cast<DeliveryState>(i % 4 + 1);
    made.push_back(samples::DeliveryOf(webhook, static_cast<std::uint64_t>(i), i / 3, state));
    if (i % 5 == 0) made.back().event_type = "test.other";
    EXPECT_DONE(store().AddDelivery(made.back()));
  }
  for (const bool by_rank : {false, true}) {
    for (const bool descending : {false, true}) {
      std::ranges::sort(made, [&](const auto& a, const auto& b) {
        return descending ? PlaceOf(b, by_rank) < PlaceOf(a, by_rank)
                          : PlaceOf(a, by_rank) < PlaceOf(b, by_rank);
      });
      DeliveryQuery query{
          .webhook = webhook.id, .by_rank = by_rank, .descending = descending, .limit = 5};
      std::vector<model::WebhookDelivery> paged;
      for (int page = 0; page < 5; ++page) {
        const auto found = store().ListDeliveries(query).value();
        paged.insert(paged.end(), found.begin(), found.end());
        if (!paged.empty()) query.after = PlaceOf(paged.back(), by_rank);
      }
      EXPECT_EQ(paged, made) << by_rank << descending;
    }
  }
  EXPECT_EQ(store().ListDeliveries({.webhook = webhook.id, .event_type = "test.other"})->size(),
            3U);
  EXPECT_EQ(store().ListDeliveries({.webhook = webhook.id, .rank = 0})->size(), 6U);
  EXPECT_EQ(store().ListDeliveries({.webhook = webhook.id, .rank = 1})->size(), 3U);
  EXPECT_EQ(store().ListDeliveries({.webhook = webhook.id, .rank = 2})->size(), 3U);
}

TEST_P(WebhookContract, ForgetsOnlyWhatIsFinishedAndOld) {
  const Webhook webhook = NewWebhook(NewScope());
  const auto old = samples::DeliveryOf(webhook, 1, -10, DeliveryState::kSucceeded);
  const auto unfinished = samples::DeliveryOf(webhook, 2, -10, DeliveryState::kRetrying);
  const auto recent = samples::DeliveryOf(webhook, 3, 0, DeliveryState::kFailed);
  for (const auto& delivery : {old, unfinished, recent}) EXPECT_DONE(store().AddDelivery(delivery));
  EXPECT_FALSE(store().ForgetDeliveries(kNow).value());
  EXPECT_ERROR(store().LoadDelivery(webhook.id, old.id), kNotFound);
  EXPECT_DONE(store().LoadDelivery(webhook.id, unfinished.id));
  EXPECT_DONE(store().LoadDelivery(webhook.id, recent.id));
}

}  // namespace
}  // namespace tenantseal::store
