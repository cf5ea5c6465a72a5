#include "emulator/page.h"

#include <gmock/gmock.h>

#include "emulator/demo.h"
#include "emulator/kms_test_ground.h"
#include "emulator/page_html.h"
#include "emulator/trail.h"

namespace tenantseal::emulator {
namespace {

using net::HeaderField;
using net::Method;
using net::Response;
using ::testing::HasSubstr;
using ::testing::Not;

class PageTest : public KmsGround {
 protected:
  PageTest() {
    EXPECT_TRUE(world_->AddAccount(kCustomer));
    // Whom the key's policy names.
    EXPECT_TRUE(world_->AddRole({"arn:aws:iam::338144066592:role/byok-encryption-proxy-role",
                                 "byok-encryption-proxy-role",
                                 "AROABYOK",
                                 kServiceAccount,
                                 {},
                                 {}}));
    EXPECT_TRUE(AddDemoKey(*world_));
  }
  Response Ask(std::string_view path, std::string_view query = "") {
    return Send(Method::kGet, path, query, "", {});
  }
  Response Send(Method method, std::string_view path, std::string_view query, std::string_view body,
                std::vector<HeaderField> more, std::string_view host = "127.0.0.1:4599") {
    std::vector<HeaderField> headers = {{"Host", host}};
    headers.insert(headers.end(), more.begin(), more.end());
    net::Request request;
    request.method = method;
    request.path = path;
    request.query = query;
    request.headers = headers;
    request.body = base::AsBytes(body);
    request.peer = "127.0.0.1";
    return page_.Handle(request);
  }
  Response Post(const std::string& body, std::vector<HeaderField> more = {}) {
    return Send(Method::kPost, "/_emulator/keys", "", body, std::move(more));
  }
  static std::string Body(const Response& response) {
    return std::string(base::AsText(response.BodyBytes()));
  }
  static std::string Header(const Response& response, std::string_view name) {
    for (const net::ResponseHeader& field : response.headers) {
      if (net::EqualsIgnoreCase(field.name, name)) return field.value;
    }
    return "";
  }
  std::string Token() {
    const std::string body = Body(Ask("/_emulator/keys", "arn=" + QueryText(kDemoKey)));
    const std::size_t at = body.find("name=\"token\" value=\"") + 20;
    return body.substr(at, body.find('"', at) - at);
  }
  std::string Form(const std::string& action, const std::string& policy,
                   const std::string& more = "") {
    return "token=" + Token() + "&arn=" + QueryText(kDemoKey) + "&action=" + action +
           "&policy=" + QueryText(policy) + more;
  }
  std::shared_ptr<const Key> KeyIn(const std::string& region) {
    std::string arn = kDemoKey;
    arn.replace(arn.find(kEast), std::string(kEast).size(), region);
    return world_->Read([&](const Contents& contents) { return contents.FindKey(arn); });
  }

  static inline const std::string kDemoKey =
      "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
  static inline const std::string kPolicy =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":)"
      R"({"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]})";
  Trail trail_{random_, {}};
  Page page_{*world_, *kms_, trail_, false};
};

TEST_F(PageTest, ShowsTheKeysAndThatNothingIsReal) {
  const Response list = Ask("/_emulator/");
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(list.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(Body(list), HasSubstr("Emulated AWS"));
  EXPECT_THAT(Body(list), HasSubstr("alias/tenantseal-demo"));
  const std::string key = Body(Ask("/_emulator/keys", "arn=" + QueryText(kDemoKey)));
  EXPECT_THAT(key, HasSubstr("kms:EncryptionContext:TenantId"));
  EXPECT_THAT(key, HasSubstr("us-east-2")) << "its replica has a policy of its own";
  EXPECT_EQ(Header(Ask("/_emulator"), "Location"), "/_emulator/");
  EXPECT_EQ(Ask("/_emulator/keys", "arn=arn:none").status, 404);
}

TEST_F(PageTest, EveryAnswerIsLockedDown) {
  for (const char* path : {"/_emulator/", "/_emulator/keys", "/_emulator/page.css"}) {
    const Response response = Ask(path);
    EXPECT_THAT(Header(response, "Content-Security-Policy"),
                HasSubstr("default-src 'none'; style-src 'self'; form-action 'self'"));
    EXPECT_EQ(Header(response, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(Header(response, "Cache-Control"), "no-store");
    EXPECT_THAT(Body(response), Not(HasSubstr("<script")));
    EXPECT_THAT(Body(response), Not(HasSubstr("style=")));
  }
}

TEST_F(PageTest, SavesAPolicyForOneRegionOrAll) {
  const std::string replica_before = KeyIn("us-east-2")->policy.text;
  const Response one = Post(Form("save", kPolicy + "\r\n"));
  EXPECT_EQ(one.status, 303);
  EXPECT_THAT(Header(one, "Location"), HasSubstr("done=save"));
  EXPECT_EQ(KeyIn(kEast)->policy.text, kPolicy + "\n");
  EXPECT_EQ(KeyIn("us-east-2")->policy.text, replica_before);
  EXPECT_EQ(Post(Form("save", kPolicy, "&everywhere=yes")).status, 303);
  EXPECT_EQ(KeyIn("us-east-2")->policy.text, kPolicy);
}

// What the service tells a customer to add is a list of statements.
TEST_F(PageTest, AListOfStatementsIsAddedToThePolicyOfEachRegion) {
  const auto statement = [](const std::string& sid, const std::string& tenant) {
    return R"({"Sid":")" + sid +
           R"(","Effect":"Allow","Principal":{"AWS":)"
           R"("arn:aws:iam::338144066592:root"},"Action":"kms:Decrypt","Resource":"*",)"
           R"("Condition":{"StringEquals":{"kms:EncryptionContext:TenantId":")" +
           tenant + R"("}}})";
  };
  const Response added = Post(Form("save", "[" + statement("new", "t1") + "]", "&everywhere=yes"));
  EXPECT_EQ(added.status, 303) << Body(added);
  for (const char* region : {kEast, "us-east-2"}) {
    const json policy = json::parse(KeyIn(region)->policy.text);
    ASSERT_EQ(policy["Statement"].size(), 4U) << "those that were there stay";
    EXPECT_EQ(policy["Statement"][3]["Sid"], "new");
  }
  EXPECT_EQ(Post(Form("save", "[" + statement("new", "t2") + "]")).status, 303);
  const json again = json::parse(KeyIn(kEast)->policy.text);
  ASSERT_EQ(again["Statement"].size(), 4U) << "one of the same Sid is replaced";
  EXPECT_THAT(again.dump(), HasSubstr("t2"));
  EXPECT_EQ(Post(Form("save", "[1]")).status, 400);
}

