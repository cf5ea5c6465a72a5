// Content messages: round trips through every path, and the negative space.
#include <gtest/gtest.h>

#include "formats/content_frame.h"
#include "formats/content_header.h"
#include "formats/content_message.h"
#include "formats/content_stream.h"
#include "formats/formats_testing.h"

namespace tenantseal::formats {
namespace {

using base::Bytes;
using base::ByteSpan;

constexpr std::uint32_t kLength = 64;  // Of a frame, small enough to try every byte.
const std::size_t kSizes[] = {0, 1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 640, 700};

class ContentTest : public testing::Test {
 protected:
  ContentHeaderFields Fields(std::uint32_t frame_length = kLength) const {
    return {tenant_, wrapped_key_, context_, frame_length};
  }
  Bytes Seal(ByteSpan plaintext, std::uint32_t frame_length = kLength) const {
    return SealMessage(Fields(frame_length), data_key_, plaintext, random_).value();
  }
  Result<base::SecretBytes> Open(ByteSpan message) const { return Open(message, data_key_); }
  static Result<base::SecretBytes> Open(ByteSpan message, const base::Secret256& key) {
    TS_ASSIGN_OR_RETURN(const ContentHeader header, ParseWholeContentHeader(message));
    return OpenMessage(header, key, message);
  }
  // Through the stream, `piece` bytes at a time; what came out is in `out` even on error.
  Result<void> OpenStream(ByteSpan message, std::size_t piece, Bytes& out) const {
    ContentOpener opener(
        [&](const ContentHeader&) -> Result<base::Secret256> { return data_key_.Copy(); });
    const ByteSink sink = [&](ByteSpan bytes) -> Result<void> {
      out.insert(out.end(), bytes.begin(), bytes.end());
      return {};
    };
    for (std::size_t at = 0; at < message.size(); at += piece) {
      TS_RETURN_IF_ERROR(
          opener.Push(message.subspan(at, std::min(piece, message.size() - at)), sink));
    }
    return opener.Finish();
  }
  Bytes SealStream(ByteSpan plaintext, std::size_t piece, std::uint64_t seed) const {
    Bytes out;
    const ByteSink sink = [&](ByteSpan bytes) -> Result<void> {
      out.insert(out.end(), bytes.begin(), bytes.end());
      return {};
    };
    auto sealer = ContentSealer::New(Fields(), data_key_, base::FakeRandom(seed)).value();
    for (std::size_t at = 0; at < plaintext.size(); at += piece) {
      EXPECT_TRUE(
          sealer->Push(plaintext.subspan(at, std::min(piece, plaintext.size() - at)), sink).ok());
    }
    EXPECT_TRUE(sealer->Finish(sink).ok());
    EXPECT_FALSE(sealer->Push(plaintext, sink).ok());
    return out;
  }

