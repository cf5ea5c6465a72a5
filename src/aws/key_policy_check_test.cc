// Whether a key policy admits exactly one tenant, as far as that can be told without AWS.
#include <gmock/gmock.h>

#include "aws/key_policy.h"

namespace tenantseal::aws::key_policy_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Answer = KeyPolicyCheck::Answer;

constexpr const char* kRole = "arn:aws:iam::338144066592:role/proxy";
constexpr const char* kTenant = "demo-tenant-0000000000000000000A";
const base::UtcTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24);

std::string Statement(
    const std::string& rest, const std::string& effect = "Allow",
    const std::string& actions = R"(["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey"])") {
  return R"({"Sid":"use","Effect":")" + effect + R"(","Principal":{"AWS":")" + kRole +
         R"("},"Action":)" + actions + R"(,"Resource":"*")" + rest + "}";
}
std::string When(const std::string& conditions) { return R"(,"Condition":{)" + conditions + "}"; }
// With the statement on DescribeKey.
std::string Document(const std::string& statements) {
  return R"({"Version":"2012-10-17","Statement":[)" + statements +
         R"(,{"Effect":"Allow","Principal":{"AWS":")" + kRole +
         R"("},"Action":"kms:DescribeKey","Resource":"*"}]})";
}
std::string Conditions(const std::string& conditions) {
  return Document(Statement(When(conditions)));
}
const std::string kPlain =
    R"("StringEquals":{"kms:EncryptionContext:TenantId":")" + std::string(kTenant) + R"("})";

KeyPolicyCheck Check(const std::string& policy, std::vector<std::string> tenants = {kTenant}) {
  auto check = CheckKeyPolicy(policy, {{kRole}, std::move(tenants)}, "", kNow);
  EXPECT_TRUE(check.ok()) << (check.ok() ? "" : check.error().message) << policy;
  return check.ok() ? *check : KeyPolicyCheck{};
}
// The lines of one context: "WRONG kms:Encrypt: why".
std::string Lines(const KeyPolicyCheck& check, const std::string& context) {
  std::string out;
  for (const auto& line : check.lines) {
    if (line.context != context) continue;
    out += line.ok() ? "ok " : line.wrong() ? "WRONG " : "UNTOLD ";
    out += line.action + ":";
    for (const std::string& reason : line.reasons) out += " " + reason;
    out += "\n";
  }
  return out;
}

TEST(KeyPolicyCheckTest, WhatIsPrintedPassesAndWhatLacksIsMended) {
  const KeyPolicyParties parties{{kRole}, {"t1"}};
  const auto whole = WholeKeyPolicy(parties, "aws", "111122223333", {});
  ASSERT_TRUE(whole.ok());
  EXPECT_TRUE(CheckKeyPolicy(*whole, parties, "111122223333", kNow)->ok());
  EXPECT_FALSE(KeyPolicyStatements(parties, "aws-us-gov").ok());
  const KeyPolicyParties next{{kRole}, {"t2"}};
  const auto check = CheckKeyPolicy(*whole, next, "111122223333", kNow);
  ASSERT_TRUE(check.ok());
  EXPECT_TRUE(check->wrong());
  EXPECT_THAT(check->mended, HasSubstr("\"t1\""));
  EXPECT_TRUE(Check(check->mended, {"t1", "t2"}).ok());
  EXPECT_THAT(Lines(Check(check->mended, {"t2"}), "another tenant"),
              HasSubstr("WRONG kms:Encrypt: statement 'Let Tenantseal's roles use this key for the "
                        "tenants named here' allows it it admits tenant 't1'"));
  const auto open = Check(Document(Statement("")));
  EXPECT_TRUE(open.wrong());
  EXPECT_EQ(open.mended, "");
  const auto denied = Check(Document(R"({"Effect":"Deny","Principal":"*","Action":"kms:*",)"
                                     R"("Resource":"*"})"));
  EXPECT_TRUE(denied.wrong());
  EXPECT_EQ(denied.mended, "");
  const auto empty = Check(R"({"Statement":[]})");
  EXPECT_TRUE(Check(empty.mended).ok());
}

TEST(KeyPolicyCheckTest, NeverPassesWhatAdmitsAnother) {
  const std::string t = kTenant;
  const auto on_tenant = [](const std::string& operation, const std::string& values) {
    return "\"" + operation + R"(":{"kms:EncryptionContext:TenantId":)" + values + "}";
  };
  const std::string cases[] = {
      on_tenant("StringLike", R"("demo-tenant-000000000000000000??")"),
      on_tenant("StringLike", R"("demo-*-0000000000000000000A")"),
      on_tenant("StringLike", R"("????????????????????????????????")"),
      on_tenant("StringLike", "\"" + t + "*\""),
      on_tenant("StringEquals", "[\"" + t + R"(","other-tenant-000000000000000000B"])"),
      on_tenant("StringEqualsIgnoreCase", "\"" + t + "\""),
      on_tenant("StringNotEquals", R"(["never-issued-0000000000000000000","DEMO"])") +
          R"(,"Null":{"kms:EncryptionContext:TenantId":"false"})",
      on_tenant("StringNotLike", R"("never-issued-*")"),
      R"("Null":{"kms:EncryptionContextKeys":"false"},)" +
          on_tenant("StringEqualsIfExists", "\"" + t + "\""),
      on_tenant("StringEqualsIfExists", "\"" + t + "\""),
      on_tenant("StringEquals", R"("${kms:EncryptionContext:TenantId}")"),
      R"("StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"})",
      R"("StringEquals":{"kms:EncryptionContext:Purpose":"x"})",
      R"("DateGreaterThan":{"aws:CurrentTime":"2030-01-01"})",
  };
  for (const std::string& conditions : cases) {
    // The tenant itself is admitted in any case.
    const std::string plain = R"({"Effect":"Allow","Principal":"*","Action":"kms:*",)"
                              R"("Resource":"*")" +
                              When(kPlain) + "}";
    const KeyPolicyCheck check = Check(Document(plain + "," + Statement(When(conditions))));
    EXPECT_FALSE(check.ok()) << conditions;
    EXPECT_THAT(Lines(check, "this tenant"), Not(HasSubstr("WRONG"))) << conditions;
  }
}

