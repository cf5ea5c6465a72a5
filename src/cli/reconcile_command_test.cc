#include <nlohmann/json.hpp>

#include "aws/testing.h"
#include "cli/aws_command.h"
#include "cli/cli_test_ground.h"
#include "cli/reconcile_text.h"

namespace tenantseal::cli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kFingerprint = "9f352c5a9c1618485051892cb57467e4";
const std::string kReadKey = "arn:aws:kms:us-east-1:111122223333:key/mrk-" + std::string(32, 'a');
const std::string kReplica = "arn:aws:kms:us-east-2:111122223333:key/mrk-" + std::string(32, 'a');
const std::string kFurther = "arn:aws:kms:us-west-2:111122223333:key/mrk-" + std::string(32, 'a');
const std::string kReadRole = "arn:aws:iam::338144066592:role/proxy";
constexpr const char* kFrom = "2026-11-14T00:00:00.000Z";
constexpr const char* kTo = "2026-11-14T12:00:00.000Z";
// Five minutes aside.
const std::string kKeptCalls =
    std::string("GET /api/v1/encryption/keyproviders/") + kFingerprint +
    "/kms-calls?from=2026-11-13T23:55:00.000Z&to=2026-11-14T12:05:00.000Z"
    "&limit=1000";

json Kept(const std::string& id, const std::string& outcome = "ok",
          const std::string& key = kReadKey) {
  return {{"time", "2026-11-14T06:00:00.500Z"},
          {"keyArn", key},
          {"operation", "Decrypt"},
          {"outcome", outcome},
          {"attempt", 1},
          {"awsRequestId", id}};
}
json Event(const std::string& id, const std::string& who = kReadRole) {
  const json record = {{"eventID", "event-" + id},
                       {"requestID", id},
                       {"eventTime", "2026-11-14T06:00:00Z"},
                       {"eventSource", "kms.amazonaws.com"},
                       {"eventName", "Decrypt"},
                       {"awsRegion", "us-east-1"},
                       {"sourceIPAddress", "192.0.2.7\x1b[2J"},
                       {"userIdentity",
                        {{"type", "AssumedRole"},
                         {"arn", who + "/session"},
                         {"accountId", who.substr(13, 12)},
                         {"sessionContext", {{"sessionIssuer", {{"arn", who}}}}}}}};
  return {{"CloudTrailEvent", record.dump()}};
}

class ReconcileCommandTest : public CommandTest {
 protected:
  ReconcileCommandTest() {
    ::setenv("TENANTSEAL_SERVER", service_.url().c_str(), 1);
    ::setenv("TENANTSEAL_API_KEY", "key", 1);
    ::setenv("AWS_ENDPOINT_URL", aws_.url().c_str(), 1);
    ::setenv("AWS_ENDPOINT_URL_KMS", (aws_.url() + "/kms").c_str(), 1);
    ::setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    ::setenv("AWS_ACCESS_KEY_ID", "AKIASERVICE", 1);
    ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    ::setenv("AWS_SHARED_CREDENTIALS_FILE",
             WriteFile("credentials",
                       "[owner]\naws_access_key_id = AKIAOWNER\n"
                       "aws_secret_access_key = secret\n")
                 .c_str(),
             1);
    KeysAre({kReplica});
  }
  ~ReconcileCommandTest() override {
    for (const char* name :
         {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS", "AWS_EC2_METADATA_DISABLED",
          "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE"})
      ::unsetenv(name);
  }
  void Keeps(std::vector<json> calls, json incomplete = json::array()) {
    const json page = {{"data", std::move(calls)},
                       {"keyArns", {kReadKey, kReplica}},
                       {"principals", {kReadRole}},
                       {"incomplete", std::move(incomplete)}};
    service_.On(kKeptCalls, {{200, page.dump()}});
  }
  static FakeService::Answer Identity(const std::string& account) {
    return {200, "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::" +
                     account + ":user/u</Arn><UserId>U</UserId><Account>" + account +
                     "</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"};
  }
  static FakeService::Answer Page(std::vector<json> events) {
    return {200, json{{"Events", std::move(events)}}.dump()};
  }
  static FakeService::Answer Refuses(const std::string& code) {
    return {400, json{{"__type", code}}.dump()};
  }
  // What DescribeKey tells of the key's replicas.
  void KeysAre(const std::vector<std::string>& replicas) {
    json regions = {{"PrimaryKey", {{"Arn", kReadKey}}}, {"ReplicaKeys", json::array()}};
    for (const std::string& replica : replicas)
      regions["ReplicaKeys"].push_back({{"Arn", replica}});
    aws_.On(kDescribe,
            {{200, json{{"KeyMetadata", {{"MultiRegionConfiguration", regions}}}}.dump()}});
  }
  std::ptrdiff_t asked_of_the_key() const {
    return std::ranges::count(aws_.calls(), kDescribe + " " + json{{"KeyId", kReadKey}}.dump());
  }
  const std::string kDescribe = "POST /kms";

