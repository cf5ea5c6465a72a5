#include "formats/content_header.h"

#include "base/check.h"
#include "crypto/aes_gcm.h"
#include "crypto/kdf.h"

namespace tenantseal::formats {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::uint16_t kSuite = 0x0478;
constexpr std::uint16_t kSignedSuite = 0x0578;
constexpr std::uint8_t kFramed = 2;
constexpr std::uint8_t kNonFramed = 1;
constexpr std::size_t kTagBytes = crypto::kGcmTagBytes;
// Version, suite, message id, length of the context; then what follows the data keys.
constexpr std::size_t kHeadBytes = 1 + 2 + 32 + 2;
constexpr std::size_t kTailBytes = 1 + 4 + 32 + kTagBytes;
constexpr std::uint8_t kDeriveInfo[] = {0x04, 0x78, 'D', 'E', 'R', 'I', 'V', 'E', 'K', 'E', 'Y'};

Error BadMessage(std::string_view sentence) {
  return InvalidArgument("message", std::string(sentence));
}

Error NotAMessage() {
  return BadMessage(
      "This is not a Tenantseal message, nor any AWS Encryption SDK message of version 2.");
}

Error HeaderTooLarge() { return BadMessage("The message header is larger than 72 KiB."); }

Result<void> CheckSuite(std::uint16_t suite) {
  if (suite == kSuite) return {};
  if (suite == kSignedSuite) {
    return BadMessage(
        "The message is signed (algorithm suite 0578), which is not supported; "
        "write it with suite 0478.");
  }
  return BadMessage("The message uses an algorithm suite other than 0478, without key commitment.");
}

Result<void> CheckContentType(std::uint8_t type) {
  if (type == kFramed || type == kNonFramed) return {};
  return BadMessage("The message has an unknown content type.");
}

Result<void> CheckFrameLength(std::uint32_t length) {
  if (length == 0) return InvalidArgument("frameLength", "The frame length may not be 0.");
  if (length > kFrameLengthMax) {
    return InvalidArgument("frameLength", "The frame length may be at most 16 MiB.");
  }
  return {};
}

// Reads the fields in order. Stops as soon as one that is there is wrong; when the bytes end
// early, `reader` is not ok() and the last field read is zero, so each check asks for that first.
Result<void> ReadFields(base::ByteReader& reader, ContentHeader& header) {
  const std::uint8_t version = reader.U8();
  if (reader.ok() && version != kVersion) return NotAMessage();
  const std::uint16_t suite = reader.U16();
  if (reader.ok()) TS_RETURN_IF_ERROR(CheckSuite(suite));
  header.message_id = reader.Raw(32);
  const std::uint16_t context_bytes = reader.U16();
  if (reader.ok() && context_bytes == 0) {
    return BadMessage("The message has no encryption context, so it belongs to no tenant.");
  }
  if (context_bytes > base::kContextBytesMax) {
    return BadMessage("The message's encryption context is larger than 8 KiB.");
  }
  header.context = reader.Raw(context_bytes);
  const std::uint16_t keys = reader.U16();
  if (reader.ok() && (keys == 0 || keys > kEncryptedDataKeysMax)) {
    return BadMessage("The message must hold 1 to 16 encrypted data keys.");
  }
  header.data_key_count = keys;
  for (std::size_t i = 0; i < keys; ++i) {
    EncryptedDataKey& key = header.data_keys[i];
    key.provider_id = base::AsText(reader.Raw(reader.U16()));
    key.provider_info = base::AsText(reader.Raw(reader.U16()));
    key.ciphertext = base::AsText(reader.Raw(reader.U16()));
    if (reader.position() > kContentHeaderBytesMax - kTailBytes && reader.ok()) {
      return HeaderTooLarge();
    }
  }
  const std::uint8_t type = reader.U8();
  if (reader.ok()) TS_RETURN_IF_ERROR(CheckContentType(type));
  header.frame_length = reader.U32();
  if (reader.ok() && type == kNonFramed && header.frame_length != kSingleBlock) {
    return BadMessage("The message is not framed, and yet has a frame length.");
  }
  if (reader.ok() && type == kFramed && !CheckFrameLength(header.frame_length)) {
    return BadMessage("The message's frame length must be 1 byte to 16 MiB.");
  }
  header.commitment = reader.Raw(32);
  header.tag = reader.Raw(kTagBytes);
  return {};
}

// Cursor over a buffer whose size was computed beforehand.
class Cursor {
 public:
  explicit Cursor(base::MutableByteSpan out) : rest_(out) {}
  void Raw(base::ByteSpan bytes) {
    TS_CHECK(bytes.size() <= rest_.size());
    if (!bytes.empty()) std::memcpy(rest_.data(), bytes.data(), bytes.size());
    rest_ = rest_.subspan(bytes.size());
  }
  void U8(std::uint8_t v) { Raw({&v, 1}); }
  void U16(std::size_t v) {
    const std::uint8_t bytes[] = {static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)};
    Raw(bytes);
  }
  void U32(std::uint32_t v) {
    U16(v >> 16);
    U16(v & 0xFFFF);
  }
  void Field16(base::ByteSpan bytes) {
    U16(bytes.size());
    Raw(bytes);
  }
  void Field16(std::string_view text) { Field16(base::AsBytes(text)); }
  void DataKey(const EncryptedDataKey& key) {
    Field16(key.provider_id);
    Field16(key.provider_info);
    Field16(key.ciphertext);
  }
  std::size_t room() const { return rest_.size(); }

