// That migrations cannot be turned, repeated or taken away behind our back. Not noticed: a fence,
// validations, former providers and rows of quarantine, which decide nothing about who may use
// which key.
#include "store/sqlite/tamper_test_ground.h"

namespace tenantseal::store {
namespace {

using model::MigrationState;
using model::Scope;
using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

class MigrationTamper : public Tamper {
 protected:
  MigrationTamper() {
    a_ = Plain();
    b_ = Plain();
  }
  model::TenantId id() const { return a_.tenant.id; }
  // A tenant with a provider to move to.
  model::TenantState Plain() {
    model::TenantState state = NewTenant();
    const model::TenantId& tenant = state.tenant.id;
    EXPECT_TRUE(store_->CreateTenant(state, EventOf(tenant)).ok());
    EXPECT_TRUE(store_->AddProvider(ProviderOf(tenant), EventOf(tenant)).ok());
    return store_->LoadTenant(tenant).value();
  }
  model::Migration Begin(const model::TenantState& state) {
    const auto migration = MigrationOf(state, ProviderOf(state.tenant.id).fingerprint);
    EXPECT_TRUE(store_->StartMigration(migration, EventOf(state.tenant.id)).ok());
    return migration;
  }
  model::Migration Move(const model::TenantState& state) {
    const auto begun = Begin(state);
    model::RewrapJob job = JobOf(state.tenant.id, 2);
    job.id = begun.id;
    EXPECT_TRUE(
        store_->ActivateMigration(begun, KeyOf(state.tenant.id, 2), WrapsOf(state, begun), job)
            .ok());
    return store_->LoadTenant(state.tenant.id).value().migration.value();
  }
  Result<std::uint64_t> End(model::Migration migration, MigrationState state) {
    migration.state = state;
    migration.finished_at = After(50);
    const auto event = EventOf(migration.tenant);
    return state == MigrationState::kCompleted ? store_->FinishMigration(migration, false, {event})
                                               : store_->ChangeMigration(migration, event);
  }
};

TEST_F(MigrationTamper, EveryColumnButTheFenceIsBound) {
  EXPECT_TRUE(End(Move(a_), MigrationState::kCompleted).ok());
  ASSERT_FALSE(Noticed());
  Save("migrations");
  int columns = 0;
  for (const std::string& column : Query("SELECT name FROM pragma_table_info('migrations')")) {
    const std::string type =
        Query("SELECT type FROM pragma_table_info('migrations') WHERE name='" + column + "'").at(0);
    // An empty text gets one character; OtherValue() makes another last one.
    Sql("UPDATE migrations SET " + column + "=CASE WHEN " + column + "='' THEN 'x' ELSE " +
        OtherValue(type, column) + " END");
    if (column == "fence") {
      EXPECT_FALSE(Noticed());
    } else {
      EXPECT_TRUE(Noticed()) << column;
    }
    Sql("DELETE FROM migrations");
    PutBack("migrations");
    ASSERT_FALSE(Noticed()) << column << " is back";
    ++columns;
  }
  EXPECT_EQ(columns, 15);
}

TEST_F(MigrationTamper, ADeletedMigrationIsMissed) {
  Move(a_);
  Save("migrations");
  Sql("DELETE FROM migrations WHERE tenant=" + IdA());
  EXPECT_TRUE(Noticed());
  EXPECT_ERROR(store_->ClaimMigration(id(), kProcess), kIntegrity);
  EXPECT_ERROR(store_->StartMigration(MigrationOf(a_, ProviderOf(id()).fingerprint), EventOf(id())),
               kIntegrity);
  Reopen();
  EXPECT_TRUE(Noticed());
  PutBack("migrations");
  EXPECT_FALSE(Noticed());
}

TEST_F(MigrationTamper, AnEarlierStateCannotReturn) {
  const auto moved = Move(a_);
  Save("migrations");
  ASSERT_TRUE(End(moved, MigrationState::kCancelled).ok());
  PutBack("migrations");
  // By itself the row is one that Tenantseal wrote; nobody can act on it.
  EXPECT_EQ(store_->UnfinishedMigrations().value().size(), 1u);
  EXPECT_ERROR(store_->ClaimMigration(id(), kProcess), kIntegrity);
  EXPECT_ERROR(End(moved, MigrationState::kCompleted), kIntegrity);
  EXPECT_TRUE(Noticed());
  Reopen();
  EXPECT_TRUE(Noticed());
}

TEST_F(MigrationTamper, AMigrationThatIsOverCannotBeMadeUp) {
  ASSERT_TRUE(End(Begin(a_), MigrationState::kCancelled).ok());
  Save("migrations");
  Move(a_);
  PutBack("migrations");
  EXPECT_TRUE(Noticed());
  EXPECT_ERROR(store_->DeleteProvider(id(), ProviderOf(id()).fingerprint, EventOf(id())),
               kIntegrity);
}

TEST_F(MigrationTamper, TenantsCannotExchangeMigrations) {
  Move(a_);
  Move(b_);
  Save("migrations");
  Sql("DELETE FROM migrations WHERE tenant=" + IdA());
  Sql("UPDATE migrations SET tenant=" + IdA() + " WHERE tenant=" + IdB());
  EXPECT_TRUE(Noticed());
  EXPECT_ERROR(store_->LoadTenant(b_.tenant.id), kIntegrity);
  EXPECT_ERROR(store_->UnfinishedMigrations(), kIntegrity);
  Sql("DELETE FROM migrations");
  PutBack("migrations");
  Sql("UPDATE migrations SET (id,to_provider,mac)=(SELECT id,to_provider,mac FROM "
      "temp.saved_migrations s WHERE s.tenant=" +
      IdB() + ") WHERE tenant=" + IdA());
  EXPECT_TRUE(Noticed());
  EXPECT_TRUE(store_->LoadTenant(b_.tenant.id).ok());
}

TEST_F(MigrationTamper, WhatADemotedProviderWrappedCannotReturn) {
  const auto moved = Move(a_);
  Save("tenant_key_wraps");
  ASSERT_TRUE(End(moved, MigrationState::kCompleted).ok());
  Sql("INSERT OR IGNORE INTO tenant_key_wraps SELECT * FROM temp.saved_tenant_key_wraps");
  EXPECT_TRUE(Noticed());
}

TEST_F(MigrationTamper, NoChangeLaundersATamperedMigration) {
  const auto spare = ProviderOf(id(), 'e');
  ASSERT_TRUE(store_->AddProvider(spare, EventOf(id())).ok());
  const auto begun = Begin(store_->LoadTenant(id()).value());
  const std::size_t events = store_->ListEvents(Scope::Of(id()), 0, 100).value().size();
  Sql("UPDATE migrations SET to_provider='" + spare.fingerprint.text() + "' WHERE tenant=" + IdA());
  const auto event = EventOf(id());
  model::RewrapJob job = JobOf(id(), 2);
  job.id = begun.id;
  EXPECT_ERROR(store_->StartMigration(begun, event), kIntegrity);
  EXPECT_ERROR(store_->ClaimMigration(id(), kProcess), kIntegrity);
  EXPECT_ERROR(store_->ActivateMigration(begun, KeyOf(id(), 2), WrapsOf(a_, begun), job),
               kIntegrity);
  EXPECT_ERROR(End(begun, MigrationState::kCancelled), kIntegrity);
  EXPECT_ERROR(End(begun, MigrationState::kCompleted), kIntegrity);
  EXPECT_ERROR(store_->AddProvider(ProviderOf(id(), 'a'), event), kIntegrity);
  EXPECT_ERROR(store_->ChangeProvider(spare, spare, event), kIntegrity);
  EXPECT_ERROR(store_->DeleteProvider(id(), spare.fingerprint, event), kIntegrity);
  EXPECT_ERROR(store_->SaveValidation(
                   {id(), spare.fingerprint, kNow, model::CheckOutcome::kPass, "{}"}, event),
               kIntegrity);
  EXPECT_EQ(store_->ListEvents(Scope::Of(id()), 0, 100).value().size(), events);
}

}  // namespace
}  // namespace tenantseal::store
