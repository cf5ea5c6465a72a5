#include "cli/key_provider_command.h"

#include <nlohmann/json.hpp>

#include "cli/cli_test_ground.h"
#include "cli/report_text.h"

namespace tenantseal::cli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kProviderFingerprint = "9f352c5a9c1618485051892cb57467e4";
const std::string kProviders = "/api/v1/encryption/keyproviders";
const std::string kOneProvider = kProviders + "/" + kProviderFingerprint;
const std::string kDetails = "GET " + kProviders + "/migration/actions/details";

const json kProvider = {{"arnFingerPrint", kProviderFingerprint},
                        {"name", "Our \x1b[31mkey"},
                        {"arn", "arn:aws:kms:us-east-1:111122223333:key/mrk-1"},
                        {"keyprovider", "AWS-KMS"},
                        {"current", true},
                        {"validation", "pass"},
                        {"promotedToCurrentAt", "0001-01-01T00:00:00Z"}};
const json kReport = {
    {"outcome", "fail"},
    {"mendedPolicy", R"({"Version":"2012-10-17"})"},
    {"checks",
     {{{"name", "arn"}, {"outcome", "pass"}, {"region", ""}, {"detail", ""}, {"fix", ""}},
      {{"name", "authorised"},
       {"outcome", "fail"},
       {"region", "us-east-1"},
       {"detail", "The key does not allow GenerateDataKey."},
       {"fix", "Put the statements into its policy."},
       {"code", "Encryption-88"}}}}};

std::string Refusal(const std::string& code, const json& meta = json::object()) {
  return json{
      {"errors", {{{"code", code}, {"title", "Refused."}, {"detail", "Why."}, {"meta", meta}}}}}
      .dump();
}

json Migration(const std::string& state, int progress) {
  return {{"id", "m-1"},  {"state", state},   {"progress", progress},
          {"total", 100}, {"done", progress}, {"quarantined", 0}};
}

class KeyProviderTest : public CommandTest {
 protected:
  KeyProviderTest() {
    ::setenv("TENANTSEAL_SERVER", service_.url().c_str(), 1);
    ::setenv("TENANTSEAL_API_KEY", "key", 1);
  }
  static Ran Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"encryption", "keyprovider"});
    return RunCommandLine(arguments);
  }
};

TEST_F(KeyProviderTest, CreateSendsWhatItIsGiven) {
  service_.On("POST " + kProviders, {{201, kProvider.dump()}});
  const Ran ran = Run({"create", "--arn", "A", "--name", "N", "--description", "D"});
  EXPECT_EQ(ran.status, kExitOk) << ran.err;
  EXPECT_THAT(ran.out,
              AllOf(HasSubstr("Our ?[31mkey"), HasSubstr("mrk-1"), Not(HasSubstr("0001-01-01"))));
  const std::string file = WriteFile("body", R"({"arn": "F", "name": "G", "current": false})");
  EXPECT_EQ(Run({"create", "-f", file, "--name", "N", "-q"}).out,
            std::string(kProviderFingerprint) + "\n");
  EXPECT_THAT(
      service_.calls(),
      ElementsAre("POST " + kProviders +
                      R"( {"arn":"A","description":"D","keyprovider":"AWS-KMS","name":"N"})",
                  "POST " + kProviders +
                      R"( {"arn":"F","current":false,"keyprovider":"AWS-KMS","name":"N"})"));
  EXPECT_EQ(Run({"create", "--arn", "A"}).status, kExitUsage);
  EXPECT_EQ(Run({"create", "-f", WriteFile("list", "[]")}).status, kExitUsage);
}

TEST_F(KeyProviderTest, ListsForPeopleAndForPrograms) {
  const std::string body = json::array({kProvider}).dump();
  service_.On("GET " + kProviders, {{200, body}});
  service_.On("GET " + kProviders + "/actions/list", {{200, "[]"}});
  EXPECT_THAT(Run({"ls"}).out,
              HasSubstr("*  " + std::string(kProviderFingerprint) + "  Our ?[31mkey"));
  EXPECT_EQ(Run({"ls", "--quiet"}).out, std::string(kProviderFingerprint) + "\n");
  EXPECT_EQ(Run({"ls", "--raw"}).out, body + "\n");
  EXPECT_EQ(json::parse(Run({"ls", "--json"}).out), json::array({kProvider}));
  EXPECT_EQ(Run({"list", "--json"}).out, "[]\n");
  EXPECT_EQ(Run({"ls", "--json", "--quiet"}).status, kExitUsage);
}

