#include "model/encryption_context.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/limits.h"

namespace tenantseal::model {
namespace {

constexpr std::string_view kReservedPrefix = "aws-crypto-";
constexpr std::string_view kField = "encryptionContext";

Error BadPair(std::string_view key, std::string_view what) {
  // A key that is not text, or is long, is not repeated to the caller.
  const bool show = base::IsUtf8(key) && key.size() <= 64;
  return InvalidArgument(std::string(kField) + (show ? "/" + std::string(key) : ""),
                         "The encryption context " + std::string(what));
}

Error BadContext(std::string_view what) {
  return InvalidArgument(std::string(kField), "The encryption context " + std::string(what));
}

Result<void> CheckPair(const EncryptionContext::Pair& pair) {
  const auto& [key, value] = pair;
  if (key.empty()) return BadPair(key, "may not have an empty key.");
  if (!base::IsUtf8(key) || !base::IsUtf8(value)) return BadPair(key, "must be UTF-8 text.");
  if (key.starts_with(kReservedPrefix)) {
    return BadPair(key, "may not use keys that start with aws-crypto-; rename this one.");
  }
  return {};
}

}  // namespace

Result<EncryptionContext> EncryptionContext::Make(const TenantId& tenant, std::vector<Pair> pairs) {
  bool named = false;
  for (const Pair& pair : pairs) {
    if (pair.first != kTenantIdKey) continue;
    named = true;
    if (pair.second != tenant.text()) {
      return BadPair(kTenantIdKey, "names another tenant; leave TenantId out, it is added.");
    }
  }
  if (!named) pairs.emplace_back(kTenantIdKey, tenant.text());
  std::sort(pairs.begin(), pairs.end());
  return FromSorted(std::move(pairs));
}

Result<EncryptionContext> EncryptionContext::FromSorted(std::vector<Pair> pairs) {
  if (pairs.size() > base::kContextPairsMax) {
    return BadContext("has more than " + std::to_string(base::kContextPairsMax) + " pairs.");
  }
  std::size_t size = 2;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    TS_RETURN_IF_ERROR(CheckPair(pairs[i]));
    if (i > 0 && pairs[i - 1].first == pairs[i].first)
      return BadPair(pairs[i].first, "names a key twice.");
    size += 4 + pairs[i].first.size() + pairs[i].second.size();
  }
  if (size > base::kContextBytesMax) {
    return BadContext("is larger than " + std::to_string(base::kContextBytesMax) + " bytes.");
  }
  base::Bytes out;
  out.reserve(size);
  const auto u16 = [&out](std::size_t v) {
    out.push_back(static_cast<std::uint8_t>(v >> 8));
    out.push_back(static_cast<std::uint8_t>(v));
  };
  u16(pairs.size());
  for (const auto& [key, value] : pairs) {
    u16(key.size());
    out.insert(out.end(), key.begin(), key.end());
    u16(value.size());
    out.insert(out.end(), value.begin(), value.end());
  }
  EncryptionContext context;
  context.pairs_ = std::move(pairs);
  context.serialized_ = std::move(out);
  return context;
}

Result<EncryptionContext> EncryptionContext::Parse(base::ByteSpan serialized) {
  if (serialized.size() > base::kContextBytesMax) return BadContext("is too large.");
  base::ByteReader in(serialized);
  const std::size_t count = in.U16();
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const base::ByteSpan key = in.Raw(in.U16());
    const base::ByteSpan value = in.Raw(in.U16());
    pairs.emplace_back(base::AsText(key), base::AsText(value));
  }
  if (!in.AtEnd() || !std::is_sorted(pairs.begin(), pairs.end())) {
    return BadContext("is malformed.");
  }
  TS_ASSIGN_OR_RETURN(EncryptionContext context, FromSorted(std::move(pairs)));
  if (context.Find(kTenantIdKey) == nullptr) return BadContext("does not hold TenantId.");
  return context;
}

const std::string* EncryptionContext::Find(std::string_view key) const {
  for (const Pair& pair : pairs_) {
    if (pair.first == key) return &pair.second;
  }
  return nullptr;
}

}  // namespace tenantseal::model
