#include "kms/aws/aws_kms_testing.h"

namespace tenantseal::kms {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Failover : public AwsKmsGround {};

TEST_F(Failover, IsNotNeededWhileThePrimaryAnswers) {
  EXPECT_EQ(Decrypt(Key()), "ok");
  EXPECT_EQ(Asked(kBackup), 0U);
  EXPECT_EQ(Kms().stats().failovers, 0U);
}

TEST_F(Failover, ComesWithinTwoSecondsAndIsInstantAfterwards) {
  regions_[kEast] = Swallows();
  const auto start = clock_.Boot();
  const auto opened = Kms().Decrypt(Key(), Tenant(), base::AsBytes("blob"), Soon());
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->key_arn, kReplica);
  EXPECT_LT(clock_.Boot() - start, seconds(2));
  EXPECT_EQ(Asked(kEast), 1U);
  EXPECT_EQ(Kms().stats().open_circuits, std::vector<std::string>{kEast});
  const auto then = clock_.Boot();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Decrypt(Key()), "ok");
  EXPECT_EQ(clock_.Boot(), then);
  EXPECT_EQ(Asked(kEast), 1U);
  EXPECT_EQ(Kms().stats().failovers, 101U);
  for (const auto& sent : http_.sent()) {
    EXPECT_EQ(Member(sent, "KeyId"), RegionOf(sent) == kEast ? kPrimary : kReplica);
    EXPECT_EQ(Member(sent, "TenantId"), Tenant().text());
  }
}

TEST_F(Failover, LeavesTheReplicaTimeUnderAShortDeadline) {
  regions_[kEast] = [this](const auto&) -> Result<net::HttpResponse> {
    clock_.Advance(milliseconds(600));  // Two thirds of what there is.
    return Error{ErrorCode::kDeadlineExceeded, "timeout"};
  };
  const CallLimits limits(clock_.Boot() + milliseconds(900));
  EXPECT_TRUE(Kms().Decrypt(Key(), Tenant(), base::AsBytes("b"), limits));
}

TEST_F(Failover, FollowsEveryKindOfSilence) {
  const std::vector<Answer> silences = {
      Refuses(),
      Swallows(),
      Fails(500, "KMSInternalException"),
      Fails(503, ""),
      Fails(400, "ThrottlingException"),
      Fails(500, "KeyUnavailableException"),
      Fails(400, "KMSInvalidStateException", "arn is creating."),
      [](const auto&) { return Result<net::HttpResponse>(aws::testing::Reply(200, "{\"Key")); },
      [](const auto&) {
        return Result<net::HttpResponse>(Error{ErrorCode::kTooLarge, "over 256 KiB"});
      }};
  for (std::size_t i = 0; i < silences.size(); ++i) {
    kms_.reset();
    regions_[kEast] = silences[i];
    EXPECT_EQ(Decrypt(Key()), "ok") << i;
    EXPECT_EQ(Kms().stats().failovers, 1U) << i;
    EXPECT_EQ(Decrypt(LoneKey()), "key-unavailable") << i;
  }
}

TEST_F(Failover, IsOnlyForSilence) {
  const std::vector<std::pair<Answer, std::string>> words = {
      {Denies(), "key-revoked"},
      {Fails(400, "DisabledException"), "key-revoked"},
      {Fails(400, "KMSInvalidStateException", "arn is pending deletion."), "key-revoked"},
      {Fails(400, "NotFoundException", "Key 'a' does not exist"), "key-revoked"},
      {Fails(400, "NotFoundException", "Invalid arn us-east-1"), "service-fault"},
      {Fails(400, "UnrecognizedClientException"), "service-fault"},
      {Fails(400, "InvalidCiphertextException"), "integrity"},
      {Fails(400, "IncorrectKeyException"), "integrity"},
      {[](const auto& sent) {
         auto other = sent;
         other.body = R"({"KeyId":"arn:aws:kms:us-east-1:111122223333:key/other"})";
         return Works(other);
       },
       "integrity"}};
  for (std::size_t i = 0; i < words.size(); ++i) {
    kms_.reset();
    regions_[kEast] = words[i].first;
    const std::size_t before = Asked(kEast);
    EXPECT_EQ(Decrypt(Key()), words[i].second) << i;
    EXPECT_EQ(Asked(kEast), before + 1) << i << ": it was asked again";
    EXPECT_EQ(Asked(kBackup), 0U) << i;
    EXPECT_TRUE(Kms().stats().open_circuits.empty()) << i;
  }
}

