// The replica, whom the policies admit besides the tenant, and regions that do not answer.
#include "providers/validator_test_ground.h"

namespace tenantseal::providers {
namespace {

TEST_F(ValidatorTest, NeedsTheSamePolicyAtTheReplica) {
  const FakeInspector::Policy all = Admitting();
  struct Case {
    const char *action, *check;
  };
  for (const auto& [action, check] :
       {Case{"GenerateDataKey", "replica-authorised"}, Case{"Encrypt", "replica-round-trip"},
        Case{"Decrypt", "replica-round-trip"}, Case{"DescribeKey", "replica-agrees"}}) {
    keys_.at(kReplica).policy = FakeInspector::Without(action, all);
    const Report report = Validate();
    ExpectFailure(report, check, EncryptionCode::kActionNotAllowed,
                  {NotAllowed("us-east-2", action), "in us-east-2"});
    EXPECT_EQ(report.first_problem()->region, "us-east-2");
    EXPECT_FALSE(report.mended_policy.empty());
    EXPECT_FALSE(report.dr_compliant());
    EXPECT_EQ(report.replica_arn, kReplica);
  }
}

TEST_F(ValidatorTest, NeedsAReplicaThatWorks) {
  keys_.SetState(kReplica, "Disabled");
  ExpectFailure(Validate(), "replica-authorised", EncryptionCode::kKeyNotEnabled,
                {"us-east-2", "aws kms enable-key --key-id " + kReplica + " --region us-east-2"});
  keys_.Remove(kReplica);
  ExpectFailure(Validate(), "replica-authorised", EncryptionCode::kReplicaMissing,
                {kReplica, "replicate-key --key-id " + kKey});
}

TEST_F(ValidatorTest, HasEitherKeyOpenWhatTheOtherWrapped) {
  for (const std::string action : {"GenerateDataKey", "Encrypt", "Decrypt"}) {
    keys_.at(kReplica).garbled = action;
    const Report report = Validate();
    ExpectFailure(report, "replica-round-trip", EncryptionCode::kRoundTripFailed,
                  {action == "Decrypt" ? "Decrypt in us-east-2" : "Decrypt in us-east-1", ""});
    EXPECT_EQ(report.checks.back().name, "shared") << "the rest is asked all the same";
    EXPECT_EQ(std::ranges::count(report.checks, "replica-round-trip", &Check::name), 1);
  }
  keys_.at(kReplica).garbled = "";
  keys_.at(kReplica).material = std::make_shared<base::Secret256>(random_.Key());
  const Report report = Validate();
  EXPECT_EQ(report.first_problem()->name, "replica-round-trip");
  EXPECT_EQ(report.first_problem()->code, EncryptionCode::kRoundTripFailed);
  EXPECT_FALSE(report.dr_compliant());
}

TEST_F(ValidatorTest, NeedsBothKeysToNameOnePrimary) {
  keys_.at(kReplica).description.primary_arn = kReplica;
  const Report report = Validate();
  ExpectFailure(report, "replica-agrees", EncryptionCode::kReplicaMissing,
                {kReplica, "validate again"});
  EXPECT_FALSE(report.dr_compliant());
}

TEST_F(ValidatorTest, DistrustsAReplicaThatAnswersForAnotherKey) {
  keys_.at(kReplica).description.arn = kSingle;
  ExpectFailure(Validate(), "replica-authorised", EncryptionCode::kRoundTripFailed,
                {"GenerateDataKey in us-east-2", ""});
}

TEST_F(ValidatorTest, WarnsWhenTheReplicaIsSilent) {
  keys_.Fail("us-east-2", ErrorCode::kKeyUnavailable);
  const Report report = Validate();
  ExpectWarning(report, "replica-authorised", EncryptionCode::kProviderTimeout, "us-east-2");
  EXPECT_EQ(report.first_problem()->name, "replica-authorised");
  EXPECT_EQ(report.outcome(), CheckOutcome::kWarn);
  EXPECT_FALSE(report.dr_compliant());
  EXPECT_EQ(report.replica_arn, kReplica);
  const auto calls = keys_.calls();
  EXPECT_EQ(std::ranges::count(calls, kReplica, &FakeInspector::Call::arn), 1);
  // Gone in the middle.
  keys_.Fail("us-east-2", {});
  keys_.at(kReplica).policy = [this](std::string_view action, const auto& tenant) {
    if (action == "GenerateDataKey") keys_.Fail("us-east-2", ErrorCode::kDeadlineExceeded);
    return Admitting()(action, tenant);
  };
  ExpectWarning(Validate(), "replica-round-trip", EncryptionCode::kProviderTimeout, "us-east-2");
}

TEST_F(ValidatorTest, FailsWhenThePrimaryIsSilent) {
  // At each call in turn: what was known by then is no report.
  int left = 0;
  keys_.at(kKey).policy = [&](std::string_view action, const auto& tenant) {
    if (left-- == 0) keys_.Fail("us-east-1", ErrorCode::kKeyUnavailable);
    return Admitting()(action, tenant);
  };
  keys_.Fail("us-east-1", ErrorCode::kKeyUnavailable);
  const auto first = Try();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, ErrorCode::kKeyUnavailable);
  EXPECT_EQ(first.error().encryption_code, 27);
  for (int at = 0; at < 9; ++at) {
    keys_.Fail("us-east-1", {});
    left = at;
    const auto report = Try();
    ASSERT_FALSE(report) << at;
    EXPECT_EQ(report.error().encryption_code, 27) << at;
    EXPECT_NE(report.error().message.find("us-east-1"), std::string::npos);
  }
}

TEST_F(ValidatorTest, PassesOnOurOwnFailures) {
  for (const char* region : {"us-east-1", "us-east-2"}) {
    keys_.Fail(region, ErrorCode::kServiceFault);
    const auto report = Try();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::kServiceFault);
    EXPECT_EQ(report.error().encryption_code, 0);
    keys_.Fail(region, {});
  }
}

