#include "keyring/keyring.h"

#include "events/event.h"
#include "keyring/keyring_test_ground.h"

namespace tenantseal::keyring {
namespace {

using namespace std::chrono_literals;

class KeyringTest : public KeyringGround {};

class GraceTest : public KeyringGround {
 protected:
  GraceTest() : KeyringGround({.outage_grace = 120s}) {}
};

TEST_F(KeyringTest, OneDecryptServesAMinuteOfRequests) {
  const std::uint64_t before = kms_.decrypts();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Seal().ok());
  EXPECT_EQ(kms_.decrypts() - before, 1u);
  const auto key = one_->keyring.Active(tenant_, Wait::kNever, Soon());
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->version(), 1u);
  EXPECT_EQ(key->usable_for(), 60s);
}

TEST_F(KeyringTest, WithoutIoNothingIsFetched) {
  const std::uint64_t before = kms_.calls();
  EXPECT_EQ(CodeOf(one_->keyring.Active(tenant_, Wait::kNever, Soon())), ErrorCode::kWouldBlock);
  EXPECT_EQ(kms_.calls(), before);
}

TEST_F(KeyringTest, NeverUsedPastTheBoundAfterTheDecryptWasSent) {
  kms_.Slow(7s);  // The reply comes 7 s after the request was sent.
  const base::BootTime sent = clock_.Boot();
  const auto key = one_->keyring.Active(tenant_, Wait::kAllowed, Soon());
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(clock_.Boot(), sent + 7s);
  EXPECT_EQ(clock_.Boot() + key->usable_for(), sent + 60s);
  kms_.Mend();
  kms_.FailAll(Fault::kUnavailable);
  while (clock_.Boot() + 250ms < sent + 60s) {
    Live(250ms);
    ASSERT_TRUE(Seal().ok());
  }
  clock_.Advance(sent + 60s - clock_.Boot() - 1ms);
  EXPECT_TRUE(Seal().ok()) << "one millisecond before the end";
  clock_.Advance(1ms);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyUnavailable);
  EXPECT_LE(one_->keyring.Stats().longest_use_ms, 60'000);
  EXPECT_GE(one_->keyring.Stats().longest_use_ms, 59'000);
}

TEST_F(KeyringTest, RenewsAheadOfExpiryWhatIsInUse) {
  ASSERT_TRUE(Seal().ok());
  const std::uint64_t before = kms_.decrypts();
  for (int i = 0; i < 10 * 60 * 4; ++i) {
    Live(250ms);
    ASSERT_TRUE(one_->keyring.Active(tenant_, Wait::kNever, Soon()).ok()) << "second " << i / 4;
  }
  // Every 40 to 45 s, and never more than that.
  EXPECT_GE(kms_.decrypts() - before, 13u);
  EXPECT_LE(kms_.decrypts() - before, 15u);
  EXPECT_LE(one_->keyring.Stats().longest_use_ms, 46'000);
}

TEST_F(KeyringTest, IdleTenantsAreNotRenewedAndForgotten) {
  ASSERT_TRUE(Seal().ok());
  Live(10min);
  const std::uint64_t before = kms_.decrypts();
  Live(30min);
  EXPECT_LE(kms_.decrypts() - before, 1u);
  EXPECT_EQ(one_->keyring.Stats().tenants_cached, 0u);
  EXPECT_TRUE(Seal().ok());
}

TEST_F(KeyringTest, ASuspendEndsEveryLease) {
  ASSERT_TRUE(Seal().ok());
  clock_.Advance(1h);  // CLOCK_BOOTTIME goes on while the machine sleeps.
  EXPECT_EQ(CodeOf(one_->keyring.Active(tenant_, Wait::kNever, Soon())), ErrorCode::kWouldBlock);
  kms_.FailAll(Fault::kRevoked);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
}

TEST_F(KeyringTest, WallClockJumpsMeanNothing) {
  ASSERT_TRUE(Seal().ok());
  clock_.JumpUtc(-48h);
  EXPECT_TRUE(one_->keyring.Active(tenant_, Wait::kNever, Soon()).ok());
  clock_.JumpUtc(480h);
  EXPECT_TRUE(one_->keyring.Active(tenant_, Wait::kNever, Soon()).ok());
}

TEST_F(KeyringTest, StoreLeaseIsNeededToSealAndOpen) {
  const auto text = Seal();
  ASSERT_TRUE(text.ok());
  clock_.Advance(kStoreLease - 1ms);
  EXPECT_TRUE(one_->keyring.Active(tenant_, Wait::kNever, Soon()).ok());
  clock_.Advance(1ms);
  EXPECT_EQ(CodeOf(one_->keyring.Active(tenant_, Wait::kNever, Soon())), ErrorCode::kWouldBlock);
  EXPECT_TRUE(Opens(*one_, tenant_, *text)) << "with I/O it is renewed";
}

TEST_F(GraceTest, UnavailableRunsOnForTheGraceAndNoLonger) {
  ASSERT_TRUE(Seal().ok());
  const base::BootTime sent = clock_.Boot();
  kms_.FailAll(Fault::kUnavailable);
  while (clock_.Boot() + 250ms < sent + 180s) {
    Live(250ms);
    ASSERT_TRUE(Seal().ok()) << "second " << (clock_.Boot() - sent) / 1s;
  }
  Live(500ms);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyUnavailable);
  kms_.Mend();
  Live(6s);
  EXPECT_TRUE(Seal().ok()) << "and it recovers";
}

TEST_F(GraceTest, GraceIsNotForARefusal) {
  ASSERT_TRUE(Seal().ok());
  kms_.FailAll(Fault::kUnavailable);
  Live(70s);
  ASSERT_TRUE(Seal().ok());
  kms_.FailAll(Fault::kRevoked);
  Live(10s);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
}

TEST_F(KeyringTest, RevokedStopsAtOnceTellsAfterTheSecondDenialAndIsReinstated) {
  const auto text = Seal();
  ASSERT_TRUE(text.ok());
  kms_.Fail(tenant_, Fault::kRevoked);
  const model::TenantId other = NewTenant();
  Live(46s);  // The renewal meets it.
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  EXPECT_FALSE(Opens(*one_, tenant_, *text));
  EXPECT_EQ(CodeOf(one_->keyring.Active(tenant_, Wait::kNever, Soon())), ErrorCode::kKeyRevoked);
  EXPECT_TRUE(Seal(*one_, other).ok()) << "a refusal is one tenant's";
  EXPECT_TRUE(store_.LoadTenant(tenant_)->providers.front().revoked_at.has_value());
  Live(6s);
  EXPECT_EQ(CountEvents(events::kKeyProviderRevoked), 1u);
  Live(5min);
  EXPECT_EQ(CountEvents(events::kKeyProviderRevoked), 1u) << "told once";
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  kms_.Mend();
  Live(61s);
  EXPECT_TRUE(Seal().ok());
  EXPECT_TRUE(Opens(*one_, tenant_, *text));
  EXPECT_FALSE(store_.LoadTenant(tenant_)->providers.front().revoked_at.has_value());
  EXPECT_EQ(CountEvents(events::kKeyProviderReinstated), 1u);
  EXPECT_EQ(one_->keyring.Stats().revocations, 1u);
}

TEST_F(KeyringTest, ARefusalThatPassesAtOnceIsNoEvent) {
  kms_.Fail(tenant_, Fault::kRevoked, 1);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  Live(6s);
  EXPECT_TRUE(Seal().ok());
  EXPECT_EQ(CountEvents(events::kKeyProviderRevoked), 0u);
  EXPECT_EQ(CountEvents(events::kKeyProviderReinstated), 0u);
}

TEST_F(KeyringTest, ARefusalIsProbedAboutOnceAMinuteNotMore) {
  kms_.Fail(tenant_, Fault::kRevoked);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  Live(5min);
  const std::uint64_t before = kms_.calls();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  EXPECT_EQ(kms_.calls(), before) << "requests do not ask the provider";
  Live(10min);
  EXPECT_GE(kms_.calls() - before, 9u);
  EXPECT_LE(kms_.calls() - before, 15u);
}

TEST_F(KeyringTest, OurOwnFaultIsUnavailableNeverRevoked) {
  kms_.FailAll(Fault::kServiceFault);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyUnavailable);
  Live(10s);
  EXPECT_FALSE(store_.LoadTenant(tenant_)->providers.front().revoked_at.has_value());
  kms_.Mend();
  Live(2s);
  EXPECT_TRUE(Seal().ok());
}

