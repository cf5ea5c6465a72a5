#include "emulator/trail_token.h"

#include "base/encoding.h"
#include "crypto/hmac.h"
#include "emulator/trail.h"

namespace tenantseal::emulator {
namespace {

constexpr std::uint8_t kTokenVersion = 1;
constexpr std::size_t kTokenBytes = 1 + 8 + 32;

void AppendTime(const std::optional<base::UtcTime>& time, base::ByteWriter& out) {
  out.U8(time ? 1 : 0);
  out.U64(time ? static_cast<std::uint64_t>(time->time_since_epoch().count()) : 0);
}

crypto::Sha256Digest TagOf(const base::Secret256& key, const TrailQuery& query,
                           std::uint64_t before) {
  base::ByteWriter bound;
  bound.U8(kTokenVersion);
  bound.U64(before);
  bound.Field(query.region);
  bound.Field(query.account);
  bound.U8(static_cast<std::uint8_t>(query.attribute));
  bound.Field(query.value);
  AppendTime(query.start, bound);
  AppendTime(query.end, bound);
  return crypto::HmacSha256(key.Reveal(), bound.bytes());
}

}  // namespace

std::string MakeTrailToken(const base::Secret256& key, const TrailQuery& query,
                           std::uint64_t before) {
  base::ByteWriter token;
  token.U8(kTokenVersion);
  token.U64(before);
  token.Raw(TagOf(key, query, before));
  return base::Base64UrlEncode(token.bytes());
}

std::optional<std::uint64_t> ParseTrailToken(const base::Secret256& key, const TrailQuery& query,
                                             std::string_view token) {
  if (token.size() != base::Base64UrlSize(kTokenBytes)) return std::nullopt;
  const std::optional<base::Bytes> bytes = base::Base64UrlDecode(token);
  if (!bytes || bytes->size() != kTokenBytes) return std::nullopt;
  base::ByteReader reader(*bytes);
  if (reader.U8() != kTokenVersion) return std::nullopt;
  const std::uint64_t before = reader.U64();
  if (!base::ConstantTimeEqual(reader.Raw(32), TagOf(key, query, before))) return std::nullopt;
  return before;
}

}  // namespace tenantseal::emulator
