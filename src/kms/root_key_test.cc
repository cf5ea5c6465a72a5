#include "kms/internal/root_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/encoding.h"
#include "base/file.h"
#include "kms/sealed_box.h"

namespace tenantseal::kms {
namespace {

class TempDir {
 public:
  TempDir() {
    std::string path = std::filesystem::temp_directory_path() / "kms_test.XXXXXX";
    path_ = ::mkdtemp(path.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

TEST(SealedBox, EveryFlippedBitAndEveryTruncationIsIntegrity) {
  const base::FakeRandom random(1);
  const base::Secret256 key = random.Key();
  const auto secret = base::AsBytes("thirty-two bytes of key material");
  const base::Bytes box = SealBox(key, "label", base::AsBytes("owner"), secret, random);
  ASSERT_TRUE(OpenBox(key, "label", base::AsBytes("owner"), box).ok());
  for (std::size_t i = 0; i < box.size(); ++i) {
    base::Bytes bad = box;
    bad[i] ^= 1;
    EXPECT_EQ(OpenBox(key, "label", base::AsBytes("owner"), bad).error().code,
              ErrorCode::kIntegrity);
    const auto cut = base::ByteSpan(box).first(i);
    EXPECT_EQ(OpenBox(key, "label", base::AsBytes("owner"), cut).error().code,
              ErrorCode::kIntegrity);
  }
  EXPECT_FALSE(OpenBox(key, "other", base::AsBytes("owner"), box).ok());
  EXPECT_FALSE(OpenBox(key, "label", base::AsBytes("another"), box).ok());
  EXPECT_FALSE(OpenBox(random.Key(), "label", base::AsBytes("owner"), box).ok());
}

TEST(RootKeys, TextFormKeepsEverything) {
  const base::FakeRandom random(2);
  const base::FakeClock clock;
  RootKeys roots = RootKeys::Fresh(random, clock);
  roots.AddActive(random, clock);
  const auto parsed = RootKeys::Parse(roots.Serialize().RevealText());
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  ASSERT_EQ(parsed->entries().size(), 2u);
  EXPECT_EQ(parsed->active().id(), roots.active().id());
  EXPECT_EQ(parsed->active().CheckValue(), roots.active().CheckValue());
  EXPECT_NE(parsed->entries()[1].root.id(), parsed->active().id());
}

TEST(RootKeys, ReadsBareBase64) {
  const base::Bytes key(32, 9), old(32, 8);
  const auto one = RootKeys::Parse(base::Base64Encode(key) + "\n");
  ASSERT_TRUE(one.ok());
  const auto two = RootKeys::Parse(base::Base64Encode(key) + "," + base::Base64Encode(old));
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(two->active().id(), one->active().id());
  EXPECT_EQ(two->entries().size(), 2u);
}

TEST(RootKeys, EveryDamageIsNoticed) {
  const base::FakeRandom random(3);
  const base::FakeClock clock;
  const base::SecretBytes text = RootKeys::Fresh(random, clock).Serialize();
  const std::string good(text.RevealText());
  const std::size_t key_at = good.rfind(' ') + 1;
  for (std::size_t i = key_at; i + 1 < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(RootKeys::Parse(bad).ok()) << i;
  }
  for (const char* bad :
       {"", "\n", "AAAA", "tenantseal-root-keys 2\n", "tenantseal-root-keys 1\n",
        "tenantseal-root-keys 1\nkey a active x y\n", "tenantseal-root-keys 1\nfoo\n"}) {
    EXPECT_EQ(RootKeys::Parse(bad).error().code, ErrorCode::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(RootKeys::Parse(good + good.substr(good.find("key "))).ok()) << "twice the same";
}

TEST(RootFile, IsOwnerOnlyAndNeverReplaced) {
  const TempDir dir;
  const base::FakeRandom random(4);
  const base::FakeClock clock;
  const std::string path = dir / "root.key";
  const auto made = CreateRootFile(path, random, clock);
  ASSERT_TRUE(made.ok()) << made.error().message;
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(CreateRootFile(path, random, clock).error().code, ErrorCode::kAlreadyExists);
  const auto loaded = LoadRootKeys(RootSource::File(path));
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->active().id(), made->active().id());
  ::chmod(path.c_str(), 0644);
  EXPECT_EQ(LoadRootKeys(RootSource::File(path)).error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(LoadRootKeys(RootSource::File(dir / "none")).error().code, ErrorCode::kNotFound);
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir / "")) ++files;
  EXPECT_EQ(files, 1u) << "nothing is left aside";
}

TEST(RootFile, KeepsItsOwnerWhenRootReplacesIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give files away";
  std::string directory = std::filesystem::temp_directory_path() / "root_key_test.XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/root.key";
  base::SystemClock clock;
  base::SystemRandom random;
  auto roots = CreateRootFile(path, random, clock);
  ASSERT_TRUE(roots.ok());
  ASSERT_EQ(::chown(path.c_str(), 65534, 65533), 0);
  roots->AddActive(random, clock);
  ASSERT_TRUE(WriteRootFile(path, *roots).ok());
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 65534u);
  EXPECT_EQ(info.st_gid, 65533u);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  std::filesystem::remove_all(directory);
}

TEST(RootSource, EnvironmentIsTakenAndRemoved) {
  const std::string key = base::Base64Encode(base::Bytes(32, 5));
  ::setenv("TENANTSEAL_ROOT_KEY", key.c_str(), 1);
  const auto source = RootSource::Environment();
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(::getenv("TENANTSEAL_ROOT_KEY"), nullptr);
  EXPECT_TRUE(LoadRootKeys(*source).ok());
  EXPECT_EQ(RootSource::Environment().error().code, ErrorCode::kNotFound);
}

TEST(RootSource, DescriptorIsReadToItsEnd) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string key = base::Base64Encode(base::Bytes(32, 6));
  ASSERT_EQ(::write(ends[1], key.data(), key.size()), static_cast<ssize_t>(key.size()));
  ::close(ends[1]);
  const auto source = RootSource::Descriptor(ends[0]);
  ASSERT_TRUE(source.ok());
  EXPECT_TRUE(LoadRootKeys(*source).ok());
  EXPECT_EQ(RootSource::Descriptor(9999).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tenantseal::kms
