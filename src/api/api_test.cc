#include <gmock/gmock.h>

#include "api/api_test_ground.h"
#include "api/routes.h"
#include "base/limits.h"

namespace tenantseal::api {
namespace {

TEST_F(ApiTest, SealsAndOpensByteForByte) {
  const std::string sealed = Seal(content_, "secret", {{"record", "7"}});
  EXPECT_TRUE(sealed.starts_with("#BYOKv1#:" + tenant_ + ":"));
  const Answer opened =
      Post(kOpen, content_, {{"ciphertext", sealed}, {"encryptionContext", {{"record", "7"}}}});
  EXPECT_EQ(opened.status, 200);
  EXPECT_EQ(opened.body["plaintext"], base::Base64Encode(base::AsBytes("secret")));
}

TEST_F(ApiTest, NeedsNoWorkerOnceKeysAreLeased) {
  Seal(content_, "x");
  Seal(content_, "x");
  EXPECT_TRUE(answered_inline_);
}

TEST_F(ApiTest, WhatDoesNotOpenIsOneAndTheSame422) {
  const std::string other = NewTenant();
  const std::string other_key = NewKey("ContentService", other);
  const std::string sealed = Seal(content_, "secret", {{"record", "7"}});
  std::string flipped = sealed;
  flipped[100] = flipped[100] == 'A' ? 'B' : 'A';
  const std::vector<std::pair<std::string, json>> attempts = {
      {content_, {{"ciphertext", sealed}}},
      {content_, {{"ciphertext", sealed}, {"encryptionContext", {{"record", "8"}}}}},
      {content_, {{"ciphertext", flipped}, {"encryptionContext", {{"record", "7"}}}}},
      {content_, {{"ciphertext", sealed.substr(0, 90)}}},
      {content_, {{"ciphertext", "nonsense"}}},
      {content_, {{"ciphertext", ""}}},
      {other_key, {{"ciphertext", sealed}, {"encryptionContext", {{"record", "7"}}}}},
  };
  json first;
  for (const auto& [token, request] : attempts) {
    const Answer answer = Post(kOpen, token, request);
    EXPECT_EQ(answer.status, 422) << request;
    if (first.is_null()) first = answer.body;
    EXPECT_EQ(answer.body, first) << request;
  }
}

TEST_F(ApiTest, ABatchAnswersItemByItemInOrder) {
  const std::string sealed = Seal(content_, "secret");
  const Answer answer =
      Post(kOpen, content_,
           {{"items",
             {{{"ciphertext", sealed}},
              {{"ciphertext", "bad"}},
              {{"ciphertext", sealed}, {"encryptionContext", {{"aws-crypto-x", "1"}}}}}}});
  ASSERT_EQ(answer.status, 200);
  ASSERT_EQ(answer.body["items"].size(), 3u);
  EXPECT_TRUE(answer.body["items"][0].contains("plaintext"));
  EXPECT_EQ(answer.body["items"][1]["error"]["code"], "decrypt-failed");
  EXPECT_EQ(answer.body["items"][2]["error"]["code"], "invalid-argument");
  EXPECT_EQ(answer.body["items"][2]["error"]["meta"]["field"],
            "items/2/encryptionContext/aws-crypto-x");
  const std::string any = NewKey("ContentService", "");
  const json batch = {{"items", {{{"plaintext", ""}}}}};
  EXPECT_EQ(
      Call(Method::kPost, kSeal, any, batch.dump(), {{"Tenantseal-Tenant", std::string(32, 'x')}})
          .status,
      404);
}

TEST_F(ApiTest, BadInputIsNamedAndChangesNothing) {
  const auto check = [&](std::string_view body, int status, const std::string& field) {
    const Answer answer = Call(Method::kPost, kSeal, content_, body);
    EXPECT_EQ(answer.status, status) << body;
    EXPECT_EQ(answer.field(), field) << body;
  };
  check("{", 400, "body");
  check("", 400, "body");
  check("{}", 400, "plaintext");
  check(R"({"plaintext":"%%%"})", 400, "plaintext");
  check(R"({"plaintext":"aGk=","plaintext":"aGk="})", 400, "plaintext");
  check(R"({"plaintext":"aGk=","encryptionContext":{"TenantId":"other"}})", 400,
        "encryptionContext/TenantId");
  check(R"({"plaintext":"aGk=","encryptionContext":{"aws-crypto-k":"x"}})", 400,
        "encryptionContext/aws-crypto-k");
  check(R"({"plaintext":"aGk=","encryptionContext":{"k":5}})", 400, "encryptionContext/k");
  check(json({{"plaintext", ""}, {"encryptionContext", {{"k", std::string(9000, 'x')}}}}).dump(),
        400, "encryptionContext");
  check(json({{"plaintext", base::Base64Encode(base::Bytes(base::kValueBytesMax + 1))}}).dump(),
        413, "plaintext");
  EXPECT_EQ(Call(Method::kPost, kSeal, content_, "{}", {{"Content-Type", "text/plain"}}).status,
            415);
  // What is sent encoded would not be decoded.
  EXPECT_EQ(Call(Method::kPost, kSeal, content_, R"({"plaintext":"aGk="})",
                 {{"Content-Type", "application/json"}, {"Content-Encoding", "gzip"}})
                .status,
            415);
}

TEST_F(ApiTest, RolesAreKept) {
  const std::string auditor = NewKey("Auditor", tenant_);
  const json value = {{"plaintext", ""}};
  EXPECT_EQ(Post(kSeal, "", value).status, 401);
  EXPECT_EQ(Post(kSeal, "tsk_wrong-wrong", value).status, 401);
  EXPECT_EQ(Post(kSeal, "operator-secret", value).status, 403);
  EXPECT_EQ(Post(kSeal, admin_, value).status, 403);
  EXPECT_EQ(Post(kSeal, auditor, value).status, 403);
  EXPECT_EQ(Post("/api/v1/tenants", content_, {{"name", "x"}}).status, 403);
  EXPECT_EQ(Post("/api/v1/tenants", admin_, {{"name", "x"}}).status, 403);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/api-keys", auditor).status, 403);
  EXPECT_EQ(Call(Method::kPost, "/api/v1/encryption/tenant-keys/actions/rotate", content_).status,
            403);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/encryption/tenant-keys", auditor).status, 200);
}

TEST_F(ApiTest, EveryRouteButThePublicOnesAsksForAKey) {
  for (const Route& route : AllRoutes()) {
    const Answer answer = Call(route.method, route.pattern, "", "{}");
    EXPECT_EQ(answer.status == 401, route.access != Access::kPublic) << route.pattern;
  }
}

TEST_F(ApiTest, AKeyForAnyTenantNamesOne) {
  const std::string any = NewKey("ContentService", "");
  const std::string body = R"({"plaintext":""})";
  EXPECT_EQ(Call(Method::kPost, kSeal, any, body).field(), "Tenantseal-Tenant");
  EXPECT_EQ(Call(Method::kPost, kSeal, any, body, {{"Tenantseal-Tenant", tenant_}}).status, 200);
  EXPECT_EQ(Call(Method::kPost, kSeal, any, body, {{"Tenantseal-Tenant", "x"}}).status, 400);
  EXPECT_EQ(Call(Method::kPost, kSeal, any, body,
                 {{"Tenantseal-Tenant", tenant_}, {"tenantseal-tenant", tenant_}})
                .status,
            400);
  EXPECT_EQ(
      Call(Method::kPost, kSeal, any, body, {{"Tenantseal-Tenant", std::string(32, 'x')}}).status,
      404);
  EXPECT_EQ(Call(Method::kPost, kSeal, content_, body, {{"Tenantseal-Tenant", NewTenant()}}).status,
            403);
}

TEST_F(ApiTest, ATenantsLife) {
  const std::string path = "/api/v1/tenants/" + tenant_;
  const std::string sealed = Seal(content_, "kept");
  EXPECT_EQ(Call(Method::kGet, path, "operator-secret").body["status"], "active");
  EXPECT_EQ(Call(Method::kGet, "/api/v1/tenants/me", content_).body["id"], tenant_);
  EXPECT_EQ(Call(Method::kPost, path + "/actions/destroy", "operator-secret").status, 409);
  EXPECT_EQ(Call(Method::kPost, path + "/actions/deactivate", "operator-secret").body["status"],
            "deactivated");
  EXPECT_EQ(Post(kOpen, content_, {{"ciphertext", sealed}}).status, 409);
  EXPECT_EQ(Post(kSeal, content_, {{"plaintext", ""}}).status, 409);
  EXPECT_TRUE(
      Call(Method::kPost, path + "/actions/destroy", "operator-secret").body.contains("destroyAt"));
  EXPECT_FALSE(Call(Method::kPost, path + "/actions/cancel-destruction", "operator-secret")
                   .body.contains("destroyAt"));
  EXPECT_EQ(Call(Method::kPost, path + "/actions/reactivate", "operator-secret").body["status"],
            "active");
  EXPECT_EQ(Post(kOpen, content_, {{"ciphertext", sealed}}).status, 200);
  Call(Method::kPost, path + "/actions/deactivate", "operator-secret");
  Call(Method::kPost, path + "/actions/destroy", "operator-secret");
  clock_.Advance(std::chrono::hours(2));
  tenants_.DestroyDue();
  EXPECT_EQ(Call(Method::kGet, path, "operator-secret").body["status"], "destroyed");
  EXPECT_EQ(Post(kOpen, content_, {{"ciphertext", sealed}}).status,
            401);  // Its keys are gone, too.
}

TEST_F(ApiTest, TenantsAreListedInPages) {
  for (int i = 0; i < 4; ++i) NewTenant();
  std::set<std::string> seen;
  std::string target = "/api/v1/tenants?limit=2";
  for (int pages = 0; pages < 5; ++pages) {
    const Answer page = Call(Method::kGet, target, "operator-secret");
    ASSERT_EQ(page.status, 200);
    for (const json& tenant : page.body["data"]) EXPECT_TRUE(seen.insert(tenant["id"]).second);
    if (!page.body["links"].contains("next")) break;
    const std::string next = page.body["links"]["next"]["href"];
    ASSERT_TRUE(next.starts_with("http://example.test/"));
    target = next.substr(std::string("http://example.test").size());
  }
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/tenants?limit=0", "operator-secret").field(), "limit");
  EXPECT_EQ(Call(Method::kGet, "/api/v1/tenants?limit=1&limit=2", "operator-secret").field(),
            "limit");
  EXPECT_EQ(Call(Method::kGet, "/api/v1/tenants?next=%zz", "operator-secret").field(), "next");
}

TEST_F(ApiTest, DataKeysDetachedAndManaged) {
  const Answer detached = Post(kDataKeys, content_, {{"encryptionContext", {{"f", "1"}}}});
  ASSERT_EQ(detached.status, 201) << detached.body;
  EXPECT_FALSE(detached.body.contains("id"));
  EXPECT_GT(detached.body["usableForMs"], 0);
  const Answer unwrapped =
      Post(kUnwrap, content_,
           {{"wrappedKey", detached.body["wrappedKey"]}, {"encryptionContext", {{"f", "1"}}}});
  EXPECT_EQ(unwrapped.body["plaintext"], detached.body["plaintext"]);

  const Answer managed =
      Post(kDataKeys, content_, {{"managed", true}, {"count", 3}, {"plaintext", false}});
  ASSERT_EQ(managed.body["items"].size(), 3u);
  EXPECT_FALSE(managed.body["items"][0].contains("plaintext"));
  const std::string id = managed.body["items"][0]["id"];
  EXPECT_EQ(Post(kUnwrap, content_, {{"id", id}}).status, 200);
  // A managed key's text is bound to its id: it does not pass for a detached one.
  EXPECT_EQ(
      Post(kUnwrap, content_, {{"wrappedKey", managed.body["items"][0]["wrappedKey"]}}).status,
      422);
  EXPECT_EQ(Post(kUnwrap, content_, {{"id", id}, {"wrappedKey", "x"}}).status, 400);
  const std::string path = std::string(kDataKeys) + "/" + id;
  EXPECT_EQ(Call(Method::kGet, path, content_).body["tenantKeyVersion"], 1);
  EXPECT_EQ(Call(Method::kDelete, path, content_).status, 204);
  EXPECT_EQ(Call(Method::kGet, path, content_).status, 404);
  EXPECT_EQ(Post(kUnwrap, content_, {{"id", id}}).status, 404);
}

TEST_F(ApiTest, RotationKeepsEverythingOpenAndRetirementIsExplicit) {
  const std::string sealed = Seal(content_, "old");
  const std::string id = Post(kDataKeys, content_, {{"managed", true}}).body["id"];
  ASSERT_EQ(Call(Method::kPost, "/api/v1/encryption/tenant-keys/actions/rotate", admin_).status,
            202);
  std::atomic<bool> stop{false};
  rotation_.RunJobs(stop);
  const Answer keys = Call(Method::kGet, "/api/v1/encryption/tenant-keys", admin_);
  EXPECT_EQ(keys.body["activeVersion"], 2);
  EXPECT_EQ(keys.body["rewrap"]["state"], "Completed");
  EXPECT_EQ(
      Call(Method::kGet, std::string(kDataKeys) + "/" + id, content_).body["tenantKeyVersion"], 2);
  EXPECT_EQ(Post(kUnwrap, content_, {{"id", id}}).status, 200);
  EXPECT_EQ(Post(kOpen, content_, {{"ciphertext", sealed}}).status, 200);
  const Answer resealed = Post(kReseal, content_, {{"ciphertext", sealed}});
  EXPECT_EQ(resealed.body["changed"], true);
  EXPECT_EQ(Post(kReseal, content_, {{"ciphertext", resealed.body["ciphertext"]}}).body["changed"],
            false);
  EXPECT_EQ(Post("/api/v1/encryption/tenant-keys/actions/retire", admin_, {{"version", 2}}).status,
            409);
  EXPECT_EQ(Post("/api/v1/encryption/tenant-keys/actions/retire", admin_, {{"version", 1}}).status,
            200);
  EXPECT_EQ(Post(kOpen, content_, {{"ciphertext", sealed}}).status, 422);
  EXPECT_EQ(Post(kOpen, content_, {{"ciphertext", resealed.body["ciphertext"]}}).status, 200);
}

TEST_F(ApiTest, AFailingProviderShowsAsItsClass) {
  const auto tenant = model::TenantId::Parse(tenant_).value();
  const auto status = [&](kms::FakeKms::Fault fault) {
    kms_.Mend();
    keyring_.Forget(tenant);
    kms_.Fail(tenant, fault);
    return Post(kSeal, content_, {{"plaintext", ""}});
  };
  const Answer unavailable = status(kms::FakeKms::Fault::kUnavailable);
  EXPECT_EQ(unavailable.status, 503);
  EXPECT_EQ(unavailable.code(), "key-unavailable");
  EXPECT_THAT(unavailable.headers,
              testing::Contains(testing::Field(&net::ResponseHeader::name, "Retry-After")));
}

TEST_F(ApiTest, ARevokedKeyIs403) {
  kms_.Fail(model::TenantId::Parse(tenant_).value(), kms::FakeKms::Fault::kRevoked);
  keyring_.Forget(model::TenantId::Parse(tenant_).value());
  const Answer answer = Post(kSeal, content_, {{"plaintext", ""}});
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.code(), "key-revoked");
}

TEST_F(ApiTest, UsageIsCounted) {
  Seal(content_, "x");
  Post(kOpen, content_, {{"ciphertext", "bad"}});
  const Answer usage = Call(Method::kGet, "/api/v1/encryption/usage", admin_);
  ASSERT_EQ(usage.status, 200);
  std::map<std::string, int> counts;
  for (const json& row : usage.body["data"])
    counts[row["operation"].get<std::string>() + " " + row["outcome"].get<std::string>()] +=
        row["count"].get<int>();
  EXPECT_EQ(counts["seal ok"], 1);
  EXPECT_EQ(counts["open decrypt-failed"], 1);
}

TEST_F(ApiTest, UnknownPathsAndMethods) {
  EXPECT_EQ(Call(Method::kGet, "/api/v1/nothing", content_).code(), "not-found");
  const Answer wrong_method = Call(Method::kDelete, "/api/v1/tenants", content_);
  EXPECT_EQ(wrong_method.code(), "method-not-allowed");
  EXPECT_THAT(wrong_method.headers,
              testing::Contains(testing::Field(&net::ResponseHeader::value, "GET, POST")));
  EXPECT_EQ(Call(Method::kGet, "/api/v1/tenants/", "operator-secret").status, 404);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/tenants/x/y", "operator-secret").status, 404);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/tenants/" + std::string(32, 'a'), "operator-secret").status,
            404);
  EXPECT_EQ(Call(Method::kGet, "/healthz", "").status, 200);
  EXPECT_EQ(Call(Method::kGet, "/readyz", "").status, 200);
}