TEST_F(Failover, OpensNothingAfterARefusal) {
  regions_[kEast] = Denies();
  EXPECT_EQ(Decrypt(Key()), "key-revoked");
  for (const Answer& silence : {Swallows(), Refuses(), Fails(500, "KMSInternalException")}) {
    regions_[kEast] = silence;
    EXPECT_EQ(Decrypt(Key()), "key-unavailable");
    EXPECT_EQ(Decrypt(Key()), "key-unavailable") << "with an open circuit";
  }
  EXPECT_EQ(Asked(kBackup), 0U);
  EXPECT_EQ(Decrypt(Key(), 'u'), "ok") << "another tenant of the same key";
  EXPECT_EQ(Asked(kBackup), 1U);

  // Another operation's success takes nothing back; the same one's does.
  regions_.erase(kEast);
  EXPECT_EQ(Encrypt(Key()), "ok");
  regions_[kEast] = Refuses();
  EXPECT_EQ(Decrypt(Key()), "key-unavailable");
  regions_.erase(kEast);
  EXPECT_EQ(Decrypt(Key()), "ok");
  regions_[kEast] = Refuses();
  EXPECT_EQ(Decrypt(Key()), "ok");
}

TEST_F(Failover, IsForbiddenByWhatTheCallerRemembers) {
  KmsKey key = Key();
  key.primary_refuses = true;
  regions_[kEast] = Swallows();
  EXPECT_EQ(Decrypt(key), "key-unavailable");
  EXPECT_EQ(Asked(kBackup), 0U);
}

TEST_F(Failover, GoesToARelatedKeyOnly) {
  regions_[kEast] = Refuses();
  for (const std::string& strange :
       {std::string("arn:aws:kms:us-east-2:111122223333:key/mrk-") + std::string(32, 'b'),
        std::string("arn:aws:kms:us-east-2:444455556666:") + kMrk, kPrimary, std::string("x")}) {
    KmsKey key = Key();
    key.replica_arn = strange;
    EXPECT_EQ(Decrypt(key), "key-unavailable") << strange;
  }
  EXPECT_EQ(Asked(kBackup), 0U);
}

TEST_F(Failover, TakesTheReplicasRefusalForTheOwners) {
  regions_[kEast] = Refuses();
  regions_[kBackup] = Denies();
  EXPECT_EQ(Decrypt(Key()), "key-revoked");
  regions_[kBackup] = Works;
  EXPECT_EQ(Decrypt(Key()), "ok");
  regions_[kBackup] = Fails(400, "InvalidCiphertextException");
  EXPECT_EQ(Decrypt(Key()), "integrity");
}

TEST_F(Failover, ReturnsByItselfThroughOneProbe) {
  regions_[kEast] = Refuses();
  EXPECT_EQ(Decrypt(Key()), "ok");
  RunAside();
  const std::size_t before = Asked(kEast);
  clock_.Advance(seconds(5));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Decrypt(Key()), "ok");
  EXPECT_EQ(aside_.size(), 1U) << "one probe at a time";
  EXPECT_EQ(Asked(kEast), before) << "no caller waits for it";
  RunAside();
  EXPECT_EQ(Asked(kEast), before + 1);
  EXPECT_EQ(Decrypt(Key()), "ok");
  EXPECT_TRUE(aside_.empty()) << "not before the next interval";

  regions_[kEast] = Denies();  // Whatever it says, it answers.
  clock_.Advance(seconds(5));
  EXPECT_EQ(Decrypt(Key()), "ok");
  RunAside();
  EXPECT_TRUE(Kms().stats().open_circuits.empty());
  regions_.erase(kEast);
  const std::uint64_t failovers = Kms().stats().failovers;
  EXPECT_EQ(Decrypt(Key()), "ok");
  EXPECT_EQ(Kms().stats().failovers, failovers);
}

TEST_F(Failover, ReturnsForCallsWithoutReplicaAtOnce) {
  regions_[kEast] = Swallows();
  EXPECT_EQ(Decrypt(LoneKey()), "key-unavailable");
  const auto then = clock_.Boot();
  EXPECT_EQ(Decrypt(LoneKey()), "key-unavailable");
  EXPECT_EQ(clock_.Boot() - then, milliseconds(1500)) << "one attempt while the circuit is open";
  regions_.erase(kEast);
  EXPECT_EQ(Decrypt(LoneKey()), "ok");
  EXPECT_TRUE(Kms().stats().open_circuits.empty());
}

TEST_F(Failover, WithBothRegionsSilentEndsBeforeTheDeadline) {
  regions_[kEast] = Swallows();
  regions_[kBackup] = Swallows();
  for (int i = 0; i < 5; ++i) {
    const auto limit = clock_.Boot() + seconds(8);
    EXPECT_EQ(Decrypt(Key()), "key-unavailable");
    EXPECT_LE(clock_.Boot(), limit);
  }
}

}  // namespace
}  // namespace tenantseal::kms
