#include "aws/cloudtrail.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aws/cloudtrail_client.h"
#include "aws/testing.h"

namespace tenantseal::aws {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kKeyArn = "arn:aws:kms:us-east-1:111122223333:key/mrk-a";

json Record() {
  return json::parse(R"({"eventVersion":"1.11","userIdentity":{"type":"AssumedRole",
    "principalId":"AROAX:s1","arn":"arn:aws:sts::338144066592:assumed-role/R/s1",
    "accountId":"338144066592","accessKeyId":"ASIAX","sessionContext":{"sessionIssuer":{
    "type":"Role","arn":"arn:aws:iam::338144066592:role/R"}}},
    "eventTime":"2026-11-14T22:15:00Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt",
    "awsRegion":"us-east-1","sourceIPAddress":"192.0.2.0","userAgent":"agent",
    "requestParameters":{"encryptionContext":{"TenantId":"t1","Other":"o"}},
    "responseElements":null,"requestID":"req-1","eventID":"event-1","readOnly":true,
    "eventType":"AwsApiCall","recipientAccountId":"111122223333","sharedEventID":"shared-1"})");
}
std::string Reply(const std::vector<json>& records, const std::string& token = "") {
  json reply = {{"Events", json::array()}};
  for (const json& record : records)
    reply["Events"].push_back({{"EventId", "e"}, {"CloudTrailEvent", record.dump()}});
  if (!token.empty()) reply["NextToken"] = token;
  return reply.dump();
}
TrailPage Parsed(const std::string& body) {
  auto page = ParseLookupEvents(base::AsBytes(body));
  EXPECT_TRUE(page.ok()) << body;
  return page ? *page : TrailPage();
}

TEST(LookupEvents, AsksForWholeSecondsThatHoldTheSpan) {
  const base::UtcTime start{milliseconds(1'790'000'000'123)};
  const json body = json::parse(
      LookupEventsBody({"ResourceName", kKeyArn, start, start + milliseconds(1000), "next\"1"}));
  EXPECT_EQ(body, json::parse(R"({"StartTime":1790000000,"EndTime":1790000002,"MaxResults":50,
    "NextToken":"next\"1","LookupAttributes":[{"AttributeKey":"ResourceName",
    "AttributeValue":"arn:aws:kms:us-east-1:111122223333:key/mrk-a"}]})"));
  EXPECT_FALSE(
      json::parse(LookupEventsBody({"ResourceName", kKeyArn, start, start})).contains("NextToken"));
}

TEST(LookupEvents, ReadsARecord) {
  const TrailPage page = Parsed(Reply({Record()}, "more"));
  EXPECT_EQ(page.next_token, "more");
  ASSERT_EQ(page.events.size(), 1U);
  TrailEvent expected;
  expected.event_id = "event-1";
  expected.shared_event_id = "shared-1";
  expected.request_id = "req-1";
  expected.time = *base::ParseUtc("2026-11-14T22:15:00Z");
  expected.source = "kms.amazonaws.com";
  expected.name = "Decrypt";
  expected.region = "us-east-1";
  expected.recipient = "111122223333";
  expected.principal_type = "AssumedRole";
  expected.principal_arn = "arn:aws:sts::338144066592:assumed-role/R/s1";
  expected.role_arn = "arn:aws:iam::338144066592:role/R";
  expected.account = "338144066592";
  expected.access_key_id = "ASIAX";
  expected.source_ip = "192.0.2.0";
  expected.tenant = "t1";
  EXPECT_EQ(page.events[0], expected);
}

TEST(LookupEvents, ReadsDenialsAndWhatAwsDoesItself) {
  json denied = Record();
  denied["errorCode"] = "AccessDenied";
  denied["requestParameters"] = nullptr;
  json rotated = Record();
  rotated["eventType"] = "AwsServiceEvent";
  rotated["userIdentity"] = {{"accountId", "1"}, {"invokedBy", "AWS Internal"}};
  rotated.erase("requestID");
  const TrailPage page = Parsed(Reply({denied, rotated}));
  ASSERT_EQ(page.events.size(), 2U);
  EXPECT_EQ(page.events[0].error_code, "AccessDenied");
  EXPECT_EQ(page.events[0].tenant, "");
  EXPECT_TRUE(page.events[1].of_aws);
  EXPECT_EQ(page.events[1].principal_arn, "AWS Internal");
  EXPECT_EQ(page.events[1].request_id, "");
}

