#include "formats/content_message.h"

#include "base/check.h"
#include "formats/content_frame.h"

namespace tenantseal::formats {
namespace {

// This thread's cipher, keyed for one message as long as this object lives.
class KeyedCipher {
 public:
  KeyedCipher(const base::Secret256& content_key, base::ByteSpan message_id) : cipher_(OfThread()) {
    cipher_.SetMessage(content_key, message_id);
  }
  ~KeyedCipher() { cipher_.Forget(); }
  KeyedCipher(const KeyedCipher&) = delete;
  KeyedCipher& operator=(const KeyedCipher&) = delete;
  FrameCipher* operator->() { return &cipher_; }

 private:
  static FrameCipher& OfThread() {
    thread_local FrameCipher cipher;
    return cipher;
  }
  FrameCipher& cipher_;
};

Error BytesAfterTheEnd() {
  return InvalidArgument("message", "Something follows the final frame of the message.");
}

// Opens the frames of `body` one after the other into `plaintext`.
Result<void> OpenFrames(KeyedCipher& cipher, std::uint32_t frame_length, base::ByteSpan body,
                        base::MutableByteSpan plaintext) {
  for (std::uint32_t sequence = 1;; ++sequence) {
    TS_ASSIGN_OR_RETURN(const auto frame, ParseFrameHead(body, sequence, frame_length));
    if (!frame || frame->WireBytes() > body.size()) return TruncatedMessage();
    // By the message's size this should have been the final frame, but it is a regular one.
    if (frame->plaintext_bytes > plaintext.size()) return TruncatedMessage();
    if (!cipher->Open(*frame, body.first(frame->WireBytes()),
                      plaintext.first(frame->plaintext_bytes))) {
      return DecryptFailed();
    }
    body = body.subspan(frame->WireBytes());
    plaintext = plaintext.subspan(frame->plaintext_bytes);
    if (!frame->final) continue;
    if (!body.empty()) return BytesAfterTheEnd();
    TS_CHECK(plaintext.empty());  // A message's size determines that of its plaintext.
    return {};
  }
}

}  // namespace

Result<base::Bytes> SealMessage(const ContentHeaderFields& fields, const base::Secret256& data_key,
                                base::ByteSpan plaintext, const base::Random& random) {
  TS_RETURN_IF_ERROR(CheckContentHeaderFields(fields));
  const std::size_t header_bytes = ContentHeaderBytes(fields);
  TS_ASSIGN_OR_RETURN(
      const ContentLayout layout,
      ContentLayout::ForPlaintext(header_bytes, fields.frame_length, plaintext.size()));
  MessageId message_id;
  random.FillPublic(message_id);
  const ContentKeys keys = DeriveContentKeys(data_key, message_id);
  KeyedCipher cipher(keys.content_key, message_id);

  base::Bytes message(layout.message_bytes());
  const base::MutableByteSpan header = base::MutableByteSpan(message).first(header_bytes);
  WriteUntaggedContentHeader(fields, message_id, keys.commitment, header);
  cipher->TagHeader(header.first(header_bytes - kFrameTagBytes), header.last<kFrameTagBytes>());
  for (std::uint32_t i = 0; i < layout.frames(); ++i) {
    const Frame frame = layout.At(i);
    cipher->Seal(frame, plaintext.subspan(layout.PlaintextOffset(i), frame.plaintext_bytes),
                 base::MutableByteSpan(message).subspan(layout.WireOffset(i), frame.WireBytes()));
  }
  return message;
}

Result<base::SecretBytes> OpenMessage(const ContentHeader& header, const base::Secret256& data_key,
                                      base::ByteSpan message) {
  TS_CHECK(message.size() >= header.bytes.size());
  const ContentKeys keys = DeriveContentKeys(data_key, header.message_id);
  if (!base::ConstantTimeEqual(keys.commitment.Reveal(), header.commitment)) {
    return DecryptFailed();
  }
  KeyedCipher cipher(keys.content_key, header.message_id);
  if (!cipher->VerifyHeader(header)) return DecryptFailed();
  TS_ASSIGN_OR_RETURN(
      const ContentLayout layout,
      ContentLayout::ForMessage(header.bytes.size(), header.frame_length, message.size()));
  base::SecretBytes plaintext(layout.plaintext_bytes());
  TS_RETURN_IF_ERROR(OpenFrames(cipher, header.frame_length, message.subspan(header.bytes.size()),
                                plaintext.RevealMutable()));
  return plaintext;
}

}  // namespace tenantseal::formats
