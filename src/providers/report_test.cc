#include "providers/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tenantseal::providers {
namespace {

using model::CheckOutcome;
using model::EncryptionCode;

Check Pass(const std::string& name) {
  return {name, CheckOutcome::kPass, {}, "As it should be.", {}, {}};
}
Check Bad(const std::string& name, CheckOutcome outcome, EncryptionCode code) {
  return {name, outcome, "us-east-2", "It is not so.", "Make it so.", code};
}
Report Full() {
  Report report;
  report.given_arn = "arn:aws:kms:us-east-1:111122223333:alias/payroll";
  report.key_arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-" + std::string(32, 'a');
  report.replica_arn = "arn:aws:kms:us-east-2:111122223333:key/mrk-" + std::string(32, 'a');
  report.multi_region = true;
  report.checks = {
      Pass("arn"), Pass("multi-region"), Pass("replica-round-trip"),
      Bad("replica-authorised", CheckOutcome::kFail, EncryptionCode::kActionNotAllowed),
      Bad("isolation", CheckOutcome::kWarn, {})};
  report.mended_policy = "[\n  {\"Sid\": \"\\u00e9\"}\n]";
  report.at = base::FakeClock().Utc();
  return report;
}

TEST(Report, SurvivesItsText) {
  const Report report = Full();
  const auto parsed = ParseReport(ReportText(report));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(ReportText(*parsed), ReportText(report));
  EXPECT_EQ(parsed->at, report.at);
  EXPECT_EQ(parsed->checks.at(3).code, EncryptionCode::kActionNotAllowed);
  EXPECT_EQ(parsed->checks.at(4).code, EncryptionCode{});
  EXPECT_EQ(ReportJson(report)["checks"][3]["code"], "Encryption-88");
  EXPECT_EQ(ReportJson(report)["outcome"], "fail");
  EXPECT_TRUE(ParseReport(ReportText({})));
}

TEST(Report, ShowsBytesThatAreNoText) {
  Report report = Full();
  report.checks[0].detail = "\xff\xfe";
  EXPECT_TRUE(ParseReport(ReportText(report)));
}

TEST(Report, RefusesHostileText) {
  const auto refused = [](const std::string& text) {
    const auto parsed = ParseReport(text);
    return !parsed && parsed.error().code == ErrorCode::kIntegrity;
  };
  const std::string good = ReportText(Full());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(refused(good.substr(0, size))) << size;
  }
  EXPECT_TRUE(refused("[]"));
  EXPECT_TRUE(refused(std::string(100'000, '[')));
  EXPECT_TRUE(refused(std::string((1 << 20) + 1, ' ')));
  using Json = nlohmann::json;
  const auto with = [&](const char* pointer, const Json& value) {
    Json changed = Json::parse(good);
    changed[Json::json_pointer(pointer)] = value;
    return changed.dump();
  };
  EXPECT_FALSE(refused(with("/unknown", 1)));
  for (const char* pointer :
       {"/at", "/givenArn", "/keyArn", "/replicaArn", "/multiRegion", "/mendedPolicy", "/checks",
        "/checks/0", "/checks/0/name", "/checks/0/outcome", "/checks/0/detail", "/checks/3/code"}) {
    EXPECT_TRUE(refused(with(pointer, 7))) << pointer;
  }
  for (const char* code : {"", "88", "Encryption-", "Encryption-0", "Encryption-1x",
                           "Encryption-99999999999999999999"}) {
    EXPECT_TRUE(refused(with("/checks/3/code", code))) << code;
  }
  EXPECT_TRUE(refused(with("/checks/0/outcome", "splendid")));
  EXPECT_TRUE(refused(with("/at", "yesterday")));
  EXPECT_TRUE(refused(with("/checks", Json::array_t(257, Json::parse(good)["checks"][0]))));
}

TEST(Report, TakesTheWorstOutcome) {
  Report report;
  EXPECT_EQ(report.outcome(), CheckOutcome::kPass);
  report.checks = {Pass("arn"), Bad("shared", CheckOutcome::kWarn, EncryptionCode::kKeyShared)};
  EXPECT_EQ(report.outcome(), CheckOutcome::kWarn);
  report.checks.push_back(Bad("usage", CheckOutcome::kFail, EncryptionCode::kKeyUnsuitable));
  report.checks.push_back(Pass("origin"));
  EXPECT_EQ(report.outcome(), CheckOutcome::kFail);
}

TEST(Report, NamesTheFirstProblem) {
  Report report;
  report.checks = {Pass("arn"), Bad("shared", CheckOutcome::kWarn, EncryptionCode::kKeyShared)};
  EXPECT_EQ(report.first_problem(), nullptr) << "no concern of the replica";
  report.checks.push_back(
      Bad("replica-authorised", CheckOutcome::kWarn, EncryptionCode::kProviderTimeout));
  ASSERT_NE(report.first_problem(), nullptr);
  EXPECT_EQ(report.first_problem()->name, "replica-authorised");
  report.checks.push_back(Bad("usage", CheckOutcome::kFail, EncryptionCode::kKeyUnsuitable));
  report.checks.push_back(Bad("enabled", CheckOutcome::kFail, EncryptionCode::kKeyNotEnabled));
  EXPECT_EQ(report.first_problem()->name, "usage") << "a failure before a warning";
}

TEST(Report, KnowsWhetherADisasterIsPreparedFor) {
  Report report;
  EXPECT_TRUE(report.dr_compliant()) << "the internal KMS";
  report.checks = {Pass("arn")};
  EXPECT_FALSE(report.dr_compliant()) << "not known yet";
  report.checks.push_back(Pass("multi-region"));
  EXPECT_TRUE(report.dr_compliant()) << "none is needed";
  report.replica_arn = "arn";
  EXPECT_FALSE(report.dr_compliant()) << "not tried";
  report.checks.push_back(Pass("replica-round-trip"));
  report.checks.push_back(Bad("isolation", CheckOutcome::kWarn, {}));
  EXPECT_TRUE(report.dr_compliant());
  report.checks.push_back(
      Bad("replica-agrees", CheckOutcome::kWarn, EncryptionCode::kProviderTimeout));
  EXPECT_FALSE(report.dr_compliant());
}

TEST(Report, RefusesWithTheFirstFailure) {
  Report report = Full();
  Error error = RefusalOf(report);
  EXPECT_EQ(error.encryption_code, 88);
  EXPECT_EQ(error.code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(error.message, "It is not so.");
  EXPECT_EQ(error.meta, ReportText(report));
  error = RefusalOf(report, EncryptionCode::kTargetInvalid);
  EXPECT_EQ(error.encryption_code, 41);
  EXPECT_EQ(error.code, ErrorCode::kConflict);
  report.checks = {Bad("multi-region", CheckOutcome::kFail, EncryptionCode::kReplicaMissing)};
  EXPECT_EQ(RefusalOf(report).message, "It is not so. Make it so.");
  report.checks[0].code = EncryptionCode::kArnMalformed;
  EXPECT_EQ(RefusalOf(report).code, ErrorCode::kInvalidArgument);
  report.checks.clear();
  EXPECT_EQ(RefusalOf(report).code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace tenantseal::providers
