#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "kms/internal/internal_kms.h"

namespace tenantseal::kms {
namespace {

class KeystoreTest : public testing::Test {
 protected:
  KeystoreTest() {
    std::string path = std::filesystem::temp_directory_path() / "keystore_test.XXXXXX";
    dir_ = ::mkdtemp(path.data());
    path_ = dir_ + "/keystore.db";
    root_path_ = dir_ + "/root.key";
    EXPECT_TRUE(CreateRootFile(root_path_, random_, clock_).ok());
  }
  ~KeystoreTest() override { std::filesystem::remove_all(dir_); }

  RootKeys Roots() { return LoadRootKeys(RootSource::File(root_path_)).value(); }
  std::unique_ptr<Keystore> Create() {
    auto made = Keystore::Create(path_, RootSource::File(root_path_), Roots(), "deployment",
                                 random_, clock_);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return std::move(*made);
  }
  Result<std::unique_ptr<Keystore>> Open() {
    return Keystore::Open(path_, RootSource::File(root_path_), Roots(), random_, clock_);
  }
  void Sql(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    EXPECT_GT(sqlite3_total_changes(db), 0) << sql;
    sqlite3_close(db);
  }
  static model::TenantId Tenant(char c) {
    return model::TenantId::Parse(std::string(32, c)).value();
  }
  static ErrorCode CodeOf(const auto& result) {
    EXPECT_FALSE(result.ok());
    return result.ok() ? ErrorCode::kInternal : result.error().code;
  }

