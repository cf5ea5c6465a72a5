// Policies: what is read, and what is decided, rule by rule.
#include "aws/policy_evaluator.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "aws/policy_pattern.h"

namespace tenantseal::aws {
namespace {

using ::testing::HasSubstr;
using Match = CompiledPolicy::Match;
constexpr const char* kRole = "arn:aws:iam::338144066592:role/proxy";

AccessRequest RoleRequest(std::string action = "kms:Encrypt", std::string tenant = "t1") {
  AccessRequest out;
  out.principal = {"338144066592", "arn:aws:sts::338144066592:assumed-role/proxy/s", kRole,
                   "AROAAAAAAAAAAAAAAAAA:s", ""};
  out.action = std::move(action);
  out.resource = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
  out.key_account = "111122223333";
  out.context["kms:encryptioncontext:tenantid"] = {std::move(tenant)};
  out.context["kms:encryptioncontextkeys"] = {"TenantId"};
  out.context["aws:sourceip"] = {"10.1.2.3"};
  out.context["aws:currenttime"] = {"2026-11-24T07:06:00Z"};
  out.context["aws:vpcsourceip"] = {"not an address"};
  out.context["kms:rotationperiodindays"] = {"not a number"};
  out.context["aws:tokenissuetime"] = {"not a date"};
  out.context["kms:multiregion"] = {"true"};
  out.context["kms:schedulekeydeletionpendingwindowindays"] = {"7"};
  return out;
}

std::string Statement(const std::string& rest, const std::string& effect = "Allow",
                      const std::string& principal = R"("Principal":"*")") {
  return R"({"Effect":")" + effect + R"(",)" + principal + R"(,"Action":"kms:*","Resource":"*")" +
         rest + "}";
}
std::string Document(const std::string& statements, const std::string& version = "2012-10-17") {
  return R"({"Version":")" + version + R"(","Statement":[)" + statements + "]}";
}
CompiledPolicy Compile(const std::string& json, PolicyKind kind = PolicyKind::kKey) {
  auto policy = ParsePolicy(json, kind);
  EXPECT_TRUE(policy.ok()) << policy.error().message << json;
  return CompiledPolicy(policy.ok() ? *policy : Policy{});
}
Match Says(const std::string& statements, const AccessRequest& request = RoleRequest()) {
  return Compile(Document(statements)).Evaluate(request, nullptr);
}

TEST(PolicyConditionTest, EachOperatorByItsRule) {
  const struct {
    const char* condition;
    bool holds;
  } kCases[] = {
      {R"("StringEquals":{"kms:EncryptionContext:TenantId":["x","t1"]})", true},
      {R"("StringEquals":{"KMS:encryptioncontext:TENANTID":"t1"})", true},
      {R"("StringEquals":{"kms:EncryptionContext:TenantId":"T1"})", false},
      {R"("StringEquals":{"kms:EncryptionContext:TenantId":"t*"})", false},
      {R"("StringEqualsIgnoreCase":{"kms:EncryptionContext:TenantId":"T1"})", true},
      {R"("StringNotEquals":{"kms:EncryptionContext:TenantId":["x","t1"]})", false},
      {R"("StringNotEquals":{"kms:EncryptionContext:Other":"x"})", true},
      {R"("StringEquals":{"kms:EncryptionContext:Other":"x"})", false},
      {R"("StringEqualsIfExists":{"kms:EncryptionContext:Other":"x"})", true},
      {R"("StringLike":{"kms:EncryptionContext:TenantId":"t?"})", true},
      {R"("StringNotLike":{"kms:EncryptionContext:TenantId":"t*"})", false},
      {R"("ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"})", true},
      {R"("ArnEquals":{"aws:PrincipalArn":"arn:aws:*:role/proxy"})", false},
      {R"("ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::1:role/x"})", true},
      {R"("Bool":{"kms:MultiRegion":true})", true},
      {R"("Bool":{"kms:MultiRegion":"false"})", false},
      {R"("Null":{"kms:EncryptionContextKeys":false})", true},
      {R"("Null":{"kms:ViaService":"true"})", true},
      {R"("NumericLessThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":7})", true},
      {R"("NumericGreaterThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"7"})", false},
      {R"("NumericEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":"x"})", false},
      {R"("DateGreaterThan":{"aws:CurrentTime":"2026-01-01"})", true},
      {R"("DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"})", false},
      {R"("IpAddress":{"aws:SourceIp":["192.0.2.0/24","10.0.0.0/8"]})", true},
      {R"("NotIpAddress":{"aws:SourceIp":"10.1.2.3"})", false},
      {R"("IpAddress":{"aws:SourceIp":"::/0"})", false},
      {R"("IpAddress":{"aws:SourceIp":"::ffff:10.0.0.0/104"})", true},
      {R"("IpAddress":{"aws:SourceIp":"10.1.2.3/32"})", true},
      {R"("IpAddress":{"aws:SourceIp":"10.1.2.2/31"})", true},
      {R"("IpAddress":{"aws:SourceIp":"10.1.2.4/31"})", false},
      {R"("IpAddress":{"aws:SourceIp":"0.0.0.0/0"})", true},
      {R"("IpAddress":{"aws:SourceIp":"10.0.0.0/8.0"})", false},
      {R"("NotIpAddress":{"aws:SourceIp":"2001:db8::/32"})", true},
      {R"("NotIpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"})", false},
      {R"("NumericNotEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":"nan"})", false},
      {R"("NumericNotEquals":{"kms:RotationPeriodInDays":"5"})", false},
      {R"("DateNotEquals":{"aws:TokenIssueTime":"2026-01-01"})", false},
      {R"("NumericLessThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"inf"})", false},
      {R"("DateEquals":{"aws:CurrentTime":"2026-11-24T07:06:00Z"})", true},
      {R"("DateNotEquals":{"aws:CurrentTime":"2026-11-24T07:06:00Z"})", false},
      {R"("DateLessThanEquals":{"aws:CurrentTime":"2026-11-24T07:06:00Z"})", true},
      {R"("DateGreaterThanEquals":{"aws:CurrentTime":"2026-11-24T07:06:01Z"})", false},
      {R"("DateGreaterThan":{"aws:CurrentTime":"1700000000"})", true},
      {R"("DateEquals":{"aws:CurrentTime":"2026-11-24T07:06Z"})", true},
      {R"("DateEquals":{"aws:CurrentTime":"2026-11-24T07:06:00+00:00"})", true},
      {R"("DateEquals":{"aws:CurrentTime":"2026-11-24T08:36:00.00+01:30"})", true},
      {R"("DateEquals":{"aws:CurrentTime":"2026-11-23T23:06:00-08:00"})", true},
      {R"("DateLessThan":{"aws:CurrentTime":"2026-11-24T07:06:00.5Z"})", true},
      {R"("DateGreaterThan":{"aws:CurrentTime":"2026-11"})", true},
      {R"("DateNotEquals":{"aws:CurrentTime":"2026"})", false},
      {R"("DateNotEquals":{"aws:CurrentTime":"2026-11-24T07:06:00"})", false},
      {R"("DateNotEquals":{"aws:CurrentTime":"2026-11-24T07:06:00.Z"})", false},
      {R"("DateNotEquals":{"aws:CurrentTime":"2026-11-24T07:06:00+24:00"})", false},
      {R"("DateNotEquals":{"aws:CurrentTime":"2026-11T07:06Z"})", false},
      {R"("NumericGreaterThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":7})", true},
      {R"("NumericLessThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":7})", false},
      {R"("NumericNotEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":[6,8]})", true},
      {R"("BinaryEquals":{"kms:EncryptionContext:TenantId":"t*"})", false},
      {R"("BoolIfExists":{"aws:MultiFactorAuthPresent":"true"})", true},
      {R"("Bool":{"aws:SecureTransport":"false"})", false},
      {R"("Bool":{"kms:MultiRegion":"TRUE"})", true},
      {R"("Bool":{"kms:MultiRegion":"maybe"})", false},
      {R"("NullIfExists":{"kms:ViaService":"true"})", false},
      {R"("BinaryEquals":{"kms:EncryptionContext:TenantId":"t1"})", true},
      {R"("ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":["TenantId","x"]})", true},
      {R"("ForAllValues:StringEquals":{"kms:EncryptionContextKeys":"x"})", false},
      {R"("ForAllValues:StringEquals":{"kms:GrantOperations":"x"})", true},
      {R"("ForAnyValue:StringNotEquals":{"kms:GrantOperations":"x"})", false},
      {R"("StringEquals":{"kms:CallerAccount":"338144066592"})", true},
      {R"("StringLike":{"aws:userid":"AROA*:s"})", true},
      {R"("Null":{"aws:username":true})", true},
      {R"("StringEquals":{"kms:EncryptionContext:TenantId":"${aws:username}"})", false},
      {R"("StringNotEquals":{"kms:EncryptionContext:TenantId":"${aws:username}"})", false},
      {R"("StringEquals":{"kms:EncryptionContext:TenantId":"${aws:username, 't1'}"})", true},
      {R"("StringLike":{"kms:EncryptionContext:TenantId":"t${*}"})", false},
      {R"("StringFoo":{"kms:EncryptionContext:TenantId":"t1"})", false},
      {R"("StringNotEquals":{"kms:NoSuchKey":"t1"})", false},
      {R"("StringEquals":{"kms:EncryptionContext:TenantId":"t1"},"Bool":{"kms:MultiRegion":false})",
       false},
  };
  for (const auto& c : kCases) {
    const std::string rest = R"(,"Condition":{)" + std::string(c.condition) + "}";
    EXPECT_EQ(Says(Statement(rest)), c.holds ? Match::kAllow : Match::kNone) << c.condition;
  }
}