TEST(KeyPolicyCheckTest, AnySessionOfTheRoleCounts) {
  const auto with = [](const std::string& role) {
    return Check(Document(Statement(When(kPlain)) +
                          R"(,{"Effect":"Allow","Principal":{"AWS":"arn:aws:sts::338144066592:)"
                          R"(assumed-role/)" +
                          role + R"(/jane"},"Action":"kms:*","Resource":"*"})"));
  };
  EXPECT_THAT(Lines(with("proxy"), "another tenant"), HasSubstr("the name of a role's session"));
  EXPECT_TRUE(with("Admin").ok());
}

TEST(KeyPolicyCheckTest, NamesTheOthersThatAreListed) {
  const KeyPolicyCheck check =
      Check(Conditions(R"("StringEquals":{"kms:EncryptionContext:TenantId":[")" +
                       std::string(kTenant) + R"(","b","c","d","e","f","g"]})"));
  EXPECT_THAT(Lines(check, "another tenant"),
              AllOf(HasSubstr("'b', 'c', 'd', 'e', 'f' and others"), Not(HasSubstr("'g'"))));
  EXPECT_TRUE(Check(Conditions(R"("StringEquals":{"kms:EncryptionContext:TenantId":[")" +
                               std::string(kTenant) + R"(","b"]})"),
                    {kTenant, "b"})
                  .ok());
}

