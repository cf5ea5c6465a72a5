// Tenant keys, data keys and rewrap jobs.
#include <algorithm>

#include "contract/store_contract.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {
namespace {

using model::RewrapState;
using model::Scope;
using model::TenantStatus;
using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

std::vector<DataKeyUpdate> UpdatesOf(const std::vector<StoredDataKey>& rows,
                                     std::uint32_t version) {
  std::vector<DataKeyUpdate> updates;
  for (const StoredDataKey& row : rows) {
    updates.push_back({row.position, row.key.version, version, "rewrapped " + row.key.id.text()});
  }
  return updates;
}

// --- Tenant keys ---

TEST_P(StoreContract, AVersionIsActivatedWithItsWraps) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_DONE(store().InsertDataKeys(DataKeysOf(id, 3)));
  EXPECT_EQ(Activate(id, 1).value(), 2u);
  const auto state = store().LoadTenant(id).value();
  EXPECT_EQ(state.tenant.active_version, 2u);
  EXPECT_EQ(state.keys, (std::vector{a.keys[0], KeyOf(id, 2)}));
  EXPECT_EQ(state.wraps.size(), 2u);
  const auto job = store().LoadRewrapJob(id).value();
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(job->total, 3u);
  EXPECT_EQ(job->to_version, 2u);
  EXPECT_EQ(job->state, RewrapState::kRunning);
  EXPECT_EQ(job->started_by, "api-key:tester");
  EXPECT_EQ(EventCount(Scope::Of(id)), 2u);
}

TEST_P(StoreContract, ActivationNeedsTheExpectedState) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_ERROR(Activate(id, 2), kConflict);
  EXPECT_ERROR(Activate(id, 0), kConflict);
  EXPECT_DONE(Activate(id, 1));
  EXPECT_ERROR(Activate(id, 2), kConflict);  // The job runs.
  const auto now = store().LoadTenant(id).value();
  auto job = store().ClaimRewrapJob(id).value();
  EXPECT_DONE(store().FinishRewrapJob(job, EventOf(id)));
  EXPECT_DONE(
      store().ChangeTenant(now.tenant, TenantStatus::kDeactivated, std::nullopt, EventOf(id)));
  EXPECT_ERROR(Activate(id, 2), kConflict);  // Not active.
  const auto off = store().LoadTenant(id).value();
  EXPECT_DONE(store().ChangeTenant(off.tenant, TenantStatus::kActive, std::nullopt, EventOf(id)));
  EXPECT_EQ(store().LoadTenant(id).value(), now);
  EXPECT_DONE(Activate(id, 2));
}

TEST_P(StoreContract, ActivationWithoutWrapsIsRefused) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_ERROR(store().ActivateTenantKey(KeyOf(id, 2), {}, 1, std::nullopt, EventOf(id)),
               kInternal);
  const std::vector foreign = {WrapOf(id, 3, a.tenant.current_provider)};
  EXPECT_ERROR(store().ActivateTenantKey(KeyOf(id, 2), foreign, 1, std::nullopt, EventOf(id)),
               kInternal);
  EXPECT_EQ(store().LoadTenant(id).value(), a);
}

TEST_P(StoreContract, OnlyVersionsThatNothingNeedsAreRetired) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto old_key = DataKeyOf(id, 1);
  EXPECT_DONE(store().InsertDataKeys(std::array{old_key}));
  EXPECT_ERROR(store().RetireTenantKey(id, 1, EventOf(id)), kConflict);  // Active.
  EXPECT_DONE(Activate(id, 1, false));
  EXPECT_ERROR(store().RetireTenantKey(id, 7, EventOf(id)), kNotFound);
  const auto needed = store().RetireTenantKey(id, 1, EventOf(id));
  ASSERT_FALSE(needed.ok());
  EXPECT_EQ(needed.error().code, ErrorCode::kConflict);
  EXPECT_NE(needed.error().message.find('1'), std::string::npos);
  EXPECT_EQ(store().LoadTenant(id).value().keys.size(), 2u);
  EXPECT_DONE(store().DeleteDataKey(id, old_key.id));
  const std::size_t events = EventCount(Scope::Of(id));
  EXPECT_DONE(store().RetireTenantKey(id, 1, EventOf(id)));
  const auto state = store().LoadTenant(id).value();
  EXPECT_EQ(state.keys, std::vector{KeyOf(id, 2)});
  EXPECT_EQ(state.wraps.size(), 1u);
  EXPECT_EQ(EventCount(Scope::Of(id)), events + 1);
  // Nothing can be added any more that only the retired version would open.
  EXPECT_ERROR(store().InsertDataKeys(std::array{DataKeyOf(id, 1)}), kConflict);
}