TEST(LookupEvents, CountsWhatIsNotARecord) {
  std::vector<json> records;
  for (const char* name : {"eventID", "eventName", "eventSource", "awsRegion", "eventTime"}) {
    json record = Record();
    record.erase(name);
    records.push_back(record);
    record[name] = 7;
    records.push_back(record);
    record[name] = "";
    records.push_back(record);
  }
  for (const char* name : {"userIdentity", "requestID", "errorCode", "requestParameters"}) {
    json record = Record();
    record[name] = json::array({1});
    records.push_back(record);
  }
  json long_name = Record();
  long_name["eventName"] = std::string(2049, 'x');
  records.push_back(long_name);
  records.push_back("text");
  const TrailPage page = Parsed(Reply(records));
  EXPECT_EQ(page.events.size(), 0U);
  EXPECT_EQ(page.unreadable, records.size());
  EXPECT_EQ(
      Parsed(R"({"Events":[1,{},{"CloudTrailEvent":"{"},{"CloudTrailEvent":null}]})").unreadable,
      4U);
}

TEST(LookupEvents, RefusesWhatIsNoReply) {
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string("{"), std::string("null"),
        std::string(R"({"Events":{}})"), std::string(R"({"NextToken":7})"),
        std::string("{\"Events\":\"\xff\"}"),
        "{\"x\":" + std::string(40, '[') + std::string(40, ']') + "}",
        Reply(std::vector<json>(51, Record()))}) {
    EXPECT_FALSE(ParseLookupEvents(base::AsBytes(body)).ok()) << body.substr(0, 50);
  }
  const std::string whole = Reply({Record()});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(ParseLookupEvents(base::AsBytes(whole.substr(0, size))).ok()) << size;
  EXPECT_TRUE(Parsed("{}").events.empty());
}

