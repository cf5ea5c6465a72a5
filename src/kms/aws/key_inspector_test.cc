#include "kms/aws/aws_kms_testing.h"

namespace tenantseal::kms {
namespace {

constexpr std::string_view kAlias = "arn:aws:kms:us-east-1:111122223333:alias/payroll";

class AwsKeyInspector : public AwsKmsGround {
 protected:
  // "ok", the owner's refusal, or the error's code in brackets.
  template <typename T>
  static std::string Said(const Result<Answered<T>>& answer) {
    if (!answer) return "[" + std::string(ErrorCodeName(answer.error().code)) + "]";
    EXPECT_EQ(answer->value.has_value(), answer->refusal.empty());
    return answer->refusal.empty() ? "ok" : answer->refusal;
  }
  std::string Generate(const std::string& arn = kPrimary) {
    return Said(Kms().inspector().Generate(arn, Tenant(), Soon()));
  }
};

TEST_F(AwsKeyInspector, AsksEachOperation) {
  const KeyInspector& inspector = Kms().inspector();
  const auto described = inspector.Describe(kPrimary, Soon());
  ASSERT_EQ(Said(described), "ok");
  EXPECT_EQ(described->value->key_state, "Enabled");
  const auto made = inspector.Generate(kPrimary, Tenant(), Soon());
  ASSERT_EQ(Said(made), "ok");
  EXPECT_EQ(made->value->wrapped.key_arn, kPrimary);
  EXPECT_EQ(Said(inspector.Encrypt(kPrimary, Tenant(), base::AsBytes("key"), Soon())), "ok");
  EXPECT_EQ(Said(inspector.Decrypt(kPrimary, Tenant(), base::AsBytes("blob"), Soon())), "ok");
  std::vector<std::string> operations;
  for (const auto& call : calls_) operations.push_back(call.operation);
  EXPECT_EQ(operations,
            (std::vector<std::string>{"DescribeKey", "GenerateDataKey", "Encrypt", "Decrypt"}));
}

TEST_F(AwsKeyInspector, LeavesTheContextOutWithoutTenant) {
  const KeyInspector& inspector = Kms().inspector();
  EXPECT_EQ(Said(inspector.Generate(kPrimary, {}, Soon())), "ok");
  EXPECT_EQ(Said(inspector.Encrypt(kPrimary, {}, base::AsBytes("key"), Soon())), "ok");
  for (const auto& sent : http_.sent()) {
    EXPECT_EQ(sent.body.find("EncryptionContext"), std::string::npos) << sent.body;
  }
  EXPECT_EQ(Generate(), "ok");
  EXPECT_NE(http_.sent().back().body.find(R"("EncryptionContext":{"TenantId":"tttt)"),
            std::string::npos);
}

TEST_F(AwsKeyInspector, ResolvesAnAlias) {
  regions_[kEast] = [](const aws::testing::Sent&) {
    return Result<net::HttpResponse>(aws::testing::Reply(
        200, R"({"KeyMetadata":{"Arn":")" + kPrimary + R"(","KeyState":"Enabled"}})"));
  };
  const auto described = Kms().inspector().Describe(std::string(kAlias), Soon());
  ASSERT_EQ(Said(described), "ok");
  EXPECT_EQ(described->value->arn, kPrimary);
  EXPECT_EQ(calls_.back().key_arn, kPrimary) << "CloudTrail names the key";
}

// The record of a call names the key that answered, or what was asked when none did.
TEST_F(AwsKeyInspector, RecordsTheKeyThatAnAliasNames) {
  regions_[kEast] = [](const aws::testing::Sent&) {
    return Result<net::HttpResponse>(
        aws::testing::Reply(200, R"({"KeyId":")" + kPrimary + R"(","CiphertextBlob":"AQID"})"));
  };
  const std::string alias(kAlias);
  EXPECT_EQ(Said(Kms().inspector().Encrypt(alias, Tenant(), base::AsBytes("k"), Soon())), "ok");
  EXPECT_EQ(calls_.back().key_arn, kPrimary);
  regions_[kEast] = Denies();
  EXPECT_EQ(Said(Kms().inspector().Encrypt(alias, Tenant(), base::AsBytes("k"), Soon())),
            "AccessDeniedException");
  EXPECT_EQ(calls_.back().key_arn, alias);
}

TEST_F(AwsKeyInspector, RecordsEachAttempt) {
  regions_[kEast] = Fails(500, "KMSInternalException");
  EXPECT_EQ(Generate(), "[key-unavailable]");
  std::vector<int> attempts;
  for (const auto& call : calls_) attempts.push_back(call.attempt);
  EXPECT_EQ(attempts, (std::vector<int>{1, 2, 3}));
}

TEST_F(AwsKeyInspector, PassesOnTheRefusalsOfOwnerAndKey) {
  using Pair = std::pair<std::string, std::string>;  // Code and message.
  for (const auto& [code, message] :
       {Pair{"AccessDeniedException", "not authorized"}, Pair{"DisabledException", "disabled"},
        Pair{"KMSInvalidStateException", "arn is pending deletion."},
        Pair{"NotFoundException", "Key does not exist"},
        Pair{"InvalidKeyUsageException", "key usage is SIGN_VERIFY"},
        Pair{"UnsupportedOperationException", "asymmetric"}}) {
    regions_[kEast] = Fails(400, code, message);
    EXPECT_EQ(Generate(), code);
    EXPECT_EQ(Said(Kms().inspector().Describe(kPrimary, Soon())), code);
  }
}

TEST_F(AwsKeyInspector, TellsOtherFailuresByClass) {
  using Pair = std::pair<Answer, std::string>;
  for (const auto& [answer, said] :
       {Pair{Refuses(), "[key-unavailable]"}, Pair{Swallows(), "[key-unavailable]"},
        Pair{Fails(500, "KMSInternalException"), "[key-unavailable]"},
        Pair{Fails(400, "KMSInvalidStateException", "arn is creating."), "[key-unavailable]"},
        Pair{Fails(400, "UnrecognizedClientException"), "[service-fault]"},
        Pair{Fails(400, "NotFoundException", "Invalid arn us-east-2"), "[service-fault]"},
        Pair{Fails(400, "ValidationException"), "[service-fault]"},
        Pair{Fails(400, "InvalidCiphertextException"), "[integrity]"}}) {
    regions_[kEast] = answer;
    EXPECT_EQ(Generate(), said);
  }
  EXPECT_EQ(Generate("arn:aws:kms:us-east-1:1:key/x"), "[invalid-argument]");
}

TEST_F(AwsKeyInspector, DistrustsAnswersAboutAnotherKey) {
  regions_[kEast] = [](const aws::testing::Sent&) {
    return Result<net::HttpResponse>(
        aws::testing::Reply(200, R"({"KeyId":")" + kReplica + R"(","CiphertextBlob":"AQID"})"));
  };
  EXPECT_EQ(Said(Kms().inspector().Encrypt(kPrimary, Tenant(), base::AsBytes("k"), Soon())),
            "[integrity]");
}

TEST_F(AwsKeyInspector, AsksTheControlKeyWhatADenialMeans) {
  options_.control_key_arn = kControl;
  regions_[kEast] = Denies();
  EXPECT_EQ(Generate(), "AccessDeniedException");
  EXPECT_EQ(Asked("us-west-2"), 1U);
  regions_["us-west-2"] = Denies();
  EXPECT_EQ(Generate(), "[service-fault]");
}

// A probe that must be refused may not lead the tenant's own calls astray.
TEST_F(AwsKeyInspector, RemembersNoRefusal) {
  regions_[kEast] = Denies();
  EXPECT_EQ(Generate(), "AccessDeniedException");
  regions_[kEast] = Refuses();
  EXPECT_EQ(Decrypt(Key()), "ok") << "the replica stands in";
}

TEST_F(AwsKeyInspector, LetsNoReplicaStandIn) {
  regions_[kEast] = Refuses();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Generate(), "[key-unavailable]");
  EXPECT_EQ(Asked(kBackup), 0U);
}

}  // namespace
}  // namespace tenantseal::kms