// --- Data keys ---

TEST_P(StoreContract, DataKeysAreReadAsWritten) {
  const auto a = AddTenant();
  const auto b = AddTenant();
  auto keys = DataKeysOf(a.tenant.id, 3);
  keys[1].context.clear();
  EXPECT_DONE(store().InsertDataKeys(keys));
  EXPECT_DONE(store().InsertDataKeys({}));
  for (const auto& key : keys) EXPECT_EQ(store().LoadDataKey(a.tenant.id, key.id).value(), key);
  EXPECT_ERROR(store().LoadDataKey(b.tenant.id, keys[0].id), kNotFound);
  EXPECT_ERROR(store().DeleteDataKey(b.tenant.id, keys[0].id), kNotFound);
  EXPECT_DONE(store().DeleteDataKey(a.tenant.id, keys[0].id));
  EXPECT_ERROR(store().DeleteDataKey(a.tenant.id, keys[0].id), kNotFound);
  EXPECT_ERROR(store().LoadDataKey(a.tenant.id, keys[0].id), kNotFound);
  EXPECT_EQ(store().CountDataKeys(a.tenant.id, std::nullopt).value(), 2u);
  EXPECT_EQ(store().CountDataKeys(a.tenant.id, 1).value(), 2u);
  EXPECT_EQ(store().CountDataKeys(a.tenant.id, 2).value(), 0u);
  EXPECT_EQ(store().CountDataKeys(b.tenant.id, std::nullopt).value(), 0u);
}

TEST_P(StoreContract, ABatchIsInsertedWholeOrNotAtAll) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  auto keys = DataKeysOf(id, 10);
  keys[9].id = keys[3].id;
  EXPECT_ERROR(store().InsertDataKeys(keys), kAlreadyExists);
  EXPECT_EQ(store().CountDataKeys(id, std::nullopt).value(), 0u);
  keys = DataKeysOf(id, 10);
  keys[9].version = 2;  // Not there yet.
  EXPECT_ERROR(store().InsertDataKeys(keys), kConflict);
  keys[9] = DataKeyOf(model::TenantId::New(kRandom));
  EXPECT_ERROR(store().InsertDataKeys(keys), kNotFound);
  EXPECT_EQ(store().CountDataKeys(id, std::nullopt).value(), 0u);
  keys.pop_back();
  EXPECT_DONE(store().InsertDataKeys(keys));
  EXPECT_ERROR(store().InsertDataKeys(std::array{DataKeyOf(id), keys[4]}), kAlreadyExists);
  EXPECT_EQ(store().CountDataKeys(id, std::nullopt).value(), 9u);
}

TEST_P(StoreContract, ADeactivatedTenantGetsNoDataKeys) {
  const auto a = AddTenant();
  EXPECT_DONE(store().ChangeTenant(a.tenant, TenantStatus::kDeactivated, std::nullopt,
                                   EventOf(a.tenant.id)));
  EXPECT_ERROR(store().InsertDataKeys(std::array{DataKeyOf(a.tenant.id)}), kConflict);
}