TEST_F(KeyringTest, IntegrityAlarmsIsNotRetriedAtOnceAndNeverRevokes) {
  for (Fault fault : {Fault::kIntegrity, Fault::kWrongArn, Fault::kWrongLength}) {
    const model::TenantId tenant = NewTenant();
    kms_.Fail(tenant, fault);
    const std::uint64_t alarms = one_->keyring.Stats().integrity_alarms;
    EXPECT_EQ(CodeOf(Seal(*one_, tenant)), ErrorCode::kIntegrity);
    const std::uint64_t calls = kms_.calls();
    EXPECT_EQ(CodeOf(Seal(*one_, tenant)), ErrorCode::kIntegrity);
    EXPECT_EQ(kms_.calls(), calls);
    Live(30s);
    EXPECT_EQ(CodeOf(Seal(*one_, tenant)), ErrorCode::kIntegrity);
    EXPECT_EQ(one_->keyring.Stats().integrity_alarms, alarms + 1);
    EXPECT_FALSE(store_.LoadTenant(tenant)->providers.front().revoked_at.has_value());
    kms_.Mend();
    Live(31s);
    EXPECT_TRUE(Seal(*one_, tenant).ok());
  }
}

TEST_F(KeyringTest, AKeyIsConfirmedBeforeItIsStored) {
  const std::uint64_t epoch = store_.ReadChanges(0)->epoch;
  for (Fault fault : {Fault::kSwappedCiphertext, Fault::kWrongArn, Fault::kWrongLength}) {
    kms_.FailAll(fault);
    EXPECT_EQ(CodeOf(one_->tenants.Create("Other", "us-east-1", "test", Soon())),
              ErrorCode::kIntegrity);
    EXPECT_EQ(CodeOf(one_->rotation.Start(tenant_, "test", Soon())), ErrorCode::kIntegrity);
    kms_.Mend();
  }
  EXPECT_EQ(store_.ReadChanges(0)->epoch, epoch) << "nothing was changed";
}

