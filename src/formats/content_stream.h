// Content messages through pipes: bytes are pushed in as they come, sealed or verified bytes come
// out. Memory is one frame and one header, whatever the length.
//
// Objects are not thread-safe. After an error an object refuses everything that follows.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "formats/content_frame.h"
#include "formats/content_header.h"

namespace tenantseal::formats {

// Takes bytes that are good only during the call. Its error ends the stream and is handed on.
using ByteSink = std::function<Result<void>(base::ByteSpan)>;

// Yields the data key for a header that is not verified yet. May do I/O. Also the place to judge
// header.ParseContext(). Its error ends the stream and is handed on.
using DataKeySource = std::function<Result<base::Secret256>(const ContentHeader&)>;

class ContentSealer {
 public:
  static Result<std::unique_ptr<ContentSealer>> New(const ContentHeaderFields& fields,
                                                    const base::Secret256& data_key,
                                                    const base::Random& random);
  // `sink` gets the header with the first call, and a frame whenever one is full and more follows.
  Result<void> Push(base::ByteSpan plaintext, const ByteSink& sink);
  // The final frame. Nothing may be pushed afterwards.
  Result<void> Finish(const ByteSink& sink);

 private:
  ContentSealer(base::Bytes header, const base::Secret256& content_key, base::ByteSpan message_id,
                std::uint32_t frame_length);
  Result<void> Emit(bool final, const ByteSink& sink);
  Result<void> EmitHeader(const ByteSink& sink);

  base::Bytes header_;  // Empty once it has been emitted.
  FrameCipher cipher_;
  std::uint32_t frame_length_;
  base::SecretBytes buffer_;  // Room for a head, a frame of plaintext, a tag.
  std::uint32_t filled_ = 0;  // Bytes of plaintext in the buffer.
  std::uint32_t sequence_ = 1;
  bool usable_ = true;
};

class ContentOpener {
 public:
  explicit ContentOpener(DataKeySource data_key_source)
      : data_key_source_(std::move(data_key_source)) {}

  // `sink` gets the plaintext of each frame that the new bytes complete, once its tag is verified.
  Result<void> Push(base::ByteSpan bytes, const ByteSink& sink);
  // To be called at the end of the stream: kInvalidArgument (truncated) if the final frame has not
  // been seen. Only then is what the sink got the whole content.
  Result<void> Finish() const;
  // Whether the sink has been given the whole content, even if more bytes were pushed and refused.
  bool whole() const { return whole_; }

 private:
  enum class State { kHeader, kFrames, kDone, kFailed };
  Result<void> Step(base::ByteSpan& bytes, const ByteSink& sink);
  Result<void> TakeHeader(base::ByteSpan& bytes);
  Result<void> TakeFrame(base::ByteSpan& bytes, const ByteSink& sink);
  void Gather(base::ByteSpan& bytes, std::size_t wanted);

  DataKeySource data_key_source_;
  State state_ = State::kHeader;
  bool whole_ = false;
  base::Bytes header_;
  FrameCipher cipher_;
  std::uint32_t frame_length_ = 0;
  base::SecretBytes buffer_;  // Room for a frame on the wire.
  std::size_t filled_ = 0;
  std::optional<Frame> frame_;  // Once its head is in the buffer.
  std::uint32_t sequence_ = 1;
};

}  // namespace tenantseal::formats
