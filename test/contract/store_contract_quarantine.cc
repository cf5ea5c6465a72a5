// Data keys that are set aside because they do not authenticate.
#include <algorithm>

#include "contract/store_contract.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {
namespace {

using model::Scope;
using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

model::QuarantinedDataKey AsideOf(const model::DataKey& key, const std::string& reason = "tag") {
  return {key.tenant, key.id, key.version, After(33), reason};
}

// The data key as a retry rewraps it.
model::DataKey Rewrapped(model::DataKey key, std::uint32_t version) {
  key.version = version;
  key.wrapped = "opened after all";
  return key;
}

// Three data keys of version 1, the first two of which, by id, are set aside by the job to 2.
class Aside {
 public:
  Aside(Store& store, const model::TenantId& id) : keys(DataKeysOf(id, 3)) {
    std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    EXPECT_TRUE(store.InsertDataKeys(keys).ok());
  }
  std::array<model::QuarantinedDataKey, 2> rows() const {
    return {AsideOf(keys[0]), AsideOf(keys[1], "length")};
  }
  std::vector<model::DataKey> keys;
};

TEST_P(StoreContract, ABatchSetsDataKeysAside) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const Aside aside(store(), id);
  EXPECT_DONE(Activate(id, 1));
  auto job = store().ClaimRewrapJob(id).value();
  const std::size_t events = EventCount(Scope::Of(id));
  const std::uint64_t epoch = Epoch();
  job.failed = 2;
  EXPECT_DONE(store().CommitRewrapBatch({}, aside.rows(), job, EventOf(id, "progressed")));
  EXPECT_EQ(EventCount(Scope::Of(id)), events + 1);
  EXPECT_EQ(Epoch(), epoch);
  EXPECT_EQ(store().CountQuarantine(id).value(), 2u);
  const auto rows = aside.rows();
  EXPECT_EQ(store().ListQuarantine(id, "", 9).value(), std::vector(rows.begin(), rows.end()));
  EXPECT_EQ(store().ListQuarantine(id, "", 1).value(), std::vector{rows[0]});
  EXPECT_EQ(store().ListQuarantine(id, rows[0].id.text(), 9).value(), std::vector{rows[1]});
  EXPECT_TRUE(store().ListQuarantine(id, rows[1].id.text(), 9).value().empty());
  EXPECT_EQ(store().LoadDataKey(id, rows[0].id).value(), aside.keys[0]);
  EXPECT_EQ(store().LoadRewrapJob(id).value()->failed, 2u);
  // One that is set aside already stays as it is.
  const std::array again = {AsideOf(aside.keys[0], "something else")};
  EXPECT_DONE(store().CommitRewrapBatch({}, again, job, std::nullopt));
  EXPECT_EQ(store().ListQuarantine(id, "", 1).value(), std::vector{rows[0]});
  EXPECT_EQ(EventCount(Scope::Of(id)), events + 1);
}

TEST_P(StoreContract, OnlyWhatIsThereIsSetAside) {
  const auto a = AddTenant();
  const auto b = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const Aside aside(store(), id);
  const Aside foreign(store(), b.tenant.id);
  EXPECT_DONE(Activate(id, 1));
  const auto stale = store().ClaimRewrapJob(id).value();
  const auto job = store().ClaimRewrapJob(id).value();
  EXPECT_ERROR(store().CommitRewrapBatch({}, aside.rows(), stale, EventOf(id)), kConflict);
  EXPECT_EQ(EventCount(Scope::Of(id)), 2u);
  auto posing = AsideOf(foreign.keys[1]);
  posing.tenant = id;
  auto moved = AsideOf(aside.keys[0]);
  moved.version = 7;
  const std::array others = {AsideOf(foreign.keys[0]), posing, AsideOf(DataKeyOf(id)), moved};
  EXPECT_DONE(store().CommitRewrapBatch({}, others, job, std::nullopt));
  EXPECT_EQ(store().CountQuarantine(id).value(), 0u);
  EXPECT_EQ(store().CountQuarantine(b.tenant.id).value(), 0u);
}

