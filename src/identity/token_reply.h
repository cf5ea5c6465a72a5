// The answer of a token endpoint (RFC 6749 section 5), read without leaving copies of its tokens.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace tenantseal::identity {

inline constexpr std::size_t kTokenReplyBytesMax = 256 << 10;

struct TokenReply {
  base::SecretBytes id_token;  // Empty: there is none.
  std::string error;           // Of an error; up to 64 printable characters, for the log.
};

// kUnavailable when it is not a JSON object, is too large, or names one of the two twice.
Result<TokenReply> ParseTokenReply(base::ByteSpan body);

}  // namespace tenantseal::identity
