// For the tests of the validator: a good pair of keys, and what a report says of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kms/fake_inspector.h"
#include "providers/validator.h"

namespace tenantseal::providers {

using kms::FakeInspector;
using model::CheckOutcome;
using model::EncryptionCode;

inline const std::string kMrk = "key/mrk-" + std::string(32, 'a');
inline const std::string kKey = "arn:aws:kms:us-east-1:111122223333:" + kMrk;
inline const std::string kReplica = "arn:aws:kms:us-east-2:111122223333:" + kMrk;
inline const std::string kSingle =
    "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
inline const std::string kNorth =
    "arn:aws:kms:eu-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
inline const std::string kAlias = "arn:aws:kms:us-east-1:111122223333:alias/payroll";
inline const std::string kRole = "arn:aws:iam::338144066592:role/proxy";

class ValidatorTest : public ::testing::Test {
 protected:
  ValidatorTest() {
    keys_.Add(kKey, Admitting());
    keys_.AddReplica(kReplica, kKey, Admitting());
    options_.policy_principals = {kRole};
    tenant_.id = *model::TenantId::Parse(std::string(32, 't'));
    tenant_.region = "us-east-1";
  }
  static FakeInspector::Policy Admitting() { return FakeInspector::Admits({std::string(32, 't')}); }
  Result<Report> Try(const std::string& arn = kKey, const std::string& pinned = "") {
    return Try(keys_, arn, pinned);
  }
  Result<Report> Try(const FakeInspector& keys, const std::string& arn,
                     const std::string& pinned = "") {
    return Validator(keys, clock_, random_, options_)
        .Validate({tenant_, arn, pinned, isolation_,
                   [this](const std::string&) { return Result<std::uint64_t>(others_); }},
                  clock_.Boot() + std::chrono::seconds(30));
  }
  Report Validate(const std::string& arn = kKey, const std::string& pinned = "") {
    auto report = Try(arn, pinned);
    EXPECT_TRUE(report) << report.error().message;
    if (!report) return {};
    for (const Check& check : report->checks) {
      const bool passed = check.outcome == CheckOutcome::kPass;
      EXPECT_EQ(passed, check.fix.empty()) << check.name << ": " << check.fix;
      EXPECT_EQ(passed, check.code == EncryptionCode{}) << check.name;
      EXPECT_FALSE(check.detail.empty()) << check.name;
    }
    return std::move(*report);
  }
  static std::vector<std::string> Names(const Report& report) {
    std::vector<std::string> names;
    for (const Check& check : report.checks) names.push_back(check.name);
    return names;
  }
  // The only check that did not pass.
  static Check Problem(const Report& report) {
    std::vector<Check> bad;
    std::ranges::copy_if(report.checks, std::back_inserter(bad),
                         [](const Check& check) { return check.outcome != CheckOutcome::kPass; });
    EXPECT_EQ(bad.size(), 1U) << ReportText(report);
    return bad.empty() ? Check{} : bad[0];
  }
  // The key fails this check and no other, with this code; `detail` and `fix` hold these words.
  struct Words {
    std::string detail, fix;
  };
  static void ExpectFailure(const Report& report, const std::string& name, EncryptionCode code,
                            const Words& words) {
    const Check check = Problem(report);
    EXPECT_EQ(check.outcome, CheckOutcome::kFail);
    EXPECT_EQ(check.name, name);
    EXPECT_EQ(check.code, code) << static_cast<int>(check.code);
    EXPECT_NE(check.detail.find(words.detail), std::string::npos) << check.detail;
    EXPECT_NE(check.fix.find(words.fix), std::string::npos) << check.fix;
  }
  static void ExpectWarning(const Report& report, const std::string& name, EncryptionCode code,
                            const std::string& detail) {
    const Check check = Problem(report);
    EXPECT_EQ(check.outcome, CheckOutcome::kWarn);
    EXPECT_EQ(check.name, name);
    EXPECT_EQ(check.code, code);
    EXPECT_NE(check.detail.find(detail), std::string::npos) << check.detail;
  }
  static std::string NotAllowed(const std::string& region, const std::string& action) {
    return "The policy of the provided key does not allow the required action [" + region + "] [" +
           action + "].";
  }

  base::FakeClock clock_;
  base::FakeRandom random_{11};
  FakeInspector keys_{random_};
  ValidatorOptions options_;
  model::Tenant tenant_;
  std::uint64_t others_ = 0;
  bool isolation_ = true;
};

}  // namespace tenantseal::providers