TEST_F(KeyProviderTest, ARefusalIsToldInFull) {
  service_.On("POST " + kProviders, {{403, Refusal("Encryption-88", kReport)}});
  const Ran ran = Run({"create", "--arn", "A", "--name", "N"});
  EXPECT_EQ(ran.status, kExitFailure);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, AllOf(HasSubstr("tenantseal: Refused: Why. (Encryption-88)\n"),
                             HasSubstr("  ok    arn\n"),
                             HasSubstr("  FAIL  authorised  us-east-1  The key does not allow "
                                       "GenerateDataKey.  (Encryption-88)\n"
                                       "        to mend it: Put the statements into its policy.\n"),
                             HasSubstr("{\n  \"Version\": \"2012-10-17\"\n}\n")));
  const Ran program = Run({"create", "--arn", "A", "--name", "N", "--json"});
  EXPECT_EQ(json::parse(program.out)["errors"][0]["meta"], kReport);
  EXPECT_EQ(program.status, kExitFailure);
}

TEST_F(KeyProviderTest, ExitStatusesOfOtherRefusalsAreThoseOfEveryCommand) {
  const std::string call = "GET " + kOneProvider;
  service_.On(call, {{404, Refusal("Encryption-11")}});
  EXPECT_EQ(Run({"get", kProviderFingerprint}).status, kExitFailure);
  service_.On(call, {{401, Refusal("unauthenticated")}});
  EXPECT_EQ(Run({"get", kProviderFingerprint}).status, kExitUnauthorised);
  service_.On(call, {{503, "busy"}});
  EXPECT_EQ(Run({"get", kProviderFingerprint, "--retry", "0"}).status, kExitUnavailable);
  service_.On(call, {{200, "no JSON"}});
  EXPECT_EQ(Run({"get", kProviderFingerprint}).status, kExitFailure);
  EXPECT_EQ(Run({"get", "../tenants"}).status, kExitUsage);
  EXPECT_EQ(Run({"get", kProviderFingerprint, "--retry", "11"}).status, kExitUsage);
  EXPECT_EQ(Run({"get", kProviderFingerprint, "--interval", "0"}).status, kExitUsage);
}

TEST_F(KeyProviderTest, RepeatsWhatIsRefusedForNow) {
  service_.On("GET " + kOneProvider, {{429, Refusal("HTTP-429"), "1"}, {200, kProvider.dump()}});
  EXPECT_EQ(Run({"get", kProviderFingerprint, "-v"}).status, kExitOk);
  EXPECT_EQ(service_.calls().size(), 2U);
  service_.On("DELETE " + kOneProvider, {{424, Refusal("Encryption-40")}, {204}});
  EXPECT_EQ(Run({"rm", kProviderFingerprint}).status, kExitFailure);
  EXPECT_EQ(service_.calls().size(), 3U);
}

TEST_F(KeyProviderTest, HeadersAreSent) {
  service_.On("GET " + kOneProvider, {{200, kProvider.dump()}});
  EXPECT_EQ(
      Run({"get", kProviderFingerprint, "--headers", "X-One=1", "--headers", "X-Two=a=b"}).status,
      kExitOk);
  EXPECT_EQ(service_.last_header("X-One"), "1");
  EXPECT_EQ(service_.last_header("X-Two"), "a=b");
  for (const char* header : {"X One=1", "=1", "X-One", "X-One=a\nb", ""})
    EXPECT_EQ(Run({"get", kProviderFingerprint, "--headers", header}).status, kExitUsage) << header;
}

