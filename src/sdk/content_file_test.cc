// Content in files: what appears, what does not, and with which permissions.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/file.h"
#include "formats/formats_testing.h"
#include "sdk/content_testing.h"

namespace tenantseal {
namespace {

namespace fs = std::filesystem;
using sdk::ContentFileTest;
using sdk::kFrameOverhead;
using sdk::kTenant;
using sdk::Pattern;
constexpr const char* kOther = "vutsrqponmlkjihgfedcba9876543210";

TEST_F(ContentFileTest, SizesAroundFrameAndPieceBoundaries) {
  for (const std::size_t base : {std::size_t{0}, std::size_t{64} << 10, std::size_t{kFrameBytes},
                                 std::size_t{3 * kFrameBytes}}) {
    for (const int delta : {-1, 0, 1}) {
      if (base == 0 && delta < 0) continue;
      const std::string plaintext = Pattern(base + static_cast<std::size_t>(delta));
      Put("plain", plaintext);
      for (const unsigned workers : {1u, 3u}) {
        FileOptions options;
        options.workers = workers;
        ASSERT_EQ(Seal({}, options).value(), plaintext.size());
        ASSERT_EQ(Open({}, options).value(), plaintext.size());
        ASSERT_EQ(Get("opened"), plaintext);
      }
    }
  }
}

TEST_F(ContentFileTest, NoFlippedByteOpensAndNothingIsLeft) {
  Put("plain", Pattern(50));
  ASSERT_TRUE(Seal().ok());
  const std::string message = Get("sealed");
  for (std::size_t i = 0; i < message.size(); ++i) {
    std::string broken = message;
    broken[i] = static_cast<char>(broken[i] ^ 1);
    Put("sealed", broken);
    ASSERT_EQ(Open().error().code, ErrorCode::kDecryptFailed) << i;
  }
  for (std::size_t size = 0; size < message.size(); ++size) {
    Put("sealed", message.substr(0, size));
    ASSERT_EQ(Open().error().code, ErrorCode::kDecryptFailed) << size;
  }
  EXPECT_THAT(Names(), testing::UnorderedElementsAre("plain", "sealed"));
}

TEST_F(ContentFileTest, ADamagedFrameAmongManyLeavesTheOldOutputAsItWas) {
  Put("plain", Pattern(5 * kFrameBytes));
  ASSERT_TRUE(Seal().ok());
  Put("opened", "what was there");
  std::string message = Get("sealed");
  message[message.size() - kFrameBytes - 100] ^= 4;
  Put("sealed", message);
  EXPECT_EQ(Open().error().code, ErrorCode::kDecryptFailed);
  EXPECT_EQ(Get("opened"), "what was there");
  EXPECT_THAT(Names(), testing::UnorderedElementsAre("plain", "sealed", "opened"));
}

// Frames are bound to their place and to their message.
TEST_F(ContentFileTest, SwappedOrDroppedFramesDoNotOpen) {
  Put("plain", Pattern(4 * kFrameBytes));
  ASSERT_TRUE(Seal().ok());
  const std::string message = Get("sealed");
  const std::size_t frame = kFrameBytes + kFrameOverhead;
  const std::size_t header = message.size() - 3 * frame - (kFrameBytes + 8 + kFrameOverhead);
  std::string swapped = message;
  std::swap_ranges(swapped.begin() + static_cast<std::ptrdiff_t>(header),
                   swapped.begin() + static_cast<std::ptrdiff_t>(header + frame),
                   swapped.begin() + static_cast<std::ptrdiff_t>(header + frame));
  Put("sealed", swapped);
  EXPECT_EQ(Open().error().code, ErrorCode::kDecryptFailed);
  std::string dropped = message;
  dropped.erase(header, frame);
  Put("sealed", dropped);
  EXPECT_EQ(Open().error().code, ErrorCode::kDecryptFailed);
  Put("sealed", message);
  EXPECT_TRUE(Open().ok());
}

TEST_F(ContentFileTest, ForeignTenantsAndWrongContextsLeaveNoOutput) {
  Put("plain", "secret");
  ASSERT_TRUE(Seal({{"a", "1"}}).ok());
  const Content theirs = *Content::Make(keys_, kOther);
  EXPECT_EQ(theirs.OpenFile(Path("sealed"), Path("opened")).error().code,
            ErrorCode::kDecryptFailed);
  EXPECT_EQ(Open({{"a", "2"}}).error().code, ErrorCode::kDecryptFailed);
  EXPECT_THAT(Names(), testing::UnorderedElementsAre("plain", "sealed"));
  EXPECT_TRUE(Open({{"a", "1"}}).ok());
}

TEST_F(ContentFileTest, Permissions) {
  Put("plain", "secret");
  ASSERT_TRUE(Seal().ok());
  EXPECT_EQ(ModeOf("sealed"), 0644u);
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ModeOf("opened"), 0600u);
  fs::permissions(Path("opened"), fs::perms(0640));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ModeOf("opened"), 0640u);
}