TEST_F(ApiTest, AHostThatIsNoneIsRefusedAndNothingFalls) {
  NewTenant();
  const std::string hosts[] = {"\xFF", "a b", "a/b", "evil\"", std::string(300, 'a')};
  for (const std::string& host : hosts) {
    const std::string authorization = "Bearer operator-secret";
    const std::vector<net::HeaderField> headers = {{"Host", host},
                                                   {"Authorization", authorization}};
    net::Request request;
    request.path = "/api/v1/tenants";
    request.query = "limit=1";
    request.headers = headers;
    request.request_id = "request-id-12345";
    request.deadline = clock_.Boot() + std::chrono::seconds(30);
    EXPECT_EQ(handler_.HandleBlocking(request).status, 400) << host;
  }
}

TEST_F(ApiTest, ANullDoesNotWidenAKey) {
  const json request = {{"description", "d"}, {"role", "ContentService"}, {"tenantId", nullptr}};
  EXPECT_EQ(Post("/api/v1/api-keys", "operator-secret", request).field(), "tenantId");
  EXPECT_EQ(Call(Method::kPost, "/api/v1/tenants", "operator-secret", "\xEF\xBB\xBF{}").field(),
            "body");
}

TEST_F(ApiTest, InventedTenantsGetNoCountsOfTheirOwn) {
  const std::string any = NewKey("ContentService", "");
  const std::string invented(32, 'x');
  Call(Method::kPost, kSeal, any, R"({"plaintext":""})", {{"Tenantseal-Tenant", invented}});
  ASSERT_TRUE(usage_.Flush());
  const auto scope = model::Scope::Of(model::TenantId::Parse(invented).value());
  EXPECT_TRUE(store_.ListUsage(scope, 0, INT64_MAX)->empty());
  EXPECT_EQ(store_.ListUsage(model::Scope::Deployment(), 0, INT64_MAX)->size(), 1u);
}

