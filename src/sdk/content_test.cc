// Content on buffers and streams.
#include "tenantseal/content.h"

#include <gmock/gmock.h>

#include "sdk/fake_data_keys.h"

namespace tenantseal {
namespace {

constexpr const char* kTenant = "0123456789abcdefghijklmnopqrstuv";
constexpr const char* kOther = "vutsrqponmlkjihgfedcba9876543210";
using Buffer = std::vector<std::uint8_t>;

Buffer Pattern(std::size_t size) {
  Buffer out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 131 + (i >> 8));
  return out;
}

ReadFunction FromBuffer(const Buffer& buffer) {
  return [&buffer, at = std::size_t{0}](MutableBytes out) mutable -> Result<std::size_t> {
    const std::size_t n = std::min(out.size(), buffer.size() - at);
    std::copy_n(buffer.begin() + static_cast<std::ptrdiff_t>(at), n, out.begin());
    at += n;
    return n;
  };
}

WriteFunction ToBuffer(Buffer& buffer) {
  return [&buffer](ConstBytes bytes) -> Result<void> {
    buffer.insert(buffer.end(), bytes.begin(), bytes.end());
    return {};
  };
}

class ContentTest : public testing::Test {
 protected:
  Buffer Seal(const Buffer& plaintext, Context::Pairs pairs = {}) {
    return *content_.Seal(plaintext, *content_.MakeContext(std::move(pairs)));
  }
  Buffer SealAsStream(const Buffer& plaintext) {
    Buffer out;
    EXPECT_EQ(
        content_.SealStream(FromBuffer(plaintext), ToBuffer(out), *content_.MakeContext()).value(),
        plaintext.size());
    return out;
  }

  sdk::FakeDataKeys keys_;
  Content content_ = *Content::Make(keys_, kTenant);
};

TEST_F(ContentTest, BuffersAndStreamsReadEachOther) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{1023}, std::size_t{kFrameBytes} - 1,
        std::size_t{kFrameBytes}, std::size_t{kFrameBytes} + 1, std::size_t{2 * kFrameBytes},
        std::size_t{2 * kFrameBytes + 77}}) {
    const Buffer plaintext = Pattern(size);
    const Buffer buffered = Seal(plaintext), streamed = SealAsStream(plaintext);
    EXPECT_EQ(buffered.size(), streamed.size());
    EXPECT_EQ(*content_.Open(streamed), plaintext);
    Buffer out;
    ASSERT_EQ(content_.OpenStream(FromBuffer(buffered), ToBuffer(out)).value(), size);
    EXPECT_EQ(out, plaintext);
  }
}

TEST_F(ContentTest, NoFlippedBitOpens) {
  const Buffer message = Seal(Pattern(100), {{"purpose", "test"}});
  for (std::size_t i = 0; i < message.size(); ++i) {
    Buffer broken = message;
    broken[i] ^= static_cast<std::uint8_t>(1 << (i % 8));
    const auto opened = content_.Open(broken);
    ASSERT_FALSE(opened.ok()) << i;
    EXPECT_EQ(opened.error().code, ErrorCode::kDecryptFailed) << i;
    Buffer out;
    ASSERT_FALSE(content_.OpenStream(FromBuffer(broken), ToBuffer(out)).ok()) << i;
    EXPECT_TRUE(out.empty());
  }
}

