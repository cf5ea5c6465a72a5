#include "emulator/trail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "emulator/trail_file.h"
#include "emulator/trail_service.h"
#include "emulator/trail_token.h"

namespace tenantseal::emulator {
namespace {

using Json = nlohmann::json;

constexpr const char* kArn =
    "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

Caller SessionCaller(const std::string& account) {
  Caller caller;
  caller.identity.account = account;
  caller.identity.arn = "arn:aws:sts::" + account + ":assumed-role/R/s1";
  caller.identity.role_arn = "arn:aws:iam::" + account + ":role/R";
  caller.identity.user_id = "AROAX:s1";
  caller.access_key_id = "ASIAX";
  caller.session_name = "s1";
  caller.role_name = "R";
  caller.session_created = base::UtcTime(std::chrono::seconds(1'700'000'000));
  return caller;
}

class TrailTest : public ::testing::Test {
 protected:
  TrailTest() {
    call.region = "us-east-1";
    call.service = "kms";
    call.operation = "Decrypt";
    call.request_id = "req-1";
    call.source_ip = "192.0.2.0";
    call.user_agent = "agent \"1\"";
    call.time = base::UtcTime(std::chrono::seconds(1'700'000'100));
    call.caller = std::make_shared<const Caller>(SessionCaller("111122223333"));
    note.request_parameters_json = R"({"keyId":"k"})";
    note.additional_data_json = R"({"keyMaterialId":"m"})";
    note.key_arns = {kArn};
  }
  void Add(const Fault* fault = nullptr) {
    trail.Add(call, TrailIdentityOf(*call.caller), note, fault);
  }
  TrailQuery QueryFor(const std::string& account) {
    TrailQuery query;
    query.region = "us-east-1";
    query.account = account;
    return query;
  }

  base::FakeRandom random{1};
  Trail trail{random, {.records_max = 100, .bytes_max = 1 << 20}};
  Call call;
  TrailNote note;
};

TEST_F(TrailTest, WritesTheRecordAsCloudTrailDoes) {
  Add();
  const TrailPage page = trail.Find(QueryFor("111122223333"));
  ASSERT_EQ(page.records.size(), 1U);
  const Json record = Json::parse(CloudTrailJson(page.records[0]));
  Json expected = Json::parse(R"({"eventVersion":"1.11","userIdentity":{"type":"AssumedRole",
    "principalId":"AROAX:s1","arn":"arn:aws:sts::111122223333:assumed-role/R/s1",
    "accountId":"111122223333","accessKeyId":"ASIAX","sessionContext":{"sessionIssuer":{
    "type":"Role","principalId":"AROAX","arn":"arn:aws:iam::111122223333:role/R",
    "accountId":"111122223333","userName":"R"},"attributes":{
    "creationDate":"2023-11-14T22:13:20Z","mfaAuthenticated":"false"}}},
    "eventTime":"2023-11-14T22:15:00Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt",
    "awsRegion":"us-east-1","sourceIPAddress":"192.0.2.0","userAgent":"agent \"1\"",
    "requestParameters":{"keyId":"k"},"responseElements":null,
    "additionalEventData":{"keyMaterialId":"m"},"requestID":"req-1","readOnly":true,
    "eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333",
    "eventCategory":"Management"})");
  expected["eventID"] = UuidText(page.records[0].event_id);
  expected["resources"] =
      Json::array({{{"accountId", "111122223333"}, {"type", "AWS::KMS::Key"}, {"ARN", kArn}}});
  EXPECT_EQ(record, expected);
}

TEST_F(TrailTest, DenialsKeepNothingOfTheRequest) {
  const Fault denied{400, "AccessDeniedException", "no"};
  const Fault disabled{400, "DisabledException", "off"};
  Add(&denied);
  Add(&disabled);
  const TrailPage page = trail.Find(QueryFor("111122223333"));
  const Json off = Json::parse(CloudTrailJson(page.records[0]));
  EXPECT_EQ(off["errorCode"], "DisabledException");
  EXPECT_EQ(off["requestParameters"]["keyId"], "k");
  const Json no = Json::parse(CloudTrailJson(page.records[1]));
  EXPECT_EQ(no["errorCode"], "AccessDenied");
  EXPECT_EQ(no["errorMessage"], "no");
  EXPECT_TRUE(no["requestParameters"].is_null());
  EXPECT_FALSE(no.contains("additionalEventData"));
}

TEST_F(TrailTest, CrossAccountCallsAreInBothAccountsUnlessDenied) {
  call.caller = std::make_shared<const Caller>(SessionCaller("338144066592"));
  Add();
  const Fault denied{400, "AccessDeniedException", "no"};
  Add(&denied);
  const TrailPage caller = trail.Find(QueryFor("338144066592"));
  const TrailPage owner = trail.Find(QueryFor("111122223333"));
  ASSERT_EQ(caller.records.size(), 2U);
  ASSERT_EQ(owner.records.size(), 1U);
  EXPECT_TRUE(caller.records[1].shared_event_id.has_value());
  EXPECT_EQ(caller.records[1].shared_event_id, owner.records[0].shared_event_id);
  EXPECT_NE(caller.records[1].event_id, owner.records[0].event_id);
  EXPECT_FALSE(caller.records[0].shared_event_id.has_value());
}

TEST_F(TrailTest, OldestRecordsFallOut) {
  for (int i = 0; i < 150; ++i) {
    call.request_id = std::to_string(i);
    Add();
  }
  EXPECT_EQ(trail.size(), 100U);
  TrailQuery query = QueryFor("111122223333");
  query.max = 1000;
  const TrailPage page = trail.Find(query);
  EXPECT_EQ(page.records.front().request_id, "149");
  EXPECT_EQ(page.records.back().request_id, "50");

  Trail small(random, {.records_max = 100, .bytes_max = 2000});
  for (int i = 0; i < 50; ++i) small.Add(call, TrailIdentityOf(*call.caller), note, nullptr);
  EXPECT_GT(small.size(), 10U) << "equal calls share what they have in common";
  for (int i = 0; i < 50; ++i) {
    call.source_ip = "127.0.0." + std::to_string(i);
    small.Add(call, TrailIdentityOf(*call.caller), note, nullptr);
  }
  EXPECT_LT(small.size(), 10U);
}

TEST_F(TrailTest, FindsByEveryAttributeRegionAndTime) {
  Add();
  call.operation = "DisableKey";
  note.read_only = false;
  note.key_arns = {};
  call.time += std::chrono::seconds(10);
  Add();
  const auto names = [&](TrailAttribute attribute, const std::string& value) {
    TrailQuery query = QueryFor("111122223333");
    query.attribute = attribute;
    query.value = value;
    std::string out;
    for (const TrailRecord& record : trail.Find(query).records) out += record.operation + " ";
    return out;
  };
  EXPECT_EQ(names(TrailAttribute::kNone, ""), "DisableKey Decrypt ");
  EXPECT_EQ(names(TrailAttribute::kEventName, "Decrypt"), "Decrypt ");
  EXPECT_EQ(names(TrailAttribute::kReadOnly, "false"), "DisableKey ");
  EXPECT_EQ(names(TrailAttribute::kUsername, "s1"), "DisableKey Decrypt ");
  EXPECT_EQ(names(TrailAttribute::kUsername, "R"), "");
  EXPECT_EQ(names(TrailAttribute::kResourceName, kArn), "Decrypt ");
  EXPECT_EQ(names(TrailAttribute::kResourceType, "AWS::KMS::Key"), "Decrypt ");
  EXPECT_EQ(names(TrailAttribute::kEventSource, "kms.amazonaws.com"), "DisableKey Decrypt ");
  EXPECT_EQ(names(TrailAttribute::kAccessKeyId, "ASIAX"), "DisableKey Decrypt ");
  const TrailRecord newest = trail.Find(QueryFor("111122223333")).records[0];
  EXPECT_EQ(names(TrailAttribute::kEventId, UuidText(newest.event_id)), "DisableKey ");
  EXPECT_EQ(names(TrailAttribute::kEventId, "x"), "");

  TrailQuery query = QueryFor("111122223333");
  query.start = call.time;
  EXPECT_EQ(trail.Find(query).records.size(), 1U);
  query.end = call.time - std::chrono::milliseconds(1);
  EXPECT_EQ(trail.Find(query).records.size(), 0U);
  query = QueryFor("111122223333");
  query.region = "us-east-2";
  EXPECT_EQ(trail.Find(query).records.size(), 0U);
}

TEST_F(TrailTest, TokensAreForOneQueryAndAnyOtherByteIsRefused) {
  const base::Secret256 key = random.Key();
  TrailQuery query = QueryFor("111122223333");
  const std::string token = MakeTrailToken(key, query, 77);
  EXPECT_EQ(ParseTrailToken(key, query, token), 77U);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string bad = token;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(ParseTrailToken(key, query, bad)) << i;
    EXPECT_FALSE(ParseTrailToken(key, query, token.substr(0, i))) << i;
  }
  query.value = "x";
  EXPECT_FALSE(ParseTrailToken(key, query, token));
}

TEST_F(TrailTest, TheFileKeepsRecordsOverARestart) {
  const std::string path = ::testing::TempDir() + "trail." + std::to_string(::getpid());
  std::filesystem::remove(path);
  Add();
  const Fault fault{400, "DisabledException", "off"};
  Add(&fault);
  std::vector<std::string> before;
  for (const auto& record : trail.Find(QueryFor("111122223333")).records)
    before.push_back(CloudTrailJson(record));
  {
    Trail empty(random);
    auto file = TrailFile::Open(path, empty, 100);
    ASSERT_TRUE(file.ok()) << file.error().message;
    for (TrailRecord& record : trail.After(0, 100)) empty.Load(std::move(record));
  }
  Trail again(random);
  auto file = TrailFile::Open(path, again, 100);
  ASSERT_TRUE(file.ok()) << file.error().message;
  std::vector<std::string> after;
  for (const auto& record : again.Find(QueryFor("111122223333")).records)
    after.push_back(CloudTrailJson(record));
  EXPECT_EQ(after, before);
  ASSERT_TRUE((*file)->Clear().ok());
  file->reset();
  Trail none(random);
  ASSERT_TRUE(TrailFile::Open(path, none, 100).ok());
  EXPECT_EQ(none.size(), 0U);
  std::filesystem::remove(path);
}

class LookupTest : public TrailTest {
 protected:
  LookupTest() {
    auto policy = CompilePolicy(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudtrail:*",
            "Resource":"*"}]})",
        aws::PolicyKind::kIdentity);
    EXPECT_TRUE(policy.ok());
    lookup.region = "us-east-1";
    lookup.service = "cloudtrail";
    Caller caller = SessionCaller("111122223333");
    if (policy.ok()) caller.identity_policies = {policy->compiled};
    lookup.caller = std::make_shared<const Caller>(std::move(caller));
  }
  Json Ask(const std::string& body) {
    TrailNote ignored;
    const Reply reply = service.Handle(lookup, body, ignored);
    if (reply.fault) return {{"fault", reply.fault->code}};
    return Json::parse(reply.body.RevealText());
  }

  base::FakeClock clock;
  std::unique_ptr<World> world = std::move(*World::Open("", clock, random));
  TrailService service{*world, trail, clock, random};
  Call lookup;
};

