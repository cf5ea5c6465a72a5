#include "kms/aws/aws_kms.h"

#include "kms/aws/aws_kms_testing.h"
#include "kms/aws/kms_protocol.h"

namespace tenantseal::kms {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AwsKmsCalls : public AwsKmsGround {};

TEST_F(AwsKmsCalls, AreSignedForTheKeysRegion) {
  ASSERT_TRUE(Kms().GenerateDataKey(LoneKey(), Tenant(), Soon()));
  const auto sent = http_.sent().at(0);
  EXPECT_EQ(sent.url, "https://kms.us-east-1.amazonaws.com");
  EXPECT_EQ(sent.method, net::Method::kPost);
  EXPECT_EQ(sent.headers.at("X-Amz-Target"), "TrentService.GenerateDataKey");
  EXPECT_EQ(sent.headers.at("Content-Type"), "application/x-amz-json-1.1");
  EXPECT_EQ(sent.headers.at("X-Amz-Security-Token"), "token");
  const std::string& authorization = sent.headers.at("Authorization");
  EXPECT_NE(authorization.find("AKIAEXAMPLE/20231114/us-east-1/kms/aws4_request"),
            std::string::npos)
      << authorization;
  EXPECT_NE(authorization.find("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;"
                               "x-amz-target"),
            std::string::npos)
      << authorization;
}

TEST_F(AwsKmsCalls, DoWhatTheySay) {
  const auto made = Kms().GenerateDataKey(LoneKey(), Tenant(), Soon());
  ASSERT_TRUE(made);
  EXPECT_EQ(made->plaintext, base::SecretBytes::CopyOf(base::Bytes(32, 0xa5)));
  EXPECT_EQ(made->wrapped.key_arn, kPrimary);
  EXPECT_EQ(Encrypt(LoneKey()), "ok");
  EXPECT_EQ(Decrypt(LoneKey()), "ok");
  EXPECT_EQ(Kms().stats().calls.at("us-east-1 Decrypt ok"), 1U);
}

TEST_F(AwsKmsCalls, ReEncryptWithinOneRegion) {
  KmsKey to = LoneKey();
  to.arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-" + std::string(32, 'b');
  regions_[kEast] = [&](const auto&) {
    return Result<net::HttpResponse>(
        aws::testing::Reply(200, R"({"CiphertextBlob":"AQID","SourceKeyId":")" + kPrimary +
                                     R"(","KeyId":")" + to.arn + "\"}"));
  };
  const auto made = Kms().ReEncrypt(LoneKey(), to, Tenant(), base::AsBytes("blob"), Soon());
  ASSERT_TRUE(made);
  EXPECT_EQ(made->key_arn, to.arn);
  EXPECT_FALSE(Kms().ReEncrypt(to, LoneKey(), Tenant(), base::AsBytes("blob"), Soon()));
  to.arn = kReplica;
  const auto across = Kms().ReEncrypt(LoneKey(), to, Tenant(), base::AsBytes("blob"), Soon());
  ASSERT_FALSE(across);
  EXPECT_EQ(across.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(AwsKmsCalls, RefuseBadInputBeforeAskingAnyone) {
  const base::Bytes great(kCiphertextBytesMax + 1);
  KmsKey bad = Key();
  bad.arn = "arn:aws:kms:us-east-1:1:key/x";
  EXPECT_EQ(Decrypt(bad), "invalid-argument");
  EXPECT_FALSE(Kms().Decrypt(Key(), Tenant(), great, Soon()));
  EXPECT_FALSE(Kms().Decrypt(Key(), Tenant(), {}, Soon()));
  EXPECT_FALSE(Kms().Encrypt(Key(), Tenant(), great, Soon()));
  EXPECT_FALSE(Kms().Encrypt(Key(), Tenant(), {}, Soon()));
  EXPECT_TRUE(http_.sent().empty());
}

TEST_F(AwsKmsCalls, LeaveARecordWithTheRequestIdAndNothingSecret) {
  EXPECT_EQ(Decrypt(LoneKey()), "ok");
  ASSERT_EQ(calls_.size(), 1U);
  EXPECT_EQ(calls_[0].request_id, "req-us-east-1");
  EXPECT_EQ(calls_[0].operation, "Decrypt");
  EXPECT_EQ(calls_[0].outcome, "ok");
  EXPECT_EQ(calls_[0].fault, "");
  EXPECT_EQ(calls_[0].tenant, Tenant().text());
  regions_[kEast] = [](const auto& sent) {
    auto response = Works(sent);
    response->body.Truncate(response->body.size() - 30);
    return response;
  };
  const auto opened = Kms().Decrypt(LoneKey(), Tenant(), base::AsBytes("blob"), Soon());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("req-us-east-1"), std::string::npos);
  EXPECT_EQ(opened.error().message.find("paWl"), std::string::npos) << "base64 of the key";
  EXPECT_EQ(calls_.back().outcome, "malformed");
  EXPECT_EQ(calls_.back().fault, "unavailable");
}

TEST_F(AwsKmsCalls, AreRetriedThriceAndWithJitter) {
  int asked = 0;
  regions_[kEast] = [&](const auto& sent) {
    return ++asked < 3 ? Fails(500, "KMSInternalException")(sent) : Works(sent);
  };
  EXPECT_EQ(Decrypt(LoneKey()), "ok");
  EXPECT_LE(slept_, milliseconds(150));
  EXPECT_TRUE(Kms().stats().open_circuits.empty());
  regions_[kEast] = Fails(500, "KMSInternalException");
  EXPECT_EQ(Decrypt(LoneKey()), "key-unavailable");
  EXPECT_EQ(Asked(kEast), 6U);
}

TEST_F(AwsKmsCalls, EndAtTheDeadline) {
  regions_[kEast] = Swallows();
  const auto limit = clock_.Boot() + milliseconds(2000);
  EXPECT_FALSE(Kms().Decrypt(LoneKey(), Tenant(), base::AsBytes("b"), limit));
  EXPECT_EQ(Asked(kEast), 2U);
  EXPECT_FALSE(Kms().Decrypt(LoneKey(), Tenant(), base::AsBytes("b"), clock_.Boot()));
  EXPECT_EQ(Asked(kEast), 2U);
}

TEST_F(AwsKmsCalls, StopRetryingWhenARegionFailsEverything) {
  regions_[kEast] = Fails(400, "KMSInvalidStateException", "arn is updating.");
  for (int i = 0; i < 200; ++i) EXPECT_EQ(Decrypt(LoneKey()), "key-unavailable");
  EXPECT_EQ(Asked(kEast), 300U) << "200 calls, and 500 tokens' worth of retries at 5";
}

TEST_F(AwsKmsCalls, LearnTheTimeFromAwsOnce) {
  std::vector<std::string> dates;
  regions_[kEast] = [&](const auto& sent) {
    dates.push_back(sent.headers.at("X-Amz-Date"));
    if (dates.back().starts_with("20231114T221")) {
      auto response = Fails(403, "InvalidSignatureException", "Signature expired: now")(sent);
      response->headers.push_back({"Date", "Wed, 15 Nov 2023 00:00:00 GMT"});
      return response;
    }
    return Works(sent);
  };
  EXPECT_EQ(Decrypt(LoneKey()), "ok");
  EXPECT_EQ(dates.size(), 2U);
  EXPECT_EQ(dates[1], "20231115T000000Z");
  EXPECT_EQ(Decrypt(LoneKey()), "ok");
  EXPECT_EQ(dates.size(), 3U) << "and keep it";

  regions_[kEast] = [&](const auto& sent) {
    auto response = Fails(403, "InvalidSignatureException", "Signature expired: now")(sent);
    response->headers.push_back({"Date", "Wed, 22 Nov 2023 00:00:00 GMT"});
    return response;
  };
  const std::size_t before = Asked(kEast);
  EXPECT_EQ(Decrypt(LoneKey()), "service-fault");
  EXPECT_EQ(Asked(kEast), before + 2);
}

// Credentials that are fetched anew when they were refused.
class Renewed final : public aws::CredentialsProvider {
 public:
  Result<std::shared_ptr<const aws::Credentials>> Get(std::string_view, base::Deadline) override {
    if (failure) return *failure;
    aws::Credentials credentials;
    credentials.access_key_id = "AKIA" + std::to_string(refused);
    credentials.secret_access_key = base::SecretBytes::CopyOf(base::AsBytes("secret"));
    return std::make_shared<const aws::Credentials>(std::move(credentials));
  }
  void Refused(const aws::Credentials&) override { ++refused; }
  int refused = 0;
  std::optional<Error> failure;
};

TEST_F(AwsKmsCalls, FetchNewCredentialsOnce) {
  Renewed renewed;
  const AwsKms kms(http_, renewed, clock_, random_, options_);
  regions_[kEast] = [](const auto& sent) {
    const bool old = sent.headers.at("Authorization").find("AKIA0") != std::string::npos;
    return old ? Fails(400, "ExpiredTokenException")(sent) : Works(sent);
  };
  EXPECT_TRUE(kms.Decrypt(LoneKey(), Tenant(), base::AsBytes("b"), Soon()));
  EXPECT_EQ(renewed.refused, 1);
  regions_[kEast] = Fails(400, "ExpiredTokenException");
  const auto opened = kms.Decrypt(LoneKey(), Tenant(), base::AsBytes("b"), Soon());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kServiceFault);
  EXPECT_EQ(Asked(kEast), 4U);
}