TEST_F(ContentTest, NoTruncationAndNoAppendixOpens) {
  const Buffer message = Seal(Pattern(100));
  for (std::size_t size = 0; size < message.size(); ++size) {
    const Buffer shorter(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_EQ(content_.Open(shorter).error().code, ErrorCode::kDecryptFailed) << size;
    Buffer out;
    ASSERT_FALSE(content_.OpenStream(FromBuffer(shorter), ToBuffer(out)).ok()) << size;
  }
  Buffer longer = message;
  longer.push_back(0);
  EXPECT_EQ(content_.Open(longer).error().code, ErrorCode::kDecryptFailed);
  Buffer out;
  EXPECT_EQ(content_.OpenStream(FromBuffer(longer), ToBuffer(out)).error().code,
            ErrorCode::kDecryptFailed);
}

TEST_F(ContentTest, AFailedOpenLeavesNoPlaintextInTheBuffer) {
  Buffer message = Seal(Buffer(2 * kFrameBytes, 0x41));
  message.back() ^= 1;  // The tag of the second frame.
  Buffer out(message.size(), 0);
  ASSERT_FALSE(content_.OpenTo(message, {}, out).ok());
  EXPECT_EQ(std::count(out.begin(), out.end(), 0x41), 0);
}

TEST_F(ContentTest, AnotherTenantsContentDoesNotOpenEvenWithTheSameKeys) {
  const Content theirs = *Content::Make(keys_, kOther);
  const Buffer message = *theirs.Seal(Pattern(10), *theirs.MakeContext());
  EXPECT_TRUE(theirs.Open(message).ok());
  EXPECT_EQ(content_.Open(message).error().code, ErrorCode::kDecryptFailed);
  EXPECT_FALSE(content_.Seal(Pattern(10), *theirs.MakeContext()).ok());
}

TEST_F(ContentTest, RequiredPairsMustBeThereAndOthersMay) {
  const Buffer message = Seal(Pattern(10), {{"a", "1"}, {"b", "2"}});
  EXPECT_TRUE(content_.Open(message).ok());
  EXPECT_TRUE(content_.Open(message, {{"a", "1"}}).ok());
  EXPECT_TRUE(content_.Open(message, {{"b", "2"}, {"a", "1"}, {"TenantId", kTenant}}).ok());
  for (const Context::Pairs& wrong :
       {Context::Pairs{{"a", "2"}}, {{"c", "1"}}, {{"TenantId", kOther}}}) {
    EXPECT_EQ(content_.Open(message, wrong).error().code, ErrorCode::kDecryptFailed);
  }
}

TEST_F(ContentTest, TheSourcesErrorIsHandedOn) {
  const Buffer message = Seal(Pattern(10));
  const Content fresh = *Content::Make(keys_, kTenant);
  keys_.FailWith(Error{ErrorCode::kKeyUnavailable, "later"});
  EXPECT_EQ(fresh.Open(message).error().code, ErrorCode::kKeyUnavailable);
  EXPECT_EQ(fresh.Seal(Pattern(1), *fresh.MakeContext()).error().code, ErrorCode::kKeyUnavailable);
}

TEST_F(ContentTest, AStreamThatEndsEarlyYieldsWholeFramesAndSaysSo) {
  const Buffer plaintext = Pattern(3 * kFrameBytes);
  Buffer message = SealAsStream(plaintext);
  message.resize(message.size() - 1);
  Buffer out;
  const auto opened = content_.OpenStream(FromBuffer(message), ToBuffer(out));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kDecryptFailed);
  EXPECT_THAT(opened.error().message, testing::HasSubstr("its first 2097152 bytes are authentic"));
  EXPECT_EQ(out, Buffer(plaintext.begin(), plaintext.begin() + 2 * kFrameBytes));
}

TEST_F(ContentTest, BytesAfterAStreamAreRefusedAndNothingIsCalledMissing) {
  const Buffer plaintext = Pattern(kFrameBytes + 10);
  Buffer message = SealAsStream(plaintext);
  message.push_back(0);
  Buffer out;
  const auto opened = content_.OpenStream(FromBuffer(message), ToBuffer(out));
  EXPECT_EQ(opened.error().code, ErrorCode::kDecryptFailed);
  EXPECT_EQ(opened.error().message,
            "Something follows the final frame of the message. The output holds the whole content, "
            "1048586 bytes, all of it authentic.");
  EXPECT_EQ(out, plaintext);
  // A disk that is full before the last frame is written is another matter.
  const WriteFunction failing = [&, n = 0](ConstBytes) mutable -> Result<void> {
    if (++n == 2) return Error{ErrorCode::kUnavailable, "full"};
    return {};
  };
  EXPECT_THAT(content_.OpenStream(FromBuffer(message), failing).error().message,
              testing::HasSubstr("The output ends early: its first 1048576 bytes"));
}

TEST_F(ContentTest, ErrorsOfReadAndWriteEndTheStream) {
  const Buffer plaintext = Pattern(8 * kFrameBytes);
  const Error full{ErrorCode::kUnavailable, "full"};
  int writes = 0;
  const WriteFunction failing = [&](ConstBytes) -> Result<void> {
    if (++writes == 3) return full;
    return {};
  };
  const auto sealed = content_.SealStream(FromBuffer(plaintext), failing, *content_.MakeContext());
  EXPECT_EQ(sealed.error().message, "full");
  EXPECT_EQ(writes, 3);
  const ReadFunction broken = [&](MutableBytes) -> Result<std::size_t> { return full; };
  Buffer out;
  EXPECT_EQ(content_.SealStream(broken, ToBuffer(out), *content_.MakeContext()).error().message,
            "full");
}

TEST_F(ContentTest, ProgressCanEndAStream) {
  StreamOptions options;
  options.progress = [](std::uint64_t done, std::uint64_t) { return done < kFrameBytes; };
  Buffer out;
  const Buffer plaintext = Pattern(4 * kFrameBytes);
  EXPECT_EQ(
      content_.SealStream(FromBuffer(plaintext), ToBuffer(out), *content_.MakeContext(), options)
          .error()
          .field,
      "interrupted");
}

TEST_F(ContentTest, WhatCannotWorkIsRefused) {
  EXPECT_EQ(Content::Make(keys_, "short").error().code, ErrorCode::kInvalidArgument);
  DataKeyLimits limits;
  limits.messages = 0;
  EXPECT_EQ(Content::Make(keys_, kTenant, limits).error().field, "messages");
  EXPECT_EQ(content_.MakeContext({{"aws-crypto-x", "1"}}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(content_.MakeContext({{"TenantId", kOther}}).error().code, ErrorCode::kInvalidArgument);
  Buffer small(10);
  EXPECT_EQ(content_.SealTo(Pattern(10), *content_.MakeContext(), small).error().code,
            ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace tenantseal
