// Migrations from one key provider to another.
#include "contract/store_contract.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {

using model::MigrationState;
using model::Pause;
using model::RewrapState;
using model::Scope;
using model::TenantStatus;
using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

model::Migration StoreContract::Begin(const model::TenantId& id, const model::Fingerprint& to) {
  const auto migration = MigrationOf(store().LoadTenant(id).value(), to);
  const auto started = store().StartMigration(migration, EventOf(id, "triggered"));
  EXPECT_TRUE(started.ok()) << started.error().message;
  return store().LoadTenant(id).value().migration.value();
}

model::Migration StoreContract::Move(const model::Migration& begun) {
  const auto state = store().LoadTenant(begun.tenant).value();
  const std::uint32_t version = state.tenant.active_version + 1;
  model::RewrapJob job = JobOf(begun.tenant, version);
  job.id = begun.id;
  const auto activated =
      store().ActivateMigration(begun, KeyOf(begun.tenant, version), WrapsOf(state, begun), job);
  EXPECT_TRUE(activated.ok()) << activated.error().message;
  return store().LoadTenant(begun.tenant).value().migration.value();
}

void StoreContract::Complete(const model::Migration& moved, base::UtcTime at) {
  const model::TenantId& id = moved.tenant;
  std::vector<DataKeyUpdate> updates;
  const auto rows = store().ScanDataKeys(id, 0, moved.to_version, 1000).value();
  for (const StoredDataKey& row : rows)
    updates.push_back({row.position, row.key.version, moved.to_version, "rewrapped"});
  const auto job = store().ClaimRewrapJob(id).value();
  EXPECT_TRUE(store().CommitRewrapBatch(updates, {}, job, std::nullopt).ok());
  EXPECT_TRUE(store().FinishRewrapJob(job, EventOf(id, "rewrapped")).ok());
  model::Migration done = moved;
  done.finished_at = at;
  const std::size_t events = EventCount(model::Scope::Of(id));
  const auto finished =
      store().FinishMigration(done, false, {EventOf(id, "finished"), EventOf(id, "unused")});
  EXPECT_TRUE(finished.ok()) << finished.error().message;
  EXPECT_EQ(EventCount(model::Scope::Of(id)), events + 2);
}

namespace {

model::Migration Ended(model::Migration migration, MigrationState state) {
  migration.state = state;
  migration.detail = "because";
  migration.finished_at = After(50);
  return migration;
}
model::Migration Paused(model::Migration migration, Pause pause) {
  migration.pause = pause;
  migration.detail = pause == Pause::kNone ? "" : "it waits";
  return migration;
}

// --- Start ---

TEST_P(StoreContract, AMigrationStartsAsNew) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto target = Add(id);
  EXPECT_TRUE(store().UnfinishedMigrations().value().empty());
  const auto migration = MigrationOf(a, target.fingerprint);
  EXPECT_EQ(store().StartMigration(migration, EventOf(id)).value(), 3u);
  auto expected = a;
  expected.providers.push_back(target);
  expected.migration = migration;
  EXPECT_EQ(store().LoadTenant(id).value(), expected);
  EXPECT_EQ(store().UnfinishedMigrations().value(), std::vector{migration});
  EXPECT_EQ(EventCount(Scope::Of(id)), 3u);
  EXPECT_EQ(store().LoadTenant(id).value().label(), a.tenant.current_provider);
}

