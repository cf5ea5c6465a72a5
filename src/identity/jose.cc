#include "identity/jose.h"

#include <cjose/cjose.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/encoding.h"
#include "identity/hostile_json.h"

namespace tenantseal::identity {
namespace {

using nlohmann::json;

struct Algorithm {
  std::string_view name;
  std::string_view kind;  // Of the keys that it goes with.
};
constexpr std::array<Algorithm, 9> kAlgorithms = {{{"RS256", "RSA"},
                                                   {"RS384", "RSA"},
                                                   {"RS512", "RSA"},
                                                   {"PS256", "RSA"},
                                                   {"PS384", "RSA"},
                                                   {"PS512", "RSA"},
                                                   {"ES256", "P-256"},
                                                   {"ES384", "P-384"},
                                                   {"ES512", "P-521"}}};

// RSA moduli below are too weak, above too slow for something that strangers may ask for.
constexpr std::size_t kModulusBytesMin = 256, kModulusBytesMax = 1024;
constexpr std::size_t kExponentBytesMax = 8;
constexpr std::size_t kCoordinateBytesMax = 66;

struct JwsDeleter {
  void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
};
using Jws = std::unique_ptr<cjose_jws_t, JwsDeleter>;
struct JwkDeleter {
  void operator()(cjose_jwk_t* jwk) const { cjose_jwk_release(jwk); }
};
using Jwk = std::unique_ptr<cjose_jwk_t, JwkDeleter>;

const Algorithm* FindAlgorithm(std::string_view name) {
  const auto found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                  [name](const Algorithm& a) { return a.name == name; });
  return found == kAlgorithms.end() ? nullptr : &*found;
}

Jws Import(std::string_view token) {
  cjose_err error{};
  return Jws(cjose_jws_import(token.data(), token.size(), &error));
}

// A member that is base64url of so many bytes, without a zero in front.
bool IsNumber(const json& key, const char* name, std::size_t bytes_min, std::size_t bytes_max) {
  const auto text = TextMember(key, name, 2 * bytes_max);
  const auto bytes = text ? base::Base64UrlDecode(*text) : std::nullopt;
  return bytes && bytes->size() >= bytes_min && bytes->size() <= bytes_max;
}

bool MayVerify(const json& key) {
  if (const auto use = key.find("use"); use != key.end() && *use != "sig") return false;
  const auto operations = key.find("key_ops");
  if (operations == key.end()) return true;
  return operations->is_array() &&
         std::find(operations->begin(), operations->end(), "verify") != operations->end();
}

}  // namespace

