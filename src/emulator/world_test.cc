#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "emulator/kms_test_ground.h"

namespace tenantseal::emulator {
namespace {

class WorldTest : public KmsGround {
 protected:
  WorldTest() : path_(testing::TempDir() + "emulator_world_" + std::to_string(getpid())) {
    RemoveFiles();
  }
  ~WorldTest() override {
    kms_.reset();
    world_.reset();
    RemoveFiles();
  }
  void RemoveFiles() {
    for (const char* suffix : {"", "-wal", "-shm"}) std::remove((path_ + suffix).c_str());
  }
  const std::string path_;
};

TEST_F(WorldTest, EverythingOutlivesARestart) {
  Open(path_);
  const std::string key = NewKey({{"MultiRegion", true}, {"Description", "kept"}});
  ASSERT_TRUE(Do("ReplicateKey", {{"KeyId", key}, {"ReplicaRegion", kWest}}).ok());
  ASSERT_TRUE(Do("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", key}}).ok());
  ASSERT_TRUE(Do("CreateGrant", {{"KeyId", key},
                                 {"GranteePrincipal", "arn:aws:iam::111122223333:user/nobody"},
                                 {"Operations", {"Encrypt"}}})
                  .ok());
  const std::string before = Encrypted(key);
  ASSERT_TRUE(Do("RotateKeyOnDemand", {{"KeyId", key}}).ok());
  ASSERT_TRUE(world_->SetClock({std::chrono::hours(5), std::nullopt}));
  const base::SecretBytes snapshot = world_->Snapshot();
  Open(path_);
  EXPECT_TRUE(world_->Snapshot() == snapshot);
  EXPECT_EQ(world_->Now(), clock_.Utc() + std::chrono::hours(5));
  EXPECT_TRUE(Do("Decrypt", {{"CiphertextBlob", before}}, kWest).ok());
  EXPECT_EQ(Do("DescribeKey", {{"KeyId", "alias/a"}}).body["KeyMetadata"]["Description"], "kept");
  EXPECT_TRUE(As(Nobody(), kEast, "Encrypt", json{{"KeyId", key}, {"Plaintext", "aGk="}}).ok());
}

TEST_F(WorldTest, WhatWasAnsweredOutlivesAKilledProcess) {
  Open(path_);
  const std::string key = NewKey();
  kms_.reset();
  world_.reset();
  const pid_t child = fork();
  if (child == 0) {
    // No destructor runs: this is what a kill leaves behind.
    Open(path_);
    _exit(Do("DisableKey", {{"KeyId", key}}).ok() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  Open(path_);
  EXPECT_EQ(State(key), "Disabled");
}

TEST_F(WorldTest, RefusesFilesOfSomethingElse) {
  std::ofstream(path_) << std::string(4096, 'x');
  const auto opened = World::Open(path_, clock_, random_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().field, "state");
}

TEST_F(WorldTest, AStateFileIsUsedByOneEmulator) {
  Open(path_);
  const auto second = World::Open(path_, clock_, random_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
}

TEST_F(WorldTest, SnapshotsAndRestores) {
  const std::string key = NewKey();
  const std::string blob = Encrypted(key);
  const base::SecretBytes snapshot = world_->Snapshot();
  ASSERT_TRUE(Do("DisableKey", {{"KeyId", key}}).ok());
  ASSERT_TRUE(world_->Restore(snapshot.RevealText()));
  EXPECT_TRUE(Do("Decrypt", {{"CiphertextBlob", blob}}).ok());
  EXPECT_FALSE(world_->Restore("{}"));
  EXPECT_FALSE(world_->Restore(R"({"version":1,"rows":[["key","x",{}]]})"));
  EXPECT_EQ(State(key), "Enabled");
  ASSERT_TRUE(world_->Reset());
  EXPECT_EQ(world_->Read([](const Contents& c) { return c.keys.size() + c.accounts.size(); }), 0u);
}

TEST_F(WorldTest, SeedsKeepTheirMaterialAndOverwriteNothing) {
  const auto seed = [] {
    KeySeed out;
    out.account = kCustomer;
    out.region = kEast;
    out.id = "mrk-0123456789abcdef0123456789abcdef";
    out.material.emplace_back();
    out.material.back().RevealMutable()[0] = 7;
    out.replica_regions = {kWest};
    out.aliases = {"alias/seeded"};
    return out;
  };
  const Result<std::string> arn = world_->AddKey(seed());
  ASSERT_TRUE(arn) << arn.error().message;
  const std::string blob = Encrypted("alias/seeded");
  EXPECT_TRUE(Do("Decrypt", {{"CiphertextBlob", blob}}, kWest).ok());
  ASSERT_TRUE(Do("DisableKey", {{"KeyId", *arn}}).ok());
  ASSERT_TRUE(world_->AddKey(seed()));
  EXPECT_EQ(State(*arn), "Disabled");
  // Another world with the same seed opens it.
  ASSERT_TRUE(world_->Reset());
  Open("");
  ASSERT_TRUE(world_->AddKey(seed()));
  EXPECT_TRUE(Do("Decrypt", {{"CiphertextBlob", blob}}).ok());
  KeySeed bad = seed();
  bad.id = "mrk-1";
  const auto refused = world_->AddKey(std::move(bad));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "id");
}

TEST_F(WorldTest, TheClockStandsStillOnRequest) {
  const base::UtcTime then = base::UtcTime(std::chrono::milliseconds(5));
  ASSERT_TRUE(world_->SetClock({std::chrono::milliseconds(0), then}));
  clock_.Advance(std::chrono::hours(1));
  EXPECT_EQ(world_->Now(), then);
}

}  // namespace
}  // namespace tenantseal::emulator
