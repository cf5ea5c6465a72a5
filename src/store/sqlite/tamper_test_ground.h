// What tests of tampering share: a store with two tenants, and a connection of the database
// administrator's own.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "store/row_mac.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {

class Tamper : public testing::Test {
 protected:
  Tamper() {
    std::string pattern = std::filesystem::temp_directory_path() / "store-tamper-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    Open();
    a_ = Create();
    b_ = Create();
    key_a_ = samples::ApiKeyOf(a_.tenant.id, model::Role::kAuditor);
    key_a2_ = samples::ApiKeyOf(a_.tenant.id, model::Role::kTenantAdmin);
    key_b_ = samples::ApiKeyOf(b_.tenant.id, model::Role::kTenantAdmin);
    for (const auto& key : {key_a_, key_a2_, key_b_}) {
      EXPECT_TRUE(store_->CreateApiKey(key, samples::EventOf(*key.tenant)).ok());
    }
    EXPECT_EQ(sqlite3_open(path().c_str(), &raw_), SQLITE_OK);
    sqlite3_busy_timeout(raw_, 5000);
  }
  ~Tamper() override {
    sqlite3_close(raw_);
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string path() const { return directory_ / "test.db"; }
  void Open() { store_ = SqliteStore::Open(path(), RowMac(base::Secret256())).value(); }
  void Reopen() {
    store_.reset();
    Open();
  }

  // A tenant with two providers, two keys and three wraps.
  model::TenantState Create() {
    model::TenantState state = samples::NewTenant();
    model::KeyProvider aws = state.providers[0];
    aws.fingerprint = model::Fingerprint::Parse(std::string(32, 'f')).value();
    aws.kind = model::ProviderKind::kAwsKms;
    aws.arn = "arn:aws:kms:us-east-1:111122223333:key/1";
    aws.replica_arn = "arn:aws:kms:us-east-2:111122223333:key/1";
    aws.created_at = samples::After(1);
    state.providers.push_back(aws);
    state.keys.push_back(samples::KeyOf(state.tenant.id, 2));
    state.wraps.push_back(samples::WrapOf(state.tenant.id, 1, aws.fingerprint));
    state.wraps.push_back(samples::WrapOf(state.tenant.id, 2, state.tenant.current_provider));
    EXPECT_TRUE(store_->CreateTenant(state, samples::EventOf(state.tenant.id)).ok());
    return state;
  }

  void Sql(const std::string& sql) {
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(raw_, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << sql << ": " << (message ? message : "");
    sqlite3_free(message);
    const bool changes_rows =
        sql.starts_with("UPDATE") || sql.starts_with("DELETE") || sql.starts_with("INSERT");
    EXPECT_TRUE(!changes_rows || sqlite3_changes(raw_) > 0) << sql;
  }
  // Runs a query and returns the first column of every row.
  std::vector<std::string> Query(const std::string& sql) {
    std::vector<std::string> out;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(raw_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sql;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      out.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)));
    }
    sqlite3_finalize(statement);
    return out;
  }
  void Save(const std::string& table) {
    Sql("CREATE TEMP TABLE saved_" + table + " AS SELECT * FROM main." + table);
  }
  void PutBack(const std::string& table) {
    Sql("INSERT OR REPLACE INTO main." + table + " SELECT * FROM temp.saved_" + table);
  }

  // Whether anything of tenant A is refused as kIntegrity, and the message names no contents.
  testing::AssertionResult Noticed() {
    const auto tenant = store_->LoadTenant(a_.tenant.id);
    const auto keys = store_->ListApiKeys(model::Scope::Of(a_.tenant.id));
    for (const auto* error : {tenant ? nullptr : &tenant.error(), keys ? nullptr : &keys.error()}) {
      if (!error) continue;
      if (error->code != ErrorCode::kIntegrity)
        return testing::AssertionFailure() << error->message;
      if (error->message.find("Acme") != std::string::npos)
        return testing::AssertionFailure() << error->message;
      return testing::AssertionSuccess() << error->message;
    }
    return testing::AssertionFailure() << "everything loads";
  }
  testing::AssertionResult EventsNoticed() {
    const auto events = store_->ListEvents(model::Scope::Of(a_.tenant.id), 0, 100);
    if (events) return testing::AssertionFailure() << "all events load";
    if (events.error().code != ErrorCode::kIntegrity)
      return testing::AssertionFailure() << events.error().message;
    return testing::AssertionSuccess();
  }
  std::string IdA() const { return "'" + a_.tenant.id.text() + "'"; }
  std::string IdB() const { return "'" + b_.tenant.id.text() + "'"; }

  std::filesystem::path directory_;
  std::unique_ptr<SqliteStore> store_;
  sqlite3* raw_ = nullptr;
  model::TenantState a_, b_;
  model::ApiKey key_a_, key_a2_, key_b_;
};

// An expression that makes another value of the column's type.
inline std::string OtherValue(const std::string& type, const std::string& column) {
  if (type == "INTEGER") return "coalesce(" + column + ",0)+1";
  // Another last character or byte, whatever the random one is.
  const std::string last = "substr(" + column + ",-1)";
  const std::string rest = "substr(" + column + ",1,length(" + column + ")-1)";
  if (type == "TEXT") return rest + "||CASE " + last + " WHEN '_' THEN '-' ELSE '_' END";
  return "CAST(" + rest + "||CASE " + last + " WHEN x'ee' THEN x'dd' ELSE x'ee' END AS BLOB)";
}

}  // namespace tenantseal::store
