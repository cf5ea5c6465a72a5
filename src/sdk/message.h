// The start of every message: from a data key to a header, and from a header to a content key.
#pragma once

#include "base/secret.h"
#include "formats/content_frame.h"
#include "formats/content_header.h"
#include "sdk/data_key_cache.h"

namespace tenantseal::sdk {

// A message about to be written: its complete header and the key of its frames.
struct NewMessage {
  base::Bytes header;
  formats::MessageId id;
  base::Secret256 content_key;
};
Result<NewMessage> StartMessage(const CachedKey& key, std::uint32_t frame_length);

// A message found, its header verified.
struct FoundMessage {
  formats::MessageId id;
  base::Secret256 content_key;
  std::uint64_t header_bytes = 0;
  std::uint32_t frame_length = 0;
};
// DecryptFailed() when it is another tenant's, lacks one of the `required` pairs or does not
// verify; other errors are the key source's.
Result<FoundMessage> OpenMessage(const formats::ContentHeader& header, DataKeyCache& cache,
                                 const Context::Pairs& required);
// The same with the message's data key at hand.
Result<FoundMessage> OpenMessage(const formats::ContentHeader& header, const CachedKey& key,
                                 const Context::Pairs& required);

// Whether `context` holds every pair of `required`.
bool HoldsAll(const Context& context, const Context::Pairs& required);

// A message that cannot be parsed does not open; the sentence that says why (truncated, of another
// format) depends on no key and is kept.
Error DoesNotOpen(Error error);

// The error for work that its progress function ended.
Error Interrupted();

}  // namespace tenantseal::sdk