bool LooksLikeJwt(std::string_view token) {
  return token.size() <= kTokenBytesMax && token.starts_with("ey") &&
         std::count(token.begin(), token.end(), '.') == 2 &&
         std::all_of(token.begin(), token.end(), [](char c) {
           return c == '.' || c == '-' || c == '_' || (c >= '0' && c <= '9') ||
                  (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
         });
}

Result<JwsHeader> ReadJwsHeader(std::string_view token) {
  if (!LooksLikeJwt(token)) return BadToken("it is not a signed JWT of at most 16 KiB");
  // Looked at before the library sees it: which code verifies is not the token's to choose.
  const auto bytes = base::Base64UrlDecode(token.substr(0, token.find('.')));
  const auto header = bytes ? ParseHostileObject(*bytes, kTokenBytesMax) : std::nullopt;
  // One signature has one text.
  if (!base::Base64UrlDecode(token.substr(token.rfind('.') + 1)))
    return BadToken("its signature is not base64url");
  if (!header) return BadToken("its header is not JSON");
  const auto name = TextMember(*header, "alg", 16);
  const Algorithm* algorithm = name ? FindAlgorithm(*name) : nullptr;
  if (algorithm == nullptr) return BadToken("its algorithm is not taken");
  if (header->contains("crit")) return BadToken("it has critical extensions");
  const auto key_id = header->find("kid");
  if (key_id != header->end() && !TextMember(*header, "kid", 256))
    return BadToken("its key id is not a text");
  return JwsHeader{*name, TextMember(*header, "kid", 256).value_or("")};
}

std::optional<KeySet::Key> KeySet::ParseKey(const json& key) {
  if (!key.is_object() || !MayVerify(key)) return std::nullopt;
  Key out;
  out.id = TextMember(key, "kid", 256).value_or("");
  out.algorithm = TextMember(key, "alg", 16).value_or("");
  const std::string type = TextMember(key, "kty", 16).value_or("");
  json members;
  if (type == "RSA" && IsNumber(key, "n", kModulusBytesMin, kModulusBytesMax) &&
      IsNumber(key, "e", 1, kExponentBytesMax)) {
    out.kind = type;
    members = {{"kty", type}, {"n", key["n"]}, {"e", key["e"]}};
  } else if (type == "EC" && IsNumber(key, "x", 1, kCoordinateBytesMax) &&
             IsNumber(key, "y", 1, kCoordinateBytesMax)) {
    out.kind = TextMember(key, "crv", 16).value_or("");
    members = {{"kty", type}, {"crv", out.kind}, {"x", key["x"]}, {"y", key["y"]}};
  } else {
    return std::nullopt;
  }
  const bool known = std::any_of(kAlgorithms.begin(), kAlgorithms.end(), [&out](const auto& a) {
    return a.kind == out.kind && (out.algorithm.empty() || a.name == out.algorithm);
  });
  if (!known) return std::nullopt;
  out.json = members.dump();
  return out;
}

Result<KeySet> KeySet::Parse(base::ByteSpan text) {
  const Error bad{ErrorCode::kUnavailable, "the provider's answer is no JSON Web Key Set"};
  const auto document = ParseHostileObject(text, kKeySetBytesMax);
  if (!document) return bad;
  const auto keys = document->find("keys");
  if (keys == document->end() || !keys->is_array() || keys->size() > kKeySetKeysMax) return bad;
  KeySet out;
  for (const json& key : *keys) {
    if (auto parsed = ParseKey(key)) out.keys_.push_back(std::move(*parsed));
  }
  return out;
}

// A token that names no key is verified only where there is no choice.
const KeySet::Key* KeySet::Find(const JwsHeader& header) const {
  const Algorithm* algorithm = FindAlgorithm(header.algorithm);
  if (algorithm == nullptr) return nullptr;
  const Key* found = nullptr;
  for (const Key& key : keys_) {
    const bool fits = key.kind == algorithm->kind &&
                      (key.algorithm.empty() || key.algorithm == header.algorithm) &&
                      (header.key_id.empty() || key.id == header.key_id);
    if (!fits) continue;
    if (found != nullptr) return nullptr;
    found = &key;
  }
  return found;
}

Result<json> KeySet::Verify(std::string_view token, const JwsHeader& header) const {
  const Key* key = Find(header);
  if (key == nullptr) return BadToken("the provider has no such key");
  cjose_err error{};
  // Made anew each time: the library's objects are not for several threads.
  const Jwk jwk(cjose_jwk_import(key->json.data(), key->json.size(), &error));
  if (!jwk) return BadToken("the provider's key is not valid");
  const Jws jws = Import(token);
  if (!jws) return BadToken("it is not a signed JWT");
  const char* algorithm = cjose_header_get(cjose_jws_get_protected(jws.get()), "alg", &error);
  if (algorithm == nullptr || header.algorithm != algorithm)
    return BadToken("its header is ambiguous");
  if (!cjose_jws_verify(jws.get(), jwk.get(), &error)) return BadToken("its signature is wrong");
  std::uint8_t* payload = nullptr;  // The token's own.
  std::size_t size = 0;
  if (!cjose_jws_get_plaintext(jws.get(), &payload, &size, &error))
    return BadToken("it has no payload");
  auto claims = ParseHostileObject({payload, size}, kTokenBytesMax);
  if (!claims) return BadToken("its payload is not a JSON object");
  return std::move(*claims);
}

}  // namespace tenantseal::identity
