// Tokens: the secret texts that API keys are presented as.
#pragma once

#include <array>
#include <string_view>

#include "base/random.h"
#include "base/secret.h"
#include "model/ids.h"

namespace tenantseal::identity {

// Bounds of a token given by an operator (TENANTSEAL_OPERATOR_KEY); our own have 47 characters.
inline constexpr std::size_t kTokenCharsMin = 8;
inline constexpr std::size_t kTokenCharsMax = 256;

// What begins a new API key.
inline constexpr std::string_view kApiKeyPrefix = "tsk_";

// `prefix` and 43 characters of base64url: 256 random bits.
base::SecretBytes NewToken(const base::Random& random, std::string_view prefix = kApiKeyPrefix);

// kInvalidArgument unless the operator's own token has that shape.
Result<void> CheckOperatorToken(std::string_view text);

// Whether `text` has kTokenCharsMin to kTokenCharsMax printable ASCII characters without spaces.
bool IsTokenShape(std::string_view text);

// What the store keeps of a token: an id to find it by and a hash to compare. Both are HMACs under
// a key kept outside the database, so that the rows allow no guessing.
struct TokenRecord {
  model::ApiKeyId id;
  std::array<std::uint8_t, 32> hash{};
};
TokenRecord RecordOf(const base::Secret256& pepper, std::string_view token);

}  // namespace tenantseal::identity
