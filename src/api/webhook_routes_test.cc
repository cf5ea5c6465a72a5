#include "api/api_test_ground.h"
#include "api/webhook_json.h"
#include "api/webhook_list.h"
#include "events/event.h"

namespace tenantseal::api {
namespace {

constexpr const char* kWebhooks = "/api/v1/webhooks";
const std::string kSecret = "0123456789abcdef0123456789abcdef";

class WebhookRoutes : public ApiTest {
 protected:
  static json Body(const std::string& name = "ours") {
    return {{"name", name}, {"url", "https://hooks.example.com/in?token=hidden"}};
  }
  json Create(const json& body, const std::string& token = "") {
    const Answer answer = Post(kWebhooks, token.empty() ? admin_ : token, body);
    EXPECT_EQ(answer.status, 201) << answer.body;
    return answer.body;
  }
  static std::string At(const json& webhook) {
    return std::string(kWebhooks) + "/" + webhook["id"].get<std::string>();
  }
  Answer Get(const std::string& target) { return Call(Method::kGet, target, admin_); }
  Answer Patch(const json& webhook, const json& operations) {
    return Call(Method::kPatch, At(webhook), admin_, operations.dump());
  }
  static json Op(const char* op, const char* path, const json& value = nullptr) {
    json out = {{"op", op}, {"path", path}};
    if (!value.is_null()) out["value"] = value;
    return json::array({out});
  }
  std::vector<std::string> Names(const std::string& query) {
    std::vector<std::string> out;
    const Answer answer = Get(kWebhooks + query);
    EXPECT_EQ(answer.status, 200) << query << answer.body;
    for (const json& one : answer.body["data"]) out.push_back(one["name"]);
    return out;
  }
  std::vector<model::Event> Events() {
    const auto scope = model::Scope::Of(model::TenantId::Parse(tenant_).value());
    return store_.ListEvents(scope, 0, 1000).value();
  }
  store::DeliveryQuery AllOf(const json& webhook) {
    return {.webhook = model::WebhookId::Parse(webhook["id"].get<std::string>()).value()};
  }
  // A delivery in the log, of the tenant's first event.
  std::string Deliver(const json& webhook, model::DeliveryState state, std::int64_t at_s = 0,
                      const std::string& type = std::string(events::kTenantCreated)) {
    model::WebhookDelivery delivery;
    delivery.id = model::DeliveryId::New(random_);
    delivery.webhook = AllOf(webhook).webhook;
    delivery.scope = model::Scope::Of(model::TenantId::Parse(tenant_).value());
    delivery.sequence = 1;
    delivery.event_type = type;
    delivery.state = state;
    delivery.triggered_at = clock_.Utc() + std::chrono::seconds(at_s);
    delivery.attempts = 1;
    delivery.message = "HTTP 500";
    delivery.url = webhook["url"];
    delivery.request_headers = {{"X-Token", "**OMITTED**"}};
    delivery.response_status = 500;
    delivery.response_headers = {{"Set-Cookie", "a"}, {"Set-Cookie", "b"}};
    delivery.response_body = "sorry";
    if (delivery.unfinished()) delivery.next_attempt_at = clock_.Utc();
    EXPECT_TRUE(store_.AddDelivery(delivery).ok());
    return delivery.id.text();
  }
};
using Texts = std::vector<std::string>;

TEST_F(WebhookRoutes, ABareWebhookHasTheDefaults) {
  const json made = Create(Body());
  EXPECT_EQ(made["id"].get<std::string>().size(), 22U);
  EXPECT_EQ(made["enabled"], false);
  EXPECT_EQ(made["level"], "tenant");
  EXPECT_EQ(made["origin"], "api");
  EXPECT_EQ(made["enableCloudEventDelivery"], true);
  EXPECT_EQ(made["checkCertificateRevocation"], false);
  EXPECT_EQ(made["secretKeyAdded"], false);
  EXPECT_EQ(made["eventTypes"], json::array());
  EXPECT_EQ(made["headers"], json::object());
  EXPECT_EQ(made["encryptedHeaders"], json::array());
  EXPECT_EQ(made["createdAt"], made["updatedAt"]);
  EXPECT_EQ(made["createdByUserId"], made["updatedByUserId"]);
  EXPECT_FALSE(made.contains("disabledReason"));
  EXPECT_EQ(Get(At(made)).body, made);
}

TEST_F(WebhookRoutes, SecretsComeInAndNeverOut) {
  json body = Body();
  body["secret"] = kSecret;
  body["encryptedHeaders"] = {{"X-Token", "very-hidden"}};
  body["headers"] = {{"X-Plain", "shown"}};
  const json made = Create(body);
  EXPECT_EQ(made["secretKeyAdded"], true);
  EXPECT_EQ(made["encryptedHeaders"], json::array({"X-Token"}));
  EXPECT_EQ(made["headers"], (json{{"X-Plain", "shown"}}));
  const auto stored =
      store_.ListWebhooks(model::Scope::Of(model::TenantId::Parse(tenant_).value()));
  ASSERT_EQ(stored->size(), 1U);
  EXPECT_EQ(webhook_secrets_.OpenSecret(stored->at(0))->RevealText(), kSecret);
  EXPECT_EQ(webhook_secrets_.OpenHeaders(stored->at(0))->at(0).value.RevealText(), "very-hidden");
  for (const std::string& shown :
       {made.dump(), Get(At(made)).body.dump(), Get(kWebhooks).body.dump(),
        Events().back().content.data, std::string(base::AsText(stored->at(0).sealed_secret)),
        std::string(base::AsText(stored->at(0).sealed_headers))}) {
    EXPECT_EQ(shown.find(kSecret), std::string::npos) << shown;
    EXPECT_EQ(shown.find("very-hidden"), std::string::npos) << shown;
  }
  EXPECT_EQ(Events().back().content.data.find("token=hidden"), std::string::npos)
      << "paths and queries of receivers often are their password";
}

TEST_F(WebhookRoutes, WhoMayWhat) {
  const json own = Create(Body("operator's"), "operator-secret");
  const json made = Create(Body());
  EXPECT_EQ(Get(At(own)).status, 404);
  EXPECT_EQ(Call(Method::kGet, At(made), "operator-secret").status, 404);
  EXPECT_EQ(Names(""), Texts{"ours"});
  const std::string other = NewTenant(), other_admin = NewKey("TenantAdmin", other);
  EXPECT_EQ(Call(Method::kGet, At(made), other_admin).status, 404);
  EXPECT_EQ(Call(Method::kDelete, At(made), other_admin).status, 404);
  for (const std::string& token : {content_, NewKey("Auditor", tenant_)}) {
    EXPECT_EQ(Call(Method::kGet, kWebhooks, token).status, 403);
    EXPECT_EQ(Post(kWebhooks, token, Body()).status, 403);
    EXPECT_EQ(Call(Method::kGet, "/api/v1/webhooks/event-types", token).status, 403);
  }
  EXPECT_EQ(Call(Method::kGet, kWebhooks, "").status, 401);
  EXPECT_EQ(
      Call(Method::kGet, kWebhooks, "operator-secret", "", {{"Tenantseal-Tenant", tenant_}}).status,
      403);
}

TEST_F(WebhookRoutes, BadInputNamesItsFieldAndChangesNothing) {
  const json good = Create(Body());
  const auto events = Events().size();
  const auto with = [](const char* field, const json& value) {
    json body = Body();
    body[field] = value;
    return body;
  };
  const std::vector<std::pair<json, std::string>> cases = {
      {{{"url", "https://a.example/"}}, "name"},
      {{{"name", "n"}}, "url"},
      {with("name", ""), "name"},
      {with("name", 7), "name"},
      {with("name", std::string(513, 'a')), "name"},
      {with("name", "a\nb"), "name"},
      {with("description", std::string(1025, 'a')), "description"},
      {with("url", "http://hooks.example.com/"), "url"},
      {with("url", "ftp://hooks.example.com/"), "url"},
      {with("url", "https://user:pw@hooks.example.com/"), "url"},
      {with("url", "https://hooks.example.com/#part"), "url"},
      {with("url", "https://hooks.example.com/" + std::string(2048, 'a')), "url"},
      {with("url", "https://127.0.0.1/"), "url"},
      {with("url", "https://localhost/"), "url"},
      {with("url", "https://2130706433/"), "url"},
      {with("url", "https://169.254.169.254/latest/meta-data/"), "url"},
      {with("url", "https://[fd00::1]/"), "url"},
      {with("url", "https://[::ffff:10.0.0.1]/"), "url"},
      {with("url", "https://10.1.2.3:8443/"), "url"},
      {with("eventTypes", "all"), "eventTypes"},
      {with("eventTypes", {"com.qlik.v1.nothing"}), "eventTypes"},
      {with("eventTypes", {events::kTenantCreated, events::kTenantCreated}), "eventTypes"},
      {with("level", "user"), "level"},
      {with("enabled", "yes"), "enabled"},
      {with("filter", "id is \"1\""), "filter"},
      {with("headers", {{"X-A", 1}}), "headers"},
      {with("headers", {{"X A", "1"}}), "headers"},
      {with("headers", {{"X-A", "a\r\nB: c"}}), "headers"},
      {with("headers", {{"Host", "evil"}}), "headers"},
      {with("headers", {{"qlik-signature", "00"}}), "headers"},
      {with("headers", {{"X-A", "1"}, {"x-a", "2"}}), "headers"},
      {with("headers", {{"X-A", std::string(2049, 'a')}}), "headers"},
      {with("encryptedHeaders", json::array({"X-A"})), "encryptedHeaders"},
      {with("encryptedHeaders", {{"X-A", std::string(2049, 'a')}}), "encryptedHeaders"},
      {with("encryptedHeaders", {{"Content-Length", "1"}}), "encryptedHeaders"},
      {with("secret", "too short"), "secret"},
      {with("secret", ""), "secret"},
      {with("secret", std::string(65, 'a')), "secret"},
      {with("secret", std::string(32, ' ')), "secret"},
      {with("secret", 7), "secret"},
      {with("enableCloudEventDelivery", false), "enableCloudEventDelivery"},
      {with("checkCertificateRevocation", 1), "checkCertificateRevocation"},
      {with("origin", "elsewhere"), "origin"},
      {with("colour", "red"), "colour"}};
  for (const auto& [body, field] : cases) {
    const Answer made = Post(kWebhooks, admin_, body);
    EXPECT_EQ(made.status, 400) << body;
    EXPECT_EQ(made.field(), field) << body;
    const Answer put = Call(Method::kPut, At(good), admin_, body.dump());
    EXPECT_EQ(put.status, 400) << body;
    EXPECT_EQ(put.field(), field) << body;
  }
  for (const std::string text : {"", "[]", "7", "{", R"({"name":"a","url":"https://a.example/"} x)",
                                 R"({"secret":"a","secret":"b"})", R"({"name":"a","name":"b"})"})
    EXPECT_EQ(Call(Method::kPost, kWebhooks, admin_, text).status, 400) << text;
  EXPECT_EQ(Get(At(good)).body, good);
  EXPECT_EQ(Events().size(), events);
}

TEST_F(WebhookRoutes, PutClearsWhatIsOmitted) {
  json body = Body();
  body.update({{"description", "d"},
               {"eventTypes", {events::kTenantCreated}},
               {"enabled", true},
               {"filter", R"(id eq "1")"},
               {"headers", {{"X-A", "1"}}},
               {"secret", kSecret},
               {"encryptedHeaders", {{"X-B", "2"}}},
               {"checkCertificateRevocation", true},
               {"origin", "automations"}});
  const json made = Create(body);
  clock_.Advance(std::chrono::seconds(5));
  const Answer put = Call(Method::kPut, At(made), admin_, Body("renamed").dump());
  ASSERT_EQ(put.status, 200);
  json expected = Create(Body("renamed"));
  for (const char* kept : {"id", "createdAt", "origin"}) expected[kept] = made[kept];
  EXPECT_EQ(put.body, expected);
  EXPECT_NE(put.body["updatedAt"], made["updatedAt"]);
  EXPECT_EQ(Get(At(made)).body, put.body);
}

TEST_F(WebhookRoutes, WhatWasReadCanBeSentBack) {
  json body = Body();
  body.update({{"description", "d"}, {"eventTypes", {events::kTenantCreated}}, {"enabled", true}});
  json made = Create(body);
  const auto events = Events().size();
  made.erase("encryptedHeaders");
  const Answer put = Call(Method::kPut, At(made), admin_, made.dump());
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(Events().size(), events) << "nothing has changed, so nothing is told";
}

TEST_F(WebhookRoutes, PatchChangesOneMemberEach) {
  json body = Body();
  body["secret"] = kSecret;
  const json made = Create(body);
  const auto after = [&](const json& operations) {
    const Answer answer = Patch(made, operations);
    EXPECT_EQ(answer.status, 204) << operations << answer.body;
    return Get(At(made)).body;
  };
  EXPECT_EQ(after(Op("replace", "/name", "new"))["name"], "new");
  EXPECT_EQ(after(Op("add", "/description", "text"))["description"], "text");
  EXPECT_EQ(after(Op("remove", "/description"))["description"], "");
  EXPECT_EQ(after(Op("replace", "/eventTypes", {events::kTenantCreated}))["eventTypes"].size(), 1U);
  EXPECT_EQ(after(Op("remove", "/eventTypes"))["eventTypes"].size(), 0U);
  EXPECT_EQ(after(Op("replace", "/enabled", true))["enabled"], true);
  EXPECT_EQ(after(Op("remove", "/enabled"))["enabled"], false);
  EXPECT_EQ(after(Op("add", "/headers", {{"X-A", "1"}}))["headers"], (json{{"X-A", "1"}}));
  EXPECT_EQ(after(Op("remove", "/secret"))["secretKeyAdded"], false);
  EXPECT_EQ(after(Op("add", "/secret", kSecret))["secretKeyAdded"], true);
  EXPECT_EQ(after(Op("add", "/encryptedHeaders", {{"X-B", "2"}}))["encryptedHeaders"],
            json::array({"X-B"}));
  EXPECT_EQ(after(Op("replace", "/enableCloudEventDelivery", true))["name"], "new");
  const json moved = after(Op("replace", "/url", "https://other.example.com/"));
  EXPECT_EQ(moved["url"], "https://other.example.com/");
  EXPECT_EQ(moved["encryptedHeaders"], json::array()) << "meant for the former receiver";
  EXPECT_EQ(moved["secretKeyAdded"], true);
  const json updates = json::parse(Events().back().content.data)["updates"];
  EXPECT_EQ(updates[0]["path"], "/url");
  EXPECT_EQ(updates[0]["after"], "https://other.example.com:443");
  EXPECT_EQ(updates[1], (json{{"path", "/encryptedHeaders"}}));
}

TEST_F(WebhookRoutes, ABadPatchChangesNothing) {
  const json made = Create(Body());
  const std::vector<std::pair<json, std::string>> cases = {
      {json::object(), "body"},
      {json::array(), "body"},
      {json::array({7}), "0"},
      {Op("move", "/name", "a"), "0/op"},
      {Op("remove", "/name"), "0/op"},
      {Op("remove", "/url"), "0/op"},
      {Op("remove", "/enableCloudEventDelivery"), "0/op"},
      {Op("replace", "/name"), "0/value"},
      {Op("replace", "/name", 7), "0/value"},
      {Op("replace", "/id", "x"), "0/path"},
      {Op("replace", "/filter", "x"), "0/path"},
      {Op("replace", "/headers/X-A", "x"), "0/path"},
      {Op("replace", "/enableCloudEventDelivery", false), "0/value"},
      {Op("replace", "/secret", "short"), "secret"},
      {Op("replace", "/secret", ""), "0/value"},
      {Op("replace", "/secret", 7), "0/value"},
      {Op("replace", "/encryptedHeaders", "x"), "0/value"},
      {Op("replace", "/url", "http://a.example/"), "url"},
      {Op("replace", "/enabled", "x"), "0/value"},
      {json::array({Op("replace", "/name", "a")[0], Op("replace", "/url", "x")[0]}), "url"},
      {json::array({{{"op", "add"}, {"path", "/name"}, {"value", "a"}, {"from", "b"}}}), "0"}};
  for (const auto& [operations, field] : cases) {
    const Answer answer = Patch(made, operations);
    EXPECT_EQ(answer.status, 400) << operations;
    EXPECT_EQ(answer.field(), field) << operations;
  }
  EXPECT_EQ(Get(At(made)).body, made);
  json body = Body();
  body["encryptedHeaders"] = {{"X-A", "1"}};
  EXPECT_EQ(Patch(Create(body), Op("add", "/headers", {{"x-a", "2"}})).field(), "headers");
}

TEST_F(WebhookRoutes, DeletesOnce) {
  const json made = Create(Body());
  EXPECT_EQ(Call(Method::kDelete, At(made), admin_).status, 204);
  for (const Method method : {Method::kGet, Method::kDelete})
    EXPECT_EQ(Call(method, At(made), admin_).status, 404);
  EXPECT_EQ(Get(std::string(kWebhooks) + "/no-id").status, 404);
  std::vector<std::string> types;
  for (const auto& event : Events()) types.push_back(event.content.type);
  EXPECT_EQ(types[types.size() - 2], events::kWebhookCreated);
  EXPECT_EQ(types.back(), events::kWebhookDeleted);
}

TEST_F(WebhookRoutes, ListsFilteredAndSorted) {
  for (const std::string name : {"Beta", "alpha", "gamma"}) {
    json body = Body(name);
    body["url"] = "https://" + name + ".example.com/";
    body["enabled"] = name == "gamma";
    if (name == "alpha") body["eventTypes"] = {events::kTenantCreated};
    if (name == "Beta") body["eventTypes"] = {events::kApiKeyCreated};
    if (name == "Beta") body["origin"] = "automations";
    Create(body);
    clock_.Advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(Names(""), (Texts{"gamma", "alpha", "Beta"}));
  EXPECT_EQ(Names("?sort=createdAt"), (Texts{"Beta", "alpha", "gamma"}));
  EXPECT_EQ(Names("?sort=%2Bname"), (Texts{"alpha", "Beta", "gamma"}));
  EXPECT_EQ(Names("?sort=+name"), (Texts{"alpha", "Beta", "gamma"}));
  EXPECT_EQ(Names("?sort=-url"), (Texts{"gamma", "Beta", "alpha"}));
  EXPECT_EQ(Names("?sort=updatedAt"), (Texts{"Beta", "alpha", "gamma"}));
  EXPECT_EQ(Names("?enabled=true"), Texts{"gamma"});
  EXPECT_EQ(Names("?name=ALP"), Texts{"alpha"});
  EXPECT_EQ(Names("?name=*a&sort=name"), (Texts{"alpha", "Beta", "gamma"}));
  EXPECT_EQ(Names("?url=https://b*"), Texts{"Beta"});
  EXPECT_EQ(Names("?origins=automations,management-console"), Texts{"Beta"});
  EXPECT_EQ(Names("?eventTypes=" + std::string(events::kTenantCreated)), (Texts{"gamma", "alpha"}))
      << "one without types gets every type";
  EXPECT_EQ(Names("?level=tenant").size(), 3U);
  EXPECT_EQ(Names("?level=user"), Texts{});
  EXPECT_EQ(Names("?ownerId=x"), Texts{});
  EXPECT_EQ(Names("?createdByUserId=x"), Texts{});
  for (const std::string query : {"?sort=id", "?enabled=1", "?level=x", "?limit=101", "?next=x",
                                  "?prev=", "?next=AAAAAAAAAAA&prev=AAAAAAAAAAA"})
    EXPECT_EQ(Get(kWebhooks + query).status, 400) << query;
}

TEST_F(WebhookRoutes, PagesForwardsAndBackwards) {
  Texts all;
  for (int i = 0; i < 7; ++i) all.push_back(Create(Body("w" + std::to_string(i)))["name"]);
  const auto link = [](const json& page, const char* name) {
    const std::string href =
        page["links"].value(json::json_pointer("/" + std::string(name) + "/href"), "");
    return href.empty() ? href : href.substr(std::string("http://example.test").size());
  };
  Texts seen;
  std::string at = std::string(kWebhooks) + "?limit=3&sort=name", last;
  while (!at.empty()) {
    const json page = Get(at).body;
    for (const json& one : page["data"]) seen.push_back(one["name"]);
    last = at;
    at = link(page, "next");
  }
  EXPECT_EQ(seen, all);
  Texts back;
  for (at = link(Get(last).body, "prev"); !at.empty();) {
    const json page = Get(at).body;
    for (auto one = page["data"].rbegin(); one != page["data"].rend(); ++one)
      back.insert(back.begin(), (*one)["name"]);
    at = link(page, "prev");
  }
  EXPECT_EQ(back, Texts(all.begin(), all.begin() + 6));
}

TEST_F(WebhookRoutes, NamesEveryEventType) {
  const json answer = Get("/api/v1/webhooks/event-types").body;
  ASSERT_EQ(answer["data"].size(), events::AllEventTypes().size());
  for (const json& one : answer["data"]) {
    for (const char* member : {"name", "title", "description", "category"})
      EXPECT_FALSE(one[member].get<std::string>().empty()) << one;
    EXPECT_EQ(one["levels"], json::array({"tenant"}));
  }
  const json type = EventTypeJson("com.qlik.v1.encryption.keyprovider-migration.finished");
  EXPECT_EQ(type["title"], "Keyprovider migration finished");
  EXPECT_EQ(type["category"], "encryption.keyprovider-migration");
}

TEST_F(WebhookRoutes, ShowsDeliveries) {
  json body = Body();
  body["enabled"] = true;
  const json webhook = Create(body);
  using enum model::DeliveryState;
  const std::string failed = Deliver(webhook, kFailed);
  const std::string good = Deliver(webhook, kSucceeded, 1);
  const std::string retrying = Deliver(webhook, kRetrying, 2, "com.other");
  const std::string list = At(webhook) + "/deliveries";
  const auto ids = [&](const std::string& query) {
    Texts out;
    const Answer answer = Get(list + query);
    EXPECT_EQ(answer.status, 200) << query << answer.body;
    for (const json& one : answer.body["data"]) out.push_back(one["id"]);
    return out;
  };
  EXPECT_EQ(ids(""), (Texts{retrying, good, failed}));
  EXPECT_EQ(ids("?sort=%2BtriggeredAt"), (Texts{failed, good, retrying}));
  EXPECT_EQ(ids("?sort=status"), (Texts{failed, retrying, good}));
  EXPECT_EQ(ids("?status=success"), Texts{good});
  EXPECT_EQ(ids("?status=fail"), (Texts{retrying, failed}));
  EXPECT_EQ(ids("?eventType=com.other"), Texts{retrying});
  for (const std::string query : {"?status=x", "?sort=id", "?next=x", "?limit=0"})
    EXPECT_EQ(Get(list + query).status, 400) << query;
  const Answer first = Get(list + "?limit=2");
  EXPECT_EQ(first.body["data"].size(), 2U);
  EXPECT_FALSE(first.body["links"].contains("prev"));
  const std::string next = first.body["links"]["next"]["href"];
  const Answer second = Get(next.substr(next.find("/api")));
  EXPECT_EQ(second.body["data"][0]["id"], failed);
  EXPECT_FALSE(second.body["links"].contains("next"));
  const std::string prev = second.body["links"]["prev"]["href"];
  EXPECT_EQ(Get(prev.substr(prev.find("/api"))).body["data"], first.body["data"]);

  const json one = Get(list + "/" + failed).body;
  EXPECT_EQ(one["webhookId"], webhook["id"]);
  EXPECT_EQ(one["status"], "fail");
  EXPECT_EQ(one["request"]["headers"]["X-Token"], "**OMITTED**");
  EXPECT_EQ(one["request"]["body"]["specversion"], "1.0");
  EXPECT_EQ(one["request"]["body"]["type"], events::kTenantCreated);
  EXPECT_EQ(one["request"]["body"]["tenantid"], tenant_);
  EXPECT_EQ(one["response"]["statusCode"], 500);
  EXPECT_EQ(one["response"]["headers"]["Set-Cookie"], "a, b");
  EXPECT_EQ(Get(list + "/" + std::string(22, 'x')).status, 404);
  EXPECT_EQ(Get(list + "/x").status, 404);
  EXPECT_EQ(Get(At(Create(Body())) + "/deliveries/" + failed).status, 404);
}

TEST_F(WebhookRoutes, ResendsAsADeliveryOfItsOwn) {
  json body = Body();
  body["enabled"] = true;
  const json webhook = Create(body);
  const std::string id = Deliver(webhook, model::DeliveryState::kFailed);
  const std::string resend = At(webhook) + "/deliveries/" + id + "/actions/resend";
  const Answer again = Call(Method::kPost, resend, admin_);
  ASSERT_EQ(again.status, 201) << again.body;
  EXPECT_NE(again.body["id"], id);
  EXPECT_EQ(again.body["status"], "pending");
  EXPECT_EQ(again.body["eventType"], events::kTenantCreated);
  const auto due = store_.DueWebhooks(clock_.Utc(), {}, 10).value();
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].id, webhook["id"]);
  EXPECT_EQ(Patch(webhook, Op("replace", "/enabled", false)).status, 204);
  EXPECT_EQ(Call(Method::kPost, resend, admin_).status, 409);
  EXPECT_EQ(Call(Method::kPost,
                 At(webhook) + "/deliveries/" + std::string(22, 'x') + "/actions/resend", admin_)
                .status,
            404);
}

TEST(IsLike, StarsStandForAnyText) {
  for (const auto& [text, pattern] :
       std::vector<std::pair<std::string, std::string>>{{"abc", "B"},
                                                        {"abc", "a*"},
                                                        {"abc", "*c"},
                                                        {"abc", "*"},
                                                        {"abc", "a*c"},
                                                        {"abcabc", "a*bc"},
                                                        {"abc", "*b*"},
                                                        {"abc", "ABC*"},
                                                        {"", "*"}})
    EXPECT_TRUE(IsLike(text, pattern)) << text << " " << pattern;
  for (const auto& [text, pattern] :
       std::vector<std::pair<std::string, std::string>>{{"abc", "d"},
                                                        {"abc", "b*"},
                                                        {"abc", "*b"},
                                                        {"abc", "a*d"},
                                                        {"ab", "ab*b"},
                                                        {"abc", "c*a"}})
    EXPECT_FALSE(IsLike(text, pattern)) << text << " " << pattern;
}

}  // namespace
}  // namespace tenantseal::api
