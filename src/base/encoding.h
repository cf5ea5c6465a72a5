// Text encodings of bytes. Decoders are strict and canonical: each byte string has exactly one
// text that decodes to it, so that two texts never name the same thing.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/secret.h"

namespace tenantseal::base {

int HexDigit(char c);                                   // Its value, of either case; -1 for none.
std::string HexEncode(ByteSpan bytes);                  // Lower case.
std::optional<Bytes> HexDecode(std::string_view text);  // Either case.

// RFC 4648 section 4, with padding.
std::string Base64Encode(ByteSpan bytes);
std::optional<Bytes> Base64Decode(std::string_view text);
// RFC 4648 section 5, without padding.
std::string Base64UrlEncode(ByteSpan bytes);
std::optional<Bytes> Base64UrlDecode(std::string_view text);

// The lengths that the functions above produce.
constexpr std::size_t Base64Size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }
constexpr std::size_t Base64UrlSize(std::size_t bytes) { return (bytes * 4 + 2) / 3; }

// Without intermediate copies, for secrets and hot paths. Encoding writes exactly
// Base64Size(in.size()) or Base64UrlSize(in.size()) characters to `out`.
void Base64EncodeTo(ByteSpan in, char* out);
void Base64UrlEncodeTo(ByteSpan in, char* out);
// Decodes into `out`, which must have room for text.size() / 4 * 3 + 2 bytes; returns the number
// of bytes, or nothing when `text` is not canonical.
std::optional<std::size_t> Base64DecodeTo(std::string_view text, MutableByteSpan out);
std::optional<std::size_t> Base64UrlDecodeTo(std::string_view text, MutableByteSpan out);
std::optional<SecretBytes> Base64DecodeSecret(std::string_view text);

// A name or value of application/x-www-form-urlencoded, or of a query: '+' is a space. Nothing when
// a '%' is not followed by two hexadecimal digits.
std::optional<std::string> FormDecode(std::string_view text);

// Whether `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsUtf8(std::string_view text);

}  // namespace tenantseal::base
