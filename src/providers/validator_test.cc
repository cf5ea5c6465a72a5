#include "providers/validator.h"

#include "aws/key_policy.h"
#include "providers/validator_test_ground.h"

namespace tenantseal::providers {
namespace {

TEST_F(ValidatorTest, PassesAGoodKeyInTheOrderOfTheChecks) {
  const Report report = Validate();
  EXPECT_EQ(report.outcome(), CheckOutcome::kPass) << ReportText(report);
  EXPECT_EQ(Names(report),
            (std::vector<std::string>{"arn", "region", "authorised", "describe", "enabled",
                                      "symmetric", "usage", "origin", "multi-region", "round-trip",
                                      "replica-authorised", "replica-round-trip", "replica-agrees",
                                      "isolation", "isolation", "shared"}));
  EXPECT_EQ(report.given_arn, kKey);
  EXPECT_EQ(report.key_arn, kKey);
  EXPECT_EQ(report.replica_arn, kReplica);
  EXPECT_TRUE(report.multi_region);
  EXPECT_TRUE(report.dr_compliant());
  EXPECT_EQ(report.mended_policy, "");
  EXPECT_EQ(report.at, clock_.Utc());
}

TEST_F(ValidatorTest, RefusesWhatIsNoArnOfAKey) {
  ExpectFailure(Validate("arn:aws:kms:us-east-1:12:key/x"), "arn", EncryptionCode::kArnMalformed,
                {"'12'", "aws kms describe-key"});
  ExpectFailure(Validate(std::string(100'000, 'x')), "arn", EncryptionCode::kArnMalformed,
                {"at most 2048", ""});
  EXPECT_LE(Validate(std::string(100'000, 'x')).given_arn.size(), 2048U);
  ExpectFailure(Validate("arn:aws-cn:kms:cn-north-1:111122223333:" + kMrk), "arn",
                EncryptionCode::kWrongRegion, {"'aws-cn'", "arn:aws:kms:us-east-1:"});
  ExpectFailure(Validate("arn:aws:kms:us-east-1:111122223333:alias/aws/s3"), "arn",
                EncryptionCode::kKeyUnsuitable, {"AWS manages", "create-key"});
  EXPECT_TRUE(keys_.calls().empty());
}

TEST_F(ValidatorTest, RefusesAnotherRegion) {
  ExpectFailure(Validate("arn:aws:kms:us-west-2:111122223333:" + kMrk), "region",
                EncryptionCode::kWrongRegion, {"us-west-2", "create-key"});
  // The other half of the pair says which to register.
  ExpectFailure(Validate(kReplica), "region", EncryptionCode::kWrongRegion, {"us-east-2", kKey});
  EXPECT_TRUE(keys_.calls().empty());
}

// Whatever is behind the ARN, those whom its policy does not admit read one and the same.
TEST_F(ValidatorTest, TellsTheUnadmittedNothing) {
  const FakeInspector::Policy others = FakeInspector::Admits({std::string(32, 'o')});
  std::vector<std::string> texts;
  const auto add = [&] {
    const Report report = Validate();
    ExpectFailure(report, "authorised", EncryptionCode::kActionNotAllowed,
                  {NotAllowed("us-east-1", "GenerateDataKey"), "mended policy"});
    EXPECT_EQ(RefusalOf(report).message, NotAllowed("us-east-1", "GenerateDataKey"));
    EXPECT_EQ(report.key_arn, "");
    EXPECT_FALSE(report.multi_region);
    texts.push_back(ReportText(report));
  };
  others_ = 3;
  keys_.at(kKey).policy = others;
  add();
  keys_.SetState(kKey, "PendingDeletion");
  add();
  keys_.at(kKey).description.key_spec = "RSA_2048";
  add();
  keys_.at(kKey).policy = Admitting();
  keys_.at(kKey).refusal = "UnheardOfException";
  add();
  keys_.Remove(kKey);
  add();
  for (const std::string& text : texts) EXPECT_EQ(text, texts[0]);
  for (const auto& call : keys_.calls()) EXPECT_EQ(call.action, "GenerateDataKey");
}

TEST_F(ValidatorTest, SaysHowToMendThePolicy) {
  keys_.at(kKey).policy = FakeInspector::Admits({});
  const auto statements = aws::KeyPolicyStatements({{kRole}, {tenant_.id.text()}}, "aws");
  ASSERT_TRUE(statements);
  EXPECT_EQ(Validate().mended_policy, *statements);
  options_.policy_principals.clear();
  const Report report = Validate();
  EXPECT_EQ(report.mended_policy, "");
  EXPECT_NE(Problem(report).fix.find("kms:EncryptionContext:TenantId equals tttt"),
            std::string::npos);
}

TEST_F(ValidatorTest, NamesTheStateOfAnAdmittingKey) {
  struct State {
    std::string state, fix;
  };
  for (const auto& [state, fix] : {State{"Disabled", "aws kms enable-key --key-id " + kKey},
                                   State{"PendingDeletion", "aws kms cancel-key-deletion"},
                                   State{"PendingReplicaDeletion", "cancel-key-deletion"},
                                   State{"Creating", "aws kms describe-key"}}) {
    keys_.SetState(kKey, state);
    const Report report = Validate();
    ExpectFailure(report, "enabled", EncryptionCode::kKeyNotEnabled, {state, fix});
    EXPECT_EQ(report.key_arn, kKey);
  }
  // Enabled between the two questions, and yet refused.
  keys_.SetState(kKey, "Enabled");
  keys_.at(kKey).policy = [this](std::string_view action, const auto& tenant) {
    keys_.at(kKey).refusal = action == "GenerateDataKey" ? "DisabledException" : "";
    return Admitting()(action, tenant);
  };
  ExpectFailure(Validate(), "enabled", EncryptionCode::kKeyNotEnabled,
                {"DisabledException", "enable-key"});
}

TEST_F(ValidatorTest, NeedsToLookTheKeyUp) {
  keys_.at(kKey).policy = FakeInspector::Without("DescribeKey", Admitting());
  const Report report = Validate();
  ExpectFailure(report, "describe", EncryptionCode::kActionNotAllowed,
                {NotAllowed("us-east-1", "DescribeKey"), "mended policy"});
  EXPECT_FALSE(report.mended_policy.empty());
  // What else the policy lacks is told along with it.
  keys_.at(kKey).policy =
      FakeInspector::Without("DescribeKey", FakeInspector::Without("Decrypt", Admitting()));
  std::vector<std::string> failed;
  for (const Check& check : Validate().checks)
    if (check.outcome == CheckOutcome::kFail) failed.push_back(check.name);
  EXPECT_EQ(failed, (std::vector<std::string>{"describe", "round-trip"}));
}

TEST_F(ValidatorTest, NeedsASymmetricKeyOfKmsForEncryption) {
  kms::KeyDescription& key = keys_.at(kKey).description;
  key.origin = "EXTERNAL";
  ExpectFailure(Validate(), "origin", EncryptionCode::kKeyUnsuitable, {"EXTERNAL", "create-key"});
  key.origin = "AWS_KMS";
  key.key_usage = "SIGN_VERIFY";
  ExpectFailure(Validate(), "usage", EncryptionCode::kKeyUnsuitable, {"SIGN_VERIFY", ""});
  key.key_usage = "ENCRYPT_DECRYPT";
  key.key_spec = "RSA_2048";
  ExpectFailure(Validate(), "symmetric", EncryptionCode::kKeyUnsuitable, {"RSA_2048", ""});
  key.origin = "EXTERNAL";
  const Report report = Validate();
  EXPECT_EQ(report.first_problem()->name, "symmetric");
  EXPECT_EQ(std::ranges::count(report.checks, CheckOutcome::kFail, &Check::outcome), 2);
  EXPECT_EQ(report.checks.back().name, "multi-region") << "nothing is wrapped with such a key";
}

TEST_F(ValidatorTest, NeedsAMultiRegionKey) {
  keys_.Add(kSingle, Admitting());
  const Report report = Validate(kSingle);
  ExpectFailure(report, "multi-region", EncryptionCode::kReplicaMissing,
                {"us-east-2", "--replica-region us-east-2"});
  EXPECT_NE(RefusalOf(report).message.find("aws kms replicate-key"), std::string::npos);
  EXPECT_EQ(report.checks.back().name, "multi-region") << "nothing is wrapped with such a key";
  EXPECT_FALSE(report.multi_region);
  EXPECT_FALSE(report.dr_compliant());
}

TEST_F(ValidatorTest, NeedsTheReplicaInTheBackupRegion) {
  ASSERT_TRUE(options_.backup_regions.Add("us-east-1=us-west-2"));
  const Report report = Validate();
  ExpectFailure(
      report, "multi-region", EncryptionCode::kReplicaMissing,
      {"no related key in us-west-2", "aws kms replicate-key --key-id " + kKey +
                                          " --region us-east-1 --replica-region us-west-2"});
  EXPECT_TRUE(report.multi_region);
  EXPECT_EQ(report.replica_arn, "");
}

TEST_F(ValidatorTest, TakesEitherKeyOfThePairForThePrimary) {
  FakeInspector keys(random_);
  keys.Add(kReplica, Admitting());  // The primary of AWS is in the backup region.
  keys.AddReplica(kKey, kReplica, Admitting());
  const auto report = Try(keys, kKey);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->outcome(), CheckOutcome::kPass) << ReportText(*report);
  EXPECT_EQ(report->key_arn, kKey);
  EXPECT_EQ(report->replica_arn, kReplica);
  // Only the primary can be replicated.
  ASSERT_TRUE(options_.backup_regions.Add("us-east-1=us-west-2"));
  const auto other = Try(keys, kKey);
  ASSERT_TRUE(other);
  EXPECT_NE(Problem(*other).fix.find("replicate-key --key-id " + kReplica + " --region us-east-2"),
            std::string::npos);
}

TEST_F(ValidatorTest, NeedsNoReplicaWhereNoneIsMapped) {
  tenant_.region = "eu-north-1";
  keys_.Add(kNorth, Admitting());
  const Report report = Validate(kNorth);
  EXPECT_EQ(report.outcome(), CheckOutcome::kPass) << ReportText(report);
  EXPECT_EQ(report.replica_arn, "");
  EXPECT_TRUE(report.dr_compliant());
}

TEST_F(ValidatorTest, TriesEncryptAndDecrypt) {
  for (const std::string action : {"Encrypt", "Decrypt"}) {
    keys_.at(kKey).policy = FakeInspector::Without(action, Admitting());
    const Report report = Validate();
    ExpectFailure(report, "round-trip", EncryptionCode::kActionNotAllowed,
                  {NotAllowed("us-east-1", action), "mended policy"});
    EXPECT_FALSE(report.mended_policy.empty());
  }
  keys_.at(kKey).policy =
      FakeInspector::Without("Encrypt", FakeInspector::Without("Decrypt", Admitting()));
  const Report report = Validate();
  EXPECT_EQ(std::ranges::count(report.checks, CheckOutcome::kFail, &Check::outcome), 2)
      << "both are told at once";
}

TEST_F(ValidatorTest, ComparesWhatComesBack) {
  for (const std::string action : {"Encrypt", "Decrypt", "GenerateDataKey"}) {
    keys_.at(kKey).garbled = action;
    ExpectFailure(Validate(), "round-trip", EncryptionCode::kRoundTripFailed,
                  {"does not unwrap", "tell the operator"});
  }
}

TEST_F(ValidatorTest, DistrustsAnswersAboutAnotherKey) {
  keys_.at(kKey).description.arn = kSingle;
  const Report report = Validate();
  ExpectFailure(report, "authorised", EncryptionCode::kRoundTripFailed,
                {"GenerateDataKey in us-east-1", ""});
  EXPECT_EQ(ReportText(report).find(kSingle), std::string::npos);
  keys_.at(kKey).policy = [this](std::string_view action, const auto& tenant) {
    keys_.at(kKey).description.arn = action == "DescribeKey" ? kSingle : kKey;
    return Admitting()(action, tenant);
  };
  ExpectFailure(Validate(), "describe", EncryptionCode::kRoundTripFailed, {"DescribeKey", ""});
}

}  // namespace
}  // namespace tenantseal::providers
