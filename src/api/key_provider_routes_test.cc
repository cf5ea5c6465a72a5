// The routes of key providers: every status, on fakes.
#include "api/key_provider_test_ground.h"

namespace tenantseal::api {
namespace {

TEST_F(KeyProviderRoutesTest, ATenantStartsWithTheInternalKmsAlone) {
  EXPECT_EQ(Get(kPath).body, json::array());
  const Answer all = Get(kPath + "/actions/list?limit=50");
  EXPECT_EQ(all.status, 200);
  ASSERT_EQ(all.body.size(), 1u);
  EXPECT_EQ(all.body[0]["arnFingerPrint"], tenant_);
  EXPECT_EQ(all.body[0]["current"], true);
  EXPECT_EQ(Get(kPath + "/" + tenant_).body["keyprovider"], "Qlik");
  ExpectRefused(Details(), 404, "Encryption-46");
}

TEST_F(KeyProviderRoutesTest, WhatIsRegisteredIsListedShownRenamedAndDeleted) {
  json body = Body();
  body["description"] = "of the payroll department";
  // What a client read before, it may send again.
  body.update({{"current", true},
               {"tenantId", "x"},
               {"arnFingerPrint", "x"},
               {"createdAt", "x"},
               {"multiRegion", false},
               {"replicaKeys", json::array()},
               {"drCompliant", false},
               {"complianceError", json::object()},
               {"promotedToCurrentAt", "x"},
               {"demotedFromCurrentAt", "x"}});
  const Answer made = Post(kPath, admin_, body);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.body["current"], false);
  EXPECT_EQ(made.body["tenantId"], tenant_);
  EXPECT_EQ(made.body["multiRegion"], true);
  EXPECT_EQ(made.body["drCompliant"], true);
  EXPECT_TRUE(made.body["complianceError"].is_array());
  const std::string path = kPath + "/" + made.body["arnFingerPrint"].get<std::string>();

  const Answer list = Get(kPath);
  ASSERT_EQ(list.body.size(), 1u);
  EXPECT_FALSE(list.body[0].contains("current"));
  EXPECT_TRUE(list.body[0]["complianceError"].is_object());
  EXPECT_EQ(Get(kPath + "/actions/list").body.size(), 2u);

