// Leases on a customer's keys: replicas, refusals, outages, short bounds, and renewals side by
// side.
#include <deque>

#include "events/event.h"
#include "keyring/keyring_test_ground.h"

namespace tenantseal::keyring {
namespace {

using namespace std::chrono_literals;

class CustomerKeyTest : public KeyringGround {};

TEST_F(CustomerKeyTest, TheReplicaAnswersWhileThePrimaryIsAway) {
  const std::string text = Seal().value();
  Adopt(tenant_, kArn, kReplica);
  kms_.FailAll(Fault::kPrimaryAway);
  EXPECT_TRUE(Seal().ok());
  EXPECT_TRUE(Opens(*one_, tenant_, text)) << "of the version before, too";
  EXPECT_EQ(kms_.last_key().arn, kArn);
  EXPECT_EQ(kms_.last_key().replica_arn, kReplica);
  EXPECT_FALSE(kms_.last_key().primary_refuses);
}

TEST_F(CustomerKeyTest, OnlyTheRegisteredReplicaMayAnswer) {
  Adopt(tenant_, kArn);
  kms_.FailAll(Fault::kPrimaryAway);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyUnavailable);
  kms_.Mend();
  Live(2s);
  const model::TenantId other = NewTenant();
  Adopt(other, "arn:aws:kms:us-east-1:111122223333:key/2", kReplica);
  kms_.FailAll(Fault::kWrongArn);
  EXPECT_EQ(CodeOf(Seal(*one_, other)), ErrorCode::kIntegrity);
}

TEST_F(CustomerKeyTest, WhatTheReplicaDoesNotUnwrapIsNotMinted) {
  const model::KeyProvider provider = Adopt(tenant_, kArn, kReplica);
  EXPECT_TRUE(one_->keyring.Mint(tenant_, provider, 3, Soon()).ok());
  model::KeyProvider strange = provider;
  strange.replica_arn = "arn:aws:kms:us-east-2:111122223333:key/another";
  kms_.AddCustomerKey(strange.replica_arn);
  EXPECT_FALSE(one_->keyring.Mint(tenant_, strange, 3, Soon()).ok());
}

TEST_F(CustomerKeyTest, ARefusalIsNotEvadedThroughTheReplica) {
  Adopt(tenant_, kArn, kReplica);
  ASSERT_TRUE(Seal().ok());
  kms_.Fail(tenant_, Fault::kRevoked);
  Live(46s);
  ASSERT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  kms_.Mend();
  kms_.FailAll(Fault::kPrimaryAway);  // Refused, and now not to be reached.
  Live(3min);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  EXPECT_TRUE(kms_.last_key().primary_refuses);
  Process restarted(store_, kms_, clock_, random_);
  ASSERT_TRUE(restarted.lease.Refresh().ok());
  EXPECT_EQ(CodeOf(Seal(restarted, tenant_)), ErrorCode::kKeyRevoked);
  Live(3min, restarted);
  EXPECT_EQ(CodeOf(Seal(restarted, tenant_)), ErrorCode::kKeyRevoked);
  kms_.Mend();
  Live(60s);
  EXPECT_TRUE(Seal().ok()) << "the primary itself allows it again";
}

// A store that cannot keep refusals.
class DeafStore final : public store::MemoryStore {
 public:
  Result<std::uint64_t> SetProviderRevoked(const model::TenantId&, const model::Fingerprint&,
                                           std::optional<base::UtcTime>,
                                           const std::optional<model::NewEvent>&) override {
    return Error{ErrorCode::kUnavailable, "full"};
  }
};

TEST_F(CustomerKeyTest, NorIsARefusalThatCannotBeStored) {
  Adopt(tenant_, kArn, kReplica);
  DeafStore deaf;
  model::TenantState state = store_.LoadTenant(tenant_).value();
  ASSERT_TRUE(deaf.CreateTenant(state, {model::Scope::Of(tenant_), model::NewUuid(random_),
                                        clock_.Utc(), "test", "test", "test", "{}"})
                  .ok());
  Process process(deaf, kms_, clock_, random_);
  ASSERT_TRUE(process.lease.Refresh().ok());
  ASSERT_TRUE(Seal(process, tenant_).ok());
  kms_.Fail(tenant_, Fault::kRevoked);
  Live(46s, process);
  ASSERT_EQ(CodeOf(Seal(process, tenant_)), ErrorCode::kKeyRevoked);
  kms_.Mend();
  kms_.FailAll(Fault::kPrimaryAway);
  Live(3min, process);
  EXPECT_EQ(CodeOf(Seal(process, tenant_)), ErrorCode::kKeyRevoked);
  EXPECT_TRUE(kms_.last_key().primary_refuses);
}

TEST_F(CustomerKeyTest, ARefusalIsOneTenantsThoughTheKeyIsShared) {
  const model::TenantId other = NewTenant();
  Adopt(tenant_, kArn);
  Adopt(other, "arn:aws:kms:us-east-1:111122223333:key/2");
  ASSERT_TRUE(Seal().ok());
  ASSERT_TRUE(Seal(*one_, other).ok());
  kms_.Fail(tenant_, Fault::kRevoked);
  Live(2min);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  EXPECT_TRUE(Seal(*one_, other).ok());
}

TEST_F(CustomerKeyTest, RenewalsUseTheirShareAndAreShort) {
  Adopt(tenant_, kArn);
  ASSERT_TRUE(Seal().ok());
  EXPECT_EQ(kms_.last_limits().purpose, kms::CallPurpose::kDemand);
  Live(46s);
  EXPECT_EQ(kms_.last_limits().purpose, kms::CallPurpose::kLeaseRenewal);
  EXPECT_LE(kms_.last_limits().deadline - clock_.Boot(), 2s);
}

// --- The table of classes ---

TEST_F(CustomerKeyTest, TheSecondDenialComesOneToFiveSecondsAfterTheFirst) {
  for (int i = 0; i < 20; ++i) {
    tenant_ = NewTenant();
    kms_.Fail(tenant_, Fault::kRevoked);
    ASSERT_EQ(SealCode(), ErrorCode::kKeyRevoked);
    Live(750ms);
    EXPECT_EQ(CountEvents(events::kKeyProviderRevoked), 0u);
    Live(4500ms);
    EXPECT_EQ(CountEvents(events::kKeyProviderRevoked), 1u);
    kms_.Mend();
  }
}

TEST_F(CustomerKeyTest, ReinstatedWithinAMinuteHoweverLongItWasRefused) {
  for (const base::Duration refused : {1s, 10s, 47s, 300s, 3600s}) {
    tenant_ = NewTenant();
    kms_.Fail(tenant_, Fault::kRevoked);
    ASSERT_EQ(SealCode(), ErrorCode::kKeyRevoked);
    Live(refused);
    kms_.Mend();
    Live(58s);
    EXPECT_TRUE(Seal().ok()) << refused / 1s;
  }
}

class FaultTest : public KeyringGround {
 protected:
  FaultTest() : KeyringGround({.outage_grace = 60s}) {}
};

TEST_F(FaultTest, OurOwnFaultRunsOnForTheGraceIsCountedAndNeverRevokes) {
  ASSERT_TRUE(Seal().ok());
  const base::BootTime sent = clock_.Boot();
  kms_.FailAll(Fault::kServiceFault);
  while (clock_.Boot() + 250ms < sent + 120s) {
    Live(250ms);
    ASSERT_TRUE(Seal().ok()) << "second " << (clock_.Boot() - sent) / 1s;
  }
  Live(500ms);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyUnavailable);
  EXPECT_GE(one_->keyring.Stats().service_faults, 2u);
  EXPECT_EQ(one_->keyring.Stats().revocations, 0u);
  EXPECT_FALSE(store_.LoadTenant(tenant_)->providers.front().revoked_at.has_value());
  EXPECT_EQ(CountEvents(events::kKeyProviderRevoked), 0u);
  kms_.Mend();
  Live(6s);
  EXPECT_TRUE(Seal().ok());
}