  // To STS and CloudTrail, in the order in which they are asked: who the service's account and then
  // who the owner's is, then each account's two regions.
  void Aws(std::deque<FakeService::Answer> answers) { aws_.On("POST /", std::move(answers)); }

  Ran Run(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"aws",    "reconcile", "--keyprovider", kFingerprint,
                                          "--from", kFrom,       "--to",          kTo};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCommandLine(arguments);
  }

  FakeService aws_;
  const FakeService::Answer service_account_ = Identity("338144066592");
  const FakeService::Answer owner_account_ = Identity("111122223333");
};

TEST_F(ReconcileCommandTest, AgreesInBothAccountsAndRegions) {
  Keeps({Kept("1"), Kept("2", "ok", kReplica)});
  Aws({service_account_, owner_account_, Page({Event("1")}), Page({Event("2")}), Page({Event("1")}),
       Page({Event("2"), Event("3", "arn:aws:iam::111122223333:role/admin")})});
  const Ran ran = Run({"--owner-profile", "owner", "--json"});
  EXPECT_EQ(ran.status, kExitOk) << ran.err;
  const json out = json::parse(ran.out);
  EXPECT_EQ(out["agrees"], true);
  EXPECT_EQ(out["calls"], 2);
  EXPECT_EQ(out["agreed"], 2);
  EXPECT_EQ(out["read"].size(), 4U);
  EXPECT_EQ(out["keyArns"], json({kReadKey, kReplica}));
  EXPECT_EQ(out["others"],
            json::parse(R"([{"principal":"arn:aws:iam::111122223333:role/admin","calls":1}])"));
  EXPECT_TRUE(out["notVerified"]["accounts"].empty());
  EXPECT_THAT(ran.err, HasSubstr("CloudTrail of account 338144066592 in us-east-2: 1 page"));
  std::vector<std::string> asked;
  for (const std::string& call : aws_.calls()) {
    const json body = json::parse(call.substr(call.find(' ', 6) + 1), nullptr, false);
    if (body.contains("LookupAttributes"))
      asked.push_back(body["LookupAttributes"][0]["AttributeValue"]);
  }
  EXPECT_EQ(asked, (std::vector<std::string>{kReadKey, kReplica, kReadKey, kReplica}));
}

TEST_F(ReconcileCommandTest, ReadsEveryRegionOfTheKey) {
  Keeps({Kept("1")});
  KeysAre({kReplica, kFurther});
  Aws({service_account_, owner_account_, Page({Event("1")}), Page({}), Page({Event("thief")})});
  Ran ran = Run({"--owner-profile", "owner", "--json"});
  EXPECT_EQ(ran.status, kExitFailure);
  const json out = json::parse(ran.out);
  EXPECT_EQ(out["keyArns"], json({kReadKey, kReplica, kFurther}));
  EXPECT_EQ(out["onlyCloudTrail"][0]["awsRequestId"], "thief");
  EXPECT_EQ(out["read"].size(), 6U);
  EXPECT_EQ(out["notVerified"]["replicas"], "");
  EXPECT_EQ(asked_of_the_key(), 1);
}

