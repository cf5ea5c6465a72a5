// The validation of a key, asked of the emulator through the client of AWS KMS.
#include <gtest/gtest.h>

#include <algorithm>

#include "aws/local_aws.h"
#include "providers/validator.h"

namespace tenantseal {
namespace {

using model::CheckOutcome;
using model::EncryptionCode;

const std::string kAlias = "arn:aws:kms:us-east-1:111122223333:alias/payroll";
const std::string kService = "arn:aws:iam::338144066592:user/tenantseal-service";

class KeyValidation : public ::testing::Test {
 protected:
  KeyValidation() {
    tenant_.id = *model::TenantId::Parse(std::string(32, 't'));
    tenant_.region = kEast;
  }
  void SetUp() override { ASSERT_TRUE(aws_.Start({tenant_.id})); }

  Result<providers::Report> Try(const std::string& arn, const std::string& pinned = "") {
    const kms::AwsKms kms(*aws_.http, aws_.credentials, aws_.clock, aws_.random, aws_.options());
    const providers::Validator validator(kms.inspector(), aws_.clock, aws_.random,
                                         {.policy_principals = {kService}});
    const auto nobody = [](const std::string&) -> Result<std::uint64_t> { return 0; };
    return validator.Validate({tenant_, arn, pinned, true, nobody},
                              aws_.clock.Boot() + std::chrono::seconds(30));
  }
  providers::Report Validate(const std::string& arn = kPrimary, const std::string& pinned = "") {
    auto report = Try(arn, pinned);
    EXPECT_TRUE(report) << report.error().message;
    return report ? std::move(*report) : providers::Report();
  }
  // The first failure as "NAME CODE REGION".
  static std::string Failure(const providers::Report& report) {
    const providers::Check* check = report.first_problem();
    if (check == nullptr) return "none";
    return check->name + " " + std::to_string(static_cast<int>(check->code)) + " " + check->region;
  }
  bool OfKey(const std::string& region, const std::string& operation, std::string more = "") {
    return aws_.AsCustomer(
        region, operation,
        R"({"KeyId":")" + (region == kEast ? kPrimary : kReplica) + "\"" + more + "}");
  }

  LocalAws aws_;
  model::Tenant tenant_;
};

TEST_F(KeyValidation, PassesAnIsolatingPair) {
  const providers::Report report = Validate();
  EXPECT_EQ(report.outcome(), CheckOutcome::kPass) << providers::ReportText(report);
  EXPECT_EQ(report.replica_arn, kReplica);
  EXPECT_TRUE(report.dr_compliant());
}

TEST_F(KeyValidation, TellsTheUnadmittedNothing) {
  ASSERT_TRUE(aws_.Admit({*model::TenantId::Parse(std::string(32, 'o'))}));
  const providers::Report denied = Validate();
  EXPECT_EQ(Failure(denied), "authorised 88 us-east-1");
  EXPECT_NE(denied.mended_policy.find(tenant_.id.text()), std::string::npos);
  ASSERT_TRUE(OfKey(kEast, "DisableKey"));
  const std::string none = "arn:aws:kms:us-east-1:111122223333:key/mrk-" + std::string(32, '9');
  for (const std::string& arn : {kPrimary, none}) {
    const providers::Report report = Validate(arn);
    ASSERT_EQ(report.checks.size(), denied.checks.size());
    EXPECT_EQ(report.checks.back().detail, denied.checks.back().detail);
    EXPECT_EQ(report.checks.back().fix, denied.checks.back().fix);
    EXPECT_EQ(report.mended_policy, denied.mended_policy);
    EXPECT_EQ(report.key_arn, "");
  }
}

TEST_F(KeyValidation, SeesTheStateOfEitherKey) {
  ASSERT_TRUE(OfKey(kBackup, "DisableKey"));
  EXPECT_EQ(Failure(Validate()), "replica-authorised 24 us-east-2");
  ASSERT_TRUE(OfKey(kEast, "DisableKey"));
  EXPECT_EQ(Failure(Validate()), "enabled 24 us-east-1");
  ASSERT_TRUE(OfKey(kEast, "EnableKey"));
  ASSERT_TRUE(OfKey(kBackup, "EnableKey"));
  EXPECT_EQ(Validate().outcome(), CheckOutcome::kPass);
  ASSERT_TRUE(OfKey(kBackup, "ScheduleKeyDeletion"));
  EXPECT_EQ(Failure(Validate()), "replica-authorised 24 us-east-2");
}

TEST_F(KeyValidation, MendsWithThePolicyThatItPrints) {
  ASSERT_TRUE(aws_.Admit({}));
  const providers::Report denied = Validate();
  const std::string root =
      R"({"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},)"
      R"("Action":"kms:*","Resource":"*"})";
  const std::string mended = denied.mended_policy;
  ASSERT_TRUE(mended.starts_with('['));
  const std::string policy =
      R"({"Version":"2012-10-17","Statement":[)" + root + "," + mended.substr(1) + "}";
  std::string quoted;
  for (const char c : policy) {
    if (c == '\n') continue;
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  const std::string put = R"(,"PolicyName":"default","Policy":")" + quoted + "\"";
  ASSERT_TRUE(OfKey(kEast, "PutKeyPolicy", put));
  const providers::Report half = Validate();
  EXPECT_EQ(Failure(half), "replica-authorised 88 us-east-2");
  EXPECT_EQ(half.first_problem()->detail,
            "The policy of the provided key does not allow the required action [us-east-2] "
            "[GenerateDataKey].");
  ASSERT_TRUE(OfKey(kBackup, "PutKeyPolicy", put));
  EXPECT_EQ(Validate().outcome(), CheckOutcome::kPass) << providers::ReportText(Validate());
}

TEST_F(KeyValidation, FollowsAnAlias) {
  const std::string names = R"({"AliasName":"alias/payroll","TargetKeyId":")";
  ASSERT_TRUE(aws_.AsCustomer(kEast, "CreateAlias", names + kPrimary + "\"}"));
  const providers::Report report = Validate(kAlias);
  EXPECT_EQ(report.outcome(), CheckOutcome::kPass) << providers::ReportText(report);
  EXPECT_EQ(report.key_arn, kPrimary);
  ASSERT_TRUE(aws_.AsCustomer(kEast, "DeleteAlias", R"({"AliasName":"alias/payroll"})"));
  const providers::Report astray = Validate(kAlias, kPrimary);
  EXPECT_EQ(astray.outcome(), CheckOutcome::kWarn);
  EXPECT_EQ(astray.checks.back().name, "alias");
  EXPECT_EQ(astray.checks.back().outcome, CheckOutcome::kWarn);
}

TEST_F(KeyValidation, TellsASilentRegionFromASilentReplica) {
  ASSERT_TRUE(aws_.AddFault(R"({"kind":"creating","region":"us-east-2"})"));
  EXPECT_EQ(Failure(Validate()), "replica-authorised 27 us-east-2");
  ASSERT_TRUE(aws_.AddFault(R"({"kind":"region-down","region":"us-east-2"})"));
  EXPECT_EQ(Failure(Validate()), "replica-authorised 27 us-east-2");
  ASSERT_TRUE(aws_.AddFault(R"({"kind":"region-down","region":"us-east-1"})"));
  const auto silent = Try(kPrimary);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, ErrorCode::kKeyUnavailable);
  EXPECT_EQ(silent.error().encryption_code, 27);
}

}  // namespace
}  // namespace tenantseal
