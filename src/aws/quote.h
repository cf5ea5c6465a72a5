// How error messages of aws/ quote input.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tenantseal::aws {

// 'TEXT' for an error message: cut after `chars_max` characters, and every byte that is not
// printable ASCII shown as \xNN, so that input can neither flood nor forge a line.
inline std::string Quote(std::string_view text, std::size_t chars_max = 100) {
  std::string out = "'";
  for (const char c : text.substr(0, chars_max)) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      constexpr std::string_view kDigits = "0123456789abcdef";
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out + (text.size() > chars_max ? "...'" : "'");
}

}  // namespace tenantseal::aws
