#include "sdk/message.h"

#include <algorithm>

#include "base/random.h"

namespace tenantseal::sdk {

Result<NewMessage> StartMessage(const CachedKey& key, std::uint32_t frame_length) {
  NewMessage out;
  base::SystemRandom().FillPublic(out.id);
  formats::ContentKeys keys = formats::DeriveContentKeys(key.plaintext, out.id);
  TS_ASSIGN_OR_RETURN(
      out.header, formats::WriteContentHeader(
                      {key.tenant, key.wrapped, key.context.inner(), frame_length}, out.id, keys));
  out.content_key = std::move(keys.content_key);
  return out;
}

Result<FoundMessage> OpenMessage(const formats::ContentHeader& header, DataKeyCache& cache,
                                 const Context::Pairs& required) {
  TS_ASSIGN_OR_RETURN(const CachedKeyPtr key, cache.ForOpening(header));
  return OpenMessage(header, *key, required);
}

Result<FoundMessage> OpenMessage(const formats::ContentHeader& header, const CachedKey& key,
                                 const Context::Pairs& required) {
  if (!HoldsAll(key.context, required)) return DecryptFailed();
  FoundMessage out;
  TS_ASSIGN_OR_RETURN(out.content_key, formats::OpenContentHeader(header, key.plaintext));
  std::copy(header.message_id.begin(), header.message_id.end(), out.id.begin());
  out.header_bytes = header.bytes.size();
  out.frame_length = header.frame_length;
  return out;
}

bool HoldsAll(const Context& context, const Context::Pairs& required) {
  return std::all_of(required.begin(), required.end(), [&](const Context::Pair& pair) {
    const std::string* const value = context.inner().Find(pair.first);
    return value != nullptr && *value == pair.second;
  });
}

Error DoesNotOpen(Error error) {
  if (error.code == ErrorCode::kInvalidArgument) error.code = ErrorCode::kDecryptFailed;
  return error;
}

Error Interrupted() {
  return {ErrorCode::kDeadlineExceeded, "Interrupted; nothing was left behind.", "interrupted"};
}

}  // namespace tenantseal::sdk