TEST_P(StoreContract, AMigrationNeedsAnotherProviderAndRest) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto target = Add(id);
  const auto start = [&](const model::Migration& migration) {
    return store().StartMigration(migration, EventOf(id));
  };
  auto migration = MigrationOf(a, target.fingerprint);
  auto before = Take(id);
  EXPECT_ERROR(start(MigrationOf(a, a.tenant.current_provider)), kConflict);
  EXPECT_ERROR(start(MigrationOf(a, ProviderOf(id, 'a').fingerprint)), kNotFound);
  EXPECT_ERROR(start(MigrationOf(NewTenant(), target.fingerprint)), kNotFound);
  auto elsewhere = migration;
  elsewhere.from = ProviderOf(id, 'a').fingerprint;
  EXPECT_ERROR(start(elsewhere), kConflict);
  auto halfway = migration;
  halfway.state = MigrationState::kInProgress;
  EXPECT_ERROR(start(halfway), kInternal);
  EXPECT_EQ(Take(id), before);
  EXPECT_DONE(Activate(id, 1));
  before = Take(id);
  EXPECT_ERROR(start(migration), kConflict);  // A rewrap job runs.
  EXPECT_EQ(Take(id), before);
  EXPECT_DONE(store().FinishRewrapJob(store().ClaimRewrapJob(id).value(), EventOf(id)));
  EXPECT_DONE(store().ChangeTenant(before.state.tenant, TenantStatus::kDeactivated, std::nullopt,
                                   EventOf(id)));
  EXPECT_ERROR(start(migration), kConflict);
  auto off = store().LoadTenant(id).value().tenant;
  EXPECT_DONE(store().ChangeTenant(off, TenantStatus::kActive, std::nullopt, EventOf(id)));
  EXPECT_DONE(start(migration));
  before = Take(id);
  EXPECT_ERROR(start(MigrationOf(a, target.fingerprint)), kConflict);  // One is unfinished.
  EXPECT_EQ(Take(id), before);
}

TEST_P(StoreContract, AnUnfinishedMigrationKeepsOthersAway) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto target = Add(id);
  const auto spare = Add(id, 'b');
  EXPECT_DONE(Activate(id, 1, false));
  const auto begun = Begin(id, target.fingerprint);
  const auto check = [&](std::uint32_t active, std::uint32_t unneeded) {
    const auto before = Take(id);
    EXPECT_ERROR(Activate(id, active), kConflict);
    EXPECT_ERROR(store().RetireTenantKey(id, unneeded, EventOf(id)), kConflict);
    EXPECT_ERROR(store().DeleteProvider(id, target.fingerprint, EventOf(id)), kConflict);
    EXPECT_ERROR(store().DeleteProvider(id, begun.from, EventOf(id)), kConflict);
    EXPECT_EQ(Take(id), before);
  };
  check(2, 1);
  Complete(Move(begun), After(40));
  EXPECT_DONE(store().RetireTenantKey(id, 1, EventOf(id)));
  const auto back = Move(Begin(id, begun.from));
  check(4, 2);
  EXPECT_DONE(store().DeleteProvider(id, spare.fingerprint, EventOf(id)));
  Complete(back, After(60));
  EXPECT_DONE(store().DeleteProvider(id, target.fingerprint, EventOf(id)));
}

// --- Fence ---

TEST_P(StoreContract, WhoeverClaimsAMigrationLocksOthersOut) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_ERROR(store().ClaimMigration(id, kProcess), kNotFound);
  EXPECT_ERROR(store().ClaimMigration(model::TenantId::New(kRandom), kProcess), kNotFound);
  const auto begun = Begin(id, Add(id).fingerprint);
  const std::uint64_t epoch = Epoch();
  const auto claimed = store().ClaimMigration(id, kProcess).value();
  auto expected = begun;
  ++expected.fence;
  expected.owner = kProcess;
  EXPECT_EQ(claimed, expected);
  EXPECT_EQ(store().LoadTenant(id).value().migration, claimed);
  EXPECT_EQ(Epoch(), epoch);
  const auto before = Take(id);
  auto another = claimed;
  another.id = model::NewUuid(kRandom);
  auto job = JobOf(id, 2);
  job.id = begun.id;
  for (const auto& stale : {begun, another}) {
    EXPECT_ERROR(store().ActivateMigration(stale, KeyOf(id, 2), WrapsOf(before.state, stale), job),
                 kConflict);
    EXPECT_ERROR(store().ChangeMigration(Paused(stale, Pause::kOperator), EventOf(id)), kConflict);
    EXPECT_ERROR(store().ChangeMigration(Ended(stale, MigrationState::kCancelled), EventOf(id)),
                 kConflict);
    EXPECT_ERROR(
        store().FinishMigration(Ended(stale, MigrationState::kCompleted), true, {EventOf(id)}),
        kConflict);
  }
  EXPECT_EQ(Take(id), before);
  const auto moved = Move(claimed);
  EXPECT_EQ(moved.fence, claimed.fence + 1);
  EXPECT_ERROR(
      store().FinishMigration(Ended(claimed, MigrationState::kCompleted), true, {EventOf(id)}),
      kConflict);
  EXPECT_DONE(store().ChangeMigration(Ended(moved, MigrationState::kCancelled), EventOf(id)));
  EXPECT_ERROR(store().ClaimMigration(id, kProcess), kConflict);
  const auto over = store().LoadTenant(id).value().migration.value();
  EXPECT_ERROR(store().ChangeMigration(Paused(over, Pause::kOperator), EventOf(id)), kConflict);
}

