#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/random.h"
#include "base/secret.h"

namespace tenantseal::base {
namespace {

TEST(Base64, RoundTripsEveryLength) {
  for (std::size_t n = 0; n < 200; ++n) {
    Bytes in(n);
    FakeRandom(n).Fill(in);
    EXPECT_EQ(Base64Decode(Base64Encode(in)), in);
    EXPECT_EQ(Base64UrlDecode(Base64UrlEncode(in)), in);
    EXPECT_EQ(Base64UrlEncode(in).size(), Base64UrlSize(n));
    EXPECT_EQ(HexDecode(HexEncode(in)), in);
  }
}

TEST(Base64, KnownAnswersOfRfc4648) {
  EXPECT_EQ(Base64Encode(AsBytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(Base64Encode(AsBytes("fooba")), "Zm9vYmE=");
  EXPECT_EQ(Base64Encode(AsBytes("foob")), "Zm9vYg==");
  EXPECT_EQ(Base64UrlEncode(AsBytes("foob")), "Zm9vYg");
}

TEST(Base64, RefusesWhatIsNotCanonical) {
  for (const char* bad : {"Zm9vYg=", "Zm9vYg", "Zm9vYh==", "Zm9vYmF=", "Zm9v\n", "Zm9 ",
                          "====", "=", "Zm=v", "Zm9vYg==Zm9v"}) {
    EXPECT_FALSE(Base64Decode(bad)) << bad;
  }
  for (const char* bad : {"Zm9vYg==", "Zm9vYh", "Zm9vYmF", "Z", "Zm+v", "Zm/v"}) {
    EXPECT_FALSE(Base64UrlDecode(bad)) << bad;
  }
}

TEST(Forms, ADecodedValueIsWhatWasMeantAndNothingIsGuessed) {
  EXPECT_EQ(FormDecode(""), "");
  EXPECT_EQ(FormDecode("a+b%2Bc%2fd%20"), "a b+c/d ");
  EXPECT_EQ(FormDecode("%00%ff"), std::string("\0\xff", 2));
  for (const char* bad : {"%", "%4", "%4g", "%g4", "a%2", "%%41", "% 1", "%+1"})
    EXPECT_FALSE(FormDecode(bad)) << bad;
}

TEST(Base64, EveryTextThatDecodesIsTheEncodingOfItsBytes) {
  FakeRandom random(1);
  for (int i = 0; i < 20000; ++i) {
    Bytes raw(5);
    random.Fill(raw);
    std::string text;
    for (std::size_t k = 0; k < raw[4] % 5u; ++k) text += "ABab01-_+/="[raw[k] % 11];
    if (const auto bytes = Base64UrlDecode(text)) {
      EXPECT_EQ(Base64UrlEncode(*bytes), text);
    }
    if (const auto bytes = Base64Decode(text)) {
      EXPECT_EQ(Base64Encode(*bytes), text);
    }
  }
}

TEST(Utf8, AcceptsAndRefuses) {
  for (const char* good : {"", "plain", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x94\x91"})
    EXPECT_TRUE(IsUtf8(good));
  for (const char* bad : {"\x80", "\xC0\xAF", "\xC3", "\xE0\x80\xAF", "\xED\xA0\x80",
                          "\xF4\x90\x80\x80", "\xFF", "\xE2\x82"}) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

TEST(Clock, FormatsAndParses) {
  const UtcTime time = ParseUtc("2026-02-28T23:59:59.007Z").value();
  EXPECT_EQ(FormatUtc(time), "2026-02-28T23:59:59.007Z");
  EXPECT_EQ(FormatUtcSeconds(time), "2026-02-28T23:59:59Z");
  EXPECT_EQ(FormatUtc(*ParseUtc("2026-02-28T23:59:59Z")), "2026-02-28T23:59:59.000Z");
  for (const char* bad :
       {"", "2026-02-30T00:00:00Z", "2026-02-28T24:00:00Z", "2026-02-28 23:59:59Z",
        "2026-02-28T23:59:59+01:00", "2026-02-28T23:59:59"}) {
    EXPECT_FALSE(ParseUtc(bad)) << bad;
  }
}

TEST(ByteReader, StopsAtTheFirstOverrun) {
  ByteWriter writer;
  writer.U16(0x0102);
  writer.Field("abc");
  Bytes bytes = writer.Take();
  ByteReader whole(bytes);
  EXPECT_EQ(whole.U16(), 0x0102);
  EXPECT_EQ(AsText(whole.Field()), "abc");
  EXPECT_TRUE(whole.AtEnd());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    ByteReader cut(ByteSpan(bytes).first(n));
    cut.U16();
    cut.Field();
    EXPECT_FALSE(cut.ok()) << n;
  }
}

TEST(Secret, IsWipedWhenMovedFrom) {
  Secret256 a = SystemRandom().Key();
  const Bytes copy = ToBytes(a.Reveal());
  Secret256 b = std::move(a);
  EXPECT_EQ(ToBytes(b.Reveal()), copy);
  EXPECT_EQ(ToBytes(a.Reveal()), Bytes(32));  // NOLINT(bugprone-use-after-move)
}

TEST(Random, PublicBytesDifferAndSurviveFork) {
  SystemRandom random;
  std::set<Bytes> seen;
  for (int i = 0; i < 1000; ++i) {
    Bytes bytes(32);
    random.FillPublic(bytes);
    EXPECT_TRUE(seen.insert(bytes).second);
  }
  // A child must not repeat what its parent draws next.
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  const pid_t child = fork();
  Bytes mine(32);
  random.FillPublic(mine);
  if (child == 0) {
    const bool sent = write(pipes[1], mine.data(), mine.size()) == 32;
    _exit(sent ? 0 : 1);
  }
  Bytes theirs(32);
  ASSERT_EQ(read(pipes[0], theirs.data(), theirs.size()), 32);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_NE(mine, theirs);
}

TEST(File, ANewFileReplacesNothingAndLeavesNothingBeside) {
  std::string dir = testing::TempDir() + "base_test.XXXXXX";
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  ASSERT_TRUE(CreateFileAtomically(dir + "/file", AsBytes("one")));
  EXPECT_EQ(CreateFileAtomically(dir + "/file", AsBytes("two")).error().code,
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(ReadFile(dir + "/file", 10)->RevealText(), "one");
  const auto missing = EnsurePrivateDirectory(dir + "/no/such");
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("mkdir -p " + dir + "/no"), std::string::npos);
  ASSERT_EQ(::unlink((dir + "/file").c_str()), 0);
  EXPECT_EQ(::rmdir(dir.c_str()), 0) << "something else is in it";
}

TEST(File, WhatTheDiskIsToBlameForComesWithItsRemedy) {
  for (const auto& [error, words] :
       {std::pair{ENOSPC, "is full: free some space"}, {EDQUOT, "quota"}, {EROFS, "read-only"}}) {
    errno = error;
    const Error told = FileError("write", "/tmp/x");
    EXPECT_EQ(told.code, ErrorCode::kUnavailable);
    EXPECT_NE(told.message.find(words), std::string::npos) << told.message;
    EXPECT_NE(told.message.find("/tmp/x"), std::string::npos);
  }
  EXPECT_FALSE(DiskError(EACCES, testing::TempDir()).has_value());
}

TEST(File, WritesAtomicallyWithPrivatePermissions) {
  const std::string dir = testing::TempDir() + "/ts_file_" + std::to_string(getpid());
  ASSERT_TRUE(EnsurePrivateDirectory(dir));
  const std::string path = dir + "/f";
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("one")));
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("two")));
  EXPECT_EQ(ReadFile(path, 10)->RevealText(), "two");
  EXPECT_EQ(ReadFile(path, 2).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(ReadFile(dir + "/none", 2).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(RequirePrivateFile(path));
  chmod(path.c_str(), 0644);
  EXPECT_FALSE(RequirePrivateFile(path));
  chmod(dir.c_str(), 0755);
  EXPECT_FALSE(EnsurePrivateDirectory(dir));
}

}  // namespace
}  // namespace tenantseal::base
