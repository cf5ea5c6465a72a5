// JSON Web Signatures (RFC 7515) by the keys of a JSON Web Key Set (RFC 7517). The only file that
// names the JOSE library.
//
// Only asymmetric algorithms are taken, so that nobody passes off a public key as a shared secret,
// and never "none". A key is used only with an algorithm of its own type, curve and, where it names
// one, name.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace tenantseal::identity {

inline constexpr std::size_t kTokenBytesMax = 16 << 10;
inline constexpr std::size_t kKeySetBytesMax = 256 << 10;
inline constexpr std::size_t kKeySetKeysMax = 64;

// The error of a token that does not hold; `why` speaks of it, e.g. "it has expired".
inline Error BadToken(std::string why) { return {ErrorCode::kUnauthenticated, std::move(why)}; }

// Whether `token` has the shape of a signed JWT in compact form: three parts of base64url, the
// first of which is an object.
bool LooksLikeJwt(std::string_view token);

// What a token says of itself; nothing of it is verified.
struct JwsHeader {
  std::string algorithm;  // One of those that are taken.
  std::string key_id;     // Empty: none is named.
};
// kUnauthenticated: not a token, too long, another algorithm, or critical extensions.
Result<JwsHeader> ReadJwsHeader(std::string_view token);

// Immutable, copyable; const methods are thread-safe.
class KeySet {
 public:
  KeySet() = default;
  // Keys that are not for verifying signatures, or of an unknown or weak kind, are left out.
  // kUnavailable when the text is no key set.
  static Result<KeySet> Parse(base::ByteSpan text);

  // Whether one of the keys is what the header asks for.
  bool Has(const JwsHeader& header) const { return Find(header) != nullptr; }
  std::size_t size() const { return keys_.size(); }

  // The payload of a token whose signature is right. kUnauthenticated.
  Result<nlohmann::json> Verify(std::string_view token, const JwsHeader& header) const;

 private:
  struct Key {
    std::string id;
    std::string algorithm;  // Empty: any of its kind.
    std::string kind;       // "RSA", "P-256", "P-384", "P-521".
    std::string json;       // The public members alone.
  };
  static std::optional<Key> ParseKey(const nlohmann::json& json);
  const Key* Find(const JwsHeader& header) const;

  std::vector<Key> keys_;
};

}  // namespace tenantseal::identity