TEST_F(KeyringTest, UnknownTenantsAreRememberedUnderTheStoreLease) {
  const auto unknown = model::TenantId::New(random_);
  EXPECT_EQ(CodeOf(Seal(*one_, unknown)), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(one_->keyring.Active(unknown, Wait::kNever, Soon())), ErrorCode::kNotFound);
  for (int i = 0; i < 5000; ++i) Seal(*one_, model::TenantId::New(random_)).ok();
  EXPECT_LE(one_->keyring.Stats().tenants_cached, 1u);
}

TEST_F(KeyringTest, AVersionThatNeverWasDoesNotOpen) {
  ASSERT_TRUE(Seal().ok());
  const std::uint64_t calls = kms_.calls();
  for (std::uint32_t version : {0u, 2u, 0xffffffffu}) {
    EXPECT_EQ(CodeOf(one_->keyring.Version(tenant_, version, Wait::kNever, Soon())),
              ErrorCode::kWouldBlock);
    EXPECT_EQ(CodeOf(one_->keyring.Version(tenant_, version, Wait::kAllowed, Soon())),
              ErrorCode::kDecryptFailed);
  }
  EXPECT_EQ(kms_.calls(), calls);
}

TEST_F(KeyringTest, ValuesAndDataKeysAreBoundToTheirOwner) {
  const model::TenantId other = NewTenant();
  const std::string text = Seal().value();
  EXPECT_TRUE(Opens(*one_, tenant_, text));
  EXPECT_EQ(CodeOf(one_->values.Open(other, Context(other), text, Wait::kAllowed, Soon())),
            ErrorCode::kDecryptFailed);
  const auto plain = model::EncryptionContext::Make(tenant_, {}).value();
  EXPECT_EQ(CodeOf(one_->values.Open(tenant_, plain, text, Wait::kAllowed, Soon())),
            ErrorCode::kDecryptFailed);
  for (bool managed : {true, false}) {
    auto keys = one_->data_keys.Mint(tenant_, Context(tenant_), managed, 3, Wait::kAllowed, Soon());
    ASSERT_TRUE(keys.ok());
    const MintedDataKey& key = keys->back();
    const auto again = managed ? one_->data_keys.UnwrapManaged(tenant_, Context(tenant_), *key.id,
                                                               Wait::kAllowed, Soon())
                               : one_->data_keys.Unwrap(tenant_, Context(tenant_), key.wrapped,
                                                        Wait::kNever, Soon());
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(again->plaintext == key.plaintext);
    EXPECT_LE(again->usable_for, 60s);
    EXPECT_EQ(
        CodeOf(managed
                   ? one_->data_keys.UnwrapManaged(tenant_, plain, *key.id, Wait::kAllowed, Soon())
                   : one_->data_keys.Unwrap(tenant_, plain, key.wrapped, Wait::kNever, Soon())),
        ErrorCode::kDecryptFailed);
    if (managed) {
      EXPECT_EQ(CodeOf(one_->data_keys.Unwrap(tenant_, Context(tenant_), key.wrapped, Wait::kNever,
                                              Soon())),
                ErrorCode::kDecryptFailed)
          << "a managed key's text is not a detached one";
    }
  }
}

TEST(KeyringBounds, TheLeastRecentlyUsedGoFirst) {
  base::FakeClock clock;
  base::SystemRandom random;
  store::MemoryStore store;
  kms::FakeKms kms(random, &clock);
  Process process(store, kms, clock, random, {.tenants_max = 3});
  ASSERT_TRUE(process.lease.Refresh().ok());
  std::vector<model::TenantId> tenants;
  const base::Deadline later = clock.Boot() + 1h;
  for (int i = 0; i < 5; ++i)
    tenants.push_back(process.tenants.Create("t", "eu-west-1", "test", later)->id);
  for (const auto& tenant : tenants) {
    clock.Advance(1ms);
    ASSERT_TRUE(process.keyring.Active(tenant, Wait::kAllowed, later).ok());
    EXPECT_LE(process.keyring.Stats().tenants_cached, 3u);
  }
  EXPECT_TRUE(process.keyring.Active(tenants[4], Wait::kNever, later).ok());
  EXPECT_TRUE(process.keyring.Active(tenants[2], Wait::kNever, later).ok());
  EXPECT_EQ(process.keyring.Active(tenants[1], Wait::kNever, later).error().code,
            ErrorCode::kWouldBlock);
}

}  // namespace
}  // namespace tenantseal::keyring