TEST_F(ReconcileCommandTest, SaysThatFurtherRegionsAreNotKnown) {
  const auto unknown = AllOf(HasSubstr("Not verified:"), HasSubstr("in further regions is not"),
                             HasSubstr("--region REGION"));
  // The service's account is not asked: that would look like a thief's call.
  Keeps({Kept("1")});
  Aws({service_account_, Page({Event("1")}), Page({})});
  EXPECT_THAT(Run().out, AllOf(unknown, HasSubstr("with --owner-profile")));
  EXPECT_EQ(asked_of_the_key(), 0);
  // The owner may not describe the key, or the answer is none.
  const json foreign = {{"KeyMetadata",
                         {{"MultiRegionConfiguration",
                           {{"PrimaryKey", {{"Arn", "arn:aws:kms:us-east-1:999999999999:key/x"}}},
                            {"ReplicaKeys", json::array()}}}}}};
  const std::vector<std::pair<FakeService::Answer, std::string>> answers = {
      {Refuses("AccessDeniedException"), "the credentials need kms:DescribeKey."},
      {{200, foreign.dump()}, "answers what is not understood."},
      {{200, "[]"}, "answers what is not understood."},
      {{200, R"({"KeyMetadata":{"MultiRegionConfiguration":{}}})"}, "is not understood."},
      {{500, "x"}, "AWS KMS in us-east-1: HTTP 500."}};
  for (const auto& [answer, told] : answers) {
    aws_.On(kDescribe, {answer});
    Aws({service_account_, owner_account_, Page({Event("1")}), Page({})});
    const Ran ran = Run({"--owner-profile", "owner"});
    EXPECT_EQ(ran.status, kExitOk) << ran.err;
    EXPECT_THAT(ran.out, AllOf(unknown, HasSubstr(told)));
  }
  EXPECT_EQ(asked_of_the_key(), 5);
}

TEST_F(ReconcileCommandTest, TheServicesOwnCredentialsAskNothingOfTheKey) {
  // One account for both: its administrator may ask, the service's role may not.
  const std::string role = "arn:aws:iam::111122223333:role/path/proxy";
  const json page = {{"data", json::array()}, {"keyArns", {kReadKey}}, {"principals", {role}}};
  service_.On(kKeptCalls, {{200, page.dump()}});
  Aws({owner_account_, Page({})});
  EXPECT_THAT(Run().out, Not(HasSubstr("further regions")));
  EXPECT_EQ(asked_of_the_key(), 1);
  FakeService::Answer session = owner_account_;
  const std::string user = ":iam::111122223333:user/u";
  session.body.replace(session.body.find(user), user.size(),
                       ":sts::111122223333:assumed-role/proxy/s");
  Aws({session, Page({})});
  EXPECT_THAT(Run().out, HasSubstr("the service's own credentials"));
  EXPECT_EQ(asked_of_the_key(), 1);
}

TEST_F(ReconcileCommandTest, SaysUntilWhenItCouldVerify) {
  ReconcileReport report;
  const auto shown = [&report] {
    testing::internal::CaptureStdout();
    PrintReconciliation(report);
    std::fflush(stdout);
    return testing::internal::GetCapturedStdout();
  };
  report.input.to = *base::ParseUtc("2026-11-14T12:00:00Z");
  report.input.now = report.input.to + std::chrono::minutes(5);
  EXPECT_THAT(shown(), AllOf(HasSubstr("verifiedUntil   2026-11-14T11:50:00.000Z"),
                             HasSubstr("alone knows of after 2026-11-14T11:50:00.000Z: it may have "
                                       "a call as late as 15 minutes after")));
  report.input.now = report.input.to + kTrailLag;
  EXPECT_THAT(shown(), AllOf(HasSubstr("verifiedUntil   2026-11-14T12:00:00.000Z"),
                             Not(HasSubstr("Not verified"))));
}

