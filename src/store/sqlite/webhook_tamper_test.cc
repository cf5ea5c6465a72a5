// What a database administrator may do to webhooks, and is noticed.
#include "store/sqlite/tamper_test_ground.h"
#include "store/webhook_samples.h"

namespace tenantseal::store {
namespace {

using model::Scope;

class WebhookTamper : public Tamper {
 protected:
  WebhookTamper() {
    webhook_ = samples::WebhookOf(Scope::Of(a_.tenant.id));
    EXPECT_TRUE(store_->CreateWebhook(webhook_, samples::EventOf(a_.tenant.id)).ok());
  }
  model::Webhook webhook_;
};

TEST_F(WebhookTamper, EveryColumnIsBound) {
  for (const std::string change :
       {"name='x'", "description='x'", "url='https://evil.example/'", "event_types=x''",
        "filter='x'", "origin=3", "enabled=1-enabled", "check_revocation=1", "disabled_reason='x'",
        "headers=x''", "sealed_secret=x'00'", "encrypted_headers=x''", "sealed_headers=x'00'",
        "created_at=created_at+1", "updated_at=updated_at+1", "created_by='x'", "updated_by='x'",
        "revision=revision+1", "mac=zeroblob(32)"}) {
    Sql("CREATE TABLE kept AS SELECT * FROM webhooks");
    Sql("UPDATE webhooks SET " + change);
    EXPECT_ERROR(store_->LoadWebhook(webhook_.scope, webhook_.id), kIntegrity);
    EXPECT_ERROR(store_->ListWebhooks(webhook_.scope), kIntegrity);
    Sql("DELETE FROM webhooks");
    Sql("INSERT INTO webhooks SELECT * FROM kept");
    Sql("DROP TABLE kept");
    EXPECT_EQ(store_->LoadWebhook(webhook_.scope, webhook_.id).value(), webhook_) << change;
  }
}

TEST_F(WebhookTamper, AWebhookDoesNotMoveToAnotherTenantsEvents) {
  Sql("UPDATE webhooks SET scope='" + b_.tenant.id.text() + "'");
  EXPECT_ERROR(store_->LoadWebhook(Scope::Of(b_.tenant.id), webhook_.id), kIntegrity);
  Sql("UPDATE webhooks SET scope='-'");
  EXPECT_ERROR(store_->ListWebhooks(Scope::Deployment()), kIntegrity);
}

TEST_F(WebhookTamper, NothingIsDeliveredToAChangedWebhook) {
  EXPECT_DONE(
      store_->CreateApiKey(samples::ApiKeyOf(a_.tenant.id), samples::EventOf(a_.tenant.id)));
  Sql("UPDATE webhooks SET url='https://evil.example/'");
  const auto due = store_->DueWebhooks(samples::kNow, {}, 10).value();
  ASSERT_EQ(due.size(), 1U);
  EXPECT_ERROR(store_->ClaimWebhook(due[0], samples::kNow, samples::After(30'000), 10), kIntegrity);
}

TEST_F(WebhookTamper, ADeliveryThatNoneOfOursCanBeIsRefused) {
  const auto delivery = samples::DeliveryOf(webhook_, 1);
  EXPECT_DONE(store_->AddDelivery(delivery));
  for (const std::string change : {"state=9", "due_at=NULL", "scope='x'", "sequence=-1",
                                   "request_headers=x'000000ff'", "response_status=-1"}) {
    Sql("CREATE TABLE kept AS SELECT * FROM webhook_deliveries");
    Sql("UPDATE webhook_deliveries SET " + change);
    EXPECT_ERROR(store_->LoadDelivery(webhook_.id, delivery.id), kIntegrity);
    Sql("DELETE FROM webhook_deliveries");
    Sql("INSERT INTO webhook_deliveries SELECT * FROM kept");
    Sql("DROP TABLE kept");
    EXPECT_EQ(store_->LoadDelivery(webhook_.id, delivery.id).value(), delivery) << change;
  }
}

}  // namespace
}  // namespace tenantseal::store