TEST_P(StoreContract, ChangesNeedAMigration) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto none = MigrationOf(a, Add(id).fingerprint);
  const auto before = Take(id);
  EXPECT_ERROR(store().ChangeMigration(Paused(none, Pause::kOperator), EventOf(id)), kConflict);
  EXPECT_ERROR(
      store().FinishMigration(Ended(none, MigrationState::kCompleted), true, {EventOf(id)}),
      kConflict);
  auto job = JobOf(id, 2);
  job.id = none.id;
  EXPECT_ERROR(store().ActivateMigration(none, KeyOf(id, 2), WrapsOf(a, none), job), kConflict);
  EXPECT_EQ(Take(id), before);
}

// --- Activation ---

TEST_P(StoreContract, AMigrationActivatesItsVersionUnderBoth) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto target = Add(id);
  EXPECT_DONE(store().InsertDataKeys(DataKeysOf(id, 3)));
  const auto begun = Begin(id, target.fingerprint);
  const std::size_t events = EventCount(Scope::Of(id));
  const std::uint64_t epoch = Epoch();
  const auto moved = Move(begun);
  EXPECT_EQ(Epoch(), epoch + 1);
  EXPECT_EQ(EventCount(Scope::Of(id)), events);
  auto expected = begun;
  expected.state = MigrationState::kInProgress;
  expected.to_version = 2;
  ++expected.fence;
  EXPECT_EQ(moved, expected);
  const auto state = store().LoadTenant(id).value();
  EXPECT_EQ(state.tenant.active_version, 2u);
  EXPECT_EQ(state.tenant.current_provider, begun.from);
  EXPECT_EQ(state.label(), target.fingerprint);
  EXPECT_EQ(state.keys, (std::vector{a.keys[0], KeyOf(id, 2)}));
  EXPECT_EQ(state.wraps.size(), 4u);
  for (const std::uint32_t version : {1u, 2u}) {
    EXPECT_NE(state.FindWrap(version, begun.from), nullptr);
    EXPECT_NE(state.FindWrap(version, begun.to), nullptr);
  }
  const auto job = store().LoadRewrapJob(id).value().value();
  EXPECT_EQ(job.id, begun.id);
  EXPECT_EQ(job.total, 3u);
  EXPECT_EQ(job.state, RewrapState::kRunning);
  EXPECT_DONE(store().InsertDataKeys(std::array{DataKeyOf(id, 2)}));
}

TEST_P(StoreContract, AMigrationActivatesNothingByHalves) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_DONE(Activate(id, 1, false));
  const auto begun = Begin(id, Add(id).fingerprint);
  const auto before = Take(id);
  auto job = JobOf(id, 3);
  job.id = begun.id;
  const auto wraps = WrapsOf(before.state, begun);
  ASSERT_EQ(wraps.size(), 4u);
  const auto activate = [&](const std::vector<model::TenantKeyWrap>& given, std::uint32_t version) {
    return store().ActivateMigration(begun, KeyOf(id, version), given, job);
  };
  for (std::size_t missing = 0; missing < wraps.size(); ++missing) {
    auto fewer = wraps;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(missing));
    EXPECT_ERROR(activate(fewer, 3), kInternal);
    fewer.push_back(fewer[0]);  // The number alone does not do.
    EXPECT_ERROR(activate(fewer, 3), kInternal);
  }
  EXPECT_ERROR(activate(wraps, 2), kInternal);
  EXPECT_ERROR(activate(wraps, 4), kInternal);
  job.id = model::NewUuid(kRandom);
  EXPECT_ERROR(activate(wraps, 3), kInternal);
  EXPECT_EQ(Take(id), before);
  EXPECT_FALSE(store().LoadRewrapJob(id).value().has_value());
  EXPECT_DONE(store().ChangeMigration(Paused(begun, Pause::kOperator), EventOf(id)));
  const auto paused = store().ClaimMigration(id, kProcess).value();
  job.id = paused.id;
  EXPECT_ERROR(store().ActivateMigration(paused, KeyOf(id, 3), wraps, job), kConflict);
  EXPECT_DONE(store().ChangeMigration(Paused(paused, Pause::kNone), std::nullopt));
  const auto moved = Move(store().ClaimMigration(id, kProcess).value());
  auto again = JobOf(id, 4);
  again.id = moved.id;
  const auto state = store().LoadTenant(id).value();
  EXPECT_ERROR(store().ActivateMigration(moved, KeyOf(id, 4), WrapsOf(state, moved), again),
               kConflict);
}