TEST_F(ReconcileCommandTest, WhatOneSideAloneKnowsIsAFailure) {
  Keeps({Kept("kept"), Kept("both")});
  Aws({service_account_, owner_account_, Page({Event("both"), Event("thief")}), Page({})});
  Ran ran = Run({"--owner-profile", "owner"});
  EXPECT_EQ(ran.status, kExitFailure);
  EXPECT_THAT(ran.out,
              AllOf(HasSubstr("Only Tenantseal:"), HasSubstr("kept"), HasSubstr("Only CloudTrail:"),
                    HasSubstr("thief"), HasSubstr("192.0.2.7"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(ran.err, HasSubstr("do not know the same calls"));
  Aws({service_account_, owner_account_, Page({Event("both"), Event("thief")}), Page({})});
  EXPECT_EQ(Run({"--owner-profile", "owner", "-q"}).out, "kept\nthief\n");
}

TEST_F(ReconcileCommandTest, SaysWhichAccountIsMissing) {
  Keeps({Kept("1")});
  Aws({service_account_, Page({Event("1")}), Page({})});
  Ran ran = Run();
  EXPECT_EQ(ran.status, kExitOk) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("Not verified:"),
                             HasSubstr("The account of the key's owner (111122223333) was not "
                                       "read"),
                             HasSubstr("--owner-profile")));
  // The owner alone: what was denied cannot be seen there.
  Keeps({Kept("1"), Kept("2", "AccessDeniedException")});
  Aws({owner_account_, Page({Event("1")}), Page({})});
  ran = Run({"--json"});
  EXPECT_EQ(ran.status, kExitOk) << ran.err;
  json out = json::parse(ran.out);
  EXPECT_EQ(out["notVerified"]["unread"], 1);
  EXPECT_THAT(out["notVerified"]["accounts"][0].get<std::string>(), HasSubstr("--caller-profile"));
  // Neither.
  Aws({Refuses("x"), Refuses("x")});
  ran = Run();
  EXPECT_EQ(ran.status, kExitUnavailable);
  EXPECT_THAT(ran.err, HasSubstr("CloudTrail cannot be read."));
}

TEST_F(ReconcileCommandTest, RefusesProfilesOfTheWrongAccount) {
  Keeps({Kept("1")});
  Aws({service_account_, Identity("999999999999")});
  Ran ran = Run({"--owner-profile", "owner"});
  EXPECT_EQ(ran.status, kExitUsage);
  EXPECT_THAT(ran.err, HasSubstr("the key is of 111122223333"));
  Aws({Identity("999999999999")});
  ran = Run({"--caller-profile", "owner"});
  EXPECT_EQ(ran.status, kExitUsage);
  EXPECT_THAT(ran.err, HasSubstr("338144066592"));
}

TEST_F(ReconcileCommandTest, ARegionThatCannotBeReadIsNotVerified) {
  Keeps({Kept("1"), Kept("2", "ok", kReplica)});
  Aws({service_account_, Page({Event("1")}), Refuses("AccessDeniedException")});
  const Ran ran = Run({"--json"});
  EXPECT_EQ(ran.status, kExitOk) << ran.err;
  const json out = json::parse(ran.out);
  EXPECT_EQ(out["notVerified"]["unread"], 1);
  EXPECT_EQ(out["notVerified"]["places"][0]["region"], "us-east-2");
  EXPECT_EQ(out["read"].size(), 1U);
}

TEST_F(ReconcileCommandTest, LooksForDenialsThatNameNoKey) {
  Keeps({Kept("1"), Kept("denied", "AccessDeniedException")});
  Aws({service_account_, Page({Event("1")}), Page({}), Page({Event("other"), Event("denied")})});
  Ran ran = Run({"--json"});
  EXPECT_EQ(ran.status, kExitOk) << ran.err << ran.out;
  EXPECT_EQ(json::parse(ran.out)["agreed"], 2);
  EXPECT_THAT(aws_.calls().back(), HasSubstr("kms.amazonaws.com"));
  // It is nowhere.
  Aws({service_account_, Page({Event("1")}), Page({}), Page({Event("other")})});
  ran = Run({"--json"});
  EXPECT_EQ(ran.status, kExitFailure);
  EXPECT_EQ(json::parse(ran.out)["onlyTenantseal"][0]["awsRequestId"], "denied");
  // It could not be looked for.
  Aws({service_account_, Page({Event("1")}), Page({}), Refuses("AccessDeniedException")});
  ran = Run({"--json"});
  EXPECT_EQ(ran.status, kExitOk) << ran.err;
  EXPECT_EQ(json::parse(ran.out)["notVerified"]["unread"], 1);
}

TEST_F(ReconcileCommandTest, AGapOfTheServiceIsNoAlarm) {
  Keeps({}, {{{"reason", "killed"},
              {"process", "p1"},
              {"from", "2026-11-14T05:59:00.000Z"},
              {"to", "2026-11-14T06:01:00.000Z"}},
             {{"reason", "no-log"},
              {"from", "2026-11-13T23:55:00.000Z"},
              {"to", "2026-11-13T23:56:00.000Z"}}});
  Aws({service_account_, Page({Event("1")}), Page({})});
  const Ran ran = Run();
  EXPECT_EQ(ran.status, kExitOk) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("may not have kept a call"),
                             HasSubstr("process p1 was "
                                       "killed"),
                             Not(HasSubstr("kept no calls yet"))))
      << "outside the span";
}

