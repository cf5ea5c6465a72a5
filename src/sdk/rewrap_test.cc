// Sealed files under a new tenant key: what changes, and what a failure leaves.
#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>

#include "base/file.h"
#include "formats/content_header.h"
#include "sdk/content_testing.h"

namespace tenantseal {
namespace {

using sdk::kFrameOverhead;
using sdk::Pattern;

class RewrapTest : public sdk::ContentFileTest {
 protected:
  // Seals `plaintext` under version 1, makes 2 the active one, and returns the message.
  std::string SealedUnderTheOldKey(const std::string& plaintext) {
    Put("plain", plaintext);
    keys_.version = 1;
    EXPECT_TRUE(Seal({{"a", "1"}}).ok());
    keys_.version = 2;
    return Get("sealed");
  }
  Result<bool> Rewrap(FileOptions options = {}) {
    return content_.RewrapFile(Path("sealed"), {}, options);
  }
  std::string Opened() {
    const auto opened = Open({{"a", "1"}});
    return opened ? Get("opened") : opened.error().message;
  }
  // Runs `step` in a child process; its wait status.
  template <typename Step>
  static int InChild(Step step) {
    const pid_t child = ::fork();
    if (child == 0) {
      step();
      ::_exit(0);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  }
};

base::Bytes MessageIdOf(const std::string& message) {
  return base::ToBytes(formats::ParseWholeContentHeader(base::AsBytes(message))->message_id);
}

TEST_F(RewrapTest, ContentIsSealedAnewAndOpensToTheSameBytes) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{kFrameBytes},
                                 std::size_t{3 * kFrameBytes + 70'000}}) {
    const std::string plaintext = Pattern(size);
    const std::string before = SealedUnderTheOldKey(plaintext);
    for (const unsigned workers : {1u, 3u}) {
      Put("sealed", before);
      FileOptions options;
      options.workers = workers;
      ASSERT_TRUE(Rewrap(options).value()) << size;
      ASSERT_EQ(Opened(), plaintext) << size;
      EXPECT_EQ(Inspect(Path("sealed"))->tenant_key_version, 2u);
      EXPECT_EQ(Inspect(Path("sealed"))->frame_bytes, kFrameBytes);
      EXPECT_FALSE(Rewrap().value());
    }
  }
}

// Two headers under one content key would give away its authentication key.
TEST_F(RewrapTest, NoKeyMaterialOfTheOldMessageIsUsedAgain) {
  const std::string plaintext = Pattern(2 * kFrameBytes + 5000);
  const std::string before = SealedUnderTheOldKey(plaintext);
  ASSERT_TRUE(Rewrap().value());
  const std::string after = Get("sealed");
  EXPECT_NE(MessageIdOf(after), MessageIdOf(before));
  const auto old_header = *formats::ParseWholeContentHeader(base::AsBytes(before));
  const auto new_header = *formats::ParseWholeContentHeader(base::AsBytes(after));
  EXPECT_NE(base::ToBytes(new_header.commitment), base::ToBytes(old_header.commitment));
  EXPECT_NE(new_header.TenantsealKey()->ciphertext, old_header.TenantsealKey()->ciphertext);
  // No stretch of ciphertext or tag of the old file is found in the new one.
  for (std::size_t i = old_header.bytes.size() + 24; i + 16 < before.size(); i += 50'021) {
    EXPECT_EQ(after.find(before.substr(i, 16)), std::string::npos) << i;
  }
  EXPECT_EQ(after.find(before.substr(before.size() - 16)), std::string::npos);
  // A frame of the old file does not open in the new one.
  std::string mixed = after;
  const std::size_t frame = kFrameBytes + kFrameOverhead;
  mixed.replace(new_header.bytes.size(), frame, before, old_header.bytes.size(), frame);
  Put("sealed", mixed);
  EXPECT_EQ(Open().error().code, ErrorCode::kDecryptFailed);
}

TEST_F(RewrapTest, AFileUnderTheActiveKeyIsNotTouched) {
  const std::string before = SealedUnderTheOldKey("secret");
  keys_.version = 1;
  const int mints = keys_.mints;
  EXPECT_FALSE(Rewrap().value());
  EXPECT_EQ(Get("sealed"), before);
  EXPECT_EQ(keys_.mints, mints);
}

TEST_F(RewrapTest, PermissionsStayAndTheContextIsAskedFor) {
  SealedUnderTheOldKey("secret");
  std::filesystem::permissions(Path("sealed"), std::filesystem::perms(0604));
  EXPECT_EQ(content_.RewrapFile(Path("sealed"), {{"a", "2"}}).error().code,
            ErrorCode::kDecryptFailed);
  EXPECT_TRUE(content_.RewrapFile(Path("sealed"), {{"a", "1"}}).value());
  EXPECT_EQ(ModeOf("sealed"), 0604u);
  EXPECT_EQ(content_.RewrapFile(Path("plain")).error().code, ErrorCode::kDecryptFailed);
  EXPECT_EQ(Get("plain"), "secret");
}

TEST_F(RewrapTest, NoDamageIsSealedAnew) {
  const std::string message = SealedUnderTheOldKey(Pattern(50));
  for (std::size_t i = 0; i < message.size(); ++i) {
    std::string broken = message;
    broken[i] = static_cast<char>(broken[i] ^ 1);
    Put("sealed", broken);
    ASSERT_EQ(Rewrap().error().code, ErrorCode::kDecryptFailed) << i;
    ASSERT_EQ(Get("sealed"), broken) << i;
  }
  for (std::size_t size = 0; size < message.size(); ++size) {
    Put("sealed", message.substr(0, size));
    ASSERT_EQ(Rewrap().error().code, ErrorCode::kDecryptFailed) << size;
    ASSERT_EQ(Get("sealed").size(), size);
  }
  Put("sealed", message + "x");
  EXPECT_EQ(Rewrap().error().code, ErrorCode::kDecryptFailed);
  EXPECT_THAT(Names(), testing::UnorderedElementsAre("plain", "sealed"));
}

TEST_F(RewrapTest, ADamagedOrMissingFrameAmongManyLeavesTheFile) {
  const std::string message = SealedUnderTheOldKey(Pattern(4 * kFrameBytes + 100));
  const std::size_t frame = kFrameBytes + kFrameOverhead;
  std::string broken = message;
  broken[broken.size() - 2 * frame] ^= 4;
  const std::size_t header = formats::ParseWholeContentHeader(base::AsBytes(message))->bytes.size();
  for (const std::string& bad :
       {broken, message.substr(0, message.size() - frame), message.substr(0, header + 2 * frame),
        message.substr(0, header + frame) + message.substr(header + 2 * frame)}) {
    Put("sealed", bad);
    EXPECT_EQ(Rewrap().error().code, ErrorCode::kDecryptFailed);
    EXPECT_EQ(Get("sealed"), bad);
  }
  EXPECT_THAT(Names(), testing::UnorderedElementsAre("plain", "sealed"));
}

TEST_F(RewrapTest, AFailedWriteAKillOrAnInterruptionLeavesTheFile) {
  const std::string plaintext = Pattern(3 * kFrameBytes);
  const std::string before = SealedUnderTheOldKey(plaintext);
  const int full = InChild([this] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{kFrameBytes, kFrameBytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(Rewrap().ok() ? 1 : 0);
  });
  EXPECT_EQ(full, 0);
  EXPECT_EQ(Get("sealed"), before);
  FileOptions options;
  options.workers = 1;
  options.progress = [](std::uint64_t, std::uint64_t) { return ::raise(SIGKILL) == 0; };
  EXPECT_TRUE(WIFSIGNALED(InChild([&] { static_cast<void>(Rewrap(options)); })));
  EXPECT_EQ(Get("sealed"), before);
  options.progress = [](std::uint64_t done, std::uint64_t total) { return done < total / 2; };
  EXPECT_EQ(Rewrap(options).error().field, "interrupted");
  EXPECT_EQ(Get("sealed"), before);
  EXPECT_THAT(Names(), testing::UnorderedElementsAre("plain", "sealed"));
  EXPECT_TRUE(Rewrap().value());
  EXPECT_EQ(Opened(), plaintext);
}

TEST_F(RewrapTest, AServiceThatFailsLeavesTheFile) {
  const std::string before = SealedUnderTheOldKey("secret");
  keys_.FailWith(Error{ErrorCode::kUnavailable, "down"});
  EXPECT_EQ(Rewrap().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Get("sealed"), before);
}

// Hands out data keys that unwrap to something else.
class ForgetfulKeys final : public DataKeySource {
 public:
  explicit ForgetfulKeys(const DataKeySource& inner) : inner_(inner) {}
  Result<DataKey> Mint(const Context& context) const override {
    TS_ASSIGN_OR_RETURN(DataKey key, inner_.Mint(context));
    key.plaintext.RevealMutable()[0] ^= 1;
    return key;
  }
  Result<DataKey> Unwrap(std::string_view wrapped, const Context& context) const override {
    return inner_.Unwrap(wrapped, context);
  }
  Result<RewrappedKey> Rewrap(std::string_view wrapped, const Context& context) const override {
    return inner_.Rewrap(wrapped, context);
  }

