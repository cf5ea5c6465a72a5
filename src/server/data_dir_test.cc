#include "server/data_dir.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>

#include "events/event.h"
#include "keyring/data_keys.h"
#include "keyring/rotation.h"
#include "keyring/tenants.h"
#include "keyring/values.h"
#include "server/backup.h"
#include "server/root_rotation.h"

namespace tenantseal::server {
namespace {

namespace fs = std::filesystem;

class DataDirTest : public testing::Test {
 protected:
  DataDirTest() {
    std::string path = fs::temp_directory_path() / "data_dir_test.XXXXXX";
    top_ = ::mkdtemp(path.data());
    dir_ = top_ + "/data";
  }
  ~DataDirTest() override { fs::remove_all(top_); }

  Result<DataDir> Open(const std::string& path, bool create = false) {
    DataDirOptions options;
    options.data_dir = path;
    options.create_if_missing = create;
    return OpenDataDir(std::move(options), clock_, random_);
  }
  // Opening fails with the code, names what is wrong, and changes no file.
  void ExpectRefused(ErrorCode code, const std::string& word) {
    const auto before = Contents();
    for (bool create : {true, false}) {
      const auto opened = Open(dir_, create);
      ASSERT_FALSE(opened.ok());
      EXPECT_EQ(opened.error().code, code) << opened.error().message;
      EXPECT_NE(opened.error().message.find(word), std::string::npos) << opened.error().message;
    }
    EXPECT_EQ(Contents(), before);
  }
  std::map<std::string, std::string> Contents() const {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::directory_iterator(dir_)) {
      if (entry.path().string().ends_with("-shm") || entry.path().string().ends_with("-wal"))
        continue;
      std::ifstream in(entry.path(), std::ios::binary);
      out[entry.path()] = std::string(std::istreambuf_iterator<char>(in), {});
    }
    return out;
  }

