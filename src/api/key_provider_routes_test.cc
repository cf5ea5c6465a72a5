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

TEST_F(KeyProviderRoutesTest, ARefusalTellsEverythingThatWasFound) {
  inspector_.SetState(kKey, "Disabled");
  for (const auto& [status, state] : {std::pair(406, "Disabled"), std::pair(403, "Enabled")}) {
    const Answer refused = Create();
    EXPECT_EQ(refused.status, status);
    const json& meta = refused.body.at("/errors/0/meta"_json_pointer);
    EXPECT_EQ(meta["outcome"], "fail");
    EXPECT_TRUE(meta.contains("mendedPolicy")) << meta;
    const auto failed = std::ranges::find(meta["checks"], json("fail"),
                                          [](const json& check) { return check["outcome"]; });
    ASSERT_NE(failed, meta["checks"].end()) << meta;
    EXPECT_FALSE((*failed)["fix"].get<std::string>().empty()) << meta;
    inspector_.SetState(kKey, "Enabled");
    inspector_.at(kKey).policy = kms::FakeInspector::Admits({});
  }
}

TEST_F(KeyProviderRoutesTest, ATestThatGetsNoAnswerIs408) {
  const std::string path = kPath + "/" + Registered();
  inspector_.Fail("us-east-1", ErrorCode::kKeyUnavailable);
  ExpectRefused(Act(path + "/actions/test"), 408, "Encryption-27");
}

TEST_F(KeyProviderRoutesTest, NamesHaveSoManyCharactersInWhateverScript) {
  const std::string path = kPath + "/" + Registered();
  const auto patch = [&](const char* member, std::size_t characters) {
    std::string text;
    for (std::size_t i = 0; i < characters; ++i) text += "日";
    const json body = {{{"op", "replace"}, {"path", std::string("/") + member}, {"value", text}}};
    return ApiTest::Call(Method::kPatch, path, admin_, body.dump());
  };
  EXPECT_EQ(patch("name", 256).status, 204);
  EXPECT_EQ(patch("description", 1024).status, 204);
  EXPECT_EQ(patch("name", 257).field(), "name");
  EXPECT_EQ(patch("description", 1025).field(), "description");
  json blank = Body();
  blank["name"] = "   ";
  EXPECT_EQ(Post(kPath, admin_, blank).field(), "name");
}

TEST_F(KeyProviderRoutesTest, TheInternalKmsHasAReportWithoutChecks) {
  const Answer report = Get(kPath + "/" + tenant_ + "/validation");
  EXPECT_EQ(report.status, 200) << report.body;
  EXPECT_EQ(report.body["outcome"], "pass");
  EXPECT_EQ(report.body["checks"], json::array());
}

// Whoever reads an error learns what to do: a sentence about it comes after what was wrong, or the
// one sentence says both.
TEST_F(KeyProviderRoutesTest, ARefusalSaysWhatToDo) {
  const std::string first = Registered();
  const auto says = [](const Answer& answer, const std::string& what) {
    EXPECT_GE(answer.status, 400);
    const std::string detail = answer.body.value("/errors/0/detail"_json_pointer, "");
    EXPECT_NE(detail.find(what), std::string::npos) << detail;
  };
  says(Get(kPath + "/" + std::string(32, '0')), "The list of its key providers");
  says(Get(kPath + "/" + std::string(65, '0')), "the list of key providers");
  says(Create(), first);
  says(Delete(kPath + "/" + tenant_), "delete the keys of AWS KMS only");
  says(Details(), "Start a migration");
  says(Act(kMigration + "/actions/pause"), "Start one");
  says(Migrate(tenant_), "migrate to another");
  says(ApiTest::Call(Method::kPatch, kPath + "/" + first, admin_,
                     R"([{"op":"replace","path":"/arn","value":"x"}])"),
       R"("/arn" cannot be changed: the member path must be "/name")");
  EXPECT_EQ(Migrate(first).status, 200);
  says(Delete(kPath + "/" + first), "wait for it or cancel it");
  says(Act(kPath + "/actions/reset-to-default-provider"), "cancel it, then reset");
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
