#include "emulator/json_text.h"

#include <algorithm>

#include "base/encoding.h"

namespace tenantseal::emulator {
namespace {

constexpr char kDigits[] = "0123456789abcdef";
constexpr bool DashBefore(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

void AppendJsonText(std::string_view text, std::string& out) {
  const bool utf8 = base::IsUtf8(text);
  const auto plain = [utf8](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c != '"' && c != '\\' && byte >= 0x20 && (utf8 || byte < 0x80);
  };
  out += '"';
  while (true) {
    const auto other = std::ranges::find_if_not(text, plain);
    out.append(text.begin(), other);
    if (other == text.end()) break;
    const auto byte = static_cast<unsigned char>(*other);
    if (byte >= 0x80) {
      out += '?';
    } else if (byte >= 0x20) {
      out += '\\';
      out += *other;
    } else {
      out += "\\u00";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
    text = {other + 1, text.end()};
  }
  out += '"';
}

void AppendJsonMember(std::string_view name, std::string_view value, std::string& out) {
  out += '"';
  out += name;
  out += "\":";
  AppendJsonText(value, out);
}

Uuid NewUuid(const base::Random& random) {
  Uuid uuid;
  random.FillPublic(uuid);
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x40);
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

std::string UuidText(const Uuid& uuid) {
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (DashBefore(i)) text += '-';
    text += kDigits[uuid[i] >> 4];
    text += kDigits[uuid[i] & 15];
  }
  return text;
}

std::optional<Uuid> ParseUuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid uuid;
  std::size_t at = 0;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (DashBefore(i) && text[at++] != '-') return std::nullopt;
    const int high = DigitOf(text[at++]);
    const int low = DigitOf(text[at++]);
    if (high < 0 || low < 0) return std::nullopt;
    uuid[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return uuid;
}

}  // namespace tenantseal::emulator