  base::SystemClock clock_;
  base::SystemRandom random_;
  std::string top_, dir_;
};

// A process on an open data directory.
struct Process {
  Process(DataDir& dir, const base::Clock& clock, const base::Random& random)
      : lease(*dir.store, clock, model::ProcessId::New(random)),
        keyring(*dir.store, *dir.kms, lease, clock, random, {}),
        values(keyring, random),
        tenants(keyring, *dir.store, lease, *dir.kms, clock, random, std::chrono::hours(1)) {
    EXPECT_TRUE(lease.Refresh().ok());
  }
  ~Process() { lease.Leave(); }
  keyring::StoreLease lease;
  keyring::Keyring keyring;
  keyring::Values values;
  keyring::Tenants tenants;
};

class WithTenant : public DataDirTest {
 protected:
  WithTenant() {
    auto dir = Open(dir_, true);
    EXPECT_TRUE(dir.ok()) << dir.error().message;
    Process process(*dir, clock_, random_);
    tenant_ = process.tenants.Create("Acme", "us-east-1", "test", Soon())->id;
    text_ = process.values
                .Seal(tenant_, Context(), base::AsBytes("text"), keyring::Wait::kAllowed, Soon())
                .value();
  }
  base::Deadline Soon() const { return clock_.Boot() + std::chrono::seconds(30); }
  model::EncryptionContext Context() const {
    return model::EncryptionContext::Make(tenant_, {}).value();
  }
  void ExpectOpens(DataDir& dir) {
    Process process(dir, clock_, random_);
    const auto opened =
        process.values.Open(tenant_, Context(), text_, keyring::Wait::kAllowed, Soon());
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(opened->RevealText(), "text");
  }
  void ExpectOpens(const std::string& path) {
    auto dir = Open(path);
    ASSERT_TRUE(dir.ok()) << dir.error().message;
    ExpectOpens(*dir);
  }
  model::TenantId tenant_;
  std::string text_;
};

TEST_F(DataDirTest, FirstStartMakesOwnerOnlyParts) {
  EXPECT_EQ(Open(dir_).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(dir_));
  std::string deployment;
  {
    const auto dir = Open(dir_, true);
    ASSERT_TRUE(dir.ok()) << dir.error().message;
    deployment = dir->deployment.id;
  }
  struct stat info {};
  for (const char* name : {"", "/root.key", "/keystore.db", "/tenantseal.db"}) {
    ASSERT_EQ(::stat((dir_ + name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 077, 0u) << name;
  }
  EXPECT_EQ(Open(dir_, true)->deployment.id, deployment);
}

TEST_F(DataDirTest, ACrashBetweenThePartsIsGoneOnFrom) {
  { ASSERT_TRUE(Open(dir_, true).ok()); }
  for (const char* name : {"/tenantseal.db", "/tenantseal.db-wal", "/tenantseal.db-shm"})
    fs::remove(dir_ + name);
  { ASSERT_TRUE(Open(dir_, true).ok()) << "killed before the database"; }
  for (const char* name :
       {"/tenantseal.db", "/tenantseal.db-wal", "/tenantseal.db-shm", "/keystore.db"})
    fs::remove(dir_ + name);
  EXPECT_TRUE(Open(dir_, true).ok()) << "killed before the keystore";
}

TEST_F(DataDirTest, OthersMayNotEnter) {
  { ASSERT_TRUE(Open(dir_, true).ok()); }
  ::chmod(dir_.c_str(), 0750);
  ExpectRefused(ErrorCode::kPermissionDenied, "chmod 700");
  ::chmod(dir_.c_str(), 0700);
}

TEST_F(WithTenant, Reopens) { ExpectOpens(dir_); }

TEST_F(WithTenant, AMissingRootIsNeverMadeAnew) {
  fs::rename(dir_ + "/root.key", top_ + "/root.key");
  ExpectRefused(ErrorCode::kNotFound, "root key");
  fs::rename(top_ + "/root.key", dir_ + "/root.key");
  ExpectOpens(dir_);
}

TEST_F(WithTenant, AWrongRootIsNamed) {
  fs::remove(dir_ + "/root.key");
  ASSERT_TRUE(kms::CreateRootFile(dir_ + "/root.key", random_, clock_).ok());
  ExpectRefused(ErrorCode::kInvalidArgument, "wrong root key");
}

TEST_F(WithTenant, AMissingKeystoreOrDatabaseIsNamed) {
  fs::rename(dir_ + "/keystore.db", top_ + "/keystore.db");
  ExpectRefused(ErrorCode::kNotFound, "keystore");
  fs::rename(top_ + "/keystore.db", dir_ + "/keystore.db");
  fs::rename(dir_ + "/tenantseal.db", top_ + "/tenantseal.db");
  ExpectRefused(ErrorCode::kNotFound, "database");
}

TEST_F(WithTenant, AForeignKeystoreIsNamed) {
  const std::string other = top_ + "/other";
  { ASSERT_TRUE(Open(other, true).ok()); }
  for (const char* name : {"/keystore.db", "/root.key"}) {
    fs::copy_file(other + name, dir_ + name, fs::copy_options::overwrite_existing);
  }
  ExpectRefused(ErrorCode::kInvalidArgument, "belongs to deployment");
}

TEST_F(WithTenant, RootFromTheEnvironmentIsEnough) {
  const auto roots = kms::LoadRootKeys(kms::RootSource::File(dir_ + "/root.key"));
  DataDirOptions options;
  options.data_dir = dir_;
  options.root.kind = kms::RootSource::Kind::kText;
  options.root.text = roots->Serialize();
  fs::remove(dir_ + "/root.key");
  auto dir = OpenDataDir(std::move(options), clock_, random_);
  ASSERT_TRUE(dir.ok()) << dir.error().message;
  ExpectOpens(*dir);
  EXPECT_EQ(BeginRootRotation(*dir, clock_, random_).error().code, ErrorCode::kInvalidArgument);
}

// A server whose root is not from the file that is rotated would be stranded.
TEST_F(WithTenant, ARotationStrandsNobodyUnlessForced) {
  const auto serve = [&](const kms::RootKeys& roots) {
    DataDirOptions options;
    options.data_dir = dir_;
    options.serves = true;
    options.root.kind = kms::RootSource::Kind::kText;
    options.root.text = roots.Serialize();
    options.root.origin = "the environment";
    return OpenDataDir(std::move(options), clock_, random_);
  };
  const kms::RootSource file = kms::RootSource::File(dir_ + "/root.key");
  auto dir = Open(dir_);
  {
    const auto server = serve(*kms::LoadRootKeys(file));
    ASSERT_TRUE(server.ok()) << server.error().message;
    const auto before = Contents();
    const auto refused = BeginRootRotation(*dir, clock_, random_);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    EXPECT_NE(refused.error().message.find("process " + std::to_string(::getpid())),
              std::string::npos)
        << refused.error().message;
    EXPECT_EQ(Contents(), before);
    ASSERT_TRUE(BeginRootRotation(*dir, clock_, random_, Stranded::kAllow).ok());
    EXPECT_EQ(AdvanceRootRotation(*dir).error().code, ErrorCode::kConflict);
    EXPECT_NE(ReadRootStatus(*dir)->keystore_root_id, ReadRootStatus(*dir)->roots.front().id);
  }
  const auto server = serve(*kms::LoadRootKeys(file));  // Started anew, with both.
  ASSERT_TRUE(server.ok()) << server.error().message;
  while (AdvanceRootRotation(*dir).value()) {
  }
  EXPECT_TRUE(server->kms->keystore().CheckRoot().ok());
  std::ofstream(dir_ + "/serving-dead.lock") << "left behind";
  EXPECT_TRUE(ProcessesWithoutRoot(dir_, dir->root, "other").value().size() == 1);
  EXPECT_FALSE(fs::exists(dir_ + "/serving-dead.lock"));
}

// Killed after each step, a rotation is gone on with by a fresh process, and everything opens.
TEST_F(WithTenant, RootRotationIsResumableAtEachStep) {
  auto running = Open(dir_);  // A server that goes on meanwhile.
  ASSERT_TRUE(running.ok());
  const std::string before = running->deployment.root_id;
  {
    const auto dir = Open(dir_);
    EXPECT_EQ(RetireRoot(*dir).error().code, ErrorCode::kNotFound);
    ASSERT_TRUE(BeginRootRotation(*dir, clock_, random_).ok());
    EXPECT_EQ(BeginRootRotation(*dir, clock_, random_).error().code, ErrorCode::kConflict);
  }
  int steps = 0;
  for (bool more = true; more; ++steps) {
    ASSERT_LT(steps, 10);
    ExpectOpens(dir_);
    ExpectOpens(*running);
    auto dir = Open(dir_);
    ASSERT_TRUE(dir.ok()) << dir.error().message;
    const auto status = ReadRootStatus(*dir);
    EXPECT_TRUE(!status->pending || RetireRoot(*dir).error().code == ErrorCode::kConflict);
    more = AdvanceRootRotation(*dir).value();
  }
  EXPECT_EQ(steps, 3) << "keystore, database, nothing";
  {
    const auto dir = Open(dir_);
    EXPECT_TRUE(ReadRootStatus(*dir)->retirable);
    EXPECT_EQ(BeginRootRotation(*dir, clock_, random_).error().code, ErrorCode::kConflict)
        << "retire first";
    ASSERT_TRUE(RetireRoot(*dir).ok());
    EXPECT_NE(ReadRootStatus(*dir)->roots.front().id, before);
    EXPECT_EQ(ReadRootStatus(*dir)->roots.size(), 1u);
  }
  ExpectOpens(dir_);
  ExpectOpens(*running);
}

TEST_F(WithTenant, BackupOpensElsewhereEvenFromBeforeARotation) {
  const std::string copy = top_ + "/copy.db", keystore = top_ + "/keystore-copy.db";
  {
    auto dir = Open(dir_);
    ASSERT_TRUE(BackupDataDir(*dir, copy, keystore).ok());
    EXPECT_EQ(BackupDataDir(*dir, copy, top_ + "/x.db").error().code, ErrorCode::kAlreadyExists);
    ASSERT_TRUE(BeginRootRotation(*dir, clock_, random_).ok());
    while (AdvanceRootRotation(*dir).value()) {
    }
    ASSERT_TRUE(RetireRoot(*dir).ok());
  }
  RestoreOptions options{copy, keystore, kms::RootSource::File(dir_ + "/root.key"), top_ + "/old"};
  EXPECT_FALSE(RestoreDataDir(std::move(options), clock_, random_).ok()) << "its root is gone";
  EXPECT_FALSE(fs::exists(top_ + "/old"));
  options = {copy, dir_ + "/keystore.db", kms::RootSource::File(dir_ + "/root.key"), top_ + "/new"};
  const auto restored = RestoreDataDir(std::move(options), clock_, random_);
  ASSERT_TRUE(restored.ok()) << restored.error().message;
  EXPECT_TRUE(restored->complete);
  EXPECT_EQ(restored->tenants, 1u);
  ExpectOpens(top_ + "/new");
  options = {copy, "", kms::RootSource(), top_ + "/new"};
  EXPECT_EQ(RestoreDataDir(std::move(options), clock_, random_).error().code,
            ErrorCode::kAlreadyExists);
  for (const auto& entry : fs::directory_iterator(top_)) {
    EXPECT_EQ(entry.path().string().find("partial"), std::string::npos);
  }
}

TEST_F(WithTenant, ARestoredTenantIsNotDestroyedByWhatWaitedInTheCopy) {
  const std::string copy = top_ + "/copy.db";
  {
    auto dir = Open(dir_);
    {
      Process process(*dir, clock_, random_);
      ASSERT_TRUE(process.tenants.Deactivate(tenant_, "test").ok());
      ASSERT_TRUE(process.tenants.ScheduleDestruction(tenant_, "test").ok());
    }
    ASSERT_TRUE(dir->store->LoadTenant(tenant_)->tenant.destroy_at.has_value());
    ASSERT_TRUE(BackupDataDir(*dir, copy, "").ok());
  }
  const auto expect_kept = [&](const std::string& path) {
    auto dir = Open(path);
    ASSERT_TRUE(dir.ok()) << dir.error().message;
    EXPECT_FALSE(fs::exists(path + "/restored"));
    const auto state = dir->store->LoadTenant(tenant_);
    ASSERT_TRUE(state.ok()) << state.error().message;
    EXPECT_EQ(state->tenant.status, model::TenantStatus::kDeactivated);
    EXPECT_FALSE(state->tenant.destroy_at.has_value());
    EXPECT_TRUE(dir->store->TenantsToDestroy(clock_.Utc() + std::chrono::hours(999))->empty());
    const auto events = dir->store->ListEvents(model::Scope::Of(tenant_), 0, 100).value();
    EXPECT_EQ(events.back().content.type, events::kTenantDestructionCancelled);
    Process process(*dir, clock_, random_);
    ASSERT_TRUE(process.tenants.Reactivate(tenant_, "test").ok());
    ExpectOpens(*dir);
  };
  RestoreOptions options{copy, dir_ + "/keystore.db", kms::RootSource::File(dir_ + "/root.key"),
                         top_ + "/whole"};
  const auto whole = RestoreDataDir(std::move(options), clock_, random_);
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_EQ(whole->destructions_cancelled, 1u);
  expect_kept(top_ + "/whole");
  // Without the other parts nothing can be verified or written; it is done when they are there.
  options = {copy, "", kms::RootSource(), top_ + "/parts"};
  const auto parts = RestoreDataDir(std::move(options), clock_, random_);
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  EXPECT_FALSE(parts->complete);
  for (const char* name : {"/keystore.db", "/root.key"})
    fs::copy_file(dir_ + name, top_ + "/parts" + name);
  expect_kept(top_ + "/parts");
  EXPECT_TRUE(Open(dir_)->store->LoadTenant(tenant_)->tenant.destroy_at.has_value())
      << "only what is restored";
}

// The published bound on the machine's own clock and on real files, as short as it may be here.
TEST_F(WithTenant, RevocationBoundHoldsOnTheRealClock) {
  auto dir = Open(dir_);
  keyring::StoreLease lease(*dir->store, clock_, model::ProcessId::New(random_));
  keyring::Keyring keyring(*dir->store, *dir->kms, lease, clock_, random_,
                           {.revocation_bound = std::chrono::seconds(1)});
  ASSERT_TRUE(lease.Refresh().ok());
  const base::BootTime sent = clock_.Boot();
  ASSERT_TRUE(keyring.Active(tenant_, keyring::Wait::kAllowed, Soon()).ok());
  ASSERT_TRUE(dir->kms->DestroyKey(tenant_).ok());  // As another process would.
  base::BootTime last_use = sent;
  while (true) {
    const base::BootTime now = clock_.Boot();
    const auto key = keyring.Active(tenant_, keyring::Wait::kNever, Soon());
    if (!key) break;
    last_use = now;
    ASSERT_LT(now - sent, std::chrono::seconds(2));
  }
  EXPECT_LE(last_use - sent, std::chrono::milliseconds(1100));
  EXPECT_GE(last_use - sent, std::chrono::milliseconds(900));
  EXPECT_LE(keyring.Stats().longest_use_ms, 1000);
  const auto after = keyring.Active(tenant_, keyring::Wait::kAllowed, Soon());
  ASSERT_FALSE(after.ok());
  EXPECT_EQ(after.error().code, ErrorCode::kKeyRevoked);
}

}  // namespace
}  // namespace tenantseal::server
