#include "cli/webhook_command.h"

#include <nlohmann/json.hpp>

#include "cli/cli_test_ground.h"

namespace tenantseal::cli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kId(22, 'w');
const std::string kDeliveryId(22, 'd');
const std::string kAll = "/api/v1/webhooks";
const std::string kOneWebhook = kAll + "/" + kId;
const std::string kSecret = "0123456789abcdef0123456789abcdef";

const json kWebhookJson = {{"id", kId},
                           {"name", "Our \x1b[31mhook"},
                           {"url", "https://hooks.example.com/in"},
                           {"enabled", true},
                           {"eventTypes", json::array()},
                           {"headers", {{"X-Plain", "1"}}},
                           {"encryptedHeaders", {"X-Token"}},
                           {"secretKeyAdded", true}};
const json kDeliveryJson = {{"id", kDeliveryId},
                            {"webhookId", kId},
                            {"eventType", "com.x"},
                            {"status", "fail"},
                            {"statusMessage", "HTTP 500"},
                            {"attempts", 2},
                            {"response", {{"statusCode", 500}, {"body", "sorry"}}}};

class WebhookCommandTest : public CommandTest {
 protected:
  WebhookCommandTest() {
    ::setenv("TENANTSEAL_SERVER", service_.url().c_str(), 1);
    ::setenv("TENANTSEAL_API_KEY", "key", 1);
  }
  static Ran Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "webhook");
    return RunCommandLine(arguments);
  }
  static std::string Page(const json& items, const std::string& next = "") {
    json page = {{"data", items}};
    if (!next.empty()) page["links"]["next"]["href"] = "http://elsewhere" + next;
    return page.dump();
  }
};

TEST_F(WebhookCommandTest, CreateSendsWhatItIsGiven) {
  service_.On("POST " + kAll, {{201, kWebhookJson.dump()}});
  const Ran ran = Run({"create", "--name", "n", "--url", "https://u.example/", "--event-type", "a",
                       "--event-type", "b", "--header", "X-A: 1", "--header", "X-B:", "--enable",
                       "--secret-file", WriteFile("secret", kSecret + "\n")});
  EXPECT_EQ(ran.status, kExitOk) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("Our ?[31mhook"), HasSubstr("X-Token"), HasSubstr("all"),
                             Not(HasSubstr(kSecret))));
  const std::string file = WriteFile(
      "body", R"({"name":"f","url":"https://f.example/","encryptedHeaders":{"X-T":"t"}})");
  EXPECT_EQ(Run({"create", "-f", file, "--name", "n", "-q"}).out, kId + "\n");
  EXPECT_THAT(service_.calls(),
              ElementsAre("POST " + kAll + R"( {"enabled":true,"eventTypes":["a","b"],"headers":)" +
                              R"({"X-A":"1","X-B":""},"name":"n","secret":")" + kSecret +
                              R"(","url":"https://u.example/"})",
                          "POST " + kAll + R"( {"encryptedHeaders":{"X-T":"t"},"name":"n",)" +
                              R"("url":"https://f.example/"})"));
  EXPECT_EQ(Run({"create", "--name", "n"}).status, kExitUsage);
  EXPECT_EQ(Run({"create", "--name", "n", "--url", "u", "--header", "X"}).status, kExitUsage);
}

TEST_F(WebhookCommandTest, ListsAllPages) {
  service_.On("GET " + kAll + "?sort=name&limit=100",
              {{200, Page(json::array({kWebhookJson}), kAll + "?next=c")}});
  service_.On("GET " + kAll + "?next=c", {{200, Page(json::array({{{"id", "second"}}}))}});
  EXPECT_EQ(Run({"ls", "-q"}).out, kId + "\nsecond\n");
  EXPECT_THAT(Run({"ls"}).out, AllOf(HasSubstr("https://hooks.example.com/in"), HasSubstr("all")));
}

TEST_F(WebhookCommandTest, ChangesAndDeletes) {
  service_.On("GET " + kOneWebhook, {{200, kWebhookJson.dump()}});
  service_.On("PATCH " + kOneWebhook, {{204, ""}});
  service_.On("DELETE " + kOneWebhook, {{204, ""}});
  EXPECT_THAT(Run({"get", kId}).out, HasSubstr("hooks.example.com"));
  const std::vector<std::pair<std::vector<std::string>, std::string>> patches = {
      {{"--op", "replace", "--path", "/name", "--value", "7"}, R"("7")"},
      {{"--op", "replace", "--path", "/enabled", "--value", "true"}, "true"},
      {{"--op", "add", "--path", "/eventTypes", "--value", R"(["a"])"}, R"(["a"])"},
      {{"--op", "add", "--path", "/secret", "--secret-file", WriteFile("s", kSecret)},
       "\"" + kSecret + "\""}};
  for (auto [arguments, value] : patches) {
    arguments.insert(arguments.begin(), {"patch", kId});
    EXPECT_EQ(Run(arguments).status, kExitOk);
    EXPECT_THAT(service_.calls().back(), HasSubstr("\"value\":" + value + "}]"));
  }
  EXPECT_EQ(Run({"patch", kId, "--op", "remove", "--path", "/secret"}).status, kExitOk);
  EXPECT_EQ(service_.calls().back(),
            "PATCH " + kOneWebhook + R"( [{"op":"remove","path":"/secret"}])");
  EXPECT_EQ(Run({"patch", kId}).status, kExitUsage);
  EXPECT_EQ(Run({"rm", kId}).status, kExitOk);
  EXPECT_EQ(service_.calls().back(), "DELETE " + kOneWebhook);
  EXPECT_EQ(Run({"rm", "../tenants"}).status, kExitUsage);
}

TEST_F(WebhookCommandTest, ShowsAndResendsDeliveries) {
  const std::string list = kOneWebhook + "/deliveries";
  service_.On("GET " + list + "?sort=-triggeredAt&status=fail&eventType=com.x&limit=5",
              {{200, Page(json::array({kDeliveryJson}))}});
  const Ran ran = Run({"deliveries", kId, "--status", "fail", "--type", "com.x", "--limit", "5"});
  EXPECT_THAT(ran.out, AllOf(HasSubstr(kDeliveryId), HasSubstr("HTTP 500"))) << ran.err;
  service_.On("GET " + list + "/" + kDeliveryId, {{200, kDeliveryJson.dump()}});
  EXPECT_THAT(Run({"deliveries", kId, kDeliveryId}).out, HasSubstr("sorry"));
  service_.On("POST " + list + "/" + kDeliveryId + "/actions/resend",
              {{201, kDeliveryJson.dump()}});
  EXPECT_EQ(Run({"resend", kId, kDeliveryId, "-q"}).out, kDeliveryId + "\n");
  EXPECT_EQ(Run({"resend", kId}).status, kExitUsage);
  EXPECT_EQ(Run({"deliveries", kId, "--status", "odd"}).status, kExitUsage);
}

TEST_F(WebhookCommandTest, ListsTypes) {
  service_.On("GET " + kAll + "/event-types",
              {{200, Page(json::array({{{"name", "com.x.made"}, {"title", "X made"}}}))}});
  EXPECT_THAT(Run({"event-types"}).out, AllOf(HasSubstr("com.x.made"), HasSubstr("X made")));
}

}  // namespace
}  // namespace tenantseal::cli
