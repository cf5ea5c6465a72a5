// Flat bodies whose values are secrets: JSON objects of strings, and forms. Values go from the body
// straight into memory that is wiped.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace tenantseal::api {

using SecretFields = std::map<std::string, base::SecretBytes, std::less<>>;

// What happens to a name that is not among the known ones.
enum class UnknownFields : bool { kRefused, kIgnored };

// Names of one body, known or not; more are refused.
inline constexpr std::size_t kSecretFieldsMax = 32;

// A JSON object. The known fields must be strings, none twice; others may be anything where they
// are ignored. kInvalidArgument names the field.
Result<SecretFields> ParseSecretJson(base::ByteSpan body, std::span<const std::string_view> known,
                                     UnknownFields unknown);

// application/x-www-form-urlencoded; other fields than the known are ignored, and so is an empty
// value (RFC 6749 section 3.2). kInvalidArgument names a field that is not percent-encoded rightly
// or stands twice.
Result<SecretFields> ParseSecretForm(base::ByteSpan body, std::span<const std::string_view> known);

}  // namespace tenantseal::api