// As the files of /proc do.
TEST_F(ContentFileTest, AFileThatSaysItIsEmptyIsReadToItsEnd) {
  ASSERT_EQ(fs::file_size("/proc/version"), 0u);
  const std::string content(base::ReadFile("/proc/version", 4096).value().RevealText());
  ASSERT_FALSE(content.empty());
  const auto sealed = content_.SealFile("/proc/version", Path("sealed"), *content_.MakeContext({}));
  EXPECT_EQ(sealed.value(), content.size());
  EXPECT_EQ(ModeOf("sealed"), 0644u);
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(Get("opened"), content);
}

TEST_F(ContentFileTest, AFileThatChangesItsSizeMeanwhileLeavesNothing) {
  for (const std::uint64_t size : {3 * kFrameBytes + 1, 3 * kFrameBytes - 1}) {
    Put("plain", Pattern(3 * kFrameBytes));
    FileOptions options;
    options.workers = 1;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
      if (done == total) fs::resize_file(Path("plain"), size);
      return true;
    };
    EXPECT_EQ(Seal({}, options).error().code, ErrorCode::kConflict) << size;
    EXPECT_THAT(Names(), testing::ElementsAre("plain"));
  }
}

TEST_F(ContentFileTest, ASymbolicLinkIsFollowedAndWhatIsNoFileIsRefused) {
  Put("plain", "secret");
  ASSERT_TRUE(Seal().ok());
  Put("target", "old");
  fs::create_symlink(Path("target"), Path("opened"));
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(fs::is_symlink(Path("opened")));
  EXPECT_EQ(Get("target"), "secret");
  EXPECT_EQ(content_.OpenFile(Path("sealed"), "/dev/null").error().field, "output");
  EXPECT_EQ(content_.OpenFile("/dev/zero", Path("x")).error().field, "input");
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(content_.OpenFile(Path("pipe"), Path("x")).error().field, "input");
  EXPECT_EQ(content_.OpenFile(Path("missing"), Path("x")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(content_.OpenFile(Path("sealed"), Path("no/dir")).error().code, ErrorCode::kNotFound);
}

// In a child process, since the limit cannot be raised again.
TEST_F(ContentFileTest, AFullDiskLeavesNothing) {
  Put("plain", Pattern(3 * kFrameBytes));
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{kFrameBytes, kFrameBytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(Seal().ok() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_THAT(Names(), testing::ElementsAre("plain"));
}

TEST_F(ContentFileTest, AKillInTheMiddleLeavesNothing) {
  Put("plain", Pattern(3 * kFrameBytes));
  const pid_t child = ::fork();
  if (child == 0) {
    FileOptions options;
    options.workers = 1;
    options.progress = [](std::uint64_t, std::uint64_t) { return ::raise(SIGKILL) == 0; };
    static_cast<void>(Seal({}, options));
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_THAT(Names(), testing::ElementsAre("plain"));
}

TEST_F(ContentFileTest, AnInterruptionLeavesNothing) {
  Put("plain", Pattern(5 * kFrameBytes));
  FileOptions options;
  options.progress = [](std::uint64_t done, std::uint64_t total) { return done < total / 2; };
  EXPECT_EQ(Seal({}, options).error().field, "interrupted");
  EXPECT_THAT(Names(), testing::ElementsAre("plain"));
}

TEST_F(ContentFileTest, RangesAreReadWithoutTheRest) {
  const std::string plaintext = Pattern(3 * kFrameBytes + 500);
  Put("plain", plaintext);
  ASSERT_TRUE(Seal().ok());
  const auto range = [&](std::uint64_t offset, std::uint64_t length) {
    std::string out;
    const WriteFunction write = [&](ConstBytes bytes) -> Result<void> {
      out.append(bytes.begin(), bytes.end());
      return {};
    };
    const auto opened = content_.OpenRange(Path("sealed"), {offset, length}, write);
    EXPECT_TRUE(!opened || *opened == out.size());
    return opened ? out : "error";
  };
  const std::uint64_t end = plaintext.size();
  for (const auto& [offset, length] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0, 0},
                                                            {0, 1},
                                                            {kFrameBytes - 1, 2},
                                                            {kFrameBytes, kFrameBytes},
                                                            {100, 3 * kFrameBytes},
                                                            {end - 1, 100},
                                                            {end, 1},
                                                            {end + 5, 1},
                                                            {0, UINT64_MAX},
                                                            {UINT64_MAX, UINT64_MAX}}) {
    const std::string expected =
        offset < end ? plaintext.substr(offset, std::min(length, end - offset)) : "";
    EXPECT_EQ(range(offset, length), expected) << offset << " " << length;
  }
  // Damage elsewhere is not noticed, damage in the frame is.
  std::string message = Get("sealed");
  message[message.size() - 300] ^= 1;
  Put("sealed", message);
  EXPECT_EQ(range(0, 10), plaintext.substr(0, 10));
  EXPECT_EQ(range(end - 10, 10), "error");
}

// The length that a truncated file implies is not believed.
TEST_F(ContentFileTest, ARangeThatReachesTheEndOfATruncatedFileFails) {
  Put("plain", Pattern(2 * kFrameBytes + 500));
  ASSERT_TRUE(Seal().ok());
  const std::string message = Get("sealed");
  std::uint64_t written = 0;
  const WriteFunction write = [&](ConstBytes bytes) -> Result<void> {
    written += bytes.size();
    return {};
  };
  const std::size_t frame = kFrameBytes + kFrameOverhead;
  for (const std::size_t cut :
       {std::size_t{1}, std::size_t{200}, std::size_t{540}, frame, frame + 540, frame + 1000}) {
    Put("sealed", message.substr(0, message.size() - cut));
    const auto found = Inspect(Path("sealed"))->plaintext_bytes;
    if (!found) continue;  // No message has this size; refused before any frame is read.
    for (const ByteRange range :
         {ByteRange{UINT64_MAX, 1}, ByteRange{*found, 0}, ByteRange{*found + 1, 10},
          ByteRange{*found - 1, 1}, ByteRange{*found - 1, 2}, ByteRange{0, UINT64_MAX}}) {
      EXPECT_EQ(content_.OpenRange(Path("sealed"), range, write).error().code,
                ErrorCode::kDecryptFailed)
          << cut << " " << range.offset;
    }
  }
  EXPECT_EQ(written, 0u);
  Put("plain", "");
  ASSERT_TRUE(Seal().ok());
  EXPECT_EQ(content_.OpenRange(Path("sealed"), {0, 0}, write).value(), 0u);
  std::string broken = Get("sealed");
  broken.back() ^= 1;
  Put("sealed", broken);
  EXPECT_FALSE(content_.OpenRange(Path("sealed"), {5, 1}, write).ok());
}

// Written by another SDK, without frames.
TEST_F(ContentFileTest, OpensASingleBlockWholeAndByRange) {
  const Context context = *content_.MakeContext({});
  const DataKey key = *keys_.Mint(context);
  const base::Secret256 data_key(key.plaintext.Reveal().first<32>());
  const std::string plaintext = Pattern(200'000);
  const base::Bytes message =
      formats::SingleBlockMessage({*model::TenantId::Parse(kTenant), key.wrapped, context.inner()},
                                  data_key, base::AsBytes(plaintext));
  Put("sealed", std::string(base::AsText(message)));
  EXPECT_EQ(Open().value(), plaintext.size());
  EXPECT_EQ(Get("opened"), plaintext);
  std::string range;
  const WriteFunction write = [&](ConstBytes bytes) -> Result<void> {
    range += base::AsText(bytes);
    return {};
  };
  EXPECT_EQ(content_.OpenRange(Path("sealed"), {1000, 70'000}, write).value(), 70'000u);
  EXPECT_EQ(range, plaintext.substr(1000, 70'000));
  EXPECT_EQ(Inspect(Path("sealed"))->plaintext_bytes, plaintext.size());
  keys_.version = 2;
  EXPECT_NE(content_.RewrapFile(Path("sealed")).error().message.find("not framed"),
            std::string::npos);
  Put("sealed", std::string(base::AsText(base::ByteSpan(message).first(message.size() - 1))));
  fs::remove(Path("opened"));
  EXPECT_FALSE(Open().ok());
  EXPECT_FALSE(fs::exists(Path("opened")));
}

TEST_F(ContentFileTest, InspectTellsWhatStandsInClear) {
  Put("plain", Pattern(kFrameBytes + 5));
  ASSERT_TRUE(Seal({{"a", "1"}}).ok());
  const ContentDescription d = *Inspect(Path("sealed"));
  EXPECT_EQ(d.format_version, 2);
  EXPECT_EQ(d.suite, 0x0478);
  EXPECT_EQ(d.tenant_id, kTenant);
  EXPECT_EQ(d.provider_fingerprint, kTenant);
  EXPECT_EQ(d.tenant_key_version, 1u);
  EXPECT_EQ(d.context, (Context::Pairs{{"TenantId", kTenant}, {"a", "1"}}));
  EXPECT_EQ(d.frame_bytes, kFrameBytes);
  EXPECT_EQ(d.plaintext_bytes, kFrameBytes + 5u);
  EXPECT_EQ(d.message_bytes, Get("sealed").size());
  EXPECT_EQ(Inspect(Path("plain")).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tenantseal
