// What SqliteStore has answered survives: a kill at any point, a full disk, a missing right; and
// two processes on one file obey each other. Children are forked before the parent opens the file.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

#include "store/row_mac.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {
namespace {

using model::Scope;
using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

class StoreDurability : public testing::Test {
 protected:
  StoreDurability() {
    std::string pattern = std::filesystem::temp_directory_path() / "store-durable-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    state_ = NewTenant();
  }
  ~StoreDurability() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ / "test.db"; }
  std::unique_ptr<SqliteStore> Open() const {
    auto opened = SqliteStore::Open(path(), RowMac(base::Secret256()));
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return std::move(*opened);
  }
  void Fill() {
    const auto store = Open();
    EXPECT_DONE(store->CreateTenant(state_, EventOf(state_.tenant.id)));
    EXPECT_DONE(store->InsertDataKeys(DataKeysOf(state_.tenant.id, 100)));
  }
  // Runs `body` in a child; what it writes to standard error is seen, its status is returned.
  static int InChild(const std::function<int()>& body) {
    const pid_t child = fork();
    if (child == 0) _exit(body());
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // 0 when the error is kUnavailable and says `word`.
  static int Expect(const Error& error, const char* word) {
    if (error.code == ErrorCode::kUnavailable && error.message.find(word) != std::string::npos)
      return 0;
    std::fprintf(stderr, "%s: %s\n", std::string(ErrorCodeName(error.code)).c_str(),
                 error.message.c_str());
    return 2;
  }
  void ExpectUntouched() {
    const auto store = Open();
    EXPECT_EQ(store->LoadTenant(state_.tenant.id).value(), state_);
    EXPECT_EQ(store->ListEvents(Scope::Of(state_.tenant.id), 0, 100).value().size(), 1u);
    EXPECT_EQ(store->CountDataKeys(state_.tenant.id, std::nullopt).value() % 100, 0u);
  }

  std::filesystem::path directory_;
  model::TenantState state_;
};

struct Acknowledged {
  char data_key[22];
  char api_key[16];
};

// Writes until it is killed, telling each row only when the store has answered.
void WriteForEver(const std::string& path, const model::TenantId& tenant, int out) {
  const auto store = SqliteStore::Open(path, RowMac(base::Secret256())).value();
  while (true) {
    const auto keys = DataKeysOf(tenant, 20);
    const auto api_key = ApiKeyOf(tenant);
    if (!store->InsertDataKeys(keys).ok() || !store->CreateApiKey(api_key, EventOf(tenant)).ok())
      _exit(1);
    Acknowledged told{};
    keys.back().id.text().copy(told.data_key, sizeof told.data_key);
    api_key.id.text().copy(told.api_key, sizeof told.api_key);
    if (write(out, &told, sizeof told) != sizeof told) _exit(1);
  }
}

TEST_F(StoreDurability, AKillLosesNothingThatWasAnswered) {
  Fill();
  const model::TenantId id = state_.tenant.id;
  std::vector<Acknowledged> all;
  for (int round = 0; round < 8; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) WriteForEver(path(), id, ends[1]);
    close(ends[1]);
    Acknowledged told{};
    for (int n = 0; read(ends[0], &told, sizeof told) == sizeof told; ++n) {
      all.push_back(told);
      if (n == round * 3) kill(child, SIGKILL);  // Then drain what it had still told.
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself";

    const auto store = Open();
    for (const Acknowledged& one : all) {
      const auto key = model::DataKeyId::Parse({one.data_key, sizeof one.data_key}).value();
      EXPECT_TRUE(store->LoadDataKey(id, key).ok());
      EXPECT_TRUE(
          store->LoadApiKey(model::ApiKeyId::Parse({one.api_key, sizeof one.api_key}).value())
              .ok());
    }
    // One event for each API key, whether its answer came through or not.
    EXPECT_EQ(store->ListEvents(Scope::Of(id), 0, 10'000).value().size(),
              1 + store->ListApiKeys(Scope::Of(id)).value().size());
    EXPECT_EQ(store->CountDataKeys(id, std::nullopt).value() % 20, 0u);
  }
  EXPECT_GT(all.size(), 50u);
}

TEST_F(StoreDurability, TwoProcessesObeyEachOther) {
  Fill();
  int to_child[2];
  int to_parent[2];
  ASSERT_EQ(pipe(to_child) | pipe(to_parent), 0);
  const pid_t child = fork();
  if (child == 0) {
    char go = 0;
    if (read(to_child[0], &go, 1) != 1) _exit(1);
    const auto store = Open();
    const auto changed = store->ChangeTenant(state_.tenant, model::TenantStatus::kDeactivated,
                                             std::nullopt, EventOf(state_.tenant.id));
    go = changed.ok() ? static_cast<char>(*changed) : 0;
    if (write(to_parent[1], &go, 1) != 1 || read(to_child[0], &go, 1) != 1) _exit(1);
    _exit(store->LoadTenant(state_.tenant.id).value().tenant.status == model::TenantStatus::kActive
              ? 0
              : 1);
  }
  const auto store = Open();
  EXPECT_EQ(store->LoadTenant(state_.tenant.id).value().tenant.status,
            model::TenantStatus::kActive);
  const auto me = model::ProcessId::New(kRandom);
  EXPECT_DONE(store->Acknowledge(me, store->ReadChanges(0).value().epoch));
  char epoch = 0;
  ASSERT_EQ(write(to_child[1], &epoch, 1), 1);
  ASSERT_EQ(read(to_parent[0], &epoch, 1), 1);
  EXPECT_EQ(epoch, 2);
  const Changes changes = store->ReadChanges(1).value();
  EXPECT_EQ(changes.epoch, 2u);
  ASSERT_EQ(changes.changed.size(), 1u);
  EXPECT_EQ(changes.changed[0].scope, Scope::Of(state_.tenant.id));
  EXPECT_EQ(store->LaggingProcesses(2).value(), std::vector{me});
  const auto now = store->LoadTenant(state_.tenant.id).value();
  EXPECT_EQ(now.tenant.status, model::TenantStatus::kDeactivated);
  EXPECT_EQ(store
                ->ChangeTenant(now.tenant, model::TenantStatus::kActive, std::nullopt,
                               EventOf(state_.tenant.id))
                .value(),
            3u);
  ASSERT_EQ(write(to_child[1], &epoch, 1), 1);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  for (const int fd : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) close(fd);
}

// Inserts batches of 100 until one fails; then everything before must be there, and reads go on.
int FillUntilItFails(SqliteStore& store, const model::TenantId& id, Error& error) {
  std::uint64_t answered = 100;
  for (int i = 0; i < 10'000; ++i) {
    const auto inserted = store.InsertDataKeys(DataKeysOf(id, 100));
    if (inserted.ok()) {
      answered += 100;
      continue;
    }
    error = inserted.error();
    return store.CountDataKeys(id, std::nullopt).value_or(0) == answered ? 0 : 3;
  }
  return 4;
}

TEST_F(StoreDurability, AFileSizeLimitChangesNothing) {
  Fill();
  const int status = InChild([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{600'000, 600'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto store = Open();
    Error error;
    const int counted = FillUntilItFails(*store, state_.tenant.id, error);
    return counted != 0 ? counted : Expect(error, "nothing was changed");
  });
  EXPECT_EQ(status, 0);
  ExpectUntouched();
}

TEST_F(StoreDurability, AFullDiskChangesNothingAndIsNamed) {
  if (mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=1500k") != 0) {
    GTEST_SKIP() << "needs the right to mount";
  }
  Fill();
  {
    const auto store = Open();
    Error error;
    EXPECT_EQ(FillUntilItFails(*store, state_.tenant.id, error), 0);
    EXPECT_EQ(Expect(error, "is full: free some space"), 0);
    const std::string copy = directory_ / "copy";
    EXPECT_FALSE(store->Backup(copy).ok());
    EXPECT_FALSE(std::filesystem::exists(copy) || std::filesystem::exists(copy + ".partial"));
    // With room again it goes on by itself.
    ASSERT_EQ(mount("tmpfs", directory_.c_str(), "tmpfs", MS_REMOUNT, "size=8m"), 0);
    EXPECT_DONE(store->InsertDataKeys(DataKeysOf(state_.tenant.id, 100)));
  }
  ExpectUntouched();
  EXPECT_EQ(umount(directory_.c_str()), 0);
}

TEST_F(StoreDurability, AMissingRightIsNamed) {
  if (geteuid() != 0) GTEST_SKIP() << "needs the right to become somebody else";
  Fill();
  chmod(directory_.c_str(), 0755);  // Somebody else may look, but not write.
  ASSERT_EQ(chown(path().c_str(), 65534, 65534), 0);
  const int read_only_directory = InChild([&] {
    if (setgid(65534) != 0 || setuid(65534) != 0) return 9;
    const auto opened = SqliteStore::Open(path(), RowMac(base::Secret256()));
    return opened.ok() ? 1 : Expect(opened.error(), "directory");
  });
  EXPECT_EQ(read_only_directory, 0);
  const int new_file = InChild([&] {
    if (setgid(65534) != 0 || setuid(65534) != 0) return 9;
    const auto opened = SqliteStore::Open(path() + "2", RowMac(base::Secret256()));
    return opened.ok() ? 1 : Expect(opened.error(), "may write there");
  });
  EXPECT_EQ(new_file, 0);
  ASSERT_EQ(chown(path().c_str(), 0, 0), 0);
  ExpectUntouched();
}

TEST_F(StoreDurability, AReadOnlyFileSystemIsNamed) {
  if (mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=8m") != 0) {
    GTEST_SKIP() << "needs the right to mount";
  }
  Fill();
  ASSERT_EQ(mount("tmpfs", directory_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, ""), 0);
  const auto opened = SqliteStore::Open(path(), RowMac(base::Secret256()));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(Expect(opened.error(), "is read-only: mount it writable"), 0);
  EXPECT_EQ(umount(directory_.c_str()), 0);
}

}  // namespace
}  // namespace tenantseal::store
