#include "emulator/faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tenantseal::emulator {
namespace {

using Json = nlohmann::json;

class FaultsTest : public ::testing::Test {
 protected:
  Result<void> Add(const std::string& rules) {
    TS_ASSIGN_OR_RETURN(auto parsed, faults.Parse(Json::parse(rules)));
    return faults.Add(std::move(parsed));
  }
  bool Hits(FaultTarget target) { return faults.Match(target).has_value(); }

  base::FakeRandom random{7};
  FaultRules faults{random};
  const FaultTarget decrypt{"us-east-1", "kms", "Decrypt",
                            "arn:aws:sts::338144066592:assumed-role/R/s",
                            "arn:aws:iam::338144066592:role/R"};
};

TEST_F(FaultsTest, StrikeByRegionOperationAndPrincipal) {
  EXPECT_FALSE(Hits(decrypt));
  ASSERT_TRUE(Add(R"([{"kind":"throttle","region":"us-east-1","operation":"Decrypt",
                       "principal":"arn:aws:iam::*:role/R"}])")
                  .ok());
  EXPECT_TRUE(Hits(decrypt));
  for (auto change : {&FaultTarget::region, &FaultTarget::operation}) {
    FaultTarget other = decrypt;
    other.*change = "other";
    EXPECT_FALSE(Hits(other));
  }
  FaultTarget other = decrypt;
  other.role = "arn:aws:iam::338144066592:role/Q";
  EXPECT_FALSE(Hits(other));
  faults.Clear();
  EXPECT_FALSE(Hits(decrypt));
}

TEST_F(FaultsTest, AreUsedUpAndRolled) {
  ASSERT_TRUE(Add(R"([{"kind":"refuse","count":2}])").ok());
  EXPECT_TRUE(Hits(decrypt));
  EXPECT_TRUE(Hits(decrypt));
  EXPECT_FALSE(Hits(decrypt));
  ASSERT_TRUE(Add(R"([{"kind":"refuse","probability":0.25}])").ok());
  int hits = 0;
  for (int i = 0; i < 4000; ++i) hits += Hits(decrypt);
  EXPECT_GT(hits, 800);
  EXPECT_LT(hits, 1200);
}

TEST_F(FaultsTest, AreListedAndRemoved) {
  ASSERT_TRUE(
      Add(R"([{"kind":"slow","delay":"2s"},{"kind":"creating","region":"us-east-2"}])").ok());
  const Json list = faults.List();
  EXPECT_EQ(list[0]["delayMs"], 2000);
  EXPECT_EQ(faults.HeldRegions(), std::vector<std::string>{"us-east-2"});
  EXPECT_EQ(faults.Remove({list[0]["id"], "f999"}), 1U);
  EXPECT_FALSE(Hits(decrypt));  // What is left is about replicas.
}

TEST_F(FaultsTest, NameWhatIsWrong) {
  const auto field = [&](const std::string& rules) {
    const auto added = Add(rules);
    return added.ok() ? "accepted" : added.error().field;
  };
  EXPECT_EQ(field(R"({})"), "/add");
  EXPECT_EQ(field(R"([1])"), "/add/0");
  EXPECT_EQ(field(R"([{}])"), "/add/0/kind");
  EXPECT_EQ(field(R"([{"kind":"throttle"},{"kind":"nope"}])"), "/add/1/kind");
  EXPECT_EQ(field(R"([{"kind":"slow"}])"), "/add/0/delay");
  EXPECT_EQ(field(R"([{"kind":"slow","delay":"soon"}])"), "/add/0/delay");
  EXPECT_EQ(field(R"([{"kind":"slow","delay":"-1s"}])"), "/add/0/delay");
  EXPECT_EQ(field(R"([{"kind":"error","status":200}])"), "/add/0/status");
  EXPECT_EQ(field(R"([{"kind":"error","count":0}])"), "/add/0/count");
  EXPECT_EQ(field(R"([{"kind":"error","probability":2}])"), "/add/0/probability");
  EXPECT_EQ(field(R"([{"kind":"error","nope":2}])"), "/add/0/nope");
  EXPECT_EQ(field(R"([{"kind":"region-down"}])"), "/add/0/region");
  // What could never strike.
  EXPECT_EQ(field(R"([{"kind":"throttle","operation":"decrypt"}])"), "/add/0/operation");
  EXPECT_EQ(field(R"([{"kind":"throttle","operation":"Decrypt","service":"sts"}])"),
            "/add/0/operation");
  EXPECT_EQ(field(R"([{"kind":"throttle","service":"KMS"}])"), "/add/0/service");
  EXPECT_EQ(field(R"([{"kind":"throttle","region":"us-east"}])"), "/add/0/region");
  EXPECT_EQ(field(R"([{"kind":"throttle","status":400}])"), "/add/0/status");
  EXPECT_EQ(field(R"([{"kind":"refuse","delay":"1s"}])"), "/add/0/delay");
  EXPECT_EQ(field(R"([{"kind":"creating","count":1}])"), "/add/0/count");
  EXPECT_EQ(field(R"([{"kind":"creating","operation":"Decrypt"}])"), "/add/0/operation");
  EXPECT_EQ(field(R"([{"kind":"region-down","region":"us-east-1","service":"kms"}])"),
            "/add/0/service");
  EXPECT_EQ(faults.List().size(), 0U);
  EXPECT_EQ(field(R"([{"kind":"error","status":400,"code":"X","message":"m","service":"sts",
                      "operation":"AssumeRole","region":"us-gov-west-1","principal":"*"},
                     {"kind":"slow","delayMs":5,"operation":"LookupEvents"},
                     {"kind":"clock-skew","delay":"-1h","probability":0.5}])"),
            "accepted");
  faults.Clear();
  EXPECT_TRUE(Add(R"([{"kind":"throttle"}])").ok());
  for (std::size_t i = 1; i < kFaultRulesMax; ++i)
    ASSERT_TRUE(Add(R"([{"kind":"throttle"}])").ok());
  EXPECT_EQ(field(R"([{"kind":"throttle"}])"), "/add");
}

TEST(Patterns, MatchStarsAndQuestionMarks) {
  EXPECT_TRUE(MatchesPattern("*", ""));
  EXPECT_TRUE(MatchesPattern("a*c*e", "abcde"));
  EXPECT_TRUE(MatchesPattern("a?c", "abc"));
  EXPECT_FALSE(MatchesPattern("a?c", "ac"));
  EXPECT_FALSE(MatchesPattern("a*d", "abc"));
  EXPECT_FALSE(MatchesPattern("", "a"));
  EXPECT_TRUE(MatchesPattern("*a*a*b", std::string(1000, 'a') + "b"));
}

TEST(Spans, AreReadStrictly) {
  EXPECT_EQ(ParseSpan("7d").value(), std::chrono::hours(24 * 7));
  EXPECT_EQ(ParseSpan("-5m").value(), std::chrono::minutes(-5));
  EXPECT_EQ(ParseSpan("1500ms").value().count(), 1500);
  for (const char* bad : {"", "7", "d", "7 d", "7w", "99999999999999999d", "40000d", "1.5h"})
    EXPECT_FALSE(ParseSpan(bad).ok()) << bad;
}

}  // namespace
}  // namespace tenantseal::emulator
