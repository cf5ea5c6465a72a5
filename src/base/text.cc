#include "base/text.h"

#include <algorithm>
#include <cstdint>

#include "base/encoding.h"

namespace tenantseal::base {

bool IsPlainText(std::string_view text) {
  if (!IsUtf8(text)) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<std::uint8_t>(text[i]);
    if (c < 0x20 || c == 0x7f) return false;
    // U+0080 to U+009F are 0xc2 and the character's own value.
    if (c == 0xc2 && static_cast<std::uint8_t>(text[i + 1]) < 0xa0) return false;
  }
  return true;
}

std::size_t CharactersOf(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace tenantseal::base