TEST_F(ReconcileCommandTest, ReadsAllPagesOfTheService) {
  const std::string next = kKeptCalls.substr(4) + "&next=c1";
  json page = {{"data", {Kept("1")}},
               {"keyArns", {kReadKey}},
               {"principals", {kReadRole}},
               {"links", {{"next", {{"href", "http://elsewhere.test" + next}}}}}};
  service_.On(kKeptCalls, {{200, page.dump()}});
  service_.On("GET " + next, {{200, json{{"data", {Kept("2")}}}.dump()}});
  Aws({service_account_, Page({Event("1"), Event("2")})});
  const Ran ran = Run({"--json"});
  EXPECT_EQ(ran.status, kExitOk) << ran.err;
  EXPECT_EQ(json::parse(ran.out)["agreed"], 2);
}

TEST_F(ReconcileCommandTest, RefusesWhatItDoesNotUnderstand) {
  Keeps({});
  EXPECT_EQ(RunCommandLine({"aws", "reconcile"}).status, kExitUsage);
  EXPECT_EQ(RunCommandLine({"aws", "reconcile", "--keyprovider", "a/b"}).status, kExitUsage);
  Ran ran = RunCommandLine({"aws", "reconcile", "--keyprovider", kFingerprint, "--from", "soon"});
  EXPECT_EQ(ran.status, kExitUsage);
  EXPECT_THAT(ran.err, HasSubstr("--from"));
  ran = RunCommandLine(
      {"aws", "reconcile", "--keyprovider", kFingerprint, "--from", "1h", "--to", "2h"});
  EXPECT_EQ(ran.status, kExitUsage);
  EXPECT_EQ(Run({"--region", "cn-north-1"}).status, kExitUsage);
  service_.On(kKeptCalls, {{200, R"({"data":[],"keyArns":[]})"}});
  ran = Run();
  EXPECT_EQ(ran.status, kExitUsage);
  EXPECT_THAT(ran.err, HasSubstr("internal KMS"));
  for (const char* body : {"[]", "{", R"({"data":7})", R"({"data":[7]})", R"({"data":[{}]})"}) {
    service_.On(kKeptCalls, {{200, body}});
    EXPECT_EQ(Run().status, kExitFailure) << body;
  }
  service_.On(kKeptCalls, {{404, R"({"errors":[{"code":"Encryption-11","title":"No such."}]})"}});
  EXPECT_THAT(Run().err, HasSubstr("Encryption-11"));
}

}  // namespace
}  // namespace tenantseal::cli