TEST_F(PageTest, WhatKmsRefusesIsSaidAndNothingTypedIsLost) {
  const std::string before = KeyIn(kEast)->policy.text;
  const Response refused = Post(Form("save", "<b>not \"JSON\"</b>"));
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(Body(refused), HasSubstr("MalformedPolicyDocumentException"));
  EXPECT_THAT(Body(refused), HasSubstr("&lt;b&gt;not &quot;JSON&quot;&lt;/b&gt;"));
  EXPECT_THAT(Body(refused), Not(HasSubstr("<b>")));
  EXPECT_EQ(KeyIn(kEast)->policy.text, before);
}

TEST_F(PageTest, DisablesAndEnables) {
  EXPECT_EQ(Post(Form("disable", "")).status, 303);
  EXPECT_EQ(KeyIn(kEast)->state, KeyState::kDisabled);
  EXPECT_THAT(Body(Ask("/_emulator/keys", "arn=" + QueryText(kDemoKey))),
              HasSubstr("value=\"enable\""));
  EXPECT_EQ(Post(Form("enable", "")).status, 303);
  EXPECT_EQ(KeyIn(kEast)->state, KeyState::kEnabled);
  EXPECT_EQ(Post(Form("delete", "")).status, 400);
}

TEST_F(PageTest, AnotherSitesFormChangesNothing) {
  const std::string before = KeyIn(kEast)->policy.text;
  const std::string form = Form("save", kPolicy);
  EXPECT_EQ(Post(form, {{"Origin", "http://evil.example"}}).status, 403);
  EXPECT_EQ(Post(form, {{"Origin", "null"}}).status, 403);
  EXPECT_EQ(Post(form, {{"Origin", "http://127.0.0.1:8080"}}).status, 403) << "another port";
  EXPECT_EQ(Post(form, {{"Sec-Fetch-Site", "cross-site"}}).status, 403);
  EXPECT_EQ(Post(form, {{"Sec-Fetch-Site", "same-site"}}).status, 403);
  std::string guessed = form;
  guessed[6] = guessed[6] == '0' ? '1' : '0';
  EXPECT_EQ(Post(guessed).status, 403);
  EXPECT_EQ(Post("arn=" + QueryText(kDemoKey) + "&action=disable").status, 403);
  EXPECT_EQ(KeyIn(kEast)->policy.text, before);
  EXPECT_EQ(
      Post(form, {{"Origin", "http://127.0.0.1:4599"}, {"Sec-Fetch-Site", "same-origin"}}).status,
      303);
}

TEST_F(PageTest, ANameOfAnotherSiteDoesNotMeanIt) {
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "evil.example:4599", "",
                           "10.0.0.1:4599", "localhost.evil.example"}) {
    EXPECT_EQ(Send(Method::kGet, "/_emulator/", "", "", {}, host).status, 403) << host;
  }
  for (const char* host : {"127.0.0.1", "localhost:4599", "[::1]:4599", "[::1]"}) {
    EXPECT_EQ(Send(Method::kGet, "/_emulator/", "", "", {}, host).status, 200) << host;
  }
}

}  // namespace
}  // namespace tenantseal::emulator