TEST_F(ApiTest, TokensAreShownOnceAndKeysDeleted) {
  const Answer made = Post("/api/v1/api-keys", admin_,
                           {{"description", "d"}, {"role", "ContentService"}, {"expiry", "P1D"}});
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string token = made.body["token"], id = made.body["id"];
  EXPECT_EQ(made.body["tenantId"], tenant_);
  EXPECT_EQ(Post(kSeal, token, {{"plaintext", ""}}).status, 200);
  const Answer listed = Call(Method::kGet, "/api/v1/api-keys?limit=100", admin_);
  EXPECT_EQ(listed.body.dump().find(token), std::string::npos);
  EXPECT_EQ(Call(Method::kDelete, "/api/v1/api-keys/" + id, admin_).status, 204);
  EXPECT_EQ(Post(kSeal, token, {{"plaintext", ""}}).status, 401);
  EXPECT_EQ(Call(Method::kDelete, "/api/v1/api-keys/" + id, admin_).status, 404);
}

class LimitedApiTest : public ApiTest {
 protected:
  LimitedApiTest()
      : ApiTest({.tenant_items_per_second = 10, .read_per_minute = 1, .write_per_minute = 1}) {}
};

TEST_F(LimitedApiTest, ATenantThatGoesTooFastWaitsAndItsNeighbourDoesNot) {
  const std::string neighbour = NewKey("ContentService", NewTenant());
  int refused = 0;
  Answer last;
  for (int i = 0; i < 30; ++i) {
    last = Post(kSeal, content_, {{"plaintext", ""}});
    refused += last.status == 429;
  }
  EXPECT_EQ(refused, 10);
  EXPECT_EQ(last.code(), "HTTP-429");
  EXPECT_THAT(last.headers,
              testing::Contains(testing::Field(&net::ResponseHeader::name, "Retry-After")));
  EXPECT_EQ(Post(kSeal, neighbour, {{"plaintext", ""}}).status, 200);
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_TRUE(lease_.Refresh());
  EXPECT_EQ(Post(kSeal, content_, {{"plaintext", ""}}).status, 200);
}