TEST(PolicyConditionTest, WhatIsNotUnderstoodDenies) {
  for (const char* condition : {R"("StringFoo":{"aws:userid":"x"})", R"("Bool":{"kms:NoKey":true})",
                                R"("IpAddress":{"aws:SourceIp":"10.0.0.0/99"})"}) {
    const std::string rest = R"(,"Condition":{)" + std::string(condition) + "}";
    EXPECT_EQ(Says(Statement("") + "," + Statement(rest, "Deny")), Match::kDeny) << condition;
  }
}

TEST(PolicyConditionTest, KeysOfTheContextThatDifferInCaseFailClosed) {
  AccessRequest request = RoleRequest();
  request.context["kms:encryptioncontext:tenantid"] = {"t1", "t2"};
  for (const char* set : {"", "ForAnyValue:"}) {
    const std::string rest = R"(,"Condition":{")" + std::string(set) +
                             R"(StringEquals":{"kms:EncryptionContext:TenantId":"t1"}})";
    EXPECT_EQ(Says(Statement(rest), request), Match::kNone) << set;
    EXPECT_EQ(Says(Statement(rest, "Deny"), request), Match::kDeny) << set;
  }
}

TEST(PolicyConditionTest, VariablesAreLiteralInTheOlderVersion) {
  const std::string s = Statement(
      R"(,"Condition":{"StringEquals":{"kms:EncryptionContext:TenantId":"${aws:userid}"}})");
  AccessRequest request = RoleRequest("kms:Encrypt", "${aws:userid}");
  EXPECT_EQ(Compile(Document(s, "2008-10-17")).Evaluate(request, nullptr), Match::kAllow);
  EXPECT_EQ(Compile(Document(s)).Evaluate(request, nullptr), Match::kNone);
}