  const std::string patch = R"([{"op":"replace","path":"/name","value":"New"}])";
  for (const char* type : {"application/json", "application/json-patch+json"}) {
    EXPECT_EQ(ApiTest::Call(Method::kPatch, path, admin_, patch, {{"Content-Type", type}}).status,
              204);
  }
  EXPECT_EQ(Get(path).body["name"], "New");
  EXPECT_EQ(Get(path).body["description"], "of the payroll department");
  const Answer tested = Act(path + "/actions/test");
  EXPECT_EQ(tested.status, 201);
  EXPECT_EQ(tested.body["validation"], "pass") << tested.body;
  EXPECT_EQ(Get(path + "/validation").body["checks"][0]["outcome"], "pass");
  EXPECT_EQ(Get(path + "/usage").body["tenantKeys"], 0);
  EXPECT_EQ(Delete(path).status, 204);
  ExpectRefused(Get(path), 404, "Encryption-11");
}

TEST_F(KeyProviderRoutesTest, ABadBodyIsNamedAndChangesNothing) {
  const auto field = [&](const json& body) {
    const Answer answer = Post(kPath, admin_, body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(answer.code(), "Encryption-10") << body;
    return answer.field();
  };
  for (const char* name : {"name", "arn", "keyprovider"}) {
    json body = Body();
    body.erase(name);
    EXPECT_EQ(field(body), name);
    body[name] = 5;
    EXPECT_EQ(field(body), name);
  }
  json body = Body();
  body["keyprovider"] = "Qlik";
  EXPECT_EQ(field(body), "keyprovider");
  body = Body();
  body["colour"] = "red";
  EXPECT_EQ(field(body), "colour");
  body = Body();
  body["name"] = "";
  EXPECT_EQ(field(body), "name");
  body["name"] = std::string(257, 'n');
  EXPECT_EQ(field(body), "name");
  EXPECT_EQ(field(json::array()), "body");
  EXPECT_EQ(Get(kPath).body, json::array());
}

TEST_F(KeyProviderRoutesTest, AKeyThatDoesNotFitIsRefusedByItsReason) {
  ExpectRefused(Create("nonsense"), 417, "Encryption-20");
  ExpectRefused(Create("arn:aws:kms:eu-west-1:111122223333:" + kMrk), 406, "Encryption-22");
  inspector_.at(kKey).policy = kms::FakeInspector::Without("Decrypt", Admitting());
  const Answer denied = Create();
  ExpectRefused(denied, 403, "Encryption-88");
  EXPECT_EQ(denied.body.value("/errors/0/meta/outcome"_json_pointer, ""), "fail") << denied.body;
  inspector_.at(kKey).policy = Admitting();
  inspector_.at(kKey).description.key_usage = "SIGN_VERIFY";
  ExpectRefused(Create(), 406, "Encryption-23");
  inspector_.at(kKey).description.key_usage = "ENCRYPT_DECRYPT";
  inspector_.SetState(kKey, "Disabled");
  ExpectRefused(Create(), 406, "Encryption-24");
  inspector_.SetState(kKey, "Enabled");
  inspector_.at(kKey).garbled = "Decrypt";
  ExpectRefused(Create(), 406, "Encryption-26");
  inspector_.at(kKey).garbled.clear();
  inspector_.Fail("us-east-1", ErrorCode::kKeyUnavailable);
  ExpectRefused(Create(), 408, "Encryption-27");
  inspector_.Fail("us-east-1", {});
  inspector_.Add("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                 Admitting());
  ExpectRefused(
      Create("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"), 406,
      "Encryption-25");
  EXPECT_EQ(Get(kPath).body, json::array());
}

TEST_F(KeyProviderRoutesTest, AKeyIsRegisteredOnceByArnOrAlias) {
  inspector_.Alias(kAlias, kKey);
  Registered();
  ExpectRefused(Create(), 409, "Encryption-21");
  ExpectRefused(Create(kAlias), 409, "Encryption-21");
}

TEST_F(KeyProviderRoutesTest, AFingerprintThatIsNoneIs404AndALongOne414) {
  const std::string none = kPath + "/" + std::string(32, '0');
  const std::string longer = kPath + "/" + std::string(65, '0');
  const std::string patch = R"([{"op":"replace","path":"/name","value":"n"}])";
  for (const auto& [path, status, code] :
       {std::tuple(none, 404, "Encryption-11"), std::tuple(longer, 414, "Encryption-12")}) {
    ExpectRefused(Get(path), status, code);
    ExpectRefused(Get(path + "/usage"), status, code);
    ExpectRefused(Get(path + "/validation"), status, code);
    ExpectRefused(Delete(path), status, code);
    ExpectRefused(Act(path + "/actions/test"), status, code);
    ExpectRefused(Act(path + "/actions/migrate"), status, code);
    ExpectRefused(ApiTest::Call(Method::kPatch, path, admin_, patch), status, code);
  }
  ExpectRefused(Delete(kPath + "/actions/list"), 405, "method-not-allowed");
}

TEST_F(KeyProviderRoutesTest, ADryRunRegistersNothing) {
  const Answer good = Post(kPath + "/actions/validate", admin_, {{"arn", kKey}});
  EXPECT_EQ(good.status, 200) << good.body;
  EXPECT_EQ(good.body["outcome"], "pass") << good.body;
  inspector_.SetState(kKey, "Disabled");
  EXPECT_EQ(Post(kPath + "/actions/validate", admin_, {{"arn", kKey}}).body["outcome"], "fail");
  EXPECT_EQ(Post(kPath + "/actions/validate", admin_, json::object()).field(), "arn");
  EXPECT_EQ(Get(kPath).body, json::array());
}

}  // namespace
}  // namespace tenantseal::api
