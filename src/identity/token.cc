#include "identity/token.h"

#include <algorithm>

#include "base/encoding.h"
#include "crypto/hmac.h"

namespace tenantseal::identity {

base::SecretBytes NewToken(const base::Random& random, std::string_view prefix) {
  const base::Secret256 raw = random.Key();
  base::SecretBytes token(prefix.size() + base::Base64UrlSize(32));
  char* out = reinterpret_cast<char*>(token.RevealMutable().data());
  std::copy(prefix.begin(), prefix.end(), out);
  base::Base64UrlEncodeTo(raw.Reveal(), out + prefix.size());
  return token;
}

bool IsTokenShape(std::string_view text) {
  if (text.size() < kTokenCharsMin || text.size() > kTokenCharsMax) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

Result<void> CheckOperatorToken(std::string_view text) {
  if (IsTokenShape(text)) return {};
  return InvalidArgument(
      "TENANTSEAL_OPERATOR_KEY",
      "TENANTSEAL_OPERATOR_KEY must have 8 to 256 printable characters without spaces.");
}

TokenRecord RecordOf(const base::Secret256& pepper, std::string_view token) {
  const auto id =
      crypto::HmacSha256(pepper.Reveal(), {base::AsBytes("api-key-id:"), base::AsBytes(token)});
  TokenRecord record;
  record.id = model::ApiKeyId::Parse(base::Base64UrlEncode(base::ByteSpan(id).first(12))).value();
  record.hash =
      crypto::HmacSha256(pepper.Reveal(), {base::AsBytes("api-key-hash:"), base::AsBytes(token)});
  return record;
}

}  // namespace tenantseal::identity