TEST_F(KeyProviderTest, AnAuthorizationHeaderIsTheApiKeyWithAWarning) {
  service_.On("GET " + kOneProvider, {{200, kProvider.dump()}});
  const auto get = [](std::vector<std::string> more) {
    more.insert(more.begin(), {"get", kProviderFingerprint});
    return Run(more);
  };
  ::unsetenv("TENANTSEAL_API_KEY");
  Ran ran = get({"--headers", "authorization=bearer se=cret", "--headers", "X-One=1"});
  EXPECT_EQ(ran.status, kExitOk) << ran.err;
  EXPECT_THAT(ran.err, AllOf(HasSubstr("warning"), HasSubstr("TENANTSEAL_API_KEY"),
                             Not(HasSubstr("se=cret"))));
  EXPECT_EQ(service_.last_header("Authorization"), "Bearer se=cret");
  EXPECT_EQ(service_.last_header("X-One"), "1");
  ::setenv("TENANTSEAL_API_KEY", "key", 1);
  EXPECT_EQ(get({"--headers", "Authorization=Bearer flag"}).status, kExitOk);
  EXPECT_EQ(service_.last_header("Authorization"), "Bearer flag") << "before the environment";

  const std::string file = WriteFile("key", "key");
  const std::vector<std::vector<std::string>> wrong = {
      {"--headers", "Authorization=Basic s3cr3t"},
      {"--headers", "Authorization=Bearer "},
      {"--headers", "Authorization: Bearer s3cr3t"},
      {"--headers", "Authorization=Bearer a", "--headers", "authorization=Bearer s3cr3t"},
      {"--headers", "Authorization=Bearer s3cr3t", "--api-key-file", file}};
  for (const auto& flags : wrong) {
    ran = get(flags);
    EXPECT_EQ(ran.status, kExitUsage) << flags[1];
    EXPECT_THAT(ran.err, AllOf(HasSubstr("--headers"), Not(HasSubstr("s3cr3t"))));
  }
}

TEST_F(KeyProviderTest, FlagsOfQlikAreTaken) {
  service_.On("GET " + kProviders, {{200, "[]"}});
  EXPECT_EQ(Run({"ls", "--server-type", "cloud", "--insecure"}).status, kExitOk);
  EXPECT_EQ(Run({"ls", "--server-type", "none"}).status, kExitUsage);
}

TEST_F(KeyProviderTest, EventsAreThoseOfTheTopLevel) {
  service_.On("GET /api/v1/audits?sort=-eventTime&limit=50", {{200, R"({"data":[{"id":"e1"}]})"}});
  EXPECT_EQ(Run({"events", "ls", "-q"}).out, "e1\n");
}

TEST_F(KeyProviderTest, PatchEditAndRemove) {
  service_.On("GET " + kOneProvider, {{200, kProvider.dump()}});
  service_.On("PATCH " + kOneProvider, {{204}});
  service_.On("DELETE " + kOneProvider, {{204}});
  EXPECT_EQ(
      Run({"patch", kProviderFingerprint, "--op", "replace", "--path", "/name", "--value", "N"})
          .status,
      kExitOk);
  EXPECT_EQ(service_.calls().back(),
            "PATCH " + kOneProvider + R"( [{"op":"replace","path":"/name","value":"N"}])");
  const std::string patch = WriteFile("patch", R"([{"op":"test"}])");
  EXPECT_EQ(Run({"patch", kProviderFingerprint, "-f", patch, "--quiet"}).out,
            std::string(kProviderFingerprint) + "\n");
  EXPECT_EQ(service_.calls().back(), "PATCH " + kOneProvider + R"( [{"op":"test"}])");
  EXPECT_EQ(Run({"patch", kProviderFingerprint}).status, kExitUsage);

  ::unsetenv("VISUAL");
  ::setenv("EDITOR", "sed -i 's/\"description\": \"\"/\"description\": \"D\"/'", 1);
  EXPECT_EQ(Run({"edit", kProviderFingerprint}).status, kExitOk);
  EXPECT_EQ(service_.calls().back(),
            "PATCH " + kOneProvider + R"( [{"op":"replace","path":"/description","value":"D"}])");
  ::setenv("EDITOR", "true", 1);
  EXPECT_EQ(Run({"edit", kProviderFingerprint}).out, "Nothing was changed.\n");
  for (const char* failing : {"false", "sed -i s/name/arn/", "sed -i d"}) {
    ::setenv("EDITOR", failing, 1);
    EXPECT_NE(Run({"edit", kProviderFingerprint}).status, kExitOk) << failing;
  }
  EXPECT_EQ(service_.calls().back(), "GET " + kOneProvider);
  ::unsetenv("EDITOR");
  EXPECT_EQ(Run({"rm", kProviderFingerprint, "--json"}).out, "");
  EXPECT_EQ(service_.calls().back(), "DELETE " + kOneProvider);
}