TEST_F(LookupTest, PagesNewestFirst) {
  for (int i = 0; i < 5; ++i) Add();
  Json page = Ask(R"({"MaxResults":2})");
  std::set<std::string> seen;
  for (int pages = 1;; ++pages) {
    for (const Json& event : page["Events"]) {
      EXPECT_EQ(event["EventName"], "Decrypt");
      EXPECT_EQ(event["ReadOnly"], "true");
      EXPECT_EQ(event["Resources"][0]["ResourceName"], kArn);
      EXPECT_EQ(Json::parse(event["CloudTrailEvent"].get<std::string>())["eventID"],
                event["EventId"]);
      EXPECT_TRUE(seen.insert(event["EventId"]).second);
    }
    if (!page.contains("NextToken")) {
      EXPECT_EQ(pages, 3);
      break;
    }
    page = Ask(Json{{"MaxResults", 2}, {"NextToken", page["NextToken"]}}.dump());
  }
  EXPECT_EQ(seen.size(), 5U);
}

// What AWS does by itself is found at its time, though it is recorded when somebody asks.
TEST_F(LookupTest, OrdersByTimeAndPagesThroughWhatCameLate) {
  const base::UtcTime begun = call.time;
  const auto add_at = [&](int minute, const std::string& operation) {
    call.operation = operation;
    call.time = begun + std::chrono::minutes(minute);
    Add();
  };
  add_at(10, "Encrypt");
  add_at(30, "Decrypt");
  add_at(30, "GenerateDataKey");
  trail.Add(
      {"RotateKey", "111122223333", "us-east-1", kArn, "m", begun + std::chrono::minutes(20)});
  trail.Add({"DeleteKey", "111122223333", "us-east-1", kArn, "", begun});
  add_at(5, "DescribeKey");  // The clock was set back.
  const std::vector<std::string> wanted{"GenerateDataKey", "Decrypt",     "RotateKey",
                                        "Encrypt",         "DescribeKey", "DeleteKey"};
  for (int max = 1; max <= 6; ++max) {
    std::vector<std::string> seen;
    Json ask{{"MaxResults", max}};
    for (int pages = 0; pages < 10; ++pages) {
      const Json page = Ask(ask.dump());
      for (const Json& event : page["Events"]) seen.push_back(event["EventName"]);
      if (!page.contains("NextToken")) break;
      ask["NextToken"] = page["NextToken"];
    }
    EXPECT_EQ(seen, wanted) << max;
  }
  // A token whose place has fallen out of the trail has nothing behind it.
  const Json page = Ask(R"({"MaxResults":1})");
  for (int i = 0; i < 100; ++i) add_at(40, "Encrypt");
  const Json next = Ask(Json{{"MaxResults", 1}, {"NextToken", page["NextToken"]}}.dump());
  EXPECT_EQ(next["Events"].size(), 0U);
}

