#include "api/secret_fields.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>

#include "api/error_table.h"
#include "base/encoding.h"

namespace tenantseal::api {
namespace {

namespace od = simdjson::ondemand;

Error BadField(std::string_view name, std::string_view what) {
  // A cut may fall within a character.
  const std::string shown(base::IsUtf8(name.substr(0, 64)) ? name.substr(0, 64) : "");
  return InvalidArgument(shown, "The field " + shown + " " + std::string(what) + ".");
}

bool IsKnown(std::span<const std::string_view> known, std::string_view name) {
  return std::find(known.begin(), known.end(), name) != known.end();
}

std::optional<std::uint8_t> HexByte(std::string_view two) {
  if (two.size() != 2) return std::nullopt;
  const int high = base::HexDigit(two[0]), low = base::HexDigit(two[1]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<std::uint8_t>(high << 4 | low);
}

// One escape of JSON at `text[i]`, which is the backslash; moves `i` to its last character. Only
// what may stand for ASCII: no secret that is taken here has other characters.
std::optional<std::uint8_t> Escape(std::string_view text, std::size_t& i) {
  if (++i >= text.size()) return std::nullopt;
  switch (text[i]) {
    case '"':
    case '\\':
    case '/':
      return static_cast<std::uint8_t>(text[i]);
    case 'u': {
      if (text.substr(i + 1, 2) != "00") return std::nullopt;
      const auto byte = HexByte(text.substr(i + 3, 2));
      i += 4;
      return byte && *byte < 0x80 ? byte : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

// A JSON string without its quotes, in memory that is wiped.
std::optional<base::SecretBytes> Unescaped(std::string_view text) {
  base::SecretBytes out(text.size());
  std::size_t n = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::optional<std::uint8_t> byte = static_cast<std::uint8_t>(text[i]);
    if (text[i] == '\\') byte = Escape(text, i);
    if (!byte) return std::nullopt;
    out.RevealMutable()[n++] = *byte;
  }
  out.Truncate(n);
  return out;
}

Result<base::SecretBytes> SecretOf(od::value value, std::string_view name) {
  od::json_type type;
  if (value.type().get(type) != simdjson::SUCCESS || type != od::json_type::string)
    return BadField(name, "must be a string");
  std::string_view token = value.raw_json_token();
  while (!token.empty() && std::string_view(" \n\r\t").find(token.back()) != token.npos)
    token.remove_suffix(1);
  if (token.size() < 2 || token.front() != '"' || token.back() != '"') return NotJson();
  auto secret = Unescaped(token.substr(1, token.size() - 2));
  if (!secret) return BadField(name, "holds an escape that is not one of ASCII");
  return std::move(*secret);
}

Result<SecretFields> ReadObject(od::object object, std::span<const std::string_view> known,
                                UnknownFields unknown) {
  SecretFields out;
  std::size_t count = 0;
  for (auto field : object) {
    std::string_view key;
    od::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return NotJson();
    const std::string name(key);
    if (field.value().get(value) != simdjson::SUCCESS) return NotJson();
    if (++count > kSecretFieldsMax) return InvalidArgument("body", "The body has too many fields.");
    if (!IsKnown(known, name)) {
      if (unknown == UnknownFields::kRefused) return BadField(name, "is not known here");
      continue;
    }
    TS_ASSIGN_OR_RETURN(base::SecretBytes secret, SecretOf(value, name));
    if (!out.emplace(name, std::move(secret)).second) return BadField(name, "stands twice");
  }
  return out;
}

std::optional<base::SecretBytes> PercentDecoded(std::string_view text) {
  base::SecretBytes out(text.size());
  std::size_t n = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::optional<std::uint8_t> byte = static_cast<std::uint8_t>(text[i] == '+' ? ' ' : text[i]);
    if (text[i] == '%') {
      byte = HexByte(text.substr(i + 1, 2));
      i += 2;
    }
    if (!byte) return std::nullopt;
    out.RevealMutable()[n++] = *byte;
  }
  out.Truncate(n);
  return out;
}

}  // namespace

Result<SecretFields> ParseSecretJson(base::ByteSpan body, std::span<const std::string_view> known,
                                     UnknownFields unknown) {
  base::SecretBytes text(body.size() + simdjson::SIMDJSON_PADDING);
  std::ranges::copy(body, text.RevealMutable().data());
  od::parser parser;
  od::document document;
  od::object object;
  const auto* chars = reinterpret_cast<const char*>(text.Reveal().data());
  if (parser.iterate(chars, body.size(), text.size()).get(document) != simdjson::SUCCESS)
    return NotJson();
  if (document.get_object().get(object) != simdjson::SUCCESS)
    return InvalidArgument("body", "The body must be a JSON object.");
  auto read = ReadObject(object, known, unknown);
  // A location that is not out of bounds is a token behind the object.
  if (read && document.current_location().error() != simdjson::OUT_OF_BOUNDS) return NotJson();
  return read;
}

Result<SecretFields> ParseSecretForm(base::ByteSpan body, std::span<const std::string_view> known) {
  SecretFields out;
  std::string_view rest = base::AsText(body);
  for (std::size_t count = 0; !rest.empty(); ++count) {
    if (count == kSecretFieldsMax) return InvalidArgument("body", "The body has too many fields.");
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    if (equals == pair.npos || equals + 1 == pair.size() || !IsKnown(known, name)) continue;
    auto value = PercentDecoded(pair.substr(equals + 1));
    if (!value) return BadField(name, "is not percent-encoded rightly");
    if (!out.emplace(std::string(name), std::move(*value)).second)
      return BadField(name, "stands twice");
  }
  return out;
}

}  // namespace tenantseal::api
