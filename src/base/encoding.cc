#include "base/encoding.h"

#include <array>
#include <cstring>

namespace tenantseal::base {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kStandard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kUrl[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using Table = std::array<std::int8_t, 256>;

constexpr Table Inverse(const char* alphabet) {
  Table table{};
  table.fill(-1);
  for (int i = 0; i < 64; ++i)
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  return table;
}
constexpr Table kStandardInverse = Inverse(kStandard);
constexpr Table kUrlInverse = Inverse(kUrl);

// The two characters of every 12 bits, which take half as long as one by one.
using Pairs = std::array<std::array<char, 2>, 4096>;

constexpr Pairs PairsOf(const char* alphabet) {
  Pairs pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {alphabet[i >> 6], alphabet[i & 63]};
  return pairs;
}
constexpr Pairs kStandardPairs = PairsOf(kStandard);
constexpr Pairs kUrlPairs = PairsOf(kUrl);

void EncodeTo(ByteSpan in, char* out, const char* alphabet, const Pairs& pairs, bool pad) {
  std::size_t i = 0;
  for (; i + 3 <= in.size(); i += 3) {
    const std::uint32_t v = static_cast<std::uint32_t>(in[i]) << 16 | in[i + 1] << 8 | in[i + 2];
    std::memcpy(out, pairs[v >> 12].data(), 2);
    std::memcpy(out + 2, pairs[v & 4095].data(), 2);
    out += 4;
  }
  const std::size_t rest = in.size() - i;
  if (rest == 0) return;
  const std::uint32_t v =
      static_cast<std::uint32_t>(in[i]) << 16 | (rest == 2 ? in[i + 1] << 8 : 0);
  *out++ = alphabet[v >> 18];
  *out++ = alphabet[v >> 12 & 63];
  if (rest == 2) *out++ = alphabet[v >> 6 & 63];
  if (pad) {
    if (rest == 1) *out++ = '=';
    *out++ = '=';
  }
}

// Decodes unpadded text. The bits that the last character has too many must be zero.
std::optional<std::size_t> DecodeTo(std::string_view text, MutableByteSpan out,
                                    const Table& table) {
  std::uint8_t* to = out.data();
  std::size_t i = 0;
  std::int32_t bad = 0;
  const auto at = [&](std::size_t k) -> std::int32_t {
    return table[static_cast<unsigned char>(text[k])];
  };
  for (; i + 4 <= text.size(); i += 4) {
    // A character outside the alphabet makes the whole negative.
    const std::int32_t bits = at(i) << 18 | at(i + 1) << 12 | at(i + 2) << 6 | at(i + 3);
    bad |= bits;
    *to++ = static_cast<std::uint8_t>(bits >> 16);
    *to++ = static_cast<std::uint8_t>(bits >> 8);
    *to++ = static_cast<std::uint8_t>(bits);
  }
  const std::size_t rest = text.size() - i;
  if (rest == 1 || bad < 0) return std::nullopt;
  if (rest >= 2) {
    const std::int32_t a = at(i), b = at(i + 1), c = rest == 3 ? at(i + 2) : 0;
    if ((a | b | c) < 0 || (rest == 2 ? b & 15 : c & 3) != 0) return std::nullopt;
    *to++ = static_cast<std::uint8_t>(a << 2 | b >> 4);
    if (rest == 3) *to++ = static_cast<std::uint8_t>(b << 4 | c >> 2);
  }
  return static_cast<std::size_t>(to - out.data());
}

}  // namespace

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string HexEncode(ByteSpan bytes) {
  std::string out(bytes.size() * 2, '\0');
  char* at = out.data();
  for (std::uint8_t byte : bytes) {
    *at++ = kHex[byte >> 4];
    *at++ = kHex[byte & 15];
  }
  return out;
}

std::optional<Bytes> HexDecode(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes out(text.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = HexDigit(text[2 * i]), low = HexDigit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return out;
}

std::optional<std::string> FormDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = HexDigit(text[i + 1]), low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

void Base64EncodeTo(ByteSpan in, char* out) { EncodeTo(in, out, kStandard, kStandardPairs, true); }
void Base64UrlEncodeTo(ByteSpan in, char* out) { EncodeTo(in, out, kUrl, kUrlPairs, false); }

std::string Base64Encode(ByteSpan bytes) {
  std::string out(Base64Size(bytes.size()), '\0');
  Base64EncodeTo(bytes, out.data());
  return out;
}

std::string Base64UrlEncode(ByteSpan bytes) {
  std::string out(Base64UrlSize(bytes.size()), '\0');
  Base64UrlEncodeTo(bytes, out.data());
  return out;
}

std::optional<std::size_t> Base64DecodeTo(std::string_view text, MutableByteSpan out) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.ends_with('=')) text.remove_suffix(text.ends_with("==") ? 2 : 1);
  return DecodeTo(text, out, kStandardInverse);
}

std::optional<std::size_t> Base64UrlDecodeTo(std::string_view text, MutableByteSpan out) {
  return DecodeTo(text, out, kUrlInverse);
}

std::optional<Bytes> Base64Decode(std::string_view text) {
  Bytes out(text.size() / 4 * 3 + 2);
  const auto size = Base64DecodeTo(text, out);
  if (!size) return std::nullopt;
  out.resize(*size);
  return out;
}

std::optional<Bytes> Base64UrlDecode(std::string_view text) {
  Bytes out(text.size() / 4 * 3 + 2);
  const auto size = Base64UrlDecodeTo(text, out);
  if (!size) return std::nullopt;
  out.resize(*size);
  return out;
}

std::optional<SecretBytes> Base64DecodeSecret(std::string_view text) {
  SecretBytes out(text.size() / 4 * 3 + 2);
  const auto size = Base64DecodeTo(text, out.RevealMutable());
  if (!size) return std::nullopt;
  out.Truncate(*size);
  return out;
}

bool IsUtf8(std::string_view text) {
  std::size_t i = 0;
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  while (i < text.size()) {
    const unsigned char lead = byte(i);
    std::size_t more = 0;
    unsigned low = 0x80, high = 0xBF;
    if (lead < 0x80) {
      ++i;
      continue;
    } else if (lead >= 0xC2 && lead <= 0xDF) {
      more = 1;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      more = 2;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      more = 3;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return false;
    }
    if (i + more >= text.size()) return false;
    if (byte(i + 1) < low || byte(i + 1) > high) return false;
    for (std::size_t k = 2; k <= more; ++k) {
      if (byte(i + k) < 0x80 || byte(i + k) > 0xBF) return false;
    }
    i += more + 1;
  }
  return true;
}

}  // namespace tenantseal::base