TEST(LookupEvents, ReadsErrorCodes) {
  const auto code = [](const std::string& body) { return ParseJsonErrorCode(base::AsBytes(body)); };
  EXPECT_EQ(code(R"({"__type":"ThrottlingException"})"), "ThrottlingException");
  EXPECT_EQ(code(R"({"__type":"a.b#InvalidNextTokenException:http://x"})"),
            "InvalidNextTokenException");
  for (const char* none : {"", "[]", "{}", R"({"__type":7})", R"({"__type":"a b"})"})
    EXPECT_EQ(code(none), "") << none;
}

class CloudTrailClientTest : public ::testing::Test {
 protected:
  using Answer = Result<net::HttpResponse>;
  CloudTrailClientTest() {
    options_.sleep = [this](base::Duration d) {
      slept_ += d;
      clock_.Advance(d);
    };
  }
  // "ok", or the error's code; events go to `events_`.
  std::string Read() {
    CloudTrailClient client(http_, credentials_, clock_, {}, options_);
    const auto done = client.Read("us-east-1", {"ResourceName", kKeyArn, {}, clock_.Utc()},
                                  [this](const TrailPage& page) {
                                    for (const auto& event : page.events) events_.push_back(event);
                                    return ++pages_ < pages_max_;
                                  });
    return done ? "ok" : std::string(ErrorCodeName(done.error().code));
  }
  static Answer Page(const std::string& token = "") {
    return testing::Reply(200, Reply({Record()}, token));
  }
  static Answer Fails(int status, const std::string& code) {
    return testing::Reply(status, R"({"__type":")" + code + R"("})");
  }

  base::FakeClock clock_;
  CloudTrailOptions options_;
  std::function<Answer(int)> answer_ = [](int) { return Page(); };  // Of the nth request, from 1.
  int asked_ = 0, pages_ = 0, pages_max_ = 100;
  testing::FakeHttp http_{[this](const testing::Sent&) { return answer_(++asked_); }};
  StaticCredentials credentials_{"AKIAEXAMPLE", "secret", "token"};
  std::vector<TrailEvent> events_;
  base::Duration slept_{};
};

TEST_F(CloudTrailClientTest, ReadsAllPagesAtTwoASecond) {
  answer_ = [](int n) { return Page(n < 5 ? "token-" + std::to_string(n) : ""); };
  EXPECT_EQ(Read(), "ok");
  EXPECT_EQ(events_.size(), 5U);
  EXPECT_EQ(slept_, 4 * options_.interval);
  EXPECT_GE(options_.interval, milliseconds(500));
  const auto sent = http_.sent();
  EXPECT_EQ(sent[0].url, "https://cloudtrail.us-east-1.amazonaws.com");
  EXPECT_EQ(sent[0].headers.at("X-Amz-Target"),
            "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents");
  EXPECT_NE(sent[0].headers.at("Authorization").find("/us-east-1/cloudtrail/aws4_request"),
            std::string::npos);
  EXPECT_EQ(sent[0].body.find("NextToken"), std::string::npos);
  EXPECT_EQ(json::parse(sent[4].body)["NextToken"], "token-4");
}

TEST_F(CloudTrailClientTest, EndsWhenItIsToldTo) {
  answer_ = [](int n) { return Page("token-" + std::to_string(n)); };
  pages_max_ = 3;
  EXPECT_EQ(Read(), "ok");
  EXPECT_EQ(asked_, 3);
}

TEST_F(CloudTrailClientTest, BacksOffWhenThrottled) {
  answer_ = [](int n) { return n < 4 ? Fails(400, "x#ThrottlingException") : Page(); };
  EXPECT_EQ(Read(), "ok");
  EXPECT_EQ(asked_, 4);
  EXPECT_GE(slept_, seconds(2 + 4 + 8));
  answer_ = [](int) { return Fails(400, "ThrottlingException"); };
  asked_ = 0;
  EXPECT_EQ(Read(), "rate-limited");
  EXPECT_EQ(asked_, options_.attempts_max);
}

TEST_F(CloudTrailClientTest, TriesAgainWhatMayPass) {
  answer_ = [](int n) {
    return n == 1   ? Answer(testing::NoConnection())
           : n == 2 ? Fails(503, "")
           : n == 3 ? Answer(testing::Reply(200, "{"))
           : n == 4 ? Fails(400, "ExpiredTokenException")
                    : Page();
  };
  EXPECT_EQ(Read(), "ok");
  EXPECT_EQ(asked_, 5);
}

TEST_F(CloudTrailClientTest, GivesUpWhatWillNotPass) {
  using Pair = std::pair<std::string, std::string>;
  for (const auto& [code, said] : {Pair{"AccessDeniedException", "permission-denied"},
                                   Pair{"AccessDenied", "permission-denied"},
                                   Pair{"UnrecognizedClientException", "service-fault"},
                                   Pair{"InvalidTimeRangeException", "service-fault"},
                                   Pair{"InvalidSignatureException", "service-fault"}}) {
    asked_ = 0;
    answer_ = [&code = code](int) { return Fails(400, code); };
    EXPECT_EQ(Read(), said) << code;
    EXPECT_EQ(asked_, 1) << code;
  }
}

TEST_F(CloudTrailClientTest, LearnsTheTimeOnce) {
  answer_ = [](int) {
    auto reply = testing::Reply(400, R"({"__type":"InvalidSignatureException"})");
    reply.headers.push_back({"Date", "Sun, 06 Nov 2044 08:49:37 GMT"});
    return Answer(std::move(reply));
  };
  EXPECT_EQ(Read(), "service-fault");
  EXPECT_EQ(asked_, 2);
  EXPECT_TRUE(http_.sent()[1].headers.at("X-Amz-Date").starts_with("20441106T0849"));
}

TEST_F(CloudTrailClientTest, DoesNotGoRoundInCircles) {
  answer_ = [](int) { return Page("same"); };
  EXPECT_EQ(Read(), "invalid-argument");
  EXPECT_EQ(asked_, 2);
}

}  // namespace
}  // namespace tenantseal::aws
