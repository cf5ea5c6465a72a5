// What is particular to the file: opening, refusing, upgrading, locking, copying.
#include "store/sqlite/sqlite_store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "store/sqlite/schema.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {
namespace {

using model::Scope;
using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

class SqliteFile : public testing::Test {
 protected:
  SqliteFile() {
    std::string pattern = std::filesystem::temp_directory_path() / "store-sqlite-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~SqliteFile() override { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name = "test.db") const { return directory_ / name; }
  static Result<std::unique_ptr<SqliteStore>> Open(const std::string& path) {
    return SqliteStore::Open(path, RowMac(base::Secret256()), {.busy_timeout_ms = 20});
  }
  static void Sql(const std::string& path, const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << (message ? message : "");
    sqlite3_free(message);
    sqlite3_close(db);
  }
  static std::string Content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void Put(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    chmod(path.c_str(), 0600);
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
  }
  // Fills a database and closes it.
  model::TenantState MakeFilled(const std::string& path) {
    auto store = Open(path).value();
    const model::TenantState state = NewTenant();
    EXPECT_TRUE(store->CreateTenant(state, EventOf(state.tenant.id)).ok());
    EXPECT_TRUE(store->InsertDataKeys(DataKeysOf(state.tenant.id, 200)).ok());
    return state;
  }

  std::filesystem::path directory_;
};

testing::AssertionResult Says(const Error& error, ErrorCode code,
                              std::initializer_list<const char*> words) {
  if (error.code != code)
    return testing::AssertionFailure() << ErrorCodeName(error.code) << ": " << error.message;
  for (const char* word : words) {
    if (error.message.find(word) == std::string::npos) {
      return testing::AssertionFailure() << error.message << " lacks " << word;
    }
  }
  return testing::AssertionSuccess();
}

TEST_F(SqliteFile, OnlyItsOwnerReadsIt) {
  const auto store = Open(path()).value();
  const auto state = NewTenant();
  EXPECT_DONE(store->CreateTenant(state, EventOf(state.tenant.id)));
  for (const char* suffix : {"", "-wal", "-shm"})
    EXPECT_EQ(ModeOf(path() + suffix), 0600u) << suffix;
}

TEST_F(SqliteFile, AFileThatOthersMayReadIsRefused) {
  MakeFilled(path());
  chmod(path().c_str(), 0644);
  EXPECT_FALSE(Open(path()).ok());
}

TEST_F(SqliteFile, WhatWasWrittenIsThereAfterReopening) {
  const auto state = MakeFilled(path());
  const auto store = Open(path()).value();
  EXPECT_EQ(store->LoadTenant(state.tenant.id).value(), state);
  EXPECT_EQ(store->CountDataKeys(state.tenant.id, 1).value(), 200u);
}

TEST_F(SqliteFile, AMissingDirectoryIsNamed) {
  const auto opened = Open(path("no/such/test.db"));
  ASSERT_FALSE(opened.ok());
  EXPECT_TRUE(Says(opened.error(), ErrorCode::kUnavailable, {"no/such/test.db", "directory"}));
}

TEST_F(SqliteFile, AFileThatIsNoDatabaseIsRefusedAndLeftAlone) {
  const std::string content(5000, 'x');
  Put(path(), content);
  const auto opened = Open(path());
  ASSERT_FALSE(opened.ok());
  EXPECT_TRUE(
      Says(opened.error(), ErrorCode::kIntegrity, {"not a database", "tenantseal restore"}));
  EXPECT_EQ(Content(path()), content);
}

TEST_F(SqliteFile, ADamagedFileIsRefused) {
  MakeFilled(path());
  std::string content = Content(path());
  ASSERT_GT(content.size(), 40'000u);
  for (std::size_t page = 2; page < 6; ++page)
    content.replace(page * 4096, 64, std::string(64, '\xee'));
  Put(path(), content);
  const auto opened = Open(path());
  ASSERT_FALSE(opened.ok());
  EXPECT_TRUE(Says(opened.error(), ErrorCode::kIntegrity, {"damaged", "tenantseal restore"}));
}

TEST_F(SqliteFile, ATruncatedFileIsRefused) {
  MakeFilled(path());
  const std::string content = Content(path());
  for (const std::size_t size :
       {content.size() - 4096, content.size() / 2, std::size_t{4096}, std::size_t{100}}) {
    Put(path(), content.substr(0, size));
    const auto opened = Open(path());
    ASSERT_FALSE(opened.ok()) << size;
    EXPECT_EQ(opened.error().code, ErrorCode::kIntegrity) << opened.error().message;
  }
}

TEST_F(SqliteFile, AnotherProgramsDatabaseIsRefusedAndLeftAlone) {
  Sql(path(), "CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)");
  chmod(path().c_str(), 0600);
  const auto opened = Open(path());
  ASSERT_FALSE(opened.ok());
  EXPECT_TRUE(Says(opened.error(), ErrorCode::kIntegrity, {"another program"}));
  Sql(path(), "SELECT x FROM theirs");
}

TEST_F(SqliteFile, ANewerSchemaIsRefused) {
  MakeFilled(path());
  Sql(path(), "PRAGMA user_version=99");
  const auto opened = Open(path());
  ASSERT_FALSE(opened.ok());
  EXPECT_TRUE(Says(opened.error(), ErrorCode::kConflict,
                   {("written by a newer Tenantseal (schema 99, this knows " +
                     std::to_string(SchemaSteps().size()) + ")")
                        .c_str(),
                    "upgrade the program"}));
}

TEST_F(SqliteFile, AMissingTableIsRefusedWithoutAlarmingWords) {
  MakeFilled(path());
  Sql(path(), "DROP TABLE tenant_key_wraps");
  const auto store = Open(path()).value();
  const auto state = NewTenant();
  const auto created = store->CreateTenant(state, EventOf(state.tenant.id));
  ASSERT_FALSE(created.ok());
  EXPECT_TRUE(Says(created.error(), ErrorCode::kIntegrity, {"tables", "tenantseal restore"}));
  EXPECT_ERROR(store->LoadTenant(state.tenant.id), kNotFound);  // Nothing of it was written.
}

// --- Upgrade, with steps of a made-up history ---

class Upgrading : public SqliteFile {
 protected:
  std::unique_ptr<Connection> Connect() {
    if (!base::FileExists(path())) Put(path(), "");
    return Connection::Open(path(), Connection::Mode::kWriter, 20, 256).value();
  }
};

constexpr const char* kFirst = "CREATE TABLE t(a INTEGER); INSERT INTO t VALUES(7)";
constexpr const char* kSecond = "ALTER TABLE t ADD COLUMN b TEXT NOT NULL DEFAULT 'new'";
constexpr const char* kThird = "UPDATE t SET a=a*2";
constexpr const char* kBroken = "UPDATE t SET a=0; INSERT INTO nowhere VALUES(1)";

TEST_F(Upgrading, AFileOfVersionOneBecomesThePresentOne) {
  const auto connection = Connect();
  EXPECT_DONE(Upgrade(*connection, path(), std::array{kFirst}));
  EXPECT_DONE(Upgrade(*connection, path(), std::array{kFirst, kSecond, kThird}));
  EXPECT_EQ(connection->QueryInt("PRAGMA user_version").value(), 3);
  EXPECT_EQ(connection->QueryInt("SELECT a FROM t").value(), 14);
  EXPECT_EQ(connection->QueryText("SELECT b FROM t").value(), "new");
  EXPECT_DONE(Upgrade(*connection, path(), std::array{kFirst, kSecond, kThird}));
  EXPECT_EQ(connection->QueryInt("SELECT a FROM t").value(), 14);  // Not twice.
}

TEST_F(Upgrading, AFailedStepLeavesTheVersionBeforeIt) {
  const auto connection = Connect();
  EXPECT_FALSE(Upgrade(*connection, path(), std::array{kFirst, kSecond, kBroken}).ok());
  EXPECT_EQ(connection->QueryInt("PRAGMA user_version").value(), 2);
  EXPECT_EQ(connection->QueryInt("SELECT a FROM t").value(), 7);
  EXPECT_DONE(Upgrade(*connection, path(), std::array{kFirst, kSecond, kThird}));
  EXPECT_EQ(connection->QueryInt("SELECT a FROM t").value(), 14);
}

// The statements that made what the file holds, in order.
std::string SchemaOf(Connection& connection) {
  return connection
      .QueryText("SELECT group_concat(sql,';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)")
      .value();
}

TEST_F(Upgrading, ADatabaseOfTheFirstSchemaKeepsEverything) {
  const auto filled = MakeFilled(path());
  const model::TenantId& id = filled.tenant.id;
  Sql(path(),
      "DROP TABLE migrations; DROP TABLE quarantine; DROP TABLE validations; "
      "DROP INDEX providers_by_arn; DROP INDEX events_by_time; DROP INDEX events_by_type; "
      "DROP TABLE sessions; DROP TABLE spent_sign_ins; DROP TABLE kms_call_keys; "
      "DROP TABLE kms_call_kinds; DROP TABLE kms_call_logs; DROP TABLE kms_call_gaps; "
      "DROP TABLE kms_calls; DROP TABLE webhooks; DROP TABLE webhook_progress; "
      "DROP TABLE webhook_deliveries; DROP INDEX rewrap_jobs_running; "
      "DROP TABLE former_providers; PRAGMA user_version=1");
  {
    // That is a file as the first version left it.
    Put(path("first.db"), "");
    const auto first =
        Connection::Open(path("first.db"), Connection::Mode::kWriter, 20, 256).value();
    EXPECT_DONE(Upgrade(*first, path("first.db"), SchemaSteps().first(1)));
    EXPECT_EQ(SchemaOf(*Connect()), SchemaOf(*first));
  }
  const auto store = Open(path()).value();
  EXPECT_EQ(Connect()->QueryInt("PRAGMA user_version").value(),
            static_cast<std::int64_t>(SchemaSteps().size()));
  EXPECT_EQ(store->LoadTenant(id).value(), filled);
  EXPECT_EQ(store->CountDataKeys(id, 1).value(), 200u);
  EXPECT_EQ(store->ListEvents(Scope::Of(id), 0, 9).value().size(), 1u);
  const auto target = ProviderOf(id);
  EXPECT_DONE(store->AddProvider(target, EventOf(id)));
  EXPECT_DONE(store->StartMigration(MigrationOf(filled, target.fingerprint), EventOf(id)));
  EXPECT_EQ(store->LoadTenant(id).value().migration->to, target.fingerprint);
}

// --- In use ---

TEST_F(SqliteFile, ALockedFileIsUnavailable) {
  const auto state = MakeFilled(path());
  const auto store = Open(path()).value();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto inserted = store->InsertDataKeys(DataKeysOf(state.tenant.id, 1));
  ASSERT_FALSE(inserted.ok());
  EXPECT_TRUE(Says(inserted.error(), ErrorCode::kUnavailable, {"locked by another process"}));
  EXPECT_EQ(store->LoadTenant(state.tenant.id).value(), state);  // Readers go on.
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  EXPECT_DONE(store->InsertDataKeys(DataKeysOf(state.tenant.id, 1)));
}

TEST_F(SqliteFile, TheChangesLogForgets) {
  const auto state = MakeFilled(path());
  Sql(path(), "INSERT INTO changes VALUES(20000,'-')");
  const auto store = Open(path()).value();
  EXPECT_DONE(store->CreateApiKey(ApiKeyOf(std::nullopt), EventOf(Scope::Deployment())));
  EXPECT_TRUE(store->ReadChanges(0).value().everything);
  EXPECT_TRUE(store->ReadChanges(19'998).value().everything);
  const Changes changes = store->ReadChanges(19'999).value();
  EXPECT_FALSE(changes.everything);
  EXPECT_EQ(changes.epoch, 20'001u);
  EXPECT_EQ(changes.changed.size(), 1u);
}

TEST_F(SqliteFile, ARewrapMovesNoRow) {
  const auto state = MakeFilled(path());
  const model::TenantId& id = state.tenant.id;
  const auto store = Open(path()).value();
  EXPECT_DONE(store->InsertDataKeys(DataKeysOf(id, 1000)));
  const auto connection = Connection::Open(path(), Connection::Mode::kReader, 20, 256).value();
  const std::int64_t pages = connection->QueryInt("PRAGMA page_count").value();
  const std::vector wraps = {WrapOf(id, 2, state.tenant.current_provider)};
  EXPECT_DONE(store->ActivateTenantKey(KeyOf(id, 2), wraps, 1, JobOf(id, 2), EventOf(id)));
  const auto job = store->ClaimRewrapJob(id).value();
  std::vector<DataKeyUpdate> updates;
  const auto rows = store->ScanDataKeys(id, 0, 2, 10'000).value();
  for (const auto& row : rows) {
    updates.push_back({row.position, 1, 2, row.key.wrapped});
  }
  EXPECT_EQ(updates.size(), 1200u);
  EXPECT_DONE(store->CommitRewrapBatch(updates, {}, job, std::nullopt));
  EXPECT_EQ(store->CountDataKeys(id, 2).value(), 1200u);
  EXPECT_EQ(connection->QueryInt("PRAGMA page_count").value(), pages);
}

TEST_F(SqliteFile, PingNoticesAMissingFile) {
  const auto store = Open(path()).value();
  EXPECT_DONE(store->Ping());
  std::filesystem::remove(path());
  EXPECT_ERROR(store->Ping(), kUnavailable);
}

// --- Backup ---

TEST_F(SqliteFile, ABackupIsWholeWhileWritersGoOn) {
  const auto state = MakeFilled(path());
  const auto store = Open(path()).value();
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    while (!stop) EXPECT_TRUE(store->InsertDataKeys(DataKeysOf(state.tenant.id, 10)).ok());
  });
  for (int i = 0; i < 3; ++i) {
    const std::string copy = path("copy" + std::to_string(i));
    EXPECT_DONE(store->Backup(copy));
    EXPECT_EQ(ModeOf(copy), 0600u);
    EXPECT_FALSE(base::FileExists(copy + ".partial"));
    const auto restored = Open(copy).value();
    EXPECT_EQ(restored->LoadTenant(state.tenant.id).value(), state);
    EXPECT_EQ(restored->CountDataKeys(state.tenant.id, 1).value() % 10, 0u);
    EXPECT_EQ(restored->ListEvents(Scope::Of(state.tenant.id), 0, 10).value().size(), 1u);
  }
  stop = true;
  writer.join();
}

TEST_F(SqliteFile, ABackupOverwritesNothing) {
  MakeFilled(path());
  const auto store = Open(path()).value();
  Put(path("taken"), "precious");
  EXPECT_ERROR(store->Backup(path("taken")), kAlreadyExists);
  EXPECT_ERROR(store->Backup(path()), kAlreadyExists);
  EXPECT_EQ(Content(path("taken")), "precious");
  EXPECT_FALSE(store->Backup(path("no/such/copy")).ok());
  EXPECT_FALSE(base::FileExists(path("taken.partial")));
}

}  // namespace
}  // namespace tenantseal::store