TEST_F(FaultTest, ARefusalOutlivesOurOwnFault) {
  kms_.Fail(tenant_, Fault::kRevoked);
  ASSERT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  kms_.Mend();
  kms_.FailAll(Fault::kServiceFault);
  Live(2min);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  EXPECT_GE(one_->keyring.Stats().service_faults, 1u) << "probes meet it, too";
}

TEST_F(CustomerKeyTest, TheTimeThatARevocationTookIsMeasured) {
  ASSERT_TRUE(Seal().ok());
  const base::BootTime sent = clock_.Boot();
  EXPECT_EQ(one_->keyring.Stats().longest_use_before_refusal_ms, 0);
  kms_.Fail(tenant_, Fault::kRevoked);
  base::BootTime last = sent;
  while (true) {
    clock_.Advance(250ms);
    ASSERT_TRUE(one_->lease.Refresh().ok());
    if (!one_->keyring.Active(tenant_, Wait::kNever, Soon())) break;
    last = clock_.Boot();
    one_->keyring.Tick();
  }
  EXPECT_EQ(one_->keyring.Stats().longest_use_before_refusal_ms, (last - sent) / 1ms);
  EXPECT_GE(last - sent, 39s);
  EXPECT_LE(last - sent, 46s);
}

// --- A short bound ---