 private:
  const DataKeySource& inner_;
};

TEST_F(RewrapTest, AKeyThatDoesNotComeBackReplacesNothing) {
  const std::string before = SealedUnderTheOldKey("secret");
  const ForgetfulKeys keys(keys_);
  const Content content = *Content::Make(keys, sdk::kTenant);
  EXPECT_EQ(content.RewrapFile(Path("sealed")).error().code, ErrorCode::kIntegrity);
  EXPECT_EQ(Get("sealed"), before);
}

// Sanitizers keep shadow memory, and what was freed.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
long PeakKiB() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtol(line.c_str() + 6, nullptr, 10);
  }
  return -1;
}

// Peaks are those of child processes: each is the work's own.
TEST_F(RewrapTest, MemoryDoesNotGrowWithTheFile) {
  constexpr std::uint64_t kSize = 256 << 20;
  constexpr int kLimitMiB = 32;
  Put("plain", "");
  std::filesystem::resize_file(Path("plain"), kSize);
  const auto peak_mib = [](auto work) {
    const int status = InChild([&] {
      // What earlier tests left in the heap is not the work's; 5 resets the peak (proc(5)).
      ::malloc_trim(0);
      std::ofstream("/proc/self/clear_refs") << 5;
      const bool ok = work();
      const long peak = PeakKiB();
      ::_exit(ok && peak > 0 ? static_cast<int>(std::min(peak >> 10, 250l)) : 255);
    });
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
  };
  EXPECT_LT(peak_mib([&] { return Seal({{"a", "1"}}).ok(); }), kLimitMiB);
  EXPECT_LT(peak_mib([&] { return Open().ok(); }), kLimitMiB);
  EXPECT_EQ(std::filesystem::file_size(Path("opened")), kSize);
  keys_.version = 2;
  EXPECT_LT(peak_mib([&] { return Rewrap().value(); }), kLimitMiB);
  const auto stream = [&](const char* from, const char* to, auto work) {
    const base::UniqueFd in(::open(Path(from).c_str(), O_RDONLY));
    const base::UniqueFd out(::open(Path(to).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
    return peak_mib([&] { return work(ReadFrom(in.get()), WriteTo(out.get())).ok(); });
  };
  const Context context = *content_.MakeContext({});
  EXPECT_LT(
      stream("plain", "sealed",
             [&](auto read, auto write) { return content_.SealStream(read, write, context); }),
      kLimitMiB);
  EXPECT_LT(stream("sealed", "opened",
                   [&](auto read, auto write) { return content_.OpenStream(read, write); }),
            kLimitMiB);
  EXPECT_EQ(std::filesystem::file_size(Path("opened")), kSize);
}
#endif

}  // namespace
}  // namespace tenantseal
