// Content on buffers: one message of one or more frames, in the memory that the caller gives.
#include "tenantseal/content.h"

#include "base/random.h"
#include "base/result.h"
#include "formats/content_frame.h"
#include "formats/content_header.h"
#include "sdk/data_key_cache.h"
#include "sdk/message.h"

namespace tenantseal {
namespace {

// Each thread keeps one cipher, without a key between messages.
formats::FrameCipher& ThreadCipher() {
  thread_local formats::FrameCipher cipher;
  return cipher;
}

// Takes the key out of the thread's cipher when a message is done.
class CipherUse {
 public:
  CipherUse(const base::Secret256& content_key, base::ByteSpan message_id) {
    cipher_.SetMessage(content_key, message_id);
  }
  ~CipherUse() { cipher_.Forget(); }
  CipherUse(const CipherUse&) = delete;
  CipherUse& operator=(const CipherUse&) = delete;
  formats::FrameCipher* operator->() { return &cipher_; }

 private:
  formats::FrameCipher& cipher_ = ThreadCipher();
};

// Every frame of the message, or false.
bool OpenFrames(const formats::ContentLayout& layout, CipherUse& cipher, base::ByteSpan message,
                base::MutableByteSpan out) {
  for (std::uint32_t i = 0; i < layout.frames(); ++i) {
    const formats::Frame frame = layout.At(i);
    const base::ByteSpan wire = message.subspan(layout.WireOffset(i), frame.WireBytes());
    const auto found = formats::ParseFrameHead(wire, frame.sequence, layout.frame_length());
    if (!found || !*found || **found != frame) return false;
    if (!cipher->Open(frame, wire, out.subspan(layout.PlaintextOffset(i), frame.plaintext_bytes))) {
      return false;
    }
  }
  return true;
}

}  // namespace

Content::Content(const DataKeySource& keys, std::string tenant_id,
                 std::unique_ptr<sdk::DataKeyCache> cache)
    : keys_(&keys), tenant_id_(std::move(tenant_id)), cache_(std::move(cache)) {}
Content::Content(Content&&) noexcept = default;
Content& Content::operator=(Content&&) noexcept = default;
Content::~Content() = default;

Result<Content> Content::Make(const DataKeySource& keys, std::string tenant_id,
                              DataKeyLimits limits, BootNanoseconds clock) {
  TS_ASSIGN_OR_RETURN(model::TenantId tenant, model::TenantId::Parse(tenant_id));
  if (limits.messages == 0) return InvalidArgument("messages", "At least one message a data key.");
  if (limits.bytes == 0) return InvalidArgument("bytes", "At least one byte a data key.");
  if (limits.age.count() <= 0) return InvalidArgument("age", "The age must be positive.");
  auto cache =
      std::make_unique<sdk::DataKeyCache>(keys, std::move(tenant), limits, std::move(clock));
  return Content(keys, std::move(tenant_id), std::move(cache));
}

Result<Context> Content::MakeContext(Context::Pairs pairs) const {
  return Context::Make(tenant_id_, std::move(pairs));
}

std::size_t Content::SealedBytesMax(std::size_t plaintext_bytes, const Context& context) const {
  const std::size_t frames = plaintext_bytes / kFrameBytes + 1;
  constexpr std::size_t kFixed = 160 + 2048;  // Everything else of a header, the wrapped key.
  return kFixed + context.inner().serialized().size() + plaintext_bytes +
         frames * (formats::kFinalHeadBytes + formats::kFrameTagBytes);
}

Result<std::size_t> Content::SealTo(ConstBytes plaintext, const Context& context,
                                    MutableBytes out) const {
  TS_ASSIGN_OR_RETURN(const sdk::CachedKeyPtr key, cache_->ForSealing(context, plaintext.size()));
  const formats::ContentHeaderFields fields{key->tenant, key->wrapped, context.inner(),
                                            kFrameBytes};
  TS_RETURN_IF_ERROR(formats::CheckContentHeaderFields(fields));
  const std::size_t header_bytes = formats::ContentHeaderBytes(fields);
  TS_ASSIGN_OR_RETURN(const auto layout, formats::ContentLayout::ForPlaintext(
                                             header_bytes, kFrameBytes, plaintext.size()));
  if (layout.message_bytes() > out.size()) {
    return Error{ErrorCode::kTooLarge, "The sealed content does not fit the buffer given.", "out"};
  }
  formats::MessageId id;
  base::SystemRandom().FillPublic(id);
  const formats::ContentKeys keys = formats::DeriveContentKeys(key->plaintext, id);
  const base::MutableByteSpan header = out.first(header_bytes);
  formats::WriteUntaggedContentHeader(fields, id, keys.commitment, header);
  CipherUse cipher(keys.content_key, id);
  cipher->TagHeader(header.first(header_bytes - formats::kFrameTagBytes),
                    header.last<formats::kFrameTagBytes>());
  for (std::uint32_t i = 0; i < layout.frames(); ++i) {
    const formats::Frame frame = layout.At(i);
    cipher->Seal(frame, plaintext.subspan(layout.PlaintextOffset(i), frame.plaintext_bytes),
                 out.subspan(layout.WireOffset(i), frame.WireBytes()));
  }
  return layout.message_bytes();
}

Result<std::vector<std::uint8_t>> Content::Seal(ConstBytes plaintext,
                                                const Context& context) const {
  std::vector<std::uint8_t> out(SealedBytesMax(plaintext.size(), context));
  TS_ASSIGN_OR_RETURN(const std::size_t size, SealTo(plaintext, context, out));
  out.resize(size);
  return out;
}

Result<std::size_t> Content::OpenTo(ConstBytes message, const Context::Pairs& required,
                                    MutableBytes out) const {
  auto header = formats::ParseWholeContentHeader(message);
  if (!header) return sdk::DoesNotOpen(std::move(header).error());
  auto layout = formats::ContentLayout::ForMessage(header->bytes.size(), header->frame_length,
                                                   message.size());
  if (!layout) return sdk::DoesNotOpen(std::move(layout).error());
  if (layout->plaintext_bytes() > out.size()) {
    return Error{ErrorCode::kTooLarge, "The content does not fit the buffer given.", "out"};
  }
  TS_ASSIGN_OR_RETURN(const sdk::CachedKeyPtr key, cache_->ForOpening(*header));
  if (!sdk::HoldsAll(key->context, required)) return DecryptFailed();
  const formats::ContentKeys keys = formats::DeriveContentKeys(key->plaintext, header->message_id);
  if (!base::ConstantTimeEqual(keys.commitment.Reveal(), header->commitment)) {
    return DecryptFailed();
  }
  CipherUse cipher(keys.content_key, header->message_id);
  const MutableBytes plaintext = out.first(layout->plaintext_bytes());
  if (!cipher->VerifyHeader(*header) || !OpenFrames(*layout, cipher, message, plaintext)) {
    base::Wipe(plaintext);
    return DecryptFailed();
  }
  return plaintext.size();
}

Result<std::vector<std::uint8_t>> Content::Open(ConstBytes message,
                                                const Context::Pairs& required) const {
  std::vector<std::uint8_t> out(message.size());
  TS_ASSIGN_OR_RETURN(const std::size_t size, OpenTo(message, required, out));
  out.resize(size);
  return out;
}

}  // namespace tenantseal