TEST_F(ValidatorTest, WarnsOfAPolicyThatDoesNotIsolate) {
  keys_.at(kKey).policy = [](auto, const auto&) { return true; };
  Report report = Validate();
  ExpectWarning(report, "isolation", EncryptionCode::kKeyShared,
                "GenerateDataKey with another tenant's context, Encrypt with another tenant's "
                "context, GenerateDataKey without context, Encrypt without context");
  EXPECT_NE(Problem(report).fix.find("kms:EncryptionContext:TenantId tttt"), std::string::npos);
  EXPECT_EQ(report.first_problem(), nullptr);
  EXPECT_TRUE(report.dr_compliant());
  isolation_ = false;
  report = Validate();
  EXPECT_EQ(report.outcome(), CheckOutcome::kPass);
  EXPECT_EQ(std::ranges::count(report.checks, "isolation", &Check::name), 0);
}

TEST_F(ValidatorTest, WarnsOfEachHole) {
  for (const std::string action : {"GenerateDataKey", "Encrypt"}) {
    for (const bool context : {false, true}) {
      for (const std::string& arn : {kKey, kReplica}) {
        keys_.at(arn).policy = [=](std::string_view asked, const auto& tenant) {
          return Admitting()(asked, tenant) || (asked == action && tenant.has_value() == context);
        };
        const Report report = Validate();
        ExpectWarning(report, "isolation", EncryptionCode::kKeyShared,
                      ": " + action + (context ? " with another" : " without context") +
                          (context ? " tenant's context." : "."));
        EXPECT_EQ(Problem(report).region, arn == kKey ? "us-east-1" : "us-east-2");
        keys_.at(arn).policy = Admitting();
      }
    }
  }
}

TEST_F(ValidatorTest, TakesNothingButADenialForIsolation) {
  keys_.at(kKey).policy = [this](std::string_view action, const auto& tenant) {
    keys_.at(kKey).refusal = Admitting()(action, tenant) ? "" : "InvalidKeyUsageException";
    return true;
  };
  ExpectWarning(Validate(), "isolation", EncryptionCode::kKeyShared, "InvalidKeyUsageException");
}

TEST_F(ValidatorTest, ProbesWithATenantThatWasNeverIssued) {
  (void)Validate();
  (void)Validate();
  std::set<std::string> strangers;
  for (const auto& call : keys_.calls()) {
    if (call.tenant && *call.tenant != tenant_.id) strangers.insert(call.tenant->text());
  }
  EXPECT_EQ(strangers.size(), 4U) << "another for each key and validation";
}

TEST_F(ValidatorTest, WarnsOfASharedKeyOrRefusesIt) {
  others_ = 2;
  ExpectWarning(Validate(), "shared", EncryptionCode::kKeyShared, "2 other tenants use");
  options_.shared_keys_refused = true;
  ExpectFailure(Validate(), "shared", EncryptionCode::kKeyShared, {"not allow", "create-key"});
  others_ = 0;
  EXPECT_EQ(Validate().outcome(), CheckOutcome::kPass);
}

TEST_F(ValidatorTest, ResolvesAnAlias) {
  keys_.Alias(kAlias, kKey);
  const Report report = Validate(kAlias);
  EXPECT_EQ(report.outcome(), CheckOutcome::kPass) << ReportText(report);
  EXPECT_EQ(report.given_arn, kAlias);
  EXPECT_EQ(report.key_arn, kKey);
  EXPECT_EQ(report.replica_arn, kReplica);
  EXPECT_EQ(report.checks.back().name, "alias");
  keys_.SetState(kKey, "Disabled");
  EXPECT_EQ(Validate(kAlias).key_arn, kKey) << "by its description";
}

TEST_F(ValidatorTest, WarnsOfAnAliasThatWentAstray) {
  keys_.Add(kSingle, [](auto, const auto&) { return true; });
  keys_.Alias(kAlias, kSingle);
  const Report report = Validate(kAlias, kKey);
  ExpectWarning(report, "alias", EncryptionCode::kArnRegistered, "no longer names");
  EXPECT_EQ(ReportText(report).find("1234abcd"), std::string::npos) << "the other key";
  EXPECT_NE(Problem(report).fix.find("update-alias"), std::string::npos);
  EXPECT_EQ(report.key_arn, kKey) << "the pinned key was validated";
  keys_.Alias(kAlias, "gone");
  ExpectWarning(Validate(kAlias, kKey), "alias", EncryptionCode::kArnRegistered, "no longer");
  keys_.Alias(kAlias, kKey);
  EXPECT_EQ(Validate(kAlias, kKey).outcome(), CheckOutcome::kPass);
}

}  // namespace
}  // namespace tenantseal::providers