TEST_P(StoreContract, QuarantineEndsWithItsDataKey) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const Aside aside(store(), id);
  EXPECT_DONE(Activate(id, 1));
  const auto job = store().ClaimRewrapJob(id).value();
  EXPECT_DONE(store().CommitRewrapBatch({}, aside.rows(), job, std::nullopt));
  EXPECT_DONE(store().DeleteDataKey(id, aside.keys[0].id));
  EXPECT_EQ(store().ListQuarantine(id, "", 9).value(), std::vector{aside.rows()[1]});
  // A later batch that opens it takes it out.
  const auto left = store().ScanDataKeys(id, 0, 2, 9).value();
  for (const StoredDataKey& row : left) {
    const std::array updates = {DataKeyUpdate{row.position, 1, 2, "rewrapped"}};
    EXPECT_DONE(store().CommitRewrapBatch(updates, {}, job, std::nullopt));
  }
  EXPECT_EQ(store().CountQuarantine(id).value(), 0u);
}

TEST_P(StoreContract, ADataKeyIsReleased) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const Aside aside(store(), id);
  EXPECT_DONE(Activate(id, 1));
  EXPECT_DONE(store().CommitRewrapBatch({}, aside.rows(), store().ClaimRewrapJob(id).value(),
                                        std::nullopt));
  const auto before = Take(id);
  const auto& key = aside.keys[0];
  EXPECT_ERROR(store().ReleaseDataKey(Rewrapped(aside.keys[2], 2), 1), kNotFound);
  EXPECT_ERROR(store().ReleaseDataKey(Rewrapped(DataKeyOf(id), 2), 1), kNotFound);
  EXPECT_ERROR(store().ReleaseDataKey(Rewrapped(key, 2), 2), kConflict);
  EXPECT_ERROR(store().ReleaseDataKey(Rewrapped(key, 3), 1), kConflict);  // Not active.
  auto foreign = Rewrapped(key, 2);
  foreign.tenant = AddTenant().tenant.id;
  EXPECT_ERROR(store().ReleaseDataKey(foreign, 1), kNotFound);
  EXPECT_EQ(Take(id).quarantined, before.quarantined);
  EXPECT_EQ(store().LoadDataKey(id, key.id).value(), key);
  EXPECT_DONE(store().ReleaseDataKey(Rewrapped(key, 2), 1));
  EXPECT_EQ(store().LoadDataKey(id, key.id).value(), Rewrapped(key, 2));
  EXPECT_EQ(store().CountQuarantine(id).value(), 1u);
  EXPECT_ERROR(store().ReleaseDataKey(Rewrapped(key, 2), 1), kNotFound);
  EXPECT_EQ(store().LoadTenant(id).value(), before.state);
}

TEST_P(StoreContract, QuarantineDoesNotHoldAMigrationUp) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const Aside aside(store(), id);
  auto moved = Move(Begin(id, Add(id).fingerprint));
  auto job = store().ClaimRewrapJob(id).value();
  EXPECT_DONE(store().CommitRewrapBatch({}, aside.rows(), job, std::nullopt));
  moved.finished_at = After(40);
  EXPECT_ERROR(store().FinishMigration(moved, false, {EventOf(id)}), kConflict);
  const auto left = store().ScanDataKeys(id, 0, 2, 9).value();
  for (const StoredDataKey& row : left) {
    if (row.key.id != aside.keys[2].id) continue;
    const std::array updates = {DataKeyUpdate{row.position, 1, 2, "rewrapped"}};
    EXPECT_DONE(store().CommitRewrapBatch(updates, {}, job, std::nullopt));
  }
  EXPECT_DONE(store().FinishMigration(moved, false, {EventOf(id)}));
  EXPECT_EQ(store().CountQuarantine(id).value(), 2u);
  // Its version stays for them.
  const auto state = store().LoadTenant(id).value();
  EXPECT_NE(state.FindWrap(1, moved.to), nullptr);
  EXPECT_ERROR(store().RetireTenantKey(id, 1, EventOf(id)), kConflict);
  EXPECT_DONE(store().ReleaseDataKey(Rewrapped(aside.keys[0], 2), 1));
}

}  // namespace
}  // namespace tenantseal::store