// --- Pause, cancel, fail ---

TEST_P(StoreContract, APausePausesTheJob) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_DONE(store().InsertDataKeys(DataKeysOf(id, 2)));
  const auto moved = Move(Begin(id, Add(id).fingerprint));
  auto job = store().ClaimRewrapJob(id).value();
  auto paused = Paused(moved, Pause::kQuarantine);
  paused.quarantine_accepted = 5;
  const std::size_t events = EventCount(Scope::Of(id));
  const std::uint64_t epoch = Epoch();
  EXPECT_EQ(store().ChangeMigration(paused, EventOf(id, "paused")).value(), epoch + 1);
  EXPECT_EQ(EventCount(Scope::Of(id)), events + 1);
  ++paused.fence;
  EXPECT_EQ(store().LoadTenant(id).value().migration, paused);
  EXPECT_EQ(store().LoadRewrapJob(id).value()->state, RewrapState::kPaused);
  EXPECT_TRUE(store().RunningRewrapJobs().value().empty());
  EXPECT_EQ(store().UnfinishedMigrations().value(), std::vector{paused});
  EXPECT_ERROR(store().CommitRewrapBatch({}, {}, job, EventOf(id)), kConflict);
  EXPECT_ERROR(store().FinishRewrapJob(job, EventOf(id)), kConflict);
  EXPECT_ERROR(store().ClaimRewrapJob(id), kConflict);
  EXPECT_ERROR(Activate(id, 2), kConflict);
  EXPECT_EQ(EventCount(Scope::Of(id)), events + 1);
  EXPECT_DONE(store().ChangeMigration(Paused(paused, Pause::kNone), std::nullopt));
  EXPECT_EQ(store().LoadRewrapJob(id).value()->state, RewrapState::kRunning);
  EXPECT_DONE(store().CommitRewrapBatch({}, {}, job, std::nullopt));
  EXPECT_EQ(EventCount(Scope::Of(id)), events + 1);
  // A job that is done does not run again.
  EXPECT_DONE(store().FinishRewrapJob(job, EventOf(id)));
  auto now = store().ClaimMigration(id, kProcess).value();
  EXPECT_DONE(store().ChangeMigration(Paused(now, Pause::kOperator), std::nullopt));
  now = store().ClaimMigration(id, kProcess).value();
  EXPECT_DONE(store().ChangeMigration(Paused(now, Pause::kNone), std::nullopt));
  EXPECT_EQ(store().LoadRewrapJob(id).value()->state, RewrapState::kDone);
}

