// The header of a content message: AWS Encryption SDK message format, version 2, algorithm suite
// 0478 (AES-256-GCM, HKDF-SHA-512, key commitment). Written framed; what others wrote as a single
// block is read too. docs/formats.md has every byte.
//
// Parsing is a pure function over bytes and needs no key; nothing that it yields may be believed
// before OpenContentHeader() has verified it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/secret.h"
#include "model/encryption_context.h"
#include "model/ids.h"

namespace tenantseal::formats {

using MessageId = std::array<std::uint8_t, 32>;

inline constexpr std::size_t kContentHeaderBytesMax = (64 << 10) + base::kContextBytesMax;
inline constexpr std::size_t kEncryptedDataKeysMax = 16;
inline constexpr std::uint32_t kFrameLengthDefault = 1 << 20;
inline constexpr std::uint32_t kFrameLengthMax = 16 << 20;  // What a reader may have to hold.
inline constexpr std::uint32_t kSingleBlock = 0;  // The frame length of a message without frames.
inline constexpr std::string_view kProviderId = "tenantseal";

// One way to the data key. Tenantseal writes kProviderId, the tenant id and the text of the
// wrapped data key; a message may hold others beside it.
struct EncryptedDataKey {
  std::string_view provider_id;
  std::string_view provider_info;
  std::string_view ciphertext;
};

// A header as found in a message. Every view is into the bytes that were parsed.
struct ContentHeader {
  base::ByteSpan bytes;            // The whole header, authentication tag included.
  base::ByteSpan message_id;       // 32 bytes.
  base::ByteSpan context;          // Serialised pairs; see ParseContext().
  std::uint32_t frame_length = 0;  // 1 to kFrameLengthMax, or kSingleBlock.
  base::ByteSpan commitment;       // 32 bytes.
  base::ByteSpan tag;              // 16 bytes.
  std::size_t data_key_count = 0;
  std::array<EncryptedDataKey, kEncryptedDataKeysMax> data_keys;

  std::span<const EncryptedDataKey> DataKeys() const { return {data_keys.data(), data_key_count}; }
  // The first with kProviderId, or nullptr when the message is foreign to Tenantseal.
  const EncryptedDataKey* TenantsealKey() const;
  // kInvalidArgument when the pairs are none that this service takes (no TenantId, ...).
  Result<model::EncryptionContext> ParseContext() const;
};

// Reads the header at the start of `in`, which may be the beginning of a stream: nothing means
// that more bytes are needed (never when kContentHeaderBytesMax are there). kInvalidArgument, with
// a sentence for a person, when it cannot be a header that this version reads.
Result<std::optional<ContentHeader>> ParseContentHeader(base::ByteSpan in);

// The same for a message that is there as a whole: an incomplete header is an error.
Result<ContentHeader> ParseWholeContentHeader(base::ByteSpan in);

// The error for a message that ends too early.
Error TruncatedMessage();

// What is derived from a data key for one message.
struct ContentKeys {
  base::Secret256 content_key;  // Seals header tag and frames.
  base::Secret256 commitment;   // Stands in the header; no secret.
};
ContentKeys DeriveContentKeys(const base::Secret256& data_key, base::ByteSpan message_id);

// Verifies commitment, then tag, and yields the content key. DecryptFailed() for either.
Result<base::Secret256> OpenContentHeader(const ContentHeader& header,
                                          const base::Secret256& data_key);

// What a new header says.
struct ContentHeaderFields {
  const model::TenantId& tenant;
  std::string_view wrapped_key;
  const model::EncryptionContext& context;
  std::uint32_t frame_length = kFrameLengthDefault;
};

// kInvalidArgument for a frame length of 0 or beyond kFrameLengthMax, or an over-long wrapped key.
Result<void> CheckContentHeaderFields(const ContentHeaderFields& fields);

// The size of the header that WriteContentHeader() makes.
std::size_t ContentHeaderBytes(const ContentHeaderFields& fields);

// Writes a header up to its tag, which the caller seals, to `out` of ContentHeaderBytes() bytes.
// The fields have been checked.
void WriteUntaggedContentHeader(const ContentHeaderFields& fields, const MessageId& message_id,
                                const base::Secret256& commitment, base::MutableByteSpan out);

// A complete header; `keys` were derived for `message_id`, which is new: the tag's nonce is zero,
// so a second header under the same data key and message id would give away the content key's
// authentication key (NIST SP 800-38D, appendix A).
Result<base::Bytes> WriteContentHeader(const ContentHeaderFields& fields,
                                       const MessageId& message_id, const ContentKeys& keys);

}  // namespace tenantseal::formats
