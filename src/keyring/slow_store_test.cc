// Stores that are slow, fail or hide what changed, and that leases hold all the same.
#include <atomic>
#include <functional>
#include <utility>

#include "keyring/keyring_test_ground.h"

namespace tenantseal::keyring {
namespace {

using namespace std::chrono_literals;

model::NewEvent EventOf(const model::TenantId& tenant, const base::Clock& clock,
                        const base::Random& random) {
  return {model::Scope::Of(tenant),
          model::NewUuid(random),
          clock.Utc(),
          "test.happened",
          "tenantseal/test",
          "test",
          "{}"};
}

// A store whose reads of the epoch, or acknowledgements, take time, fail or lie.
class SlowStore final : public store::MemoryStore {
 public:
  explicit SlowStore(base::FakeClock& clock) : clock_(clock) {}
  Result<store::Changes> ReadChanges(std::uint64_t since) const override {
    clock_.Advance(reading);
    if (broken) return Error{ErrorCode::kUnavailable, "broken"};
    auto changes = MemoryStore::ReadChanges(since);
    if (mute) changes->changed.clear();
    return changes;
  }
  Result<bool> Acknowledge(const model::ProcessId& process, std::uint64_t epoch) override {
    clock_.Advance(std::exchange(acknowledging, {}));
    if (before_acknowledging) std::exchange(before_acknowledging, nullptr)();
    return MemoryStore::Acknowledge(process, epoch);
  }
  base::Duration reading{};
  base::Duration acknowledging{};  // The next time only.
  std::function<void()> before_acknowledging;
  bool broken = false;
  bool mute = false;  // Somebody removes the rows that tell what changed.