TEST_P(StoreContract, AMigrationThatEndsBadlyLeavesTheSource) {
  for (const MigrationState end : {MigrationState::kFailed, MigrationState::kCancelled}) {
    const auto a = AddTenant();
    const model::TenantId& id = a.tenant.id;
    EXPECT_DONE(store().InsertDataKeys(DataKeysOf(id, 2)));
    const auto target = Add(id);
    // Before its version is active.
    auto ended = Ended(Begin(id, target.fingerprint), end);
    EXPECT_DONE(store().ChangeMigration(ended, EventOf(id)));
    ++ended.fence;
    EXPECT_EQ(store().LoadTenant(id).value().migration, ended);
    EXPECT_EQ(store().LoadTenant(id).value().wraps, a.wraps);
    EXPECT_FALSE(store().LoadRewrapJob(id).value().has_value());
    // And after.
    const auto moved = Move(Begin(id, target.fingerprint));
    const auto job = store().ClaimRewrapJob(id).value();
    EXPECT_DONE(store().ChangeMigration(Ended(moved, end), EventOf(id)));
    const auto state = store().LoadTenant(id).value();
    EXPECT_EQ(state.tenant.current_provider, a.tenant.current_provider);
    EXPECT_EQ(state.tenant.active_version, 2u);
    EXPECT_EQ(state.label(), a.tenant.current_provider);
    ASSERT_EQ(state.wraps.size(), 2u);
    for (const auto& wrap : state.wraps) EXPECT_EQ(wrap.provider, moved.from);
    const auto cancelled = store().LoadRewrapJob(id).value().value();
    EXPECT_EQ(cancelled.state, RewrapState::kCancelled);
    EXPECT_EQ(cancelled.finished_at, After(50));
    EXPECT_ERROR(store().CommitRewrapBatch({}, {}, job, std::nullopt), kConflict);
    EXPECT_TRUE(store().UnfinishedMigrations().value().empty());
    EXPECT_DONE(Activate(id, 2));  // A rotation moves the rest.
    EXPECT_EQ(store().LoadRewrapJob(id).value()->total, 2u);
    EXPECT_DONE(store().DeleteProvider(id, target.fingerprint, EventOf(id)));
  }
}

TEST_P(StoreContract, AMigrationsStateChangesOnlyForward) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto begun = Begin(id, Add(id).fingerprint);
  auto before = Take(id);
  EXPECT_ERROR(store().ChangeMigration(Ended(begun, MigrationState::kCompleted), EventOf(id)),
               kInternal);
  auto jump = begun;
  jump.state = MigrationState::kInProgress;
  EXPECT_ERROR(store().ChangeMigration(jump, EventOf(id)), kInternal);
  auto timeless = Ended(begun, MigrationState::kCancelled);
  timeless.finished_at.reset();
  EXPECT_ERROR(store().ChangeMigration(timeless, EventOf(id)), kInternal);
  EXPECT_ERROR(
      store().FinishMigration(Ended(begun, MigrationState::kCompleted), true, {EventOf(id)}),
      kConflict);  // Nothing is wrapped by the target.
  EXPECT_EQ(Take(id), before);
  auto back = Move(begun);
  before = Take(id);
  back.state = MigrationState::kNew;
  EXPECT_ERROR(store().ChangeMigration(back, EventOf(id)), kInternal);
  EXPECT_EQ(Take(id), before);
}

// --- Finish ---

TEST_P(StoreContract, AFinishedMigrationChangesTheProvider) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto target = Add(id);
  EXPECT_DONE(store().InsertDataKeys(DataKeysOf(id, 3)));
  const auto moved = Move(Begin(id, target.fingerprint));
  const std::size_t events = EventCount(Scope::Of(id));
  Complete(moved, After(40));
  EXPECT_EQ(EventCount(Scope::Of(id)), events + 3);  // Rewrapped, finished, unused.
  const auto state = store().LoadTenant(id).value();
  EXPECT_EQ(state.tenant.current_provider, target.fingerprint);
  EXPECT_EQ(state.FindProvider(moved.to)->promoted_at, After(40));
  EXPECT_FALSE(state.FindProvider(moved.to)->demoted_at.has_value());
  EXPECT_EQ(state.FindProvider(moved.from)->demoted_at, After(40));
  ASSERT_EQ(state.wraps.size(), 2u);
  for (const auto& wrap : state.wraps) EXPECT_EQ(wrap.provider, target.fingerprint);
  EXPECT_EQ(state.migration->state, MigrationState::kCompleted);
  EXPECT_EQ(state.migration->finished_at, After(40));
  EXPECT_EQ(state.migration->fence, moved.fence + 1);
  EXPECT_EQ(state.label(), target.fingerprint);
  EXPECT_TRUE(store().UnfinishedMigrations().value().empty());
  EXPECT_ERROR(store().ClaimMigration(id, kProcess), kConflict);
  const auto before = Take(id);
  EXPECT_ERROR(store().FinishMigration(*state.migration, true, {EventOf(id)}), kConflict);
  EXPECT_ERROR(
      store().ChangeMigration(Ended(*state.migration, MigrationState::kCancelled), EventOf(id)),
      kConflict);
  EXPECT_EQ(Take(id), before);
}

