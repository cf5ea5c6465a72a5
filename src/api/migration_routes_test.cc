// The routes of migrations: every status, on fakes.
#include "api/key_provider_test_ground.h"
#include "api/routes.h"

namespace tenantseal::api {
namespace {

const std::string kOtherMrk = "key/mrk-" + std::string(32, 'b');
const std::string kOther = "arn:aws:kms:us-east-1:111122223333:" + kOtherMrk;
const std::string kOtherReplica = "arn:aws:kms:us-east-2:111122223333:" + kOtherMrk;

class MigrationRoutesTest : public KeyProviderRoutesTest {
 protected:
  const std::string reset_ = kPath + "/actions/reset-to-default-provider";
  Answer Do(const std::string& action) { return Act(kMigration + "/actions/" + action); }
};

TEST_F(MigrationRoutesTest, ThereAndBack) {
  const std::string sealed = Seal(content_, "kept");
  const std::string fingerprint = Registered();
  const Answer started = Migrate(fingerprint);
  ASSERT_EQ(started.status, 200) << started.body;
  EXPECT_EQ(started.body["state"], "New");
  EXPECT_EQ(started.body["completedAt"], "0001-01-01T00:00:00Z");
  EXPECT_EQ(started.body["migratingTo"], kKey);
  EXPECT_EQ(started.body["migratingToPrefix"], "#BYOKv1#:" + fingerprint);
  ExpectRefused(Migrate(fingerprint), 428, "Encryption-44");
  ExpectRefused(Act(reset_), 406, "Encryption-45");
  ExpectRefused(Delete(kPath + "/" + fingerprint), 424, "Encryption-40");
  Work();
  EXPECT_EQ(Details().body["state"], "Completed") << Details().body;
  EXPECT_EQ(Details().body["progress"], 100);
  EXPECT_EQ(Get(kPath + "/" + fingerprint).body["current"], true);
  EXPECT_EQ(Post(kOpen, content_, {{"ciphertext", sealed}}).status, 200);
  EXPECT_TRUE(Seal(content_, "new").starts_with("#BYOKv1#:" + fingerprint + ":"));
  ExpectRefused(Migrate(fingerprint), 424, "Encryption-48");
  ExpectRefused(Delete(kPath + "/" + fingerprint), 424, "Encryption-40");

  const Answer reset = Act(reset_);
  EXPECT_EQ(reset.status, 205);
  EXPECT_TRUE(reset.body.is_discarded()) << "a body";
  EXPECT_EQ(Details().body["migratingTo"], "#QLIK_MANAGED_KEY_PROVIDER#");
  Work();
  EXPECT_EQ(Details().body["state"], "Completed") << Details().body;
  EXPECT_EQ(Post(kOpen, content_, {{"ciphertext", sealed}}).status, 200);
  const Answer again = ApiTest::Call(Method::kPost, reset_, admin_, "{}");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body["message"], "Tenant is already using Qlik KMS, no migration is required.");
  EXPECT_EQ(Delete(kPath + "/" + fingerprint).status, 204);
}

TEST_F(MigrationRoutesTest, ATargetThatDoesNotPassIs424AndChangesNothing) {
  const std::string fingerprint = Registered();
  inspector_.SetState(kKey, "Disabled");
  const Answer refused = Migrate(fingerprint);
  ExpectRefused(refused, 424, "Encryption-41");
  EXPECT_TRUE(refused.body["errors"][0]["meta"].contains("checks")) << refused.body;
  ExpectRefused(Details(), 404, "Encryption-46");
}

TEST_F(MigrationRoutesTest, ASourceThatIsAwayIs412AndOneThatRefuses424) {
  const std::string fingerprint = Registered();
  kms_.Fail(Id(), kms::FakeKms::Fault::kUnavailable);
  ExpectRefused(Migrate(fingerprint), 412, "Encryption-43");
  kms_.Fail(Id(), kms::FakeKms::Fault::kRevoked);
  ExpectRefused(Migrate(fingerprint), 424, "Encryption-42");
  kms_.Mend();
  ExpectRefused(Details(), 404, "Encryption-46");
}

TEST_F(MigrationRoutesTest, APauseWaitsAndACancelEnds) {
  ExpectRefused(Do("pause"), 409, "Encryption-47");
  const std::string fingerprint = Registered();
  EXPECT_EQ(Migrate(fingerprint).status, 200);
  const Answer paused = Do("pause");
  EXPECT_EQ(paused.status, 200);
  EXPECT_EQ(paused.body["substate"], "Paused") << paused.body;
  Work();
  EXPECT_EQ(Details().body["state"], "New");
  EXPECT_EQ(Post(kMigration + "/actions/resume", admin_, {{"acceptQuarantine", "yes"}}).field(),
            "acceptQuarantine");
  EXPECT_FALSE(Do("resume").body.contains("substate"));
  EXPECT_EQ(Do("cancel").body["state"], "Cancelled");
  for (const char* action : {"pause", "resume", "cancel"})
    ExpectRefused(Do(action), 409, "Encryption-47");
  EXPECT_EQ(Details().body["state"], "Cancelled");
  EXPECT_EQ(Get(kPath + "/" + tenant_).body["current"], true);
}

TEST_F(MigrationRoutesTest, ASourceThatRefusesMustBeAccepted) {
  AddKey(kOther, kOtherReplica);
  const std::string first = Registered(), second = Registered(kOther);
  EXPECT_EQ(Migrate(first).status, 200);
  Work();
  EXPECT_EQ(Migrate(second).status, 200);
  const std::atomic<bool> stop{false};
  runner_.RunSteps(stop);
  EXPECT_EQ(Details().body["state"], "InProgress");
  kms_.Fail(Id(), kms::FakeKms::Fault::kRevoked);
  keyring_.Forget(Id());
  EXPECT_EQ(Post(kSeal, content_, {{"plaintext", ""}}).code(), "key-revoked");
  runner_.RunSteps(stop);
  EXPECT_EQ(Details().body["pausedBecause"], "source-refuses") << Details().body;
  const Answer refused = Do("resume");
  ExpectRefused(refused, 409, "Encryption-49");
  EXPECT_EQ(refused.field(), "acceptSourceRefusal");
}

TEST_F(MigrationRoutesTest, APlanChangesNothing) {
  const std::string fingerprint = Registered();
  const Answer plan = Post(kMigration + "/actions/plan", admin_, {{"arnFingerPrint", fingerprint}});
  ASSERT_EQ(plan.status, 200) << plan.body;
  EXPECT_EQ(plan.body["migratingTo"], kKey);
  EXPECT_EQ(plan.body["tenantKeyVersions"], 2);
  EXPECT_EQ(plan.body["dataKeys"], 0);
  EXPECT_EQ(plan.body["validation"]["outcome"], "pass");
  EXPECT_EQ(Post(kMigration + "/actions/plan", admin_, json::object()).field(), "arnFingerPrint");
  ExpectRefused(Details(), 404, "Encryption-46");
}

TEST_F(MigrationRoutesTest, NothingIsInQuarantine) {
  EXPECT_EQ(Get(kMigration + "/quarantine?next=zzz").field(), "next");
  const Answer list = Get(kMigration + "/quarantine?limit=5");
  EXPECT_EQ(list.status, 200) << list.body;
  EXPECT_EQ(list.body["data"], json::array());
  EXPECT_EQ(list.body["links"]["self"]["href"],
            "http://example.test" + kMigration + "/quarantine?limit=5");
  EXPECT_EQ(Act(kMigration + "/quarantine/actions/retry").body["released"], 0);
}

TEST_F(MigrationRoutesTest, WhatClientsOfQliksApisAskFor) {
  EXPECT_EQ(ApiTest::Call(Method::kGet, "/resources/autogenerated/product-info.json", "").body,
            json({{"composition", {{"deploymentType", "cloud"}, {"provider", "qcs"}}}}));
  const Answer token = ApiTest::Call(Method::kGet, "/api/v1/csrf-token", "");
  EXPECT_EQ(token.status, 204);
  EXPECT_EQ(token.headers.at(0).name, "qlik-csrf-token");
  EXPECT_FALSE(token.headers.at(0).value.empty());
  const Answer me = Get("/api/v1/users/me");
  EXPECT_EQ(me.body["tenantId"], tenant_);
  EXPECT_EQ(me.body["roles"], json::array({"TenantAdmin"}));
  EXPECT_FALSE(
      ApiTest::Call(Method::kGet, "/api/v1/users/me", "operator-secret").body.contains("tenantId"));
  EXPECT_EQ(Get("/api/v1/encryption/key-policy").body, json::array({"statements for " + tenant_}));
}

TEST_F(MigrationRoutesTest, OnlyATenantsAdminMay) {
  for (const Route& route : AllRoutes()) {
    if (!route.pattern.starts_with(kPath)) continue;
    if (route.pattern.ends_with("/kms-calls")) continue;  // An auditor's, too.
    for (const std::string& token :
         {content_, NewKey("Auditor", tenant_), std::string("operator-secret")}) {
      EXPECT_EQ(ApiTest::Call(route.method, route.pattern, token, "{}").status, 403)
          << route.pattern;
    }
  }
}

}  // namespace
}  // namespace tenantseal::api