 private:
  base::FakeClock& clock_;
};

TEST(SlowStores, ALeaseThatIsOverWhenItsRefreshReturnsIsNotLive) {
  base::FakeClock clock;
  base::SystemRandom random;
  SlowStore store(clock);
  kms::FakeKms kms(random, &clock);
  Process process(store, kms, clock, random);
  ASSERT_TRUE(process.lease.Refresh().ok());
  const base::Deadline later = clock.Boot() + 1h;
  const auto tenant = process.tenants.Create("t", "eu-west-1", "test", later)->id;
  ASSERT_TRUE(process.keyring.Active(tenant, Wait::kAllowed, later).ok());
  clock.Advance(3s);
  store.reading = 3s;
  EXPECT_EQ(process.keyring.Active(tenant, Wait::kAllowed, later).error().code,
            ErrorCode::kUnavailable);
  EXPECT_EQ(process.keyring.State(tenant, Wait::kAllowed).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(process.lease.EnsureLive().error().code, ErrorCode::kUnavailable);
  store.reading = 0s;
  EXPECT_TRUE(process.keyring.Active(tenant, Wait::kAllowed, later).ok());
}

TEST(SlowStores, AKeyLeaseIsMeasuredAfterTheWaitForTheStore) {
  base::FakeClock clock;
  base::SystemRandom random;
  SlowStore store(clock);
  kms::FakeKms kms(random, &clock);
  Process process(store, kms, clock, random);
  ASSERT_TRUE(process.lease.Refresh().ok());
  const base::Deadline later = clock.Boot() + 1h;
  const auto tenant = process.tenants.Create("t", "eu-west-1", "test", later)->id;
  ASSERT_TRUE(process.keyring.Active(tenant, Wait::kAllowed, later).ok());
  const base::BootTime sent = clock.Boot();
  kms.FailAll(kms::FakeKms::Fault::kUnavailable);
  // The store answers once, but slowly: in time for its own lease, too late for the key's.
  clock.Advance(59s);
  store.reading = 1500ms;
  EXPECT_EQ(process.keyring.Active(tenant, Wait::kAllowed, later).error().code,
            ErrorCode::kKeyUnavailable);
  EXPECT_GE(clock.Boot(), sent + 60s);
  EXPECT_LE(process.keyring.Stats().longest_use_ms, 60'000);
}

TEST(SlowStores, AnAcknowledgementThatTakesTheWholeLeaseIsFollowedByAnotherRead) {
  base::FakeClock clock;
  base::SystemRandom random;
  SlowStore store(clock);
  StoreLease lease(store, clock, model::ProcessId::New(random));
  store.acknowledging = 3s;
  const auto live = lease.EnsureLive();
  ASSERT_TRUE(live.ok()) << live.error().message;
  EXPECT_EQ(*live, clock.Boot());
  EXPECT_TRUE(lease.Live());
}

TEST(SlowStores, WhatChangesBetweenReadAndRegistrationIsSeen) {
  base::FakeClock clock;
  base::SystemRandom random;
  SlowStore store(clock);
  kms::FakeKms kms(random, &clock);
  Process process(store, kms, clock, random);
  ASSERT_TRUE(process.lease.Refresh().ok());
  const base::Deadline later = clock.Boot() + 1h;
  const auto tenant = process.tenants.Create("t", "eu-west-1", "test", later)->id;
  const auto other = process.tenants.Create("o", "eu-west-1", "test", later)->id;
  ASSERT_TRUE(process.keyring.Active(tenant, Wait::kAllowed, later).ok());
  // It was silent and is removed; while it registers anew, the tenant is deactivated by somebody
  // who therefore does not wait for it.
  ASSERT_TRUE(store.RemoveLagging(1000).ok());
  const auto state = store.LoadTenant(tenant).value();
  const model::NewEvent event = EventOf(tenant, clock, random);
  const auto elsewhere = store.LoadTenant(other).value().tenant;
  ASSERT_TRUE(
      store.ChangeTenant(elsewhere, model::TenantStatus::kActive, std::nullopt, event).ok());
  store.before_acknowledging = [&] {
    EXPECT_TRUE(
        store.ChangeTenant(state.tenant, model::TenantStatus::kDeactivated, std::nullopt, event)
            .ok());
  };
  ASSERT_TRUE(process.lease.Refresh().ok());
  EXPECT_EQ(process.keyring.Active(tenant, Wait::kAllowed, later).error().code,
            ErrorCode::kConflict);
}

TEST(SlowStores, AStateIsReadAgainAfterAMinuteWhateverTheEpochSays) {
  base::FakeClock clock;
  base::SystemRandom random;
  SlowStore store(clock);
  kms::FakeKms kms(random, &clock);
  Process process(store, kms, clock, random, {.revocation_bound = 1h});
  ASSERT_TRUE(process.lease.Refresh().ok());
  const base::Deadline later = clock.Boot() + 1h;
  const auto tenant = process.tenants.Create("t", "eu-west-1", "test", later)->id;
  ASSERT_TRUE(process.keyring.Active(tenant, Wait::kAllowed, later).ok());
  const base::BootTime read = clock.Boot();
  store.mute = true;
  const auto state = store.LoadTenant(tenant).value();
  const model::NewEvent event = EventOf(tenant, clock, random);
  ASSERT_TRUE(
      store.ChangeTenant(state.tenant, model::TenantStatus::kDeactivated, std::nullopt, event)
          .ok());
  while (clock.Boot() + 1s < read + 60s) {
    clock.Advance(1s);
    ASSERT_TRUE(process.lease.Refresh().ok());
    EXPECT_TRUE(process.keyring.Active(tenant, Wait::kNever, later).ok()) << "it was deceived";
  }
  clock.Advance(1s);
  ASSERT_TRUE(process.lease.Refresh().ok());
  EXPECT_EQ(process.keyring.Active(tenant, Wait::kNever, later).error().code,
            ErrorCode::kWouldBlock);
  EXPECT_EQ(process.keyring.State(tenant, Wait::kNever).error().code, ErrorCode::kWouldBlock);
  EXPECT_EQ(process.keyring.Active(tenant, Wait::kAllowed, later).error().code,
            ErrorCode::kConflict);
}

TEST(SlowStores, AStateInUseIsReadAgainAheadOfTime) {
  base::FakeClock clock;
  base::SystemRandom random;
  SlowStore store(clock);
  kms::FakeKms kms(random, &clock);
  Process process(store, kms, clock, random, {.revocation_bound = 1h});
  ASSERT_TRUE(process.lease.Refresh().ok());
  const base::Deadline later = clock.Boot() + 1h;
  const auto tenant = process.tenants.Create("t", "eu-west-1", "test", later)->id;
  ASSERT_TRUE(process.keyring.Active(tenant, Wait::kAllowed, later).ok());
  for (int i = 0; i < 300; ++i) {
    clock.Advance(1s);
    ASSERT_TRUE(process.lease.Refresh().ok());
    process.keyring.Tick();
    ASSERT_TRUE(process.keyring.Active(tenant, Wait::kNever, later).ok()) << i;
  }
}

TEST(SlowStores, RewrappingWaitsUntilEverybodyObeys) {
  base::FakeClock clock;
  base::SystemRandom random;
  SlowStore store(clock);
  kms::FakeKms kms(random, &clock);
  Process process(store, kms, clock, random);
  ASSERT_TRUE(process.lease.Refresh().ok());
  const base::Deadline later = clock.Boot() + 1h;
  const auto tenant = process.tenants.Create("t", "eu-west-1", "test", later)->id;
  const auto context = model::EncryptionContext::Make(tenant, {}).value();
  ASSERT_TRUE(process.data_keys.Mint(tenant, context, true, 5, Wait::kAllowed, later).ok());
  ASSERT_TRUE(process.rotation.Start(tenant, "test", later).ok());
  const std::atomic<bool> stop{false};
  store.broken = true;
  for (int i = 0; i < 3; ++i) process.rotation.RunJobs(stop);
  EXPECT_EQ(store.CountDataKeys(tenant, 1).value(), 5u) << "the barrier was not passed";
  store.broken = false;
  process.rotation.RunJobs(stop);
  EXPECT_EQ(store.CountDataKeys(tenant, 2).value(), 5u);
  EXPECT_EQ(store.LoadRewrapJob(tenant).value()->fence, 1u) << "claimed once";
}

}  // namespace
}  // namespace tenantseal::keyring