TEST_F(AwsKmsCalls, KeepTheClassOfCredentialFailures) {
  Renewed renewed;
  const AwsKms kms(http_, renewed, clock_, random_, options_);
  for (const ErrorCode code : {ErrorCode::kServiceFault, ErrorCode::kKeyUnavailable}) {
    renewed.failure = Error{code, "STS"};
    EXPECT_EQ(kms.Decrypt(Key(), Tenant(), base::AsBytes("b"), Soon()).error().code, code);
  }
  EXPECT_TRUE(http_.sent().empty());
  EXPECT_TRUE(kms.stats().open_circuits.empty());
}

TEST_F(AwsKmsCalls, TellOurOwnBrokenRoleFromARefusal) {
  options_.control_key_arn = kControl;
  regions_[kEast] = Denies();
  EXPECT_EQ(Decrypt(Key()), "key-revoked") << "the control key works";
  EXPECT_EQ(Asked("us-west-2"), 1U);
  regions_["us-west-2"] = Denies();
  EXPECT_EQ(Decrypt(Key(), 'u'), "service-fault");
  EXPECT_EQ(Decrypt(Key(), 'v'), "service-fault");
  EXPECT_EQ(Asked("us-west-2"), 2U) << "the denial is kept for 5 s";
  regions_["us-west-2"] = Works;
  clock_.Advance(seconds(5));
  EXPECT_EQ(Decrypt(Key(), 'v'), "key-revoked");
  regions_["us-west-2"] = Refuses();
  EXPECT_EQ(Decrypt(Key(), 'v'), "key-revoked") << "silence is no excuse";
  EXPECT_EQ(Asked(kBackup), 0U);

  // A tenant whose call failed with our role is not held for refused.
  regions_[kEast] = Refuses();
  EXPECT_EQ(Decrypt(Key(), 'u'), "ok");
  EXPECT_EQ(Decrypt(Key(), 'v'), "key-unavailable");
}

TEST_F(AwsKmsCalls, WaitForTheBudgetAndLeaveAShareToRenewals) {
  options_.calls_per_second = 10;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Decrypt(LoneKey()), "ok");
  EXPECT_GE(slept_, milliseconds(450)) << "five at once, the others as tokens come";
  EXPECT_GT(Kms().stats().throttled_here, 0U);
  const auto slept = slept_;
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(Kms().Decrypt(LoneKey(), Tenant(), base::AsBytes("b"),
                              {clock_.Boot() + seconds(1), CallPurpose::kLeaseRenewal}));
  }
  EXPECT_EQ(slept_, slept);
  const auto now =
      Kms().Decrypt(LoneKey(), Tenant(), base::AsBytes("b"), clock_.Boot() + milliseconds(50));
  ASSERT_FALSE(now);
  EXPECT_EQ(now.error().code, ErrorCode::kKeyUnavailable);
}

}  // namespace
}  // namespace tenantseal::kms