class ShortBoundTest : public KeyringGround {
 protected:
  ShortBoundTest() : KeyringGround({.revocation_bound = 2s}) {}
  void Step() {
    clock_.Advance(125ms);
    ASSERT_TRUE(one_->lease.Refresh().ok());
    one_->keyring.Tick();
  }
};

TEST_F(ShortBoundTest, IsRenewedInTimeThoughTheProviderIsSlow) {
  ASSERT_TRUE(Seal().ok());
  kms_.Slow(500ms);
  for (int i = 0; i < 400; ++i) {
    Step();
    ASSERT_TRUE(one_->keyring.Active(tenant_, Wait::kNever, Soon()).ok()) << "step " << i;
  }
  EXPECT_LE(one_->keyring.Stats().longest_use_ms, 2000);
}

TEST_F(ShortBoundTest, OneFailureIsMadeGoodBeforeTheBound) {
  ASSERT_TRUE(Seal().ok());
  for (int i = 0; i < 400; ++i) {
    if (i % 40 == 0) kms_.FailAll(Fault::kUnavailable, 1);
    Step();
    ASSERT_TRUE(Seal().ok()) << "step " << i;
  }
}

TEST_F(ShortBoundTest, ARefusalIsObeyedWithinTheBound) {
  ASSERT_TRUE(Seal().ok());
  kms_.Fail(tenant_, Fault::kRevoked);
  for (int i = 0; i < 16; ++i) Step();
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
}

// --- Renewals side by side ---

// Keeps tasks until the test runs them.
class ManualExecutor : public Executor {
 public:
  bool Submit(std::string_view domain, Task task) override {
    if (full) return false;
    waiting.push_back({std::string(domain), std::move(task)});
    return true;
  }
  // Runs what waits of one domain; the others hang.
  void Run(const std::string& domain) {
    std::deque<std::pair<std::string, Task>> tasks = std::exchange(waiting, {});
    for (auto& [of, task] : tasks) {
      if (of == domain)
        task();
      else
        waiting.push_back({of, std::move(task)});
    }
  }
  bool full = false;
  std::deque<std::pair<std::string, Task>> waiting;
};

class SideBySideTest : private ManualExecutor, public KeyringGround {
 protected:
  SideBySideTest() : KeyringGround({}, this) {}
  ManualExecutor& tasks() { return *this; }
};

TEST_F(SideBySideTest, AProviderThatHangsDelaysNobodyElse) {
  const model::TenantId other = NewTenant();
  Adopt(tenant_, kArn);
  ASSERT_TRUE(Seal().ok());
  ASSERT_TRUE(Seal(*one_, other).ok());
  for (int i = 0; i < 4 * 120; ++i) {
    Live(250ms);
    tasks().Run("internal");
    ASSERT_TRUE(one_->keyring.Active(other, Wait::kNever, Soon()).ok()) << "second " << i / 4;
    EXPECT_LE(tasks().waiting.size(), 1u) << "one renewal of a key is in flight";
  }
  EXPECT_FALSE(one_->keyring.Active(tenant_, Wait::kNever, Soon()).ok());
  tasks().Run("us-east-1");
  EXPECT_TRUE(one_->keyring.Active(tenant_, Wait::kNever, Soon()).ok());
}

