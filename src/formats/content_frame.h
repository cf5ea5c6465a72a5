// Frames of a content message: where they lie, and how one is sealed and opened.
//
// On the wire a regular frame is: sequence number (4), IV (12), ciphertext, tag (16); the final
// frame, exactly one, may be shorter or empty: FFFFFFFF (4), sequence number (4), IV (12), content
// length (4), ciphertext, tag (16). A message without frames is one block: IV (12), content length
// (8), ciphertext, tag (16); here it is a final frame that is marked so, and a frame length of
// kSingleBlock stands for it. Nothing of it may be released before its tag is verified, so it may
// be as long as the longest frame.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/aes_gcm.h"
#include "formats/content_header.h"

namespace tenantseal::formats {

inline constexpr std::size_t kRegularHeadBytes = 4 + 12;
inline constexpr std::size_t kFinalHeadBytes = 4 + 4 + 12 + 4;
inline constexpr std::size_t kSingleBlockHeadBytes = 12 + 8;
inline constexpr std::size_t kFrameTagBytes = crypto::kGcmTagBytes;

// One frame: its number (1, 2, 3, ...), whether it is the last, and its bytes of plaintext.
struct Frame {
  std::uint32_t sequence = 0;
  bool final = false;
  std::uint32_t plaintext_bytes = 0;
  bool single_block = false;  // Then it is final, too.

  std::size_t HeadBytes() const {
    if (single_block) return kSingleBlockHeadBytes;
    return final ? kFinalHeadBytes : kRegularHeadBytes;
  }
  // On the wire: head, ciphertext, tag.
  std::size_t WireBytes() const { return HeadBytes() + plaintext_bytes + kFrameTagBytes; }
  bool operator==(const Frame&) const = default;
};

// Writes the head of `frame`, no single block, to `out`, of frame.HeadBytes() bytes.
void WriteFrameHead(const Frame& frame, base::MutableByteSpan out);

// Reads the head of frame number `sequence` from the start of a stream: nothing when more bytes
// are needed (never when kFinalHeadBytes are there). DecryptFailed() when it is another frame's,
// or longer than `frame_length`. With kSingleBlock it reads the head of the block.
Result<std::optional<Frame>> ParseFrameHead(base::ByteSpan in, std::uint32_t sequence,
                                            std::uint32_t frame_length);

// Where every frame of a message lies. A value; frames are counted from 0 here, so that frame i
// has sequence number i + 1.
class ContentLayout {
 public:
  // Of a message to be written. When the plaintext is a multiple of the frame length, the last
  // frame is full and final; an empty plaintext has one empty final frame. kInvalidArgument for
  // more than 2^32 - 1 frames.
  static Result<ContentLayout> ForPlaintext(std::uint64_t header_bytes, std::uint32_t frame_length,
                                            std::uint64_t plaintext_bytes);
  // Of a message found, from its size. kInvalidArgument (truncated) when no message has this size.
  static Result<ContentLayout> ForMessage(std::uint64_t header_bytes, std::uint32_t frame_length,
                                          std::uint64_t message_bytes);

  std::uint32_t frames() const { return regular_frames_ + 1; }  // At least 1.
  std::uint64_t plaintext_bytes() const {
    return std::uint64_t{regular_frames_} * frame_length_ + final_bytes_;
  }
  std::uint64_t message_bytes() const {
    return WireOffset(regular_frames_) + At(regular_frames_).WireBytes();
  }
  std::uint32_t frame_length() const { return frame_length_; }
  // Of the longest frame.
  std::uint32_t frame_plaintext_bytes_max() const { return At(0).plaintext_bytes; }

  Frame At(std::uint32_t index) const;
  // Where the head of a frame begins in the message.
  std::uint64_t WireOffset(std::uint32_t index) const {
    return header_bytes_ +
           index * (std::uint64_t{frame_length_} + kRegularHeadBytes + kFrameTagBytes);
  }
  // Where a frame's plaintext begins in the plaintext.
  std::uint64_t PlaintextOffset(std::uint32_t index) const {
    return std::uint64_t{index} * frame_length_;
  }

  struct Frames {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    bool operator==(const Frames&) const = default;
  };
  // The frames that hold the plaintext bytes [begin, end), which are cut to what there is.
  Frames Holding(std::uint64_t begin, std::uint64_t end) const;

 private:
  ContentLayout(std::uint64_t header_bytes, std::uint32_t frame_length,
                std::uint32_t regular_frames, std::uint32_t final_bytes)
      : header_bytes_(header_bytes),
        frame_length_(frame_length),
        regular_frames_(regular_frames),
        final_bytes_(final_bytes) {}
  std::uint64_t header_bytes_;
  std::uint32_t frame_length_;
  std::uint32_t regular_frames_;
  std::uint32_t final_bytes_;
};

// Seals and opens frames of one message, whole or in pieces, in any order. Holds the content key's
// schedule. Not thread-safe: one per thread; several may work on one message.
class FrameCipher {
 public:
  FrameCipher() = default;  // SetMessage() comes before the first frame.
  FrameCipher(const base::Secret256& content_key, base::ByteSpan message_id) {
    SetMessage(content_key, message_id);
  }

  void SetMessage(const base::Secret256& content_key, base::ByteSpan message_id);
  // Wipes the key, for an object that outlives the message.
  void Forget() { stream_.ForgetKey(); }

  // The tag of the header, over all of `untagged`, under the same key.
  void TagHeader(base::ByteSpan untagged, std::span<std::uint8_t, kFrameTagBytes> tag);
  [[nodiscard]] bool VerifyHeader(const ContentHeader& header);

  // Head, ciphertext and tag to `wire`, of frame.WireBytes() bytes. `plaintext` may lie where the
  // ciphertext will.
  void Seal(const Frame& frame, base::ByteSpan plaintext, base::MutableByteSpan wire);
  // `wire` begins with the head, which has been parsed; `plaintext` may lie where the ciphertext
  // does, and is wiped on false.
  [[nodiscard]] bool Open(const Frame& frame, base::ByteSpan wire, base::MutableByteSpan plaintext);

  // In pieces: Start, Update for consecutive pieces, Finish. Heads are the caller's to write and
  // parse. What Update() yields while opening is not authentic before FinishOpen() returned true.
  void StartSeal(const Frame& frame);
  void StartOpen(const Frame& frame);
  void Update(base::ByteSpan in, base::MutableByteSpan out) { stream_.Update(in, out); }
  void FinishSeal(std::span<std::uint8_t, kFrameTagBytes> tag) { stream_.FinishSeal(tag); }
  [[nodiscard]] bool FinishOpen(std::span<const std::uint8_t, kFrameTagBytes> tag) {
    return stream_.FinishOpen(tag);
  }

 private:
  crypto::GcmStream stream_;
  MessageId message_id_{};
};

}  // namespace tenantseal::formats