TEST_P(StoreContract, DataKeysAreInsertedUnderTheActiveVersionOnly) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_DONE(store().InsertDataKeys(std::array{DataKeyOf(id, 1)}));
  EXPECT_DONE(Activate(id, 1));
  EXPECT_ERROR(store().InsertDataKeys(std::array{DataKeyOf(id, 1)}), kConflict);
  EXPECT_ERROR(store().InsertDataKeys(std::array{DataKeyOf(id, 2), DataKeyOf(id, 1)}), kConflict);
  EXPECT_ERROR(store().InsertDataKeys(std::array{DataKeyOf(id, 3)}), kConflict);
  EXPECT_DONE(store().InsertDataKeys(std::array{DataKeyOf(id, 2)}));
  EXPECT_EQ(store().CountDataKeys(id, std::nullopt).value(), 2u);
  EXPECT_EQ(store().ScanDataKeys(id, 0, kAnyVersion, 9).value().size(), 2u);
}

TEST_P(StoreContract, ADeactivatedTenantKeepsItsKeys) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto key = DataKeyOf(id, 1);
  EXPECT_DONE(store().InsertDataKeys(std::array{key}));
  EXPECT_DONE(Activate(id, 1, false));
  const auto other = DataKeyOf(id, 2);
  EXPECT_DONE(store().InsertDataKeys(std::array{other}));
  EXPECT_DONE(store().DeleteDataKey(id, key.id));
  const auto now = store().LoadTenant(id).value();
  EXPECT_DONE(
      store().ChangeTenant(now.tenant, TenantStatus::kDeactivated, std::nullopt, EventOf(id)));
  EXPECT_ERROR(store().RetireTenantKey(id, 1, EventOf(id)), kConflict);
  EXPECT_ERROR(store().DeleteDataKey(id, other.id), kConflict);
  EXPECT_ERROR(store().DeleteDataKey(id, key.id), kNotFound);
  EXPECT_EQ(store().LoadDataKey(id, other.id).value(), other);
  EXPECT_EQ(store().LoadTenant(id).value().keys, now.keys);
}

// --- Rewrap jobs ---

TEST_P(StoreContract, AScanGoesThroughTheTenantsOldKeysInOrder) {
  const auto a = AddTenant();
  const auto b = AddTenant();
  const model::TenantId& id = a.tenant.id;
  std::vector<model::DataKey> keys;
  for (int i = 0; i < 5; ++i) {
    keys.push_back(DataKeyOf(id));
    EXPECT_DONE(store().InsertDataKeys(std::array{keys.back(), DataKeyOf(b.tenant.id)}));
  }
  EXPECT_DONE(Activate(id, 1));
  EXPECT_DONE(store().InsertDataKeys(std::array{DataKeyOf(id, 2)}));
  EXPECT_TRUE(store().ScanDataKeys(id, 0, 1, 10).value().empty());
  const auto first = store().ScanDataKeys(id, 0, 2, 3).value();
  ASSERT_EQ(first.size(), 3u);
  const auto second = store().ScanDataKeys(id, first.back().position, 2, 3).value();
  ASSERT_EQ(second.size(), 2u);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ((i < 3 ? first[i] : second[i - 3]).key, keys[i]);
  }
  EXPECT_LT(first[0].position, first[1].position);
  EXPECT_TRUE(store().ScanDataKeys(id, second.back().position, 2, 3).value().empty());
}

TEST_P(StoreContract, ABatchComesWithItsCheckpoint) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_DONE(store().InsertDataKeys(DataKeysOf(id, 6)));
  EXPECT_DONE(Activate(id, 1));
  EXPECT_EQ(store().RunningRewrapJobs().value().size(), 1u);
  model::RewrapJob job = store().ClaimRewrapJob(id).value();
  const auto rows = store().ScanDataKeys(id, 0, 2, 4).value();
  auto updates = UpdatesOf(rows, 2);
  updates[1].old_version = 7;                              // Changed meanwhile.
  EXPECT_DONE(store().DeleteDataKey(id, rows[2].key.id));  // Gone meanwhile.
  job.cursor = rows.back().position;
  job.done = 2;
  job.failed = 1;
  EXPECT_DONE(store().CommitRewrapBatch(updates, {}, job, std::nullopt));
  const auto moved = store().LoadDataKey(id, rows[0].key.id).value();
  EXPECT_EQ(moved.version, 2u);
  EXPECT_EQ(moved.wrapped, updates[0].wrapped);
  EXPECT_EQ(moved.context, rows[0].key.context);
  EXPECT_EQ(moved.created_at, rows[0].key.created_at);
  EXPECT_EQ(store().LoadDataKey(id, rows[1].key.id).value(), rows[1].key);
  EXPECT_ERROR(store().LoadDataKey(id, rows[2].key.id), kNotFound);
  EXPECT_EQ(store().CountDataKeys(id, 2).value(), 2u);
  EXPECT_EQ(store().CountDataKeys(id, 1).value(), 3u);
  const auto stored = store().LoadRewrapJob(id).value().value();
  EXPECT_EQ(stored.cursor, job.cursor);
  EXPECT_EQ(stored.done, 2u);
  EXPECT_EQ(stored.failed, 1u);
  EXPECT_EQ(stored.total, 6u);
}