TEST_F(KeyProviderTest, ValidateShowsEveryCheckAndFailsWithThem) {
  service_.On("POST " + kProviders + "/actions/validate", {{200, kReport.dump()}});
  const Ran dry = Run({"validate", "--arn", "A"});
  EXPECT_EQ(dry.status, kExitFailure);
  EXPECT_THAT(dry.out, AllOf(HasSubstr("FAIL  authorised"), HasSubstr("\nfail\n")));
  json good = kReport;
  good["outcome"] = "warn";
  service_.On("POST " + kOneProvider + "/actions/test", {{201, kProvider.dump()}});
  service_.On("GET " + kOneProvider + "/validation", {{200, good.dump()}});
  EXPECT_EQ(Run({"validate", kProviderFingerprint}).status, kExitOk);
  EXPECT_EQ(Run({"validate", kProviderFingerprint, "--last", "-q"}).out, "warn\n");
  EXPECT_EQ(service_.calls().size(), 4U);
  EXPECT_EQ(Run({"validate"}).status, kExitUsage);
  EXPECT_EQ(Run({"validate", kProviderFingerprint, "--arn", "A"}).status, kExitUsage);

  json failing = kProvider;
  failing["validation"] = "fail";
  EXPECT_EQ(Run({"test", kProviderFingerprint}).status, kExitOk);
  service_.On("POST " + kOneProvider + "/actions/test", {{201, failing.dump()}});
  const Ran failed = Run({"test", kProviderFingerprint});
  EXPECT_EQ(failed.status, kExitFailure);
  EXPECT_THAT(failed.err, HasSubstr("keyprovider validate " + std::string(kProviderFingerprint) +
                                    " --last` shows"));
}

TEST_F(KeyProviderTest, TheInternalKmsNeedsNoValidation) {
  service_.On("POST " + kProviders + "/tenant/actions/test", {{201, kProvider.dump()}});
  service_.On("GET " + kProviders + "/tenant/validation",
              {{200, R"({"outcome":"pass","checks":[]})"}});
  const Ran ran = Run({"validate", "tenant"});
  EXPECT_EQ(ran.status, kExitOk);
  EXPECT_EQ(ran.out, "There was nothing to check: the internal KMS needs no validation.\n");
}

TEST_F(KeyProviderTest, WhatIsWrongIsNamedWithItsRemedy) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> told = {
      {{"get", "a/b"}, "'a/b' is no fingerprint"},
      {{"create", "-f", WriteFile("text", "x")}, "--file " + Path("text") + ": it holds no JSON"},
      {{"create", "-f", WriteFile("list", "[]")}, "must hold a JSON object with arn and name"},
      {{"ls", "--api-key-file", WriteFile("empty", "\n")}, "it is empty; write the API key there"},
      {{"ls", "--api-key-file", directory_}, "not a regular file; give one with the API key"}};
  for (const auto& [words, text] : told) {
    const Ran ran = Run(words);
    EXPECT_EQ(ran.status, kExitUsage) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(text));
  }
  service_.On("GET " + kProviders, {{200, "<html>"}});
  EXPECT_THAT(Run({"ls"}).err, HasSubstr("leads to a Tenantseal service"));
}

TEST_F(KeyProviderTest, MigrateWaitsUntilTheEnd) {
  service_.On("POST " + kOneProvider + "/actions/migrate", {{200, Migration("New", 0).dump()}});
  service_.On(kDetails, {{200, Migration("InProgress", 41).dump()},
                         {200, Migration("InProgress", 42).dump()},
                         {503, "{}", "0"},
                         {200, Migration("Completed", 100).dump()}});
  const Ran ran = Run({"migrate", kProviderFingerprint, "--wait"});
  EXPECT_EQ(ran.status, kExitOk) << ran.err;
  EXPECT_EQ(ran.err,
            "InProgress 41 %, 41 of 100 data keys\nCompleted 100 %, 100 of 100 data keys\n");
  EXPECT_THAT(ran.out, HasSubstr("state        Completed"));
  EXPECT_EQ(Run({"migrate", kProviderFingerprint, "-q"}).out, "m-1\n");
}