TEST_P(StoreContract, AMigrationFinishesOnlyWhenEverythingHasMoved) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_DONE(store().InsertDataKeys(DataKeysOf(id, 3)));
  const auto target = Add(id);
  auto moved = Move(Begin(id, target.fingerprint));
  moved.finished_at = After(40);
  const auto before = Take(id);
  const auto refused = store().FinishMigration(moved, false, {EventOf(id)});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_NE(refused.error().message.find("3 data keys"), std::string::npos);
  auto timeless = moved;
  timeless.finished_at.reset();
  EXPECT_ERROR(store().FinishMigration(timeless, true, {EventOf(id)}), kInternal);
  EXPECT_EQ(Take(id), before);
  // Paused because of the source; whoever accepts that leaves the data keys to the job.
  EXPECT_DONE(store().ChangeMigration(
      Paused(store().ClaimMigration(id, kProcess).value(), Pause::kSourceRefuses), std::nullopt));
  auto accepted = store().ClaimMigration(id, kProcess).value();
  accepted.finished_at = After(40);
  EXPECT_DONE(store().FinishMigration(accepted, true, {EventOf(id)}));
  const auto state = store().LoadTenant(id).value();
  EXPECT_EQ(state.tenant.current_provider, target.fingerprint);
  EXPECT_EQ(state.migration->pause, Pause::kNone);
  EXPECT_EQ(store().LoadRewrapJob(id).value()->state, RewrapState::kRunning);
  EXPECT_ERROR(store().StartMigration(MigrationOf(state, accepted.from), EventOf(id)), kConflict);
  const auto rows = store().ScanDataKeys(id, 0, 2, 9).value();
  ASSERT_EQ(rows.size(), 3u);
  const std::vector<DataKeyUpdate> updates = {{rows[0].position, 1, 2, "rewrapped"}};
  const auto job = store().ClaimRewrapJob(id).value();
  EXPECT_DONE(store().CommitRewrapBatch(updates, {}, job, std::nullopt));
  EXPECT_DONE(store().FinishRewrapJob(job, EventOf(id)));
  EXPECT_EQ(store().CountDataKeys(id, 1).value(), 2u);
}

TEST_P(StoreContract, ADeactivatedTenantsMigrationWaits) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto moved = Move(Begin(id, Add(id).fingerprint));
  const auto on = store().LoadTenant(id).value().tenant;
  EXPECT_DONE(store().ChangeTenant(on, TenantStatus::kDeactivated, std::nullopt, EventOf(id)));
  const auto before = Take(id);
  EXPECT_ERROR(
      store().FinishMigration(Ended(moved, MigrationState::kCompleted), true, {EventOf(id)}),
      kConflict);
  EXPECT_EQ(Take(id), before);
  EXPECT_DONE(store().ChangeMigration(Paused(moved, Pause::kTenantDeactivated), EventOf(id)));
  EXPECT_DONE(store().ChangeMigration(
      Ended(store().ClaimMigration(id, kProcess).value(), MigrationState::kCancelled),
      EventOf(id)));
}

TEST_P(StoreContract, ATenantMayComeBackToAProvider) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto& internal = a.tenant.current_provider;
  const auto target = Add(id);
  EXPECT_DONE(store().InsertDataKeys(DataKeysOf(id, 2)));
  Complete(Move(Begin(id, target.fingerprint)), After(40));
  Complete(Move(Begin(id, internal)), After(60));
  Complete(Move(Begin(id, target.fingerprint)), After(80));
  const auto state = store().LoadTenant(id).value();
  EXPECT_EQ(state.tenant.current_provider, target.fingerprint);
  EXPECT_EQ(state.tenant.active_version, 4u);
  EXPECT_EQ(state.FindProvider(target.fingerprint)->promoted_at, After(80));
  EXPECT_FALSE(state.FindProvider(target.fingerprint)->demoted_at.has_value());
  EXPECT_EQ(state.FindProvider(internal)->promoted_at, After(60));
  EXPECT_EQ(state.FindProvider(internal)->demoted_at, After(80));
  ASSERT_EQ(state.wraps.size(), 4u);
  for (const auto& wrap : state.wraps) EXPECT_EQ(wrap.provider, target.fingerprint);
  EXPECT_EQ(store().CountDataKeys(id, 4).value(), 2u);
}