TEST_F(LimitedApiTest, ABatchCountsByItsItems) {
  json items = json::array();
  for (int i = 0; i < 20; ++i) items.push_back({{"plaintext", ""}});
  EXPECT_EQ(Post(kSeal, content_, {{"items", items}}).status, 200);
  EXPECT_EQ(Post(kSeal, content_, {{"plaintext", ""}}).status, 429);
}

TEST_F(LimitedApiTest, ControlPlaneTiersHoldForEachKey) {
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(Call(Method::kGet, "/api/v1/tenants/me", content_).status, 200);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/tenants/me", content_).status, 429);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/tenants/me", admin_).status, 200);
}

TEST_F(LimitedApiTest, ChangesHaveALimitOfTheirOwn) {
  const std::string rename = "/api/v1/encryption/keyproviders/" + tenant_;
  const std::string patch = R"([{"op":"replace","path":"/name","value":"n"}])";
  int allowed = 0;
  Answer last;
  for (last = Call(Method::kPatch, rename, admin_, patch); last.status == 204 && allowed < 20;
       last = Call(Method::kPatch, rename, admin_, patch))
    ++allowed;
  EXPECT_EQ(allowed, 5);
  EXPECT_EQ(last.status, 429);
  EXPECT_THAT(last.headers,
              testing::Contains(testing::Field(&net::ResponseHeader::name, "Retry-After")));
  EXPECT_EQ(Call(Method::kGet, rename, admin_).status, 200);
}

}  // namespace
}  // namespace tenantseal::api