TEST(PolicyPrincipalTest, EachFormOfName) {
  const auto says = [](const std::string& principal, const std::string& effect = "Allow") {
    return Says(Statement("", effect, principal));
  };
  EXPECT_EQ(says(R"("Principal":{"AWS":"*"})"), Match::kAllow);
  EXPECT_EQ(says(R"("Principal":{"AWS":"arn:aws:iam::338144066592:role/proxy"})"), Match::kAllow);
  EXPECT_EQ(says(R"("Principal":{"AWS":"arn:aws:sts::338144066592:assumed-role/proxy/s"})"),
            Match::kAllowDirect);
  EXPECT_EQ(says(R"("Principal":{"AWS":"338144066592"})"), Match::kAllowByAccount);
  EXPECT_EQ(says(R"("Principal":{"AWS":"arn:aws:iam::338144066592:root"})"),
            Match::kAllowByAccount);
  EXPECT_EQ(says(R"("Principal":{"AWS":"arn:aws-us-gov:iam::338144066592:root"})"), Match::kNone);
  EXPECT_EQ(says(R"("Principal":{"AWS":"arn:aws:iam::338144066592:role/other"})"), Match::kNone);
  EXPECT_EQ(says(R"("Principal":{"Service":"s3.amazonaws.com"})"), Match::kNone);
  EXPECT_EQ(says(R"("NotPrincipal":{"AWS":"338144066592"})"), Match::kNone);
  EXPECT_EQ(says(R"("NotPrincipal":{"AWS":"111122223333"})"), Match::kAllow);
  EXPECT_EQ(says(R"("NotPrincipal":{"AWS":"arn:aws:iam::338144066592:role/proxy"})", "Deny"),
            Match::kDeny);
}

