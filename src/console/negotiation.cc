#include "console/negotiation.h"

#include <algorithm>
#include <optional>

#include "net/message.h"

namespace tenantseal::console {
namespace {

constexpr std::string_view kSpace = " \t";

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Takes what stands before `separator` off `text`.
std::string_view TakeUntil(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return Trimmed(part);
}

// "0", "0.", "0.000": anything else is some weight.
bool IsZero(std::string_view weight) {
  return weight.starts_with('0') && weight.find_first_not_of("0.") == weight.npos;
}

// Whether the list gives `name` a weight above 0; nothing when it does not name it.
std::optional<bool> Allows(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    std::string_view item = TakeUntil(list, ',');
    if (!net::EqualsIgnoreCase(TakeUntil(item, ';'), name)) continue;
    while (!item.empty()) {
      std::string_view parameter = TakeUntil(item, ';');
      if (net::EqualsIgnoreCase(TakeUntil(parameter, '='), "q")) return !IsZero(Trimmed(parameter));
    }
    return true;
  }
  return std::nullopt;
}

}  // namespace

bool AcceptsEncoding(std::string_view accept_encoding, std::string_view encoding) {
  return Allows(accept_encoding, encoding).value_or(Allows(accept_encoding, "*").value_or(false));
}

bool AcceptsType(std::string_view accept, std::string_view type) {
  return Allows(accept, type).value_or(false);
}

bool TagMatches(std::string_view if_none_match, std::string_view tag) {
  if (Trimmed(if_none_match) == "*") return true;
  // Our tags hold no comma.
  while (!if_none_match.empty()) {
    std::string_view own = TakeUntil(if_none_match, ',');
    if (own.starts_with("W/")) own.remove_prefix(2);
    if (own == tag) return true;
  }
  return false;
}

}  // namespace tenantseal::console