TEST_F(KeyProviderTest, AWaitThatComesToNothingIsAFailure) {
  json paused = Migration("InProgress", 10), failed = Migration("Failed", 0);
  paused.update({{"substate", "Paused"}, {"pausedBecause", "target-refuses"}});
  failed["detail"] = "Version 2 cannot be wrapped.";
  service_.On("POST " + kProviders + "/migration/actions/resume", {{200, paused.dump()}});
  service_.On(kDetails, {{200, paused.dump()}});
  const Ran waiting = Run({"resume", "--accept-quarantine", "--wait"});
  EXPECT_EQ(waiting.status, kExitFailure);
  EXPECT_THAT(waiting.err, HasSubstr("is paused (target-refuses)"));
  EXPECT_THAT(service_.calls()[0], HasSubstr(R"({"acceptQuarantine":true})"));
  service_.On(kDetails, {{200, failed.dump()}});
  const Ran ended = Run({"migration-details", "--wait"});
  EXPECT_EQ(ended.status, kExitFailure);
  EXPECT_THAT(ended.err, HasSubstr("ended as Failed: Version 2 cannot be wrapped."));
  EXPECT_EQ(Run({"migration-details"}).status, kExitOk);
}

TEST_F(KeyProviderTest, ResetLooksAtTheDetails) {
  const std::string call = "POST " + kProviders + "/actions/reset-to-default-provider";
  service_.On(call, {{205}, {200, R"({"message": "Already."})"}});
  service_.On(kDetails, {{200, Migration("New", 0).dump()}});
  EXPECT_THAT(Run({"reset-to-default-provider"}).out, HasSubstr("New"));
  EXPECT_EQ(Run({"reset-to-default-provider", "--wait"}).out, "Already.\n");
}

TEST_F(KeyProviderTest, QuarantineIsListedPageByPage) {
  const std::string path = kProviders + "/migration/quarantine";
  const json first = {{"data", {{{"id", "k1"}, {"reason", "It does not open."}}}},
                      {"links", {{"next", {{"href", "http://x" + path + "?limit=1&next=k1"}}}}}};
  service_.On("GET " + path + "?limit=100", {{200, first.dump()}});
  service_.On("GET " + path + "?limit=1&next=k1",
              {{200, R"({"data": [{"id": "k2"}], "links": {}})"}});
  EXPECT_EQ(Run({"quarantine", "-q"}).out, "k1\nk2\n");
  EXPECT_THAT(Run({"quarantine"}).out, HasSubstr("It does not open."));
  service_.On("POST " + path + "/actions/retry", {{200, R"({"released": 2})"}});
  EXPECT_EQ(Run({"quarantine", "--retry-all"}).out, "2 data keys open again.\n");
}

TEST_F(KeyProviderTest, PlanPauseCancelAndUsage) {
  const std::string actions = "POST " + kProviders + "/migration/actions/";
  service_.On(actions + "plan", {{200, R"({"kmsCalls": 12, "usd": 0.00004})"}});
  for (const char* name : {"pause", "cancel"})
    service_.On(actions + name, {{409, Refusal("Encryption-47")}});
  service_.On("GET " + kOneProvider + "/usage",
              {{200, R"({"tenantKeys": 1, "safeToDelete": false})"}});
  const std::string plan = Run({"plan", kProviderFingerprint}).out;
  EXPECT_THAT(plan, HasSubstr("kmsCalls  12"));
  EXPECT_THAT(plan, HasSubstr("usd       0.000040"));
  EXPECT_THAT(service_.calls()[0], HasSubstr(kProviderFingerprint));
  EXPECT_EQ(Run({"pause"}).status, kExitFailure);
  EXPECT_EQ(Run({"cancel"}).status, kExitFailure);
  EXPECT_THAT(Run({"usage", kProviderFingerprint}).out, HasSubstr("safeToDelete  false"));
}

}  // namespace
}  // namespace tenantseal::cli
