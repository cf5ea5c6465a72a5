#include "formats/content_stream.h"

namespace tenantseal::formats {
namespace {

constexpr std::size_t kFrameOverheadMax = kFinalHeadBytes + kFrameTagBytes;

Error UsedAfterItsEnd() { return Internal("A content stream was used after its end."); }

}  // namespace

Result<std::unique_ptr<ContentSealer>> ContentSealer::New(const ContentHeaderFields& fields,
                                                          const base::Secret256& data_key,
                                                          const base::Random& random) {
  MessageId message_id;
  random.FillPublic(message_id);
  const ContentKeys keys = DeriveContentKeys(data_key, message_id);
  TS_ASSIGN_OR_RETURN(base::Bytes header, WriteContentHeader(fields, message_id, keys));
  return std::unique_ptr<ContentSealer>(
      new ContentSealer(std::move(header), keys.content_key, message_id, fields.frame_length));
}

ContentSealer::ContentSealer(base::Bytes header, const base::Secret256& content_key,
                             base::ByteSpan message_id, std::uint32_t frame_length)
    : header_(std::move(header)),
      cipher_(content_key, message_id),
      frame_length_(frame_length),
      buffer_(kFrameOverheadMax + frame_length) {}

Result<void> ContentSealer::Push(base::ByteSpan plaintext, const ByteSink& sink) {
  if (!usable_) return UsedAfterItsEnd();
  TS_RETURN_IF_ERROR(EmitHeader(sink));
  while (!plaintext.empty()) {
    // A full frame is kept until more comes, since the last one must be the final frame.
    if (filled_ == frame_length_) TS_RETURN_IF_ERROR(Emit(false, sink));
    const std::size_t n = std::min<std::size_t>(plaintext.size(), frame_length_ - filled_);
    std::memcpy(buffer_.RevealMutable().data() + kFinalHeadBytes + filled_, plaintext.data(), n);
    filled_ += static_cast<std::uint32_t>(n);
    plaintext = plaintext.subspan(n);
  }
  return {};
}

Result<void> ContentSealer::Finish(const ByteSink& sink) {
  if (!usable_) return UsedAfterItsEnd();
  TS_RETURN_IF_ERROR(EmitHeader(sink));
  TS_RETURN_IF_ERROR(Emit(true, sink));
  usable_ = false;
  return {};
}

Result<void> ContentSealer::EmitHeader(const ByteSink& sink) {
  if (header_.empty()) return {};
  const base::Bytes header = std::exchange(header_, {});
  usable_ = false;
  TS_RETURN_IF_ERROR(sink(header));
  usable_ = true;
  return {};
}

Result<void> ContentSealer::Emit(bool final, const ByteSink& sink) {
  usable_ = false;
  // The last number that four bytes hold belongs to a final frame.
  if (!final && sequence_ == 0xFFFFFFFF) {
    return InvalidArgument("frameLength",
                           "The content needs more than 2^32 - 1 frames; use longer ones.");
  }
  const Frame frame{sequence_, final, filled_};
  // Plaintext lies behind the room for the longer head, so a shorter one begins later.
  const base::MutableByteSpan wire =
      buffer_.RevealMutable().subspan(kFinalHeadBytes - frame.HeadBytes(), frame.WireBytes());
  cipher_.Seal(frame, wire.subspan(frame.HeadBytes(), filled_), wire);
  TS_RETURN_IF_ERROR(sink(wire));
  if (!final) ++sequence_;
  filled_ = 0;
  usable_ = true;
  return {};
}

Result<void> ContentOpener::Push(base::ByteSpan bytes, const ByteSink& sink) {
  while (!bytes.empty()) {
    if (auto step = Step(bytes, sink); !step) {
      state_ = State::kFailed;
      return step;
    }
  }
  return {};
}

Result<void> ContentOpener::Finish() const {
  switch (state_) {
    case State::kDone:
      return {};
    case State::kFailed:
      return UsedAfterItsEnd();
    case State::kHeader:
    case State::kFrames:
      break;
  }
  return TruncatedMessage();
}

Result<void> ContentOpener::Step(base::ByteSpan& bytes, const ByteSink& sink) {
  switch (state_) {
    case State::kHeader:
      return TakeHeader(bytes);
    case State::kFrames:
      return TakeFrame(bytes, sink);
    case State::kDone:
      return InvalidArgument("message", "Something follows the final frame of the message.");
    case State::kFailed:
      break;
  }
  return UsedAfterItsEnd();
}

Result<void> ContentOpener::TakeHeader(base::ByteSpan& bytes) {
  const std::size_t n = std::min(bytes.size(), kContentHeaderBytesMax - header_.size());
  header_.insert(header_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
  TS_ASSIGN_OR_RETURN(const auto header, ParseContentHeader(header_));
  if (!header) {
    bytes = bytes.subspan(n);
    return {};
  }
  // What was taken beyond the header belongs to the frames.
  bytes = bytes.subspan(n - (header_.size() - header->bytes.size()));
  TS_ASSIGN_OR_RETURN(const base::Secret256 data_key, data_key_source_(*header));
  TS_ASSIGN_OR_RETURN(const base::Secret256 content_key, OpenContentHeader(*header, data_key));
  cipher_.SetMessage(content_key, header->message_id);
  frame_length_ = header->frame_length;
  buffer_ = base::SecretBytes(kFrameOverheadMax + frame_length_);
  header_ = {};
  state_ = State::kFrames;
  return {};
}

// Moves bytes to the buffer until it holds `wanted`, or there are none left.
void ContentOpener::Gather(base::ByteSpan& bytes, std::size_t wanted) {
  const std::size_t n = std::min(bytes.size(), wanted - filled_);
  if (n > 0) std::memcpy(buffer_.RevealMutable().data() + filled_, bytes.data(), n);
  filled_ += n;
  bytes = bytes.subspan(n);
}

Result<void> ContentOpener::TakeFrame(base::ByteSpan& bytes, const ByteSink& sink) {
  if (!frame_) {
    // Even a regular frame has more bytes than the longer head.
    static_assert(kRegularHeadBytes + 1 + kFrameTagBytes > kFinalHeadBytes);
    static_assert(kSingleBlockHeadBytes + kFrameTagBytes > kFinalHeadBytes);
    Gather(bytes, kFinalHeadBytes);
    if (filled_ < kFinalHeadBytes) return {};
    TS_ASSIGN_OR_RETURN(frame_,
                        ParseFrameHead(buffer_.Reveal().first(filled_), sequence_, frame_length_));
    // The length of a single block is known only now.
    if (frame_->WireBytes() > buffer_.size()) {
      base::SecretBytes longer(frame_->WireBytes());
      std::ranges::copy(buffer_.Reveal().first(filled_), longer.RevealMutable().begin());
      buffer_ = std::move(longer);
    }
  }
  const Frame frame = *frame_;
  Gather(bytes, frame.WireBytes());
  if (filled_ < frame.WireBytes()) return {};
  const base::MutableByteSpan wire = buffer_.RevealMutable().first(frame.WireBytes());
  const base::MutableByteSpan plaintext = wire.subspan(frame.HeadBytes(), frame.plaintext_bytes);
  if (!cipher_.Open(frame, wire, plaintext)) return DecryptFailed();
  if (!plaintext.empty()) TS_RETURN_IF_ERROR(sink(plaintext));
  frame_.reset();
  filled_ = 0;
  ++sequence_;
  if (frame.final) {
    cipher_.Forget();
    state_ = State::kDone;
    whole_ = true;
  }
  return {};
}

}  // namespace tenantseal::formats