TEST_F(LookupTest, NullIsAbsent) {
  Add();
  EXPECT_EQ(Ask(R"({"LookupAttributes":null,"StartTime":null,"EndTime":null,"MaxResults":null,
                    "EventCategory":null,"NextToken":null})")["Events"]
                .size(),
            1U);
}

// No call of KMS or CloudTrail is needed for a record to be there.
TEST_F(LookupTest, EventsOfTheWorldAreInTheTrailAtOnce) {
  world->OnServiceEvent([this](const ServiceEvent& event) { trail.Add(event); });
  KeySeed seed;
  seed.account = "111122223333";
  seed.region = "us-east-1";
  const Result<std::string> arn = world->AddKey(std::move(seed));
  ASSERT_TRUE(arn.ok());
  {
    Edit edit(*world);
    Key key = *edit.contents().FindKey(*arn);
    key.state = KeyState::kPendingDeletion;
    key.deletion_at = world->Now();
    edit.Put(std::move(key));
    ASSERT_TRUE(edit.Commit().ok());
  }
  EXPECT_EQ(trail.size(), 0U);
  ASSERT_TRUE(world->RunDue().ok());
  EXPECT_EQ(trail.size(), 1U);
}

TEST_F(LookupTest, RefusesWhatAwsRefuses) {
  EXPECT_EQ(Ask(R"({"MaxResults":51})")["fault"], "InvalidMaxResultsException");
  EXPECT_EQ(Ask(R"({"MaxResults":0})")["fault"], "InvalidMaxResultsException");
  EXPECT_EQ(Ask(R"({"MaxResults":"1"})")["fault"], "SerializationException");
  EXPECT_EQ(Ask(R"({"StartTime":2,"EndTime":1})")["fault"], "InvalidTimeRangeException");
  EXPECT_EQ(Ask(R"({"StartTime":1e300})")["fault"], "InvalidTimeRangeException");
  EXPECT_EQ(Ask(R"({"NextToken":"AAAA"})")["fault"], "InvalidNextTokenException");
  EXPECT_EQ(Ask(R"({"EventCategory":"data"})")["fault"], "InvalidEventCategoryException");
  EXPECT_EQ(Ask(R"({"LookupAttributes":[{"AttributeKey":"Nope","AttributeValue":"x"}]})")["fault"],
            "InvalidLookupAttributesException");
  EXPECT_EQ(Ask("[]")["fault"], "SerializationException");
  EXPECT_EQ(Ask("{")["fault"], "SerializationException");
  lookup.caller = std::make_shared<const Caller>(SessionCaller("111122223333"));
  EXPECT_EQ(Ask("{}")["fault"], "AccessDeniedException");
}

TEST_F(LookupTest, ThrottlesAndDelaysOnlyWhenTold) {
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(Ask("{}").contains("fault"));
  service.SetThrottle(true);
  EXPECT_FALSE(Ask("{}").contains("fault"));
  EXPECT_FALSE(Ask("{}").contains("fault"));
  EXPECT_EQ(Ask("{}")["fault"], "ThrottlingException");
  clock.Advance(std::chrono::seconds(1));
  EXPECT_FALSE(Ask("{}").contains("fault"));
  service.SetThrottle(false);

  call.time = world->Now();
  Add();
  service.SetDelay(std::chrono::minutes(5));
  EXPECT_EQ(Ask("{}")["Events"].size(), 0U);
  clock.Advance(std::chrono::minutes(5));
  EXPECT_EQ(Ask("{}")["Events"].size(), 1U);
}

}  // namespace
}  // namespace tenantseal::emulator
