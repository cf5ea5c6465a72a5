#include "formats/content_frame.h"

#include <limits>

#include "base/check.h"

namespace tenantseal::formats {
namespace {

constexpr std::uint32_t kFinalMark = 0xFFFFFFFF;
constexpr std::uint64_t kFramesMax = 0xFFFFFFFF;

void PutBigEndian(std::uint64_t v, base::MutableByteSpan out) {
  for (std::size_t i = out.size(); i-- > 0; v >>= 8) out[i] = static_cast<std::uint8_t>(v);
}

// The IV of a frame is its sequence number.
crypto::GcmNonce FrameNonce(std::uint32_t sequence) {
  crypto::GcmNonce nonce{};
  PutBigEndian(sequence, base::MutableByteSpan(nonce).last(4));
  return nonce;
}

// What the AWS Encryption SDK binds a frame to.
class FrameAssociatedData {
 public:
  FrameAssociatedData(const MessageId& message_id, const Frame& frame) {
    std::string_view text = "AWSKMSEncryptionClient Frame";
    if (frame.final) text = "AWSKMSEncryptionClient Final Frame";
    if (frame.single_block) text = "AWSKMSEncryptionClient Single Block";
    std::memcpy(bytes_.data(), message_id.data(), message_id.size());
    std::memcpy(bytes_.data() + 32, text.data(), text.size());
    const base::MutableByteSpan rest = base::MutableByteSpan(bytes_).subspan(32 + text.size());
    PutBigEndian(frame.sequence, rest.first(4));
    PutBigEndian(frame.plaintext_bytes, rest.subspan(4, 8));
    size_ = 32 + text.size() + 12;
  }
  base::ByteSpan bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, 80> bytes_;
  std::size_t size_;
};

}  // namespace

void WriteFrameHead(const Frame& frame, base::MutableByteSpan out) {
  TS_CHECK(out.size() == frame.HeadBytes() && !frame.single_block);
  if (frame.final) {
    PutBigEndian(kFinalMark, out.first(4));
    PutBigEndian(frame.plaintext_bytes, out.last(4));
    out = out.subspan(4, kRegularHeadBytes);
  }
  PutBigEndian(frame.sequence, out.first(4));
  PutBigEndian(frame.sequence, out.subspan(4, 12));
}

namespace {

Result<std::optional<Frame>> ParseBlockHead(base::ByteSpan in) {
  base::ByteReader reader(in);
  const base::ByteSpan nonce = reader.Raw(12);
  const std::uint64_t length = reader.U64();
  if (!reader.ok()) return std::optional<Frame>();
  const crypto::GcmNonce expected = FrameNonce(1);
  if (!std::equal(nonce.begin(), nonce.end(), expected.begin()) || length > kFrameLengthMax) {
    return DecryptFailed();
  }
  return std::optional<Frame>({1, true, static_cast<std::uint32_t>(length), true});
}

}  // namespace

Result<std::optional<Frame>> ParseFrameHead(base::ByteSpan in, std::uint32_t sequence,
                                            std::uint32_t frame_length) {
  if (frame_length == kSingleBlock) return ParseBlockHead(in);
  base::ByteReader reader(in);
  Frame frame{reader.U32(), false, frame_length};
  if (frame.sequence == kFinalMark) {
    frame.final = true;
    frame.sequence = reader.U32();
  }
  const base::ByteSpan nonce = reader.Raw(12);
  if (frame.final) frame.plaintext_bytes = reader.U32();
  if (!reader.ok()) return std::optional<Frame>();
  const crypto::GcmNonce expected = FrameNonce(sequence);
  if (frame.sequence != sequence || !std::equal(nonce.begin(), nonce.end(), expected.begin()) ||
      frame.plaintext_bytes > frame_length) {
    return DecryptFailed();
  }
  return std::optional<Frame>(frame);
}

Result<ContentLayout> ContentLayout::ForPlaintext(std::uint64_t header_bytes,
                                                  std::uint32_t frame_length,
                                                  std::uint64_t plaintext_bytes) {
  TS_CHECK(frame_length > 0);
  const std::uint64_t regular = plaintext_bytes == 0 ? 0 : (plaintext_bytes - 1) / frame_length;
  if (regular >= kFramesMax) {
    return InvalidArgument("frameLength",
                           "The content needs more than 2^32 - 1 frames; use longer ones.");
  }
  return ContentLayout(header_bytes, frame_length, static_cast<std::uint32_t>(regular),
                       static_cast<std::uint32_t>(plaintext_bytes - regular * frame_length));
}

Result<ContentLayout> ContentLayout::ForMessage(std::uint64_t header_bytes,
                                                std::uint32_t frame_length,
                                                std::uint64_t message_bytes) {
  constexpr std::uint64_t kBlockOverhead = kSingleBlockHeadBytes + kFrameTagBytes;
  if (frame_length == kSingleBlock) {
    if (message_bytes < header_bytes || message_bytes - header_bytes < kBlockOverhead) {
      return TruncatedMessage();
    }
    const std::uint64_t content = message_bytes - header_bytes - kBlockOverhead;
    if (content > kFrameLengthMax) {
      return InvalidArgument("message",
                             "The message is not framed and holds more than 16 MiB; write it with "
                             "frames.");
    }
    return ContentLayout(header_bytes, kSingleBlock, 0, static_cast<std::uint32_t>(content));
  }
  constexpr std::uint64_t kFinalOverhead = kFinalHeadBytes + kFrameTagBytes;
  if (message_bytes < header_bytes || message_bytes - header_bytes < kFinalOverhead) {
    return TruncatedMessage();
  }
  const std::uint64_t body = message_bytes - header_bytes - kFinalOverhead;
  const std::uint64_t wire = std::uint64_t{frame_length} + kRegularHeadBytes + kFrameTagBytes;
  // What regular frames leave over is the content of the final frame. It may be empty although
  // regular frames precede it: Tenantseal does not write that, other SDKs may.
  const std::uint64_t regular = body / wire, rest = body % wire;
  if (rest > frame_length) return TruncatedMessage();
  if (regular >= kFramesMax) {
    return InvalidArgument("message", "The message has more than 2^32 - 1 frames.");
  }
  return ContentLayout(header_bytes, frame_length, static_cast<std::uint32_t>(regular),
                       static_cast<std::uint32_t>(rest));
}

Frame ContentLayout::At(std::uint32_t index) const {
  TS_CHECK(index <= regular_frames_);
  const bool final = index == regular_frames_;
  return {index + 1, final, final ? final_bytes_ : frame_length_, frame_length_ == kSingleBlock};
}

ContentLayout::Frames ContentLayout::Holding(std::uint64_t begin, std::uint64_t end) const {
  end = std::min(end, plaintext_bytes());
  if (begin >= end) return {};
  if (frame_length_ == kSingleBlock) return {0, 1};
  const auto first = static_cast<std::uint32_t>(begin / frame_length_);
  const auto last = static_cast<std::uint32_t>((end - 1) / frame_length_);
  return {first, last - first + 1};
}

void FrameCipher::SetMessage(const base::Secret256& content_key, base::ByteSpan message_id) {
  TS_CHECK(message_id.size() == message_id_.size());
  std::copy(message_id.begin(), message_id.end(), message_id_.begin());
  stream_.SetKey(content_key);
}

void FrameCipher::TagHeader(base::ByteSpan untagged, std::span<std::uint8_t, kFrameTagBytes> tag) {
  stream_.StartSeal(crypto::GcmNonce{}, untagged);
  stream_.FinishSeal(tag);
}

bool FrameCipher::VerifyHeader(const ContentHeader& header) {
  stream_.StartOpen(crypto::GcmNonce{}, header.bytes.first(header.bytes.size() - kFrameTagBytes));
  return stream_.FinishOpen(header.tag.first<kFrameTagBytes>());
}

void FrameCipher::StartSeal(const Frame& frame) {
  stream_.StartSeal(FrameNonce(frame.sequence), FrameAssociatedData(message_id_, frame).bytes());
}

void FrameCipher::StartOpen(const Frame& frame) {
  stream_.StartOpen(FrameNonce(frame.sequence), FrameAssociatedData(message_id_, frame).bytes());
}

void FrameCipher::Seal(const Frame& frame, base::ByteSpan plaintext, base::MutableByteSpan wire) {
  TS_CHECK(plaintext.size() == frame.plaintext_bytes && wire.size() == frame.WireBytes());
  StartSeal(frame);
  Update(plaintext, wire.subspan(frame.HeadBytes(), plaintext.size()));
  FinishSeal(wire.last<kFrameTagBytes>());
  WriteFrameHead(frame, wire.first(frame.HeadBytes()));
}

bool FrameCipher::Open(const Frame& frame, base::ByteSpan wire, base::MutableByteSpan plaintext) {
  TS_CHECK(plaintext.size() == frame.plaintext_bytes && wire.size() == frame.WireBytes());
  StartOpen(frame);
  Update(wire.subspan(frame.HeadBytes(), plaintext.size()), plaintext);
  if (FinishOpen(wire.last<kFrameTagBytes>())) return true;
  if (!plaintext.empty()) base::Wipe(plaintext);
  return false;
}

}  // namespace tenantseal::formats