TEST(KeyPolicyCheckTest, APatternIsWeighedByWhatItCanBeShownToAdmit) {
  EXPECT_TRUE(Check(Conditions(R"("StringLike":{"kms:EncryptionContext:TenantId":")" +
                               std::string(kTenant) + R"("})"))
                  .ok());
  const std::string digits(32, '7');
  const KeyPolicyCheck check =
      Check(Conditions(R"("StringEqualsIgnoreCase":{"kms:EncryptionContext:TenantId":")" + digits +
                       R"("})"),
            {digits});
  EXPECT_FALSE(check.wrong());
  EXPECT_THAT(Lines(check, "another tenant"),
              HasSubstr("UNTOLD kms:Encrypt: cannot be told offline: statement 'use' allows it "
                        "depending on StringEqualsIgnoreCase 'kms:EncryptionContext:TenantId'"));
}

TEST(KeyPolicyCheckTest, WhatOnlyAwsKnowsIsNeitherWrongNorMendedAway) {
  for (const char* restriction :
       {R"("Bool":{"kms:MultiRegion":true})", R"("StringLike":{"aws:RequestedRegion":"us-*"})",
        R"("StringLike":{"aws:PrincipalOrgID":"o-1"})",
        R"("IpAddress":{"aws:SourceIp":"192.0.2.0/24"})", R"("StringFoo":{"aws:userid":"x"})",
        R"("ArnLike":{"aws:PrincipalArn":"${aws:PrincipalTag/role}"})"}) {
    const KeyPolicyCheck check = Check(Conditions(kPlain + "," + restriction));
    EXPECT_THAT(Lines(check, "this tenant"),
                HasSubstr("UNTOLD kms:Decrypt: cannot be told offline"))
        << restriction;
    EXPECT_FALSE(check.ok() || check.wrong()) << restriction;
    EXPECT_EQ(check.mended, "") << restriction;
    const std::string denied = Statement(When(restriction), "Deny");
    EXPECT_THAT(Lines(Check(Document(R"({"Effect":"Allow","Principal":"*","Action":"kms:*",)"
                                     R"("Resource":"*")" +
                                     When(kPlain) + "}," + denied)),
                      "this tenant"),
                HasSubstr("statement 'use' denies it depending on"))
        << restriction;
  }
  const std::string key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-";
  const auto on = [&](const std::string& resource) {
    std::string policy = Conditions(kPlain);
    return Check(policy.replace(policy.find(R"("*")"), 3, resource));
  };
  EXPECT_TRUE(on("\"" + key + "1234567890ab\"").ok());
  EXPECT_THAT(Lines(on("\"" + key + "*\""), "this tenant"), HasSubstr("a Resource other than"));
  EXPECT_FALSE(on("[\"" + key + "1234567890ab\",\"" + key + "1234567890ac\"]").wrong());
}

TEST(KeyPolicyCheckTest, WhatIsKnownOfOurCallsIsUsed) {
  for (const char* restriction :
       {R"("DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00Z"})",
        R"("NumericGreaterThan":{"aws:EpochTime":1577836800})",
        R"("Bool":{"aws:SecureTransport":"true"})", R"("Bool":{"aws:ViaAWSService":"false"})",
        R"("StringLike":{"kms:CallerAccount":"338144066592"})",
        R"("StringLike":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"})",
        R"("Null":{"kms:ViaService":"true"})",
        R"("ForAllValues:StringEquals":{"kms:EncryptionContextKeys":"TenantId"})"}) {
    const KeyPolicyCheck check = Check(Conditions(kPlain + "," + restriction));
    EXPECT_TRUE(check.ok()) << restriction << Lines(check, "this tenant");
  }
  for (const char* restriction : {R"("DateLessThan":{"aws:CurrentTime":"2020-01-01"})",
                                  R"("StringLike":{"kms:ViaService":"s3.amazonaws.com"})",
                                  R"("Bool":{"aws:SecureTransport":"false"})"}) {
    const KeyPolicyCheck check = Check(Conditions(kPlain + "," + restriction));
    EXPECT_TRUE(check.wrong()) << restriction;
    EXPECT_NE(check.mended, "") << restriction;
  }
}

}  // namespace
}  // namespace tenantseal::aws::key_policy_test