  base::FakeRandom random_{1};
  base::Secret256 data_key_ = TestKey(5);
  model::TenantId tenant_ = TestTenant();
  model::EncryptionContext context_ = TestContext(tenant_);
  std::string wrapped_key_ = "#BYOKv1#:" + std::string(191, 'w');
};

TEST_F(ContentTest, RoundTripsAroundFrameBoundaries) {
  for (std::size_t size : kSizes) {
    const Bytes plaintext = RandomBytes(size, size + 1);
    const Bytes message = Seal(plaintext);
    const auto opened = Open(message);
    ASSERT_TRUE(opened.ok()) << size;
    EXPECT_EQ(base::ToBytes(opened->Reveal()), plaintext) << size;
    const auto layout =
        ContentLayout::ForPlaintext(ContentHeaderBytes(Fields()), kLength, size).value();
    EXPECT_EQ(layout.message_bytes(), message.size());
    const auto found =
        ContentLayout::ForMessage(ContentHeaderBytes(Fields()), kLength, message.size()).value();
    EXPECT_EQ(found.plaintext_bytes(), size);
    EXPECT_EQ(found.frames(), layout.frames());
  }
}

TEST_F(ContentTest, StreamsEqualWholeMessages) {
  for (std::size_t size : kSizes) {
    const Bytes plaintext = RandomBytes(size, size + 1);
    const Bytes whole = SealMessage(Fields(), data_key_, plaintext, base::FakeRandom(9)).value();
    for (std::size_t piece : {1u, 7u, 64u, 65u, 1000u}) {
      EXPECT_EQ(SealStream(plaintext, piece, 9), whole) << size << " " << piece;
      Bytes out;
      ASSERT_TRUE(OpenStream(whole, piece, out).ok()) << size << " " << piece;
      EXPECT_EQ(out, plaintext);
    }
  }
}

TEST_F(ContentTest, EveryFlippedByteFailsAndReleasesOnlyVerifiedFrames) {
  const Bytes plaintext = RandomBytes(150, 1);
  const Bytes message = Seal(plaintext);
  for (std::size_t i = 0; i < message.size(); ++i) {
    for (std::uint8_t mask : {0x01, 0x80}) {
      const Bytes bad = Flipped(message, i, mask);
      EXPECT_FALSE(Open(bad).ok()) << i;
      Bytes out;
      EXPECT_FALSE(OpenStream(bad, 50, out).ok()) << i;
      ASSERT_LE(out.size(), 128u) << i;
      EXPECT_TRUE(std::equal(out.begin(), out.end(), plaintext.begin())) << i;
      EXPECT_EQ(out.size() % kLength, 0u) << i;
    }
  }
}

TEST_F(ContentTest, EveryTruncationIsCalledTruncated) {
  for (std::size_t size : {0u, 64u, 150u}) {
    const Bytes message = Seal(RandomBytes(size, 1));
    for (std::size_t n = 0; n < message.size(); ++n) {
      const auto opened = Open(ByteSpan(message).first(n));
      ASSERT_FALSE(opened.ok()) << n;
      EXPECT_EQ(opened.error().message, TruncatedMessage().message) << n;
      Bytes out;
      const auto streamed = OpenStream(ByteSpan(message).first(n), 33, out);
      ASSERT_FALSE(streamed.ok()) << n;
      EXPECT_EQ(streamed.error().message, TruncatedMessage().message) << n;
    }
  }
}

TEST_F(ContentTest, NothingMayFollowTheFinalFrame) {
  for (std::size_t more : {1u, 40u, 96u, 104u, 136u}) {
    Bytes message = Seal(RandomBytes(150, 1));
    message.resize(message.size() + more);
    EXPECT_EQ(Open(message).error().code, ErrorCode::kInvalidArgument) << more;
    Bytes out;
    EXPECT_EQ(OpenStream(message, 1000, out).error().code, ErrorCode::kInvalidArgument);
  }
}

TEST_F(ContentTest, FramesCannotBeMovedDroppedOrTakenFromAnotherMessage) {
  const auto layout =
      ContentLayout::ForPlaintext(ContentHeaderBytes(Fields()), kLength, 200).value();
  const Bytes message = Seal(RandomBytes(200, 1)), other = Seal(RandomBytes(200, 1));
  const auto at = [&](std::uint32_t i) {
    return static_cast<std::ptrdiff_t>(layout.WireOffset(i));
  };
  Bytes swapped = message;
  std::swap_ranges(swapped.begin() + at(0), swapped.begin() + at(1), swapped.begin() + at(1));
  EXPECT_EQ(Open(swapped).error().code, ErrorCode::kDecryptFailed);
  Bytes dropped = message;
  dropped.erase(dropped.begin() + at(1), dropped.begin() + at(2));
  EXPECT_EQ(Open(dropped).error().code, ErrorCode::kDecryptFailed);
  Bytes mixed = message;
  std::copy(other.begin() + at(1), other.begin() + at(2), mixed.begin() + at(1));
  EXPECT_EQ(Open(mixed).error().code, ErrorCode::kDecryptFailed);
  // A final frame in place of a regular one, even with the same number, is bound to its kind.
  Bytes cut = Seal(RandomBytes(64, 1));
  cut.erase(cut.begin() + at(0), cut.begin() + at(0) + 4);
  EXPECT_FALSE(Open(cut).ok());
}

TEST_F(ContentTest, AnotherDataKeyFails) {
  EXPECT_EQ(Open(Seal(RandomBytes(10, 1)), TestKey(6)).error().code, ErrorCode::kDecryptFailed);
}

TEST_F(ContentTest, AnEmptyFinalFrameAfterFullOnesIsRead) {
  // Other SDKs may write what this one does not.
  const Bytes plaintext = RandomBytes(2 * kLength, 1);
  MessageId id{1, 2, 3};
  const ContentKeys keys = DeriveContentKeys(data_key_, id);
  Bytes message = WriteContentHeader(Fields(), id, keys).value();
  FrameCipher cipher(keys.content_key, id);
  for (const Frame frame :
       {Frame{1, false, kLength}, Frame{2, false, kLength}, Frame{3, true, 0}}) {
    Bytes wire(frame.WireBytes());
    cipher.Seal(frame,
                ByteSpan(plaintext).subspan((frame.sequence - 1) * kLength, frame.plaintext_bytes),
                wire);
    message.insert(message.end(), wire.begin(), wire.end());
  }
  EXPECT_EQ(base::ToBytes(Open(message).value().Reveal()), plaintext);
  Bytes out;
  ASSERT_TRUE(OpenStream(message, 10, out).ok());
  EXPECT_EQ(out, plaintext);
}

TEST_F(ContentTest, PiecesEqualAWholeFrame) {
  const MessageId id{9};
  const Frame frame{3, true, 1000};
  const Bytes plaintext = RandomBytes(1000, 1);
  FrameCipher cipher(data_key_, id);
  Bytes whole(frame.WireBytes()), pieces(frame.WireBytes()), opened(1000);
  cipher.Seal(frame, plaintext, whole);
  WriteFrameHead(frame, base::MutableByteSpan(pieces).first(frame.HeadBytes()));
  cipher.StartSeal(frame);
  for (std::size_t at = 0; at < 1000; at += 250) {
    cipher.Update(ByteSpan(plaintext).subspan(at, 250),
                  base::MutableByteSpan(pieces).subspan(frame.HeadBytes() + at, 250));
  }
  cipher.FinishSeal(base::MutableByteSpan(pieces).last<kFrameTagBytes>());
  EXPECT_EQ(pieces, whole);
  EXPECT_EQ(ParseFrameHead(whole, 3, 1000).value(), frame);
  ASSERT_TRUE(cipher.Open(frame, whole, opened));
  EXPECT_EQ(opened, plaintext);
  whole.back() ^= 1;
  EXPECT_FALSE(cipher.Open(frame, whole, opened));
  EXPECT_EQ(opened, Bytes(1000));
}

TEST_F(ContentTest, OpensASingleBlock) {
  for (std::size_t size : {0, 1, 700}) {
    const Bytes plaintext = RandomBytes(size, 3);
    const Bytes message = SingleBlockMessage(Fields(), data_key_, plaintext);
    const auto opened = Open(message);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(base::ToBytes(opened->Reveal()), plaintext);
    for (std::size_t piece : {std::size_t{1}, std::size_t{7}, message.size()}) {
      Bytes streamed;
      ASSERT_TRUE(OpenStream(message, piece, streamed).ok()) << piece;
      EXPECT_EQ(streamed, plaintext);
    }
  }
}

TEST_F(ContentTest, ReleasesNothingOfASingleBlockThatIsNotWhole) {
  const Bytes message = SingleBlockMessage(Fields(), data_key_, RandomBytes(50, 3));
  for (std::size_t at = 0; at < message.size(); ++at) {
    Bytes changed = message, out;
    changed[at] ^= 1;
    EXPECT_FALSE(Open(changed).ok()) << at;
    EXPECT_FALSE(OpenStream(changed, 16, out).ok()) << at;
    EXPECT_FALSE(Open(ByteSpan(message).first(at)).ok()) << at;
    EXPECT_FALSE(OpenStream(ByteSpan(message).first(at), 16, out).ok()) << at;
    EXPECT_TRUE(out.empty()) << at;
  }
  Bytes longer = message, out;
  longer.push_back(0);
  EXPECT_FALSE(Open(longer).ok());
  EXPECT_FALSE(OpenStream(longer, 16, out).ok());
  const auto huge = ContentLayout::ForMessage(100, kSingleBlock, 100 + 36 + kFrameLengthMax + 1);
  ASSERT_FALSE(huge.ok());
  EXPECT_NE(huge.error().message.find("16 MiB"), std::string::npos);
}

TEST(ContentLayout, MatchesASlowCount) {
  for (std::uint32_t length : {1u, 2u, 5u, 64u}) {
    for (std::uint64_t size = 0; size <= 200; ++size) {
      const auto layout = ContentLayout::ForPlaintext(100, length, size).value();
      std::uint64_t wire = 100, plain = 0;
      for (std::uint32_t i = 0; i < layout.frames(); ++i) {
        const Frame frame = layout.At(i);
        EXPECT_EQ(frame.sequence, i + 1);
        EXPECT_EQ(frame.final, i + 1 == layout.frames());
        EXPECT_EQ(layout.WireOffset(i), wire);
        EXPECT_EQ(layout.PlaintextOffset(i), plain);
        wire += frame.WireBytes();
        plain += frame.plaintext_bytes;
      }
      EXPECT_EQ(plain, size);
      EXPECT_EQ(layout.message_bytes(), wire);
      EXPECT_EQ(layout.At(layout.frames() - 1).plaintext_bytes == 0, size == 0);
      const auto found = ContentLayout::ForMessage(100, length, wire).value();
      EXPECT_EQ(found.plaintext_bytes(), size);
    }
  }
}

TEST(ContentLayout, RangesNameTheFramesThatHoldThem) {
  using Frames = ContentLayout::Frames;
  const auto layout = ContentLayout::ForPlaintext(0, 10, 35).value();
  EXPECT_EQ(layout.Holding(0, 1), (Frames{0, 1}));
  EXPECT_EQ(layout.Holding(9, 10), (Frames{0, 1}));
  EXPECT_EQ(layout.Holding(9, 11), (Frames{0, 2}));
  EXPECT_EQ(layout.Holding(10, 30), (Frames{1, 2}));
  EXPECT_EQ(layout.Holding(34, 1000), (Frames{3, 1}));
  EXPECT_EQ(layout.Holding(0, ~0ull), (Frames{0, 4}));
  EXPECT_EQ(layout.Holding(35, 40), (Frames{}));
  EXPECT_EQ(layout.Holding(7, 7), (Frames{}));
  EXPECT_EQ(layout.Holding(8, 7), (Frames{}));
  EXPECT_EQ(ContentLayout::ForPlaintext(0, 10, 0)->Holding(0, 5), (Frames{}));
}

TEST(ContentLayout, TheLastFrameNumberIsTheLast) {
  const auto most = ContentLayout::ForPlaintext(0, 1, 0xFFFFFFFF);
  ASSERT_TRUE(most.ok());
  EXPECT_EQ(most->frames(), 0xFFFFFFFF);
  EXPECT_EQ(most->At(0xFFFFFFFE).sequence, 0xFFFFFFFF);
  EXPECT_FALSE(ContentLayout::ForPlaintext(0, 1, 0x100000000).ok());
  EXPECT_TRUE(ContentLayout::ForMessage(0, 1, most->message_bytes()).ok());
  EXPECT_FALSE(ContentLayout::ForMessage(0, 1, most->message_bytes() + 33).ok());
  EXPECT_FALSE(ContentLayout::ForMessage(100, 1, 99).ok());
}

}  // namespace
}  // namespace tenantseal::formats
