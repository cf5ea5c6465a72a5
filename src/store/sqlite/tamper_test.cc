// What a database administrator can do with a connection of his own, and that it is noticed.
//
// Not noticed, because nothing outside the database is compared with it here:
// - the whole database, or all rows of one scope with its manifests and events, put back to an
//   earlier moment while no process runs (a signed event head held elsewhere tells);
// - all rows of a tenant deleted, manifests and events included: it is then not found;
// - a data key's row deleted: it is then not found. Other changes of data keys fail when they are
//   unwrapped, because the wrapped form authenticates id, tenant, version and context;
// - an API key's row deleted is not found, as after a deletion; its scope's other keys are refused;
// - rows of changes and processes: other processes then obey a change a minute later, when what
//   they remember has become too old to be relied on;
// - rewrap jobs and usage counts, which decide nothing about who may use which key.
// Migrations: migration_tamper_test.cc.
#include "store/sqlite/tamper_test_ground.h"

namespace tenantseal::store {
namespace {

using model::Scope;
using model::TenantStatus;
using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

TEST_F(Tamper, NothingIsNoticedBeforehand) {
  EXPECT_FALSE(Noticed());
  EXPECT_FALSE(EventsNoticed());
}

TEST_F(Tamper, EveryColumnOfEveryRowIsBound) {
  const std::vector<std::pair<std::string, std::string>> tables = {
      {"tenants", "id=" + IdA()},         {"providers", "tenant=" + IdA()},
      {"tenant_keys", "tenant=" + IdA()}, {"tenant_key_wraps", "tenant=" + IdA()},
      {"api_keys", "scope=" + IdA()},     {"manifests", "scope=" + IdA() + " AND kind<>'events'"}};
  int columns = 0;
  for (const auto& [table, where] : tables) {
    Sql("UPDATE " + table + " SET mac=mac WHERE " + where);
    Save(table);
    for (const std::string& column : Query("SELECT name FROM pragma_table_info('" + table + "')")) {
      const std::string type =
          Query("SELECT type FROM pragma_table_info('" + table + "') WHERE name='" + column + "'")
              .at(0);
      // One row: the one that sorts first.
      const std::string one =
          where + " AND mac=(SELECT min(mac) FROM " + table + " WHERE " + where + ")";
      Sql("UPDATE OR REPLACE " + table + " SET " + column + "=" + OtherValue(type, column) +
          " WHERE " + one);
      EXPECT_TRUE(Noticed()) << table << "." << column;
      Sql("DELETE FROM " + table);
      PutBack(table);
      ASSERT_FALSE(Noticed()) << table << "." << column << " is back";
      ++columns;
    }
  }
  EXPECT_EQ(columns, 10 + 12 + 5 + 5 + 9 + 4);
}

TEST_F(Tamper, TimesCannotBeTakenAway) {
  Sql("UPDATE api_keys SET expires_at=NULL WHERE id='" + key_a_.id.text() + "'");
  EXPECT_TRUE(Noticed());
  EXPECT_ERROR(store_->LoadApiKey(key_a_.id), kIntegrity);
}

TEST_F(Tamper, EveryRowIsMissed) {
  const std::vector<std::pair<std::string, std::string>> deletions = {
      {"tenants", "id=" + IdA()},
      {"providers", "tenant=" + IdA() + " AND kind=1"},
      {"providers", "tenant=" + IdA() + " AND kind=2"},
      {"tenant_keys", "tenant=" + IdA() + " AND version=1"},
      {"tenant_key_wraps", "tenant=" + IdA() + " AND version=2"},
      {"api_keys", "id='" + key_a_.id.text() + "'"},
      {"manifests", "scope=" + IdA() + " AND kind='tenant'"},
      {"manifests", "scope=" + IdA() + " AND kind='api-keys'"}};
  for (const auto& [table, where] : deletions) {
    Sql("DROP TABLE IF EXISTS temp.saved_" + table);
    Save(table);
    Sql("DELETE FROM " + table + " WHERE " + where);
    EXPECT_TRUE(Noticed()) << table << " " << where;
    store_.reset();
    Open();  // Without what the process remembers, too.
    EXPECT_TRUE(Noticed()) << table << " " << where << " after a restart";
    PutBack(table);
    ASSERT_FALSE(Noticed()) << table << " " << where;
  }
}

TEST_F(Tamper, TenantsCannotExchangeRows) {
  const std::string swap =
      "=CASE tenant WHEN " + IdA() + " THEN " + IdB() + " ELSE " + IdA() + " END";
  for (const std::string table : {"tenant_keys", "providers"}) {
    Save(table);
    Sql("UPDATE " + table + " SET tenant='moving' WHERE tenant=" + IdA());
    Sql("UPDATE " + table + " SET tenant=" + IdA() + " WHERE tenant=" + IdB());
    Sql("UPDATE " + table + " SET tenant=" + IdB() + " WHERE tenant='moving'");
    EXPECT_TRUE(Noticed()) << table;
    EXPECT_ERROR(store_->LoadTenant(b_.tenant.id), kIntegrity);
    Sql("DELETE FROM " + table);
    PutBack(table);
    ASSERT_FALSE(Noticed());
  }
  // B's wrap, MAC and all, under A's name.
  Save("tenant_key_wraps");
  Sql("UPDATE tenant_key_wraps SET (wrapped,mac)=(SELECT wrapped,mac FROM "
      "temp.saved_tenant_key_wraps s "
      "WHERE s.tenant=" +
      IdB() + " AND s.version=2) WHERE tenant=" + IdA() + " AND version=2");
  EXPECT_TRUE(Noticed());
}

TEST_F(Tamper, ApiKeysCannotChangeScopeOrRole) {
  Save("api_keys");
  Sql("UPDATE api_keys SET scope=" + IdA() + " WHERE id='" + key_b_.id.text() + "'");
  EXPECT_TRUE(Noticed());
  EXPECT_ERROR(store_->LoadApiKey(key_b_.id), kIntegrity);
  PutBack("api_keys");
  Sql("UPDATE api_keys SET scope='-' WHERE id='" + key_a_.id.text() + "'");
  EXPECT_ERROR(store_->LoadApiKey(key_a_.id), kIntegrity);
  EXPECT_ERROR(store_->ListApiKeys(Scope::Deployment()), kIntegrity);
  PutBack("api_keys");
  // The admin key's role and MAC on the auditor's row.
  Sql("UPDATE api_keys SET (role,mac)=(SELECT role,mac FROM temp.saved_api_keys s WHERE s.id='" +
      key_a2_.id.text() + "') WHERE id='" + key_a_.id.text() + "'");
  EXPECT_ERROR(store_->LoadApiKey(key_a_.id), kIntegrity);
  EXPECT_ERROR(store_->LoadApiKey(key_a2_.id), kIntegrity);  // The set is not what it was.
}

TEST_F(Tamper, ADeletedApiKeyStaysDeleted) {
  Save("api_keys");
  ASSERT_TRUE(store_->DeleteApiKey(key_a_.id, EventOf(a_.tenant.id)).ok());
  PutBack("api_keys");
  EXPECT_ERROR(store_->LoadApiKey(key_a_.id), kIntegrity);
  EXPECT_TRUE(Noticed());
  Reopen();
  EXPECT_ERROR(store_->LoadApiKey(key_a_.id), kIntegrity);
}

TEST_F(Tamper, AnOldStatusCannotReturn) {
  Save("tenants");
  Save("manifests");
  ASSERT_TRUE(
      store_
          ->ChangeTenant(a_.tenant, TenantStatus::kDeactivated, std::nullopt, EventOf(a_.tenant.id))
          .ok());
  PutBack("tenants");
  EXPECT_TRUE(Noticed());
  // Not even together with its manifest, while a process runs that has seen the new one.
  Sql("INSERT OR REPLACE INTO manifests SELECT * FROM temp.saved_manifests WHERE kind='tenant'");
  const auto loaded = store_->LoadTenant(a_.tenant.id);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, ErrorCode::kIntegrity);
  EXPECT_NE(loaded.error().message.find("went back"), std::string::npos) << loaded.error().message;
}

TEST_F(Tamper, ARevocationCannotBeUndone) {
  Save("providers");
  ASSERT_TRUE(
      store_->SetProviderRevoked(a_.tenant.id, a_.tenant.current_provider, kNow, std::nullopt)
          .ok());
  PutBack("providers");
  EXPECT_TRUE(Noticed());
}

TEST_F(Tamper, ARetiredVersionStaysRetired) {
  Save("tenant_keys");
  Save("tenant_key_wraps");
  ASSERT_TRUE(store_->RetireTenantKey(a_.tenant.id, 2, EventOf(a_.tenant.id)).ok());
  PutBack("tenant_keys");
  EXPECT_TRUE(Noticed());
  PutBack("tenant_key_wraps");
  EXPECT_TRUE(Noticed());
}

TEST_F(Tamper, ADestroyedTenantStaysDestroyed) {
  for (const char* table : {"tenants", "providers", "tenant_keys", "tenant_key_wraps", "api_keys"})
    Save(table);
  ASSERT_TRUE(
      store_->ChangeTenant(a_.tenant, TenantStatus::kDeactivated, kNow, EventOf(a_.tenant.id))
          .ok());
  ASSERT_TRUE(store_->DestroyTenant(a_.tenant.id, kNow, EventOf(a_.tenant.id)).ok());
  PutBack("api_keys");
  EXPECT_ERROR(store_->LoadApiKey(key_a_.id), kIntegrity);
  for (const char* table : {"tenants", "providers", "tenant_keys", "tenant_key_wraps"})
    PutBack(table);
  Reopen();
  EXPECT_ERROR(store_->LoadTenant(a_.tenant.id), kIntegrity);
}

TEST_F(Tamper, NumbersOfTenantsCannotBeExchanged) {
  Sql("UPDATE tenants SET number=-number");
  Sql("UPDATE tenants SET number=CASE id WHEN " + IdA() +
      " THEN (SELECT -number FROM tenants WHERE id=" + IdB() + ") ELSE 9 END WHERE id=" + IdA());
  EXPECT_TRUE(Noticed());
  EXPECT_ERROR(store_->LoadTenant(b_.tenant.id), kIntegrity);
  EXPECT_ERROR(store_->InsertDataKeys(std::array{DataKeyOf(a_.tenant.id)}), kIntegrity);
}

TEST_F(Tamper, AnEpochThatCannotGrowIsRefused) {
  for (const char* epoch : {"9223372036854775807", "-1"}) {
    Sql("DELETE FROM changes");
    Sql("INSERT INTO changes VALUES(" + std::string(epoch) + ",'-')");
    EXPECT_ERROR(store_->ChangeTenant(a_.tenant, TenantStatus::kDeactivated, std::nullopt,
                                      EventOf(a_.tenant.id)),
                 kIntegrity);
  }
}

TEST_F(Tamper, AVersionColumnCannotHideFromAScanOfAll) {
  ASSERT_TRUE(store_->InsertDataKeys(std::array{DataKeyOf(a_.tenant.id)}).ok());
  for (const char* version : {"9223372036854775806", "-5"}) {
    Sql("UPDATE data_keys SET version=" + std::string(version));
    EXPECT_ERROR(store_->ScanDataKeys(a_.tenant.id, 0, kAnyVersion, 9), kIntegrity);
  }
}

TEST_F(Tamper, AnotherRootsRowsAreNotOurs) {
  store_.reset();
  base::Secret256 other;
  other.RevealMutable()[0] = 1;
  store_ = SqliteStore::Open(path(), RowMac(std::move(other))).value();
  EXPECT_TRUE(Noticed());
  EXPECT_TRUE(EventsNoticed());
  EXPECT_ERROR(store_->ListTenants({}), kIntegrity);
}

TEST_F(Tamper, TheListOfTenantsIsVerified) {
  EXPECT_TRUE(store_->ListTenants({}).ok());
  Sql("UPDATE tenants SET name='Mallory' WHERE id=" + IdA());
  EXPECT_ERROR(store_->ListTenants({}), kIntegrity);
}

TEST_F(Tamper, NoChangeLaundersTampering) {
  Sql("UPDATE providers SET arn='arn:aws:kms:us-east-1:999:key/evil' WHERE kind=2 AND tenant=" +
      IdA());
  const model::TenantId& id = a_.tenant.id;
  const std::vector wraps = {WrapOf(id, 2, a_.tenant.current_provider)};
  EXPECT_ERROR(store_->ChangeTenant(a_.tenant, TenantStatus::kDeactivated, kNow, EventOf(id)),
               kIntegrity);
  EXPECT_ERROR(store_->ActivateTenantKey(KeyOf(id, 2), wraps, 1, std::nullopt, EventOf(id)),
               kIntegrity);
  EXPECT_ERROR(store_->RetireTenantKey(id, 2, EventOf(id)), kIntegrity);
  EXPECT_ERROR(store_->SetProviderRevoked(id, a_.tenant.current_provider, kNow, EventOf(id)),
               kIntegrity);
  EXPECT_ERROR(store_->DestroyTenant(id, kNow, EventOf(id)), kIntegrity);
  Sql("DELETE FROM api_keys WHERE id='" + key_a_.id.text() + "'");
  EXPECT_ERROR(store_->CreateApiKey(ApiKeyOf(id), EventOf(id)), kIntegrity);
  EXPECT_ERROR(store_->DeleteApiKey(key_a2_.id, EventOf(id)), kIntegrity);
  EXPECT_EQ(store_->ListEvents(Scope::Of(id), 0, 100).value().size(), 3u);
}

TEST_F(Tamper, ATamperedStatusAdmitsNoDataKeys) {
  ASSERT_TRUE(
      store_
          ->ChangeTenant(a_.tenant, TenantStatus::kDeactivated, std::nullopt, EventOf(a_.tenant.id))
          .ok());
  Sql("UPDATE tenants SET status=1 WHERE id=" + IdA());
  EXPECT_ERROR(store_->InsertDataKeys(std::array{DataKeyOf(a_.tenant.id)}), kIntegrity);
}

// --- Events ---

TEST_F(Tamper, EveryColumnOfAnEventIsBound) {
  for (const char* column :
       {"id", "time", "type", "source", "actor", "data", "previous_hash", "hash"}) {
    for (const int sequence : {1, 2, 3}) {
      Sql("DROP TABLE IF EXISTS temp.saved_events");
      Save("events");
      const std::string type = Query("SELECT type FROM pragma_table_info('events') WHERE name='" +
                                     std::string(column) + "'")
                                   .at(0);
      Sql("UPDATE events SET " + std::string(column) + "=" + OtherValue(type, column) +
          " WHERE scope=" + IdA() + " AND sequence=" + std::to_string(sequence));
      EXPECT_TRUE(EventsNoticed()) << column << " of " << sequence;
      PutBack("events");
      ASSERT_FALSE(EventsNoticed());
    }
  }
}

TEST_F(Tamper, EventsCannotBeCutReorderedOrAdded) {
  const std::vector<std::pair<std::string, bool>> attacks = {
      // And whether the head suffers.
      {"DELETE FROM events WHERE sequence=1 AND scope=" + IdA(), false},
      {"DELETE FROM events WHERE sequence=2 AND scope=" + IdA(), false},
      {"DELETE FROM events WHERE sequence=3 AND scope=" + IdA(), true},
      {"DELETE FROM events WHERE scope=" + IdA(), true},
      {"UPDATE events SET sequence=sequence*100 WHERE scope=" + IdA(), true},
      {"INSERT INTO events SELECT scope,4,id,time,type,source,actor,data,hash,hash FROM events "
       "WHERE sequence=3 AND scope=" +
           IdA(),
       true},
      {"DELETE FROM manifests WHERE kind='events' AND scope=" + IdA(), true}};
  Save("manifests");
  Save("events");
  for (const auto& [attack, head] : attacks) {
    Sql(attack);
    EXPECT_TRUE(EventsNoticed()) << attack;
    Reopen();
    EXPECT_TRUE(EventsNoticed()) << attack << ", after a restart";
    if (head) {
      EXPECT_ERROR(store_->CreateApiKey(ApiKeyOf(a_.tenant.id), EventOf(a_.tenant.id)), kIntegrity);
    }
    (void)sqlite3_exec(raw_, "DELETE FROM events", nullptr, nullptr, nullptr);
    PutBack("events");
    PutBack("manifests");
    ASSERT_FALSE(EventsNoticed());
  }
}

TEST_F(Tamper, AChainThatWasComputedAnewIsNoticed) {
  // The hash needs no key, so anyone can compute it; the manifest does.
  auto events = store_->ListEvents(Scope::Of(a_.tenant.id), 0, 100).value();
  model::Event& last = events.back();
  last.content.actor = "somebody else";
  last.hash = EventHash(last.previous_hash, last.sequence, last.content);
  sqlite3_stmt* statement = nullptr;
  const std::string sql =
      "UPDATE events SET actor='somebody else', hash=? WHERE sequence=3 AND scope=" + IdA();
  ASSERT_EQ(sqlite3_prepare_v2(raw_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK);
  sqlite3_bind_blob(statement, 1, last.hash.data(), 32, SQLITE_STATIC);
  ASSERT_EQ(sqlite3_step(statement), SQLITE_DONE);
  sqlite3_finalize(statement);
  EXPECT_TRUE(EventsNoticed());
}

TEST_F(Tamper, APageAfterACutIsNoticed) {
  Sql("DELETE FROM events WHERE sequence=2 AND scope=" + IdA());
  EXPECT_ERROR(store_->ListEvents(Scope::Of(a_.tenant.id), 2, 1), kIntegrity);
  EXPECT_ERROR(store_->ListEvents(Scope::Of(a_.tenant.id), 1, 1), kIntegrity);
}

// --- Code in the database ---

TEST_F(Tamper, HiddenCodeDoesNotRun) {
  Sql("CREATE TRIGGER t AFTER INSERT ON data_keys BEGIN UPDATE tenants SET name='x'; END");
  Reopen();
  EXPECT_TRUE(store_->InsertDataKeys(std::array{DataKeyOf(a_.tenant.id)}).ok());
  EXPECT_FALSE(Noticed());
  Sql("DROP TRIGGER t; ALTER TABLE providers RENAME TO hidden; CREATE VIEW providers AS SELECT * "
      "FROM hidden");
  Reopen();
  EXPECT_TRUE(Noticed());
}

// --- The limits, so that nobody believes otherwise ---

TEST_F(Tamper, AScopeRolledBackWhileNothingRunsIsNotNoticedHere) {
  for (const char* table : {"tenants", "manifests", "events"}) Save(table);
  ASSERT_TRUE(
      store_
          ->ChangeTenant(a_.tenant, TenantStatus::kDeactivated, std::nullopt, EventOf(a_.tenant.id))
          .ok());
  store_.reset();
  Sql("DELETE FROM events");
  for (const char* table : {"tenants", "manifests", "events"}) PutBack(table);
  Open();
  EXPECT_FALSE(Noticed());
  EXPECT_EQ(store_->LoadTenant(a_.tenant.id).value().tenant, a_.tenant);
}

}  // namespace
}  // namespace tenantseal::store