TEST(PolicyStatementTest, WithoutActionOrResourceHasNoEffect) {
  EXPECT_EQ(Says(R"({"Effect":"Allow","Principal":"*","Action":"kms:*"})"), Match::kNone);
  EXPECT_EQ(Says(R"({"Effect":"Allow","Principal":"*","Resource":"*"})"), Match::kNone);
  EXPECT_EQ(Says(R"({"Effect":"Allow","Principal":"*","Resource":"*","Action":"KMS:enc?ypt"})"),
            Match::kAllow);
  EXPECT_EQ(Says(R"({"Effect":"Allow","Principal":"*","Resource":"*","NotAction":"kms:Enc*"})"),
            Match::kNone);
}

TEST(DecideTest, AccountsAndSessions) {
  const CompiledPolicy identity =
      Compile(R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*",)"
              R"("Resource":"arn:aws:kms:*:111122223333:key/*"}})",
              PolicyKind::kIdentity);
  const CompiledPolicy nothing = Compile(Document(""), PolicyKind::kIdentity);
  const CompiledPolicy* with[] = {&identity};
  const CompiledPolicy by_role =
      Compile(Document(Statement("", "Allow", R"("Principal":{"AWS":"338144066592"})")));
  AccessRequest request = RoleRequest();
  EXPECT_TRUE(Decide(request, &by_role, {}, with, nullptr).allowed);
  EXPECT_EQ(Decide(request, &by_role, {}, {}, nullptr).lacking,
            AccessDecision::Lacking::kIdentityPolicy);
  EXPECT_EQ(Decide(request, &nothing, {}, with, nullptr).lacking,
            AccessDecision::Lacking::kResourcePolicy);
  EXPECT_EQ(Decide(request, &by_role, {}, with, &nothing).lacking,
            AccessDecision::Lacking::kSessionPolicy);
  request.key_account = request.principal.account;  // The same account: named is enough.
  const CompiledPolicy everyone = Compile(Document(Statement("")));
  EXPECT_TRUE(Decide(request, &everyone, {}, {}, nullptr).allowed);
  EXPECT_FALSE(Decide(request, &by_role, {}, {}, nullptr).allowed);
  EXPECT_FALSE(Decide(request, &everyone, {}, {}, &nothing).allowed);
  GrantView grant{kRole, {"Encrypt"}, {{"TenantId", "t1"}}, {}, true, false};
  EXPECT_TRUE(Decide(request, &nothing, std::span(&grant, 1), {}, nullptr).allowed);
  grant.context_equals["TenantId"] = "t2";
  EXPECT_FALSE(Decide(request, &nothing, std::span(&grant, 1), {}, nullptr).allowed);
}

// Random policies of statements that each may or may not apply.
TEST(DecideTest, DenyNeverAllowsAndOrderNeverMatters) {
  const std::vector<std::string> conditions{
      "", R"(,"Condition":{"StringEquals":{"kms:EncryptionContext:TenantId":"t1"}})",
      R"(,"Condition":{"StringNotEquals":{"kms:EncryptionContext:TenantId":"t1"}})",
      R"(,"Condition":{"Null":{"kms:ViaService":"true"}})",
      R"(,"Condition":{"Odd":{"aws:userid":"x"}})"};
  const std::vector<std::string> principals{
      R"("Principal":"*")", R"("Principal":{"AWS":"338144066592"})",
      R"("Principal":{"AWS":"111122223333"})", R"("NotPrincipal":{"AWS":"111122223333"})"};
  std::mt19937 random(7);
  const auto join = [](const std::vector<std::string>& parts) {
    std::string out;
    for (const auto& part : parts) out += (out.empty() ? "" : ",") + part;
    return out;
  };
  int allowed = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> parts;
    for (unsigned i = random() % 5; i > 0; --i) {
      parts.push_back(Statement(conditions[random() % 5], random() % 4 == 0 ? "Deny" : "Allow",
                                principals[random() % 4]));
    }
    const Match before = Says(join(parts));
    const auto permits = [](Match m) { return m != Match::kNone && m != Match::kDeny; };
    allowed += permits(before) ? 1 : 0;
    auto shuffled = parts;
    std::ranges::shuffle(shuffled, random);
    ASSERT_EQ(Says(join(shuffled)), before) << join(parts);
    auto more = parts;
    more.push_back(Statement(conditions[random() % 5], "Deny", principals[random() % 4]));
    ASSERT_FALSE(permits(Says(join(more))) && !permits(before)) << join(more);
    const auto allow = std::ranges::find_if(parts, [](auto& p) { return p.contains("Allow"); });
    if (allow == parts.end()) continue;
    parts.erase(allow);
    ASSERT_FALSE(permits(Says(join(parts))) && !permits(before)) << join(parts);
  }
  EXPECT_GT(allowed, 300);
}

TEST(ParsePolicyTest, RefusesWithThePointer) {
  const struct {
    std::string json;
    const char* field;
  } kCases[] = {
      {R"({"Statement":[{"Effect":"Allow","Effect":"Deny"}]})", "/Statement/0/Effect"},
      {Document(R"({"Effect":"Permit"})"), "/Statement/0/Effect"},
      {Document(
           Statement("", "Allow", R"("Principal":{"AWS":"arn:aws:iam::338144066592:role/*"})")),
       "/Statement/0/Principal/AWS"},
      {Document(
           Statement("", "Allow", R"("Principal":{"AWS":"arn:aws:iam::338144066592:group/g"})")),
       "/Statement/0/Principal/AWS"},
      {Document(Statement("") + "," + Statement(R"(,"Foo":1)")), "/Statement/1/Foo"},
      {Document(Statement(R"(,"Condition":[])")), "/Statement/0/Condition"},
      {R"({"Version":"2020","Statement":[]})", "/Version"},
      {"{", ""},
  };
  for (const auto& c : kCases) {
    const auto policy = ParsePolicy(c.json, PolicyKind::kKey);
    ASSERT_FALSE(policy.ok()) << c.json;
    EXPECT_EQ(policy.error().field, c.field) << c.json << policy.error().message;
  }
  EXPECT_EQ(ParsePolicy(std::string(32769, ' '), PolicyKind::kKey).error().code,
            ErrorCode::kTooLarge);
  EXPECT_FALSE(ParsePolicy(std::string(30000, '['), PolicyKind::kKey).ok());
  const std::string all =
      Statement(R"(,"Condition":{"ForAllValues:StringEquals":{"kms:EncryptionContext:T":"a"}})");
  EXPECT_THAT(ParsePolicy(Document(all), PolicyKind::kKey).error().message,
              HasSubstr("OverlyPermissiveCondition:EncryptionContext: Using the ForAllValues"));
}

TEST(ParsePolicyTest, QuotesWhatIsWrongAndShowsTheForm) {
  const struct {
    std::string json;
    const char* quoted;
    const char* form;
  } kCases[] = {
      {"{", "byte 2, where it ends, after '{'", R"({"Version": "2012-10-17", "Statement": [)"},
      {"", "is empty", R"("Statement": [)"},
      {R"({"Version": "2012-10-17", "Statement": [{"Effect": Allow}]})", R"("Effect": Allow}])",
       R"("Effect": "Allow")"},
      {R"({"Statement":[5]})", "'5'", R"("Effect": "Allow")"},
      {R"({"Statement":null})", "'null'", R"("Effect": "Allow")"},
      {R"([{"Effect":"Allow"}])", R"('[{"Effect":"Allow"}]')", R"("Statement": [)"},
      {R"({"Version":"2012-10-17"})", "Statement", R"("Statement": [)"},
      {R"({"Statement":[{"Sid":7}]})", "'7'", R"("TEXT")"},
      {R"({"Statement":[{"Action":[]}]})", "'[]'", R"(["a", "b"])"},
      {R"({"Statement":[{"Condition":"x"}]})", R"('"x"')", R"({"StringEquals": )"},
      {R"({"Statement":[{"Condition":{"Bool":{"aws:SecureTransport":null}}}]})", "'null'",
       R"(["a", "b"])"},
  };
  for (const auto& c : kCases) {
    const auto policy = ParsePolicy(c.json, PolicyKind::kKey);
    ASSERT_FALSE(policy.ok()) << c.json;
    EXPECT_THAT(policy.error().message, HasSubstr(c.quoted)) << c.json;
    EXPECT_THAT(policy.error().message, HasSubstr(c.form)) << c.json;
    EXPECT_LT(policy.error().message.size(), 400U) << c.json;
  }
  const std::string long_one = R"({"Statement":[")" + std::string(30'000, 'x') + R"("]})";
  EXPECT_LT(ParsePolicy(long_one, PolicyKind::kKey).error().message.size(), 400U);
  EXPECT_THAT(ParsePolicy("{", PolicyKind::kIdentity).error().message,
              ::testing::Not(HasSubstr("Principal")));
}

TEST(PatternTest, ManyStarsTakeNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "a*";
  EXPECT_FALSE(Pattern(pattern + "b", {}).Matches(std::string(2000, 'a'), {}));
}

}  // namespace
}  // namespace tenantseal::aws
