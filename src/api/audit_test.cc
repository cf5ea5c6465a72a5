// Events as the API shows them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "api/api_test_ground.h"
#include "api/audit_json.h"
#include "api/routes.h"
#include "base/random.h"
#include "events/event.h"
#include "model/ids.h"

namespace tenantseal::api {
namespace {

model::Event EventOf(std::uint64_t sequence) {
  model::Event event;
  event.content.id = "abcdef01-2345-4678-9abc-def012345678";
  event.content.time = base::ParseUtc("2026-11-24T07:06:00.123Z").value();
  event.content.type = "com.qlik.v1.encryption.keyprovider.updated";
  event.content.source = "com.tenantseal/encryption";
  event.content.actor = "api-key:x";
  event.content.data = R"({"id":"f","updates":[{"path":"/name"}]})";
  event.sequence = sequence;
  return event;
}

TEST(AuditJson, IdNamesTheEventsPlace) {
  EXPECT_EQ(AuditId(EventOf(1)), "6b053758abcdef0000000001");
  for (const std::uint64_t sequence : {1ull, 255ull, 1ull << 32, (1ull << 40) - 1}) {
    EXPECT_EQ(AuditSequence(AuditId(EventOf(sequence))), sequence);
  }
  for (const char* bad :
       {"", "6a13e2e8abcdef000000000", "6b053758abcdef00000000010", "zz13e2e8abcdef0000000001"})
    EXPECT_FALSE(AuditSequence(bad)) << bad;
}

TEST(AuditJson, ShowsWhoDidWhatWhen) {
  model::Event event = EventOf(7);
  const auto tenant = model::TenantId::New(base::SystemRandom());
  event.content.scope = model::Scope::Of(tenant);
  const json shown = AuditJson(event, "https://seal.example.com");
  const std::string href = "https://seal.example.com/api/v1/audits/" + AuditId(event);
  EXPECT_EQ(shown["links"], (json{{"Self", {{"Href", href}}}, {"self", {{"href", href}}}}));
  EXPECT_EQ(shown["contentType"], "application/json");
  EXPECT_EQ(shown["eventId"], event.content.id);
  EXPECT_EQ(shown["eventTime"], "2026-11-24T07:06:00.123Z");
  EXPECT_EQ(shown["eventTypeVersion"], "1.0.0");
  EXPECT_EQ(shown["tenantId"], tenant.text());
  EXPECT_EQ(shown["userId"], "api-key:x");
  EXPECT_EQ(shown["extensions"]["actor"], (json{{"sub", "x"}, {"subType", "api-key"}}));
  EXPECT_EQ(shown["extensions"]["updates"][0]["path"], "/name");
  EXPECT_EQ(shown["data"]["id"], "f");
  json archived = shown;
  archived.erase("id");
  archived.erase("links");
  EXPECT_EQ(ArchivedAuditJson(event), archived);
}

TEST(AuditJson, ASystemEventOfTheDeploymentHasNoTenant) {
  model::Event event = EventOf(7);
  event.content.actor = "system";
  event.content.data = "{}";
  const json shown = AuditJson(event, "http://x");
  EXPECT_FALSE(shown.contains("tenantId"));
  EXPECT_FALSE(shown["extensions"].contains("updates"));
  EXPECT_EQ(shown["extensions"]["actor"], (json{{"sub", "system"}, {"subType", "system"}}));
}

class AuditTest : public ApiTest {
 protected:
  // The ids, in order.
  static std::vector<std::string> Ids(const Answer& answer) {
    std::vector<std::string> ids;
    for (const json& item : answer.body.at("data")) ids.push_back(item.at("id"));
    return ids;
  }
  Answer List(const std::string& query, std::vector<net::HeaderField> more = {}) {
    return Call(Method::kGet, "/api/v1/audits" + query, admin_, "", std::move(more));
  }
  // Follows a link of an answer of List().
  Answer Follow(const Answer& answer, const char* link) {
    const std::string href = answer.body["links"][link]["href"];
    EXPECT_TRUE(href.starts_with("http://example.test/api/v1/audits?")) << href;
    return List(href.substr(href.find('?')));
  }
  // One event a second in the tenant's chain.
  void MakeEvents(int count) {
    for (int i = 0; i < count; ++i) {
      clock_.Advance(std::chrono::seconds(1));
      NewKey("Auditor", tenant_);
    }
  }
};

TEST_F(AuditTest, ListsNewestFirstTenAtATime) {
  MakeEvents(20);
  const Answer all = List("?limit=100");
  ASSERT_EQ(all.status, 200) << all.body;
  ASSERT_GE(all.body["data"].size(), 20u);
  EXPECT_FALSE(all.body["links"].contains("next"));
  EXPECT_FALSE(all.body["links"].contains("prev"));
  EXPECT_EQ(all.body["links"]["self"]["href"], "http://example.test/api/v1/audits?limit=100");
  EXPECT_GT(all.body["data"][0]["eventTime"], all.body["data"][1]["eventTime"]);
  EXPECT_EQ(List("").body["data"].size(), 10u);
  for (const json& item : all.body["data"]) EXPECT_EQ(item["tenantId"], tenant_);
}

TEST_F(AuditTest, PagesLeadForthAndBack) {
  MakeEvents(20);
  const auto all = Ids(List("?limit=100"));
  for (const char* limit : {"?limit=7", "?limit=1", "?limit=7&sort=-eventTime"}) {
    std::vector<std::string> forth, back;
    Answer page = List(limit);
    for (;;) {
      const auto ids = Ids(page);
      forth.insert(forth.end(), ids.begin(), ids.end());
      if (!page.body["links"].contains("next")) break;
      page = Follow(page, "next");
    }
    EXPECT_EQ(forth, all);
    for (;;) {
      const auto ids = Ids(page);
      back.insert(back.begin(), ids.begin(), ids.end());
      if (!page.body["links"].contains("prev")) break;
      page = Follow(page, "prev");
    }
    EXPECT_EQ(back, all);
  }
}

TEST_F(AuditTest, SortsByWhatIsAskedFor) {
  MakeEvents(5);
  auto all = Ids(List("?limit=100"));
  std::reverse(all.begin(), all.end());
  EXPECT_EQ(Ids(List("?limit=100&sort=%2BeventTime")), all);
  EXPECT_EQ(Ids(List("?limit=100&sort=+eventTime")), all);
  EXPECT_EQ(Ids(List("?limit=100&sort=%20eventTime")), all);
  const Answer by_type = List("?limit=100&sort=-eventType");
  EXPECT_EQ(by_type.body["data"][0]["eventType"], "com.tenantseal.v1.tenant.created");
  EXPECT_EQ(List("?sort=%2Bsource").status, 200);
  for (const char* bad : {"eventTime", "%2BuserId", "-", "", "--eventTime"}) {
    EXPECT_EQ(List(std::string("?sort=") + bad).field(), "sort") << bad;
  }
}

TEST_F(AuditTest, Filters) {
  MakeEvents(3);
  const Answer all = List("?limit=100");
  const Answer created = List("?eventType=com.tenantseal.v1.tenant.created");
  ASSERT_EQ(created.body["data"].size(), 1u);
  EXPECT_EQ(List("?eventType=com.tenantseal.v1.Tenant.created").body["data"].size(), 0u);
  EXPECT_EQ(List("?source=com.tenantseal/encryption&limit=100").body["data"].size(),
            all.body["data"].size());
  EXPECT_EQ(List("?source=other").body["data"].size(), 0u);
  const std::string user = all.body["data"][0]["userId"];
  EXPECT_EQ(List("?userId=" + user + "&limit=100").body["data"].size(), all.body["data"].size());
  EXPECT_EQ(List("?userId=nobody").body["data"].size(), 0u);
  const std::string newest = all.body["data"][0]["eventTime"],
                    next = all.body["data"][1]["eventTime"];
  EXPECT_EQ(List("?eventTime=" + next + "/" + newest).body["data"].size(), 2u);
  EXPECT_EQ(List("?eventTime=" + newest + "%2F" + newest).body["data"].size(), 1u);
  const auto ids = Ids(all);
  EXPECT_THAT(Ids(List("?id=" + ids[2] + "," + ids[0])), testing::ElementsAre(ids[0], ids[2]));
  std::string other = ids[0];
  other[8] = other[8] == '0' ? '1' : '0';  // Another event's id of the same place.
  EXPECT_EQ(List("?id=" + other).body["data"].size(), 0u);
}

TEST_F(AuditTest, ChecksAWholeChainPortionByPortion) {
  MakeEvents(30);
  const auto check = [this](const std::string& query) {
    return Call(Method::kGet, "/api/v1/audits/chain" + query, admin_);
  };
  const Answer all = check("");
  ASSERT_EQ(all.status, 200) << all.body;
  EXPECT_EQ(all.body["data"]["state"], "verified");
  EXPECT_EQ(all.body["data"]["verifiedAfter"], 0);
  const std::size_t length = List("?limit=100").body["data"].size();
  EXPECT_EQ(all.body["data"]["verifiedThrough"], length);
  EXPECT_EQ(all.body["data"]["hash"].get<std::string>().size(), 64u);
  EXPECT_FALSE(all.body["links"].contains("next"));

  // One change of its status after the other: an event each.
  for (int i = 0; i < 10'000; ++i) {
    const std::string action = i % 2 == 0 ? "deactivate" : "reactivate";
    ASSERT_EQ(
        Call(Method::kPost, "/api/v1/tenants/" + tenant_ + "/actions/" + action, "operator-secret")
            .status,
        200);
  }
  const Answer first = check("");
  EXPECT_EQ(first.body["data"]["verifiedThrough"], 10'000);
  const std::string href = first.body["links"]["next"]["href"];
  const Answer rest = check(href.substr(href.find('?')));
  EXPECT_EQ(rest.body["data"]["verifiedAfter"], 10'000);
  EXPECT_EQ(rest.body["data"]["verifiedThrough"], length + 10'000);
  EXPECT_NE(rest.body["data"]["hash"], first.body["data"]["hash"]);
  EXPECT_FALSE(rest.body["links"].contains("next"));
  EXPECT_EQ(check("?next=x").field(), "next");
  EXPECT_EQ(Call(Method::kGet, "/api/v1/audits/chain", content_).status, 403);
}

TEST_F(AuditTest, BadParametersAreNamed) {
  const std::string own_cursor = [&] {
    MakeEvents(3);
    const std::string href = List("?limit=1").body["links"]["next"]["href"];
    return href.substr(href.find("next=") + 5);
  }();
  EXPECT_EQ(List("?next=" + own_cursor).status, 200);
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"limit=0", "limit"},
      {"limit=101", "limit"},
      {"limit=x", "limit"},
      {"next=AAAA", "next"},
      {"next=AAAAAAAAAAA", "next"},
      {"next=__________8", "next"},
      {"prev=%25", "prev"},
      {"prev=" + own_cursor + "&next=" + own_cursor, "prev"},
      {"eventTime=2026-01-01", "eventTime"},
      {"eventTime=/", "eventTime"},
      {"id=1", "id"},
      {"id=", "id"},
      {"eventTime=2026-02-01T00:00:00.000Z/2026-01-01T00:00:00.000Z", "eventTime"},
      {"eventType=a&eventType=b", "eventType"}};
  for (const auto& [query, field] : bad) {
    const Answer answer = List("?" + query);
    EXPECT_EQ(answer.status, 400) << query;
    EXPECT_EQ(answer.field(), field) << query;
  }
}

TEST_F(AuditTest, OneEventByItsId) {
  const json listed = List("").body["data"][0];
  const std::string id = listed["id"];
  const Answer one = Call(Method::kGet, "/api/v1/audits/" + id, admin_);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.body, listed);
  for (const std::string& bad :
       {std::string("1"), std::string(24, '0'), id.substr(0, 23) + "f", "f" + id.substr(1)}) {
    EXPECT_EQ(Call(Method::kGet, "/api/v1/audits/" + bad, admin_).status, 404) << bad;
  }
}

TEST_F(AuditTest, LinksAreAbsoluteAsTheClientSeesTheService) {
  const json item = List("", {{"X-Forwarded-Proto", "https"}}).body["data"][0];
  const std::string href = "https://example.test/api/v1/audits/" + item["id"].get<std::string>();
  EXPECT_EQ(item["links"]["self"]["href"], href);
  EXPECT_EQ(item["links"]["Self"]["Href"], href);
}

TEST_F(AuditTest, AfterNinetyDaysOnlyTheArchiveHasThem) {
  const json old = List("").body["data"][0];
  const std::string id = old["id"], day = old["eventTime"].get<std::string>().substr(0, 10);
  clock_.Advance(std::chrono::days(90));
  EXPECT_EQ(Call(Method::kGet, "/api/v1/audits/" + id, admin_).status, 200);
  clock_.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(Call(Method::kGet, "/api/v1/audits/" + id, admin_).status, 404);
  EXPECT_TRUE(Ids(List("")).empty());
  EXPECT_TRUE(Ids(List("?eventTime=2000-01-01T00:00:00Z/2100-01-01T00:00:00Z")).empty());
  const Answer archive = List("/archive?date=" + day);
  ASSERT_EQ(archive.status, 200);
  EXPECT_EQ(archive.body["data"].back()["eventId"], old["eventId"]);
  EXPECT_FALSE(archive.body["data"][0].contains("id"));
  EXPECT_FALSE(archive.body["data"][0].contains("links"));
  EXPECT_TRUE(List("/archive?date=2000-01-01").body["data"].empty());
  for (const char* bad : {"", "?date=", "?date=2026-13-01", "?date=2026-11-24T00:00:00Z"}) {
    EXPECT_EQ(List(std::string("/archive") + bad).field(), "date") << bad;
  }
}

TEST_F(AuditTest, SettingsSourcesAndTypes) {
  EXPECT_EQ(List("/settings").body,
            (json{{"data", {{"EventTTL", 7'776'000}, {"ArchiveEnabled", true}}}}));
  EXPECT_EQ(List("/sources").body["data"], json::array({"com.tenantseal/encryption"}));
  const json types = List("/types").body["data"];
  EXPECT_EQ(types.size(), events::AllEventTypes().size());
  EXPECT_TRUE(std::is_sorted(types.begin(), types.end()));
  EXPECT_THAT(types, testing::Contains("com.qlik.v1.encryption.keyprovider-migration.finished"));
}

TEST(EventDocument, HasExactlyTheTypes) {
  std::ifstream file(TENANTSEAL_SOURCE_DIR "/docs/events.md");
  std::set<std::string> documented;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| `com.")) documented.insert(line.substr(3, line.find('`', 3) - 3));
  }
  EXPECT_EQ(documented,
            std::set<std::string>(events::AllEventTypes().begin(), events::AllEventTypes().end()));
}

TEST_F(AuditTest, WhoReadsWhoseEvents) {
  const std::string other = NewTenant();
  const std::string auditor = NewKey("Auditor", tenant_), everywhere = NewKey("Auditor", "");
  const auto ask = [this](const std::string& key, std::vector<net::HeaderField> more = {}) {
    return Call(Method::kGet, "/api/v1/audits?limit=100", key, "", std::move(more));
  };
  const net::HeaderField named{"Tenantseal-Tenant", other};
  EXPECT_EQ(ask(auditor).body["data"][0]["tenantId"], tenant_);
  EXPECT_EQ(ask(auditor, {named}).status, 403);
  EXPECT_EQ(ask(admin_, {named}).status, 403);
  EXPECT_EQ(ask(content_).status, 403);
  EXPECT_EQ(ask("").status, 401);
  EXPECT_EQ(ask("operator-secret", {named}).status, 403);
  EXPECT_EQ(ask(everywhere, {named}).body["data"][0]["tenantId"], other);
  for (const std::string& key : {std::string("operator-secret"), everywhere}) {
    const Answer deployment = ask(key);
    ASSERT_EQ(deployment.status, 200);
    ASSERT_FALSE(deployment.body["data"].empty());
    for (const json& item : deployment.body["data"]) EXPECT_FALSE(item.contains("tenantId"));
  }
  // An id of another chain is none of this one.
  const std::string id = ask(everywhere, {named}).body["data"][0]["id"];
  EXPECT_EQ(Call(Method::kGet, "/api/v1/audits/" + id, admin_).status, 404);
}

}  // namespace
}  // namespace tenantseal::api