TEST_P(StoreContract, ABatchCannotTouchAnotherTenantsKeys) {
  const auto a = AddTenant();
  const auto b = AddTenant();
  const auto key = DataKeyOf(b.tenant.id);
  EXPECT_DONE(store().InsertDataKeys(std::array{key}));
  EXPECT_DONE(Activate(a.tenant.id, 1));
  const auto job = store().ClaimRewrapJob(a.tenant.id).value();
  const auto rows = store().ScanDataKeys(b.tenant.id, 0, 2, 4).value();
  EXPECT_DONE(store().CommitRewrapBatch(UpdatesOf(rows, 2), {}, job, std::nullopt));
  EXPECT_EQ(store().LoadDataKey(b.tenant.id, key.id).value(), key);
}

TEST_P(StoreContract, AnOldFenceIsRefused) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_DONE(store().InsertDataKeys(DataKeysOf(id, 2)));
  EXPECT_DONE(Activate(id, 1));
  model::RewrapJob first = store().ClaimRewrapJob(id).value();
  model::RewrapJob second = store().ClaimRewrapJob(id).value();
  EXPECT_EQ(second.fence, first.fence + 1);
  const auto updates = UpdatesOf(store().ScanDataKeys(id, 0, 2, 4).value(), 2);
  first.done = 2;
  EXPECT_ERROR(store().CommitRewrapBatch(updates, {}, first, std::nullopt), kConflict);
  EXPECT_ERROR(store().FinishRewrapJob(first, EventOf(id)), kConflict);
  EXPECT_EQ(store().CountDataKeys(id, 2).value(), 0u);
  EXPECT_EQ(store().LoadRewrapJob(id).value()->done, 0u);
  second.done = 2;
  EXPECT_DONE(store().CommitRewrapBatch(updates, {}, second, std::nullopt));
  const std::size_t events = EventCount(Scope::Of(id));
  EXPECT_DONE(store().FinishRewrapJob(second, EventOf(id)));
  EXPECT_EQ(EventCount(Scope::Of(id)), events + 1);
  const auto done = store().LoadRewrapJob(id).value().value();
  EXPECT_EQ(done.state, RewrapState::kDone);
  EXPECT_TRUE(done.finished_at.has_value());
  EXPECT_EQ(done.done, 2u);
  EXPECT_TRUE(store().RunningRewrapJobs().value().empty());
  EXPECT_ERROR(store().ClaimRewrapJob(id), kConflict);
  EXPECT_ERROR(store().CommitRewrapBatch({}, {}, second, std::nullopt), kConflict);
  EXPECT_ERROR(store().FinishRewrapJob(second, EventOf(id)), kConflict);
  EXPECT_EQ(EventCount(Scope::Of(id)), events + 1);
}

TEST_P(StoreContract, AnotherJobIsNotTheSameJob) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_DONE(Activate(id, 1));
  const model::RewrapJob old_job = store().ClaimRewrapJob(id).value();
  EXPECT_DONE(store().FinishRewrapJob(old_job, EventOf(id)));
  EXPECT_DONE(Activate(id, 2));
  EXPECT_DONE(store().ClaimRewrapJob(id));
  EXPECT_ERROR(store().CommitRewrapBatch({}, {}, old_job, std::nullopt), kConflict);
}

}  // namespace
}  // namespace tenantseal::store
