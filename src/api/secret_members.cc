#include "api/secret_members.h"

#include <simdjson.h>

#include <algorithm>
#include <array>

#include "api/error_table.h"
#include "api/secret_fields.h"

namespace tenantseal::api {
namespace {

namespace od = simdjson::ondemand;

Error TooMany() { return InvalidArgument("body", "The body has too many fields."); }

// A text with the room behind it that simdjson reads, and what it is read with.
struct Source {
  explicit Source(base::ByteSpan in) : text(in.size() + simdjson::SIMDJSON_PADDING) {
    std::ranges::copy(in, text.RevealMutable().data());
    const auto* chars = reinterpret_cast<const char*>(text.Reveal().data());
    ok = parser.iterate(chars, in.size(), text.size()).get(document) == simdjson::SUCCESS;
  }
  // Nothing stands behind what was read.
  bool AtEnd() { return document.current_location().error() == simdjson::OUT_OF_BOUNDS; }

  base::SecretBytes text;
  od::parser parser;
  od::document document;
  bool ok = false;
};

Result<base::SecretBytes> TextOf(od::value value) {
  std::string_view text;
  if (simdjson::to_json_string(value).get(text) != simdjson::SUCCESS) return NotJson();
  return base::SecretBytes::CopyOf(base::AsBytes(text));
}

}  // namespace

Result<std::vector<SecretMember>> SplitObject(base::ByteSpan object) {
  Source source(object);
  od::object members;
  if (!source.ok) return NotJson();
  if (source.document.get_object().get(members) != simdjson::SUCCESS)
    return InvalidArgument("body", "The body must be a JSON object.");
  std::vector<SecretMember> out;
  for (auto member : members) {
    std::string_view key;
    od::value value;
    if (member.unescaped_key().get(key) != simdjson::SUCCESS) return NotJson();
    std::string name(key);
    if (member.value().get(value) != simdjson::SUCCESS) return NotJson();
    if (out.size() == kSecretMembersMax) return TooMany();
    TS_ASSIGN_OR_RETURN(base::SecretBytes text, TextOf(value));
    out.push_back({std::move(name), std::move(text)});
  }
  if (!source.AtEnd()) return NotJson();
  return out;
}

Result<std::vector<base::SecretBytes>> SplitArray(base::ByteSpan array) {
  Source source(array);
  od::array elements;
  if (!source.ok) return NotJson();
  if (source.document.get_array().get(elements) != simdjson::SUCCESS)
    return InvalidArgument("body", "The body must be a JSON array.");
  std::vector<base::SecretBytes> out;
  for (auto element : elements) {
    od::value value;
    if (element.get(value) != simdjson::SUCCESS) return NotJson();
    if (out.size() == kSecretMembersMax) return TooMany();
    TS_ASSIGN_OR_RETURN(base::SecretBytes text, TextOf(value));
    out.push_back(std::move(text));
  }
  if (!source.AtEnd()) return NotJson();
  return out;
}

Result<base::SecretBytes> SecretString(const base::SecretBytes& text, std::string_view field) {
  static constexpr std::array<std::string_view, 1> kKnown = {"value"};
  static constexpr std::string_view kOpen = R"({"value":)";
  base::SecretBytes object(kOpen.size() + text.size() + 1);
  auto* at = std::ranges::copy(base::AsBytes(kOpen), object.RevealMutable().data()).out;
  at = std::ranges::copy(text.Reveal(), at).out;
  *at = '}';
  auto fields = ParseSecretJson(object.Reveal(), kKnown, UnknownFields::kRefused);
  if (fields && fields->size() == 1) return std::move(fields->begin()->second);
  return InvalidArgument(std::string(field), "The value must be a string of ASCII characters.");
}

}  // namespace tenantseal::api