 private:
  base::MutableByteSpan rest_;
};

std::size_t DataKeyBytes(const EncryptedDataKey& key) {
  return 6 + key.provider_id.size() + key.provider_info.size() + key.ciphertext.size();
}

// Everything of a header before its tag.
void WriteUntagged(base::ByteSpan message_id, base::ByteSpan context,
                   std::span<const EncryptedDataKey> keys, std::uint32_t frame_length,
                   base::ByteSpan commitment, Cursor& out) {
  out.U8(kVersion);
  out.U16(kSuite);
  out.Raw(message_id);
  out.Field16(context);
  out.U16(keys.size());
  for (const EncryptedDataKey& key : keys) out.DataKey(key);
  out.U8(kFramed);
  out.U32(frame_length);
  out.Raw(commitment);
}

EncryptedDataKey OwnDataKey(const ContentHeaderFields& fields) {
  return {kProviderId, fields.tenant.text(), fields.wrapped_key};
}

// Seals the tag at the end of `header` over all that precedes it.
void TagHeader(base::MutableByteSpan header, const base::Secret256& content_key) {
  crypto::GcmSeal(content_key, crypto::GcmNonce{}, header.first(header.size() - kTagBytes), {}, {},
                  header.last<kTagBytes>());
}

}  // namespace

const EncryptedDataKey* ContentHeader::TenantsealKey() const {
  for (const EncryptedDataKey& key : DataKeys()) {
    if (key.provider_id == kProviderId) return &key;
  }
  return nullptr;
}

Result<model::EncryptionContext> ContentHeader::ParseContext() const {
  return model::EncryptionContext::Parse(context);
}

Error TruncatedMessage() {
  return BadMessage("The message is truncated: it ends before its final frame.");
}

Result<std::optional<ContentHeader>> ParseContentHeader(base::ByteSpan in) {
  const bool all_there = in.size() >= kContentHeaderBytesMax;
  base::ByteReader reader(in.first(std::min(in.size(), kContentHeaderBytesMax)));
  ContentHeader header;
  TS_RETURN_IF_ERROR(ReadFields(reader, header));
  if (!reader.ok()) {
    if (all_there) return HeaderTooLarge();
    return std::optional<ContentHeader>();
  }
  header.bytes = in.first(reader.position());
  return std::optional<ContentHeader>(header);
}

Result<ContentHeader> ParseWholeContentHeader(base::ByteSpan in) {
  TS_ASSIGN_OR_RETURN(const auto header, ParseContentHeader(in));
  if (!header) return TruncatedMessage();
  return *header;
}

ContentKeys DeriveContentKeys(const base::Secret256& data_key, base::ByteSpan message_id) {
  crypto::HkdfPair pair =
      crypto::HkdfSha512Pair(data_key, message_id, kDeriveInfo, base::AsBytes("COMMITKEY"));
  return {std::move(pair.first), std::move(pair.second)};
}

Result<base::Secret256> OpenContentHeader(const ContentHeader& header,
                                          const base::Secret256& data_key) {
  ContentKeys keys = DeriveContentKeys(data_key, header.message_id);
  if (!base::ConstantTimeEqual(keys.commitment.Reveal(), header.commitment)) {
    return DecryptFailed();
  }
  if (!crypto::GcmOpen(keys.content_key, crypto::GcmNonce{},
                       header.bytes.first(header.bytes.size() - kTagBytes), {},
                       header.tag.first<kTagBytes>(), {})) {
    return DecryptFailed();
  }
  return std::move(keys.content_key);
}

Result<void> CheckContentHeaderFields(const ContentHeaderFields& fields) {
  if (fields.wrapped_key.size() > 0xFFFF || fields.wrapped_key.empty() ||
      ContentHeaderBytes(fields) > kContentHeaderBytesMax) {
    return InvalidArgument("wrappedKey", "The wrapped key is empty or too long for a header.");
  }
  return CheckFrameLength(fields.frame_length);
}

std::size_t ContentHeaderBytes(const ContentHeaderFields& fields) {
  return kHeadBytes + fields.context.serialized().size() + 2 + DataKeyBytes(OwnDataKey(fields)) +
         kTailBytes;
}

void WriteUntaggedContentHeader(const ContentHeaderFields& fields, const MessageId& message_id,
                                const base::Secret256& commitment, base::MutableByteSpan out) {
  const EncryptedDataKey key = OwnDataKey(fields);
  Cursor cursor(out);
  WriteUntagged(message_id, fields.context.serialized(), {&key, 1}, fields.frame_length,
                commitment.Reveal(), cursor);
  TS_CHECK(cursor.room() == kTagBytes);
}

Result<base::Bytes> WriteContentHeader(const ContentHeaderFields& fields,
                                       const MessageId& message_id, const ContentKeys& keys) {
  TS_RETURN_IF_ERROR(CheckContentHeaderFields(fields));
  base::Bytes out(ContentHeaderBytes(fields));
  WriteUntaggedContentHeader(fields, message_id, keys.commitment, out);
  TagHeader(out, keys.content_key);
  return out;
}

}  // namespace tenantseal::formats