  base::SystemRandom random_;
  base::FakeClock clock_;
  std::string dir_, path_, root_path_;
};

TEST_F(KeystoreTest, KeepsKeysAndTheDeploymentSecret) {
  base::Secret256 key, derived;
  {
    const auto keystore = Create();
    ASSERT_TRUE(keystore->CreateKey(Tenant('a')).ok());
    key = keystore->LoadKey(Tenant('a')).value();
    ASSERT_TRUE(keystore->CreateKey(Tenant('a')).ok()) << "again does nothing";
    derived = keystore->DeploymentKey("x");
    EXPECT_FALSE(keystore->DeploymentKey("y") == derived);
  }
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto again = Open();
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE((*again)->LoadKey(Tenant('a')).value() == key);
  EXPECT_TRUE((*again)->DeploymentKey("x") == derived);
  EXPECT_EQ(CodeOf((*again)->LoadKey(Tenant('b'))), ErrorCode::kIntegrity);
}

TEST_F(KeystoreTest, TellsWhetherItsRootIsThere) {
  Create();
  RootSource fixed;
  fixed.kind = RootSource::Kind::kText;
  fixed.text = Roots().Serialize();
  fixed.origin = "the environment";
  const auto keystore = Keystore::Open(path_, std::move(fixed), Roots(), random_, clock_).value();
  EXPECT_TRUE(keystore->CheckRoot().ok());
  RootKeys rotated = Roots();
  rotated.AddActive(random_, clock_);
  ASSERT_TRUE(WriteRootFile(root_path_, rotated).ok());
  const auto other = Open().value();
  ASSERT_TRUE(other->RewrapUnder(std::move(rotated)).ok());
  EXPECT_TRUE(other->CheckRoot().ok());
  const auto stranded = keystore->CheckRoot();
  EXPECT_EQ(CodeOf(stranded), ErrorCode::kUnavailable);
  EXPECT_NE(stranded.error().message.find("the environment"), std::string::npos);
  std::filesystem::remove(path_);
  EXPECT_EQ(CodeOf(other->CheckRoot()), ErrorCode::kUnavailable);
}

TEST_F(KeystoreTest, DestroyedIsRevokedForEveryProcessAndStaysSo) {
  const auto keystore = Create();
  ASSERT_TRUE(keystore->CreateKey(Tenant('a')).ok());
  const auto other = Open();
  ASSERT_TRUE((*other)->LoadKey(Tenant('a')).ok());
  ASSERT_TRUE(keystore->DestroyKey(Tenant('a')).ok());
  EXPECT_EQ(CodeOf((*other)->LoadKey(Tenant('a'))), ErrorCode::kKeyRevoked);
  EXPECT_EQ(CodeOf((*other)->CreateKey(Tenant('a'))), ErrorCode::kConflict);
  EXPECT_TRUE((*other)->DestroyKey(Tenant('a')).ok()) << "again does nothing";
  EXPECT_EQ(keystore->ReadHeader()->destroyed_keys, 1u);
}

TEST_F(KeystoreTest, DestructionLeavesNoBytesInTheFile) {
  const auto keystore = Create();
  ASSERT_TRUE(keystore->CreateKey(Tenant('a')).ok());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
  std::string wrapped;
  sqlite3_exec(
      db, "SELECT hex(wrapped) FROM provider_key",
      [](void* out, int, char** v, char**) {
        *static_cast<std::string*>(out) = v[0];
        return 0;
      },
      &wrapped, nullptr);
  sqlite3_close(db);
  std::string bytes;
  for (std::size_t i = 0; i < wrapped.size(); i += 2)
    bytes += static_cast<char>(std::stoi(wrapped.substr(i, 2), nullptr, 16));
  const auto file = [this] {
    std::ifstream in(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  ASSERT_NE(file().find(bytes), std::string::npos);
  ASSERT_TRUE(keystore->DestroyKey(Tenant('a')).ok());
  EXPECT_EQ(file().find(bytes.substr(0, 32)), std::string::npos);
  EXPECT_EQ(file().find(bytes.substr(40, 32)), std::string::npos);
}

TEST_F(KeystoreTest, WrongRootIsNamed) {
  Create();
  std::filesystem::remove(root_path_);
  ASSERT_TRUE(CreateRootFile(root_path_, random_, clock_).ok());
  const auto opened = Open();
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(opened.error().message.find("wrong root key"), std::string::npos);
}

TEST_F(KeystoreTest, SwappedAndAlteredRowsDoNotOpen) {
  const auto keystore = Create();
  for (char c : {'a', 'b'}) ASSERT_TRUE(keystore->CreateKey(Tenant(c)).ok());
  Sql("UPDATE provider_key SET wrapped = (SELECT wrapped FROM provider_key WHERE tenant_id LIKE "
      "'a%')"
      " WHERE tenant_id LIKE 'b%'");
  EXPECT_EQ(CodeOf(keystore->LoadKey(Tenant('b'))), ErrorCode::kIntegrity);
  Sql("UPDATE provider_key SET key_id = (SELECT key_id FROM provider_key WHERE tenant_id LIKE 'a%')"
      " WHERE tenant_id LIKE 'b%'");
  EXPECT_EQ(CodeOf(keystore->LoadKey(Tenant('b'))), ErrorCode::kIntegrity)
      << "the whole row of another";
  EXPECT_TRUE(keystore->LoadKey(Tenant('a')).ok());
  Sql("UPDATE provider_key SET key_id = 'other' WHERE tenant_id LIKE 'a%'");
  EXPECT_EQ(CodeOf(keystore->LoadKey(Tenant('a'))), ErrorCode::kIntegrity);
}

TEST_F(KeystoreTest, DamageIsToldApart) {
  Create();
  Sql("UPDATE header SET secret = zeroblob(113)");
  EXPECT_EQ(CodeOf(Open()), ErrorCode::kIntegrity);
  std::filesystem::remove(path_);
  EXPECT_EQ(CodeOf(Open()), ErrorCode::kNotFound);
  {
    std::ofstream(path_) << "something else altogether, long enough to be read as a header......"
                            ".............................................................";
  }
  ::chmod(path_.c_str(), 0600);
  EXPECT_EQ(CodeOf(Open()), ErrorCode::kIntegrity);
  std::filesystem::remove(path_);
  Create();
  Sql("UPDATE header SET deployment_id = 'other'");
  EXPECT_EQ(CodeOf(Open()), ErrorCode::kIntegrity);
  std::filesystem::remove(path_);
  Create();
  Sql("UPDATE header SET created_at = 1; PRAGMA user_version = 2");
  EXPECT_EQ(CodeOf(Open()), ErrorCode::kConflict);
  ::chmod(path_.c_str(), 0640);
  EXPECT_EQ(CodeOf(Open()), ErrorCode::kPermissionDenied);
}

TEST_F(KeystoreTest, RootRotationIsFollowedByAnotherProcess) {
  const auto keystore = Create();
  ASSERT_TRUE(keystore->CreateKey(Tenant('a')).ok());
  const auto other = std::move(*Open());
  const base::Secret256 key = keystore->LoadKey(Tenant('a')).value();
  const base::Secret256 derived = keystore->DeploymentKey("x");
  RootKeys roots = Roots();
  roots.AddActive(random_, clock_);
  ASSERT_TRUE(WriteRootFile(root_path_, roots).ok());
  ASSERT_TRUE(keystore->RewrapUnder(Roots()).ok());
  ASSERT_TRUE(keystore->RewrapUnder(Roots()).ok()) << "again does nothing";
  EXPECT_TRUE(other->LoadKey(Tenant('a')).value() == key);
  ASSERT_TRUE(other->CreateKey(Tenant('b')).ok());
  EXPECT_EQ(keystore->ReadHeader()->under_other_roots, 0u) << "new keys are under the new root";
  RootKeys only = Roots();
  only.DropPrevious();
  ASSERT_TRUE(WriteRootFile(root_path_, only).ok());
  const auto after = Open();
  ASSERT_TRUE(after.ok()) << after.error().message;
  EXPECT_TRUE((*after)->LoadKey(Tenant('a')).value() == key);
  EXPECT_TRUE((*after)->LoadKey(Tenant('b')).ok());
  EXPECT_TRUE((*after)->DeploymentKey("x") == derived);
}

TEST_F(KeystoreTest, BackupOpensElsewhere) {
  const auto keystore = Create();
  ASSERT_TRUE(keystore->CreateKey(Tenant('a')).ok());
  const std::string copy = dir_ + "/copy.db";
  ASSERT_TRUE(keystore->Backup(copy).ok());
  EXPECT_EQ(CodeOf(keystore->Backup(copy)), ErrorCode::kAlreadyExists);
  const auto opened = Keystore::Open(copy, RootSource::File(root_path_), Roots(), random_, clock_);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_TRUE((*opened)->LoadKey(Tenant('a')).value() == keystore->LoadKey(Tenant('a')).value());
}

}  // namespace
}  // namespace tenantseal::kms