class ShortBoundSideBySideTest : private ManualExecutor, public KeyringGround {
 protected:
  ShortBoundSideBySideTest() : KeyringGround({.revocation_bound = 2s}, this) {}
  ManualExecutor& tasks() { return *this; }
};

TEST_F(ShortBoundSideBySideTest, ARenewalHasHalfTheBoundToComeBack) {
  ASSERT_TRUE(Seal().ok());
  base::BootTime sent = clock_.Boot();
  for (int i = 0; i < 100; ++i) {
    while (tasks().waiting.empty()) {
      clock_.Advance(125ms);
      ASSERT_TRUE(one_->lease.Refresh().ok());
      ASSERT_TRUE(one_->keyring.Active(tenant_, Wait::kNever, Soon()).ok());
      one_->keyring.Tick();
    }
    EXPECT_LE(clock_.Boot() - sent, 1125ms);
    EXPECT_GE(clock_.Boot() - sent, 800ms);
    sent = clock_.Boot();
    tasks().Run("internal");
  }
}

TEST_F(SideBySideTest, WhatFindsNoPlaceIsOfferedAgain) {
  ASSERT_TRUE(Seal().ok());
  tasks().full = true;
  Live(50s);
  tasks().full = false;
  Live(250ms);
  ASSERT_EQ(tasks().waiting.size(), 1u);
  tasks().Run("internal");
  Live(20s);
  EXPECT_TRUE(one_->keyring.Active(tenant_, Wait::kNever, Soon()).ok());

  kms_.Fail(tenant_, Fault::kRevoked);
  one_->keyring.Forget(tenant_);
  ASSERT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  kms_.Mend();
  tasks().full = true;
  Live(10s);
  tasks().full = false;
  Live(250ms);
  ASSERT_EQ(tasks().waiting.size(), 1u);
  tasks().Run("probe internal");
  EXPECT_TRUE(Seal().ok());
}

TEST_F(SideBySideTest, TheMostUrgentIsOfferedFirst) {
  Adopt(tenant_, kArn);
  ASSERT_TRUE(Seal().ok());
  Live(1s);
  const model::TenantId later = NewTenant();
  ASSERT_TRUE(Seal(*one_, later).ok());
  clock_.Advance(50s);
  Live(250ms);
  ASSERT_EQ(tasks().waiting.size(), 2u);
  EXPECT_EQ(tasks().waiting[0].first, "us-east-1");
  EXPECT_EQ(tasks().waiting[1].first, "internal");
}

TEST_F(SideBySideTest, OneTenantTakesFewPlaces) {
  const auto provider = store_.LoadTenant(tenant_)->providers.front();
  for (std::uint32_t version = 2; version <= 10; ++version) {
    const auto minted = one_->keyring.Mint(tenant_, provider, version, Soon());
    ASSERT_TRUE(store_
                    .ActivateTenantKey(minted->key, {&minted->wrap, 1}, version - 1, std::nullopt,
                                       {model::Scope::Of(tenant_), model::NewUuid(random_),
                                        clock_.Utc(), "test", "test", "test", "{}"})
                    .ok());
  }
  ASSERT_TRUE(one_->lease.Refresh().ok());
  for (std::uint32_t version = 1; version <= 10; ++version)
    ASSERT_TRUE(one_->keyring.Version(tenant_, version, Wait::kAllowed, Soon()).ok());
  clock_.Advance(46s);
  Live(1s);
  EXPECT_EQ(tasks().waiting.size(), 4u);
  for (int i = 0; i < 12; ++i) {
    tasks().Run("internal");
    Live(250ms);
  }
  for (std::uint32_t version = 1; version <= 10; ++version)
    EXPECT_GE(one_->keyring.Version(tenant_, version, Wait::kNever, Soon())->usable_for(), 50s);
}

}  // namespace
}  // namespace tenantseal::keyring