TEST_P(StoreContract, WhenADeletedProviderWasUsedIsKept) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto target = Add(id);
  const auto kept = [&] { return store().LoadFormerProvider(id, target.fingerprint).value(); };
  Complete(Move(Begin(id, target.fingerprint)), After(40));
  Complete(Move(Begin(id, a.tenant.current_provider)), After(60));
  EXPECT_FALSE(kept().has_value());
  EXPECT_DONE(store().DeleteProvider(id, target.fingerprint, EventOf(id)));
  const model::FormerProvider former{target.arn, After(60)};
  EXPECT_EQ(kept(), former);
  Add(id);  // Unused in its second life, which changes nothing.
  EXPECT_EQ(kept(), former);
  EXPECT_DONE(store().DeleteProvider(id, target.fingerprint, EventOf(id)));
  EXPECT_EQ(kept(), former);
  Add(id);
  Complete(Move(Begin(id, target.fingerprint)), After(70));
  Complete(Move(Begin(id, a.tenant.current_provider)), After(80));
  EXPECT_DONE(store().DeleteProvider(id, target.fingerprint, EventOf(id)));
  EXPECT_EQ(kept()->demoted_at, After(80));
  const auto other = AddTenant().tenant.id;
  EXPECT_FALSE(store().LoadFormerProvider(other, target.fingerprint).value().has_value());
}

TEST_P(StoreContract, DestructionCancelsAMigration) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto former = Add(id, 'e');
  EXPECT_DONE(store().DeleteProvider(id, former.fingerprint, EventOf(id)));
  const auto target = Add(id);
  EXPECT_DONE(store().InsertDataKeys(DataKeysOf(id, 2)));
  EXPECT_DONE(store().SaveValidation(
      {id, target.fingerprint, kNow, model::CheckOutcome::kPass, "{}"}, std::nullopt));
  const auto moved = Move(Begin(id, target.fingerprint));
  const auto aside = store().ScanDataKeys(id, 0, 2, 1).value().at(0).key;
  const std::array quarantined = {model::QuarantinedDataKey{id, aside.id, 1, kNow, "tag"}};
  EXPECT_DONE(
      store().CommitRewrapBatch({}, quarantined, store().ClaimRewrapJob(id).value(), std::nullopt));
  EXPECT_EQ(store().CountQuarantine(id).value(), 1u);
  const auto on = store().LoadTenant(id).value().tenant;
  EXPECT_DONE(store().ChangeTenant(on, TenantStatus::kDeactivated, kNow, EventOf(id)));
  EXPECT_DONE(store().DestroyTenant(id, After(70), EventOf(id)));
  const auto state = store().LoadTenant(id).value();
  EXPECT_TRUE(state.wraps.empty());
  auto cancelled = Ended(moved, MigrationState::kCancelled);
  cancelled.detail = "The tenant was destroyed.";
  cancelled.finished_at = After(70);
  ++cancelled.fence;
  EXPECT_EQ(state.migration, cancelled);
  EXPECT_TRUE(store().UnfinishedMigrations().value().empty());
  EXPECT_ERROR(store().ClaimMigration(id, kProcess), kConflict);
  EXPECT_EQ(store().CountQuarantine(id).value(), 0u);
  EXPECT_FALSE(store().LoadValidation(id, target.fingerprint).value().has_value());
  EXPECT_FALSE(store().LoadFormerProvider(id, former.fingerprint).value().has_value());
  EXPECT_FALSE(store().LoadRewrapJob(id).value().has_value());
}

}  // namespace
}  // namespace tenantseal::store
