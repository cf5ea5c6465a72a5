#include "emulator/kms_input.h"

#include <simdjson.h>

#include <algorithm>

#include "base/encoding.h"
#include "emulator/json_text.h"

namespace tenantseal::emulator {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kDepthMax = 16;
constexpr std::size_t kContextBytesMax = 8192;
constexpr std::size_t kTagsMax = 50;

dom::parser& ThreadParser() {
  thread_local dom::parser parser;
  return parser;
}

std::string_view TypeName(dom::element value) {
  switch (value.type()) {
    case dom::element_type::STRING:
      return "STRING_VALUE";
    case dom::element_type::BOOL:
      return value.get_bool().value_unsafe() ? "TRUE_VALUE" : "FALSE_VALUE";
    case dom::element_type::OBJECT:
      return "START_OBJECT";
    case dom::element_type::ARRAY:
      return "START_ARRAY";
    default:
      return "NUMBER_VALUE";
  }
}

std::string AtMost(std::size_t max) {
  return "Member must have length less than or equal to " + std::to_string(max);
}
std::string AtLeast(std::size_t min) {
  return "Member must have length greater than or equal to " + std::to_string(min);
}

void AppendTrail(dom::element value, bool lower_names, std::string& out);

// Whether the names of a member's members are the caller's own, to be kept as they are.
bool IsMap(std::string_view name) { return name.find("EncryptionContext") != name.npos; }
bool IsHidden(std::string_view name) {
  return name == "Plaintext" || name == "CiphertextBlob" || name == "GrantTokens" ||
         name == "GrantToken";
}

void AppendTrailObject(dom::object object, bool lower_names, std::string& out) {
  out += '{';
  bool first = true;
  for (auto [name, member] : object) {
    if (lower_names && IsHidden(name)) continue;
    if (member.is_null()) continue;
    if (!first) out += ',';
    first = false;
    AppendJsonText(lower_names ? LowerCamel(name) : std::string(name), out);
    out += ':';
    AppendTrail(member, lower_names && !IsMap(name), out);
  }
  out += '}';
}

void AppendTrail(dom::element value, bool lower_names, std::string& out) {
  if (value.is_object()) {
    AppendTrailObject(value.get_object().value_unsafe(), lower_names, out);
  } else if (value.is_array()) {
    out += '[';
    bool first = true;
    dom::array list;
    if (value.get_array().get(list) != simdjson::SUCCESS) return;
    for (dom::element item : list) {
      if (!first) out += ',';
      first = false;
      AppendTrail(item, lower_names, out);
    }
    out += ']';
  } else {
    out += simdjson::minify(value);
  }
}

}  // namespace

struct Input::Document {
  dom::object root;
  bool valid = false;

  std::optional<dom::element> Find(std::string_view name) const {
    if (!valid) return std::nullopt;
    dom::element found;
    if (root.at_key(name).get(found) != simdjson::SUCCESS || found.is_null()) return std::nullopt;
    return found;
  }
  std::optional<dom::element> Find(std::string_view name, std::string_view parent) const {
    if (parent.empty()) return Find(name);
    std::optional<dom::element> outer = Find(parent);
    dom::element found;
    if (!outer || !outer->is_object() || outer->at_key(name).get(found) != simdjson::SUCCESS ||
        found.is_null()) {
      return std::nullopt;
    }
    return found;
  }
};

std::string LowerCamel(std::string_view name) {
  std::string out(name);
  if (!out.empty() && out[0] >= 'A' && out[0] <= 'Z') out[0] = static_cast<char>(out[0] + 32);
  return out;
}

Input::Input(std::string_view body) : document_(std::make_unique<Document>()) {
  if (body.find_first_not_of(" \t\r\n") == body.npos) return;
  dom::parser& parser = ThreadParser();
  if (parser.capacity() < body.size() || parser.max_depth() != kDepthMax) {
    // Grown in steps, so that small bodies of growing size do not allocate each time.
    if (parser.allocate(std::max<std::size_t>(body.size(), 16 << 10), kDepthMax) !=
        simdjson::SUCCESS) {
      Malformed("");
      return;
    }
  }
  dom::element root;
  if (parser.parse(body.data(), body.size(), true).get(root) != simdjson::SUCCESS ||
      root.get_object().get(document_->root) != simdjson::SUCCESS) {
    Malformed("");
    return;
  }
  document_->valid = true;
}

Input::~Input() = default;

void Input::Malformed(std::string message) {
  if (malformed_.empty()) malformed_ = message.empty() ? "Malformed JSON." : std::move(message);
}

void Input::WrongType(std::string_view found, std::string_view wanted) {
  Malformed(std::string(found) + " can not be converted to " + std::string(wanted));
}

bool Input::Has(std::string_view name) const { return document_->Find(name).has_value(); }
bool Input::Has(std::string_view name, std::string_view parent) const {
  return document_->Find(name, parent).has_value();
}

void Input::Violated(std::string_view name, std::string_view value, bool secret,
                     const std::string& constraint) {
  std::string text = secret ? "Value at '" : "Value '" + std::string(value) + "' at '";
  text += LowerCamel(name) + "' failed to satisfy constraint: " + constraint;
  violations_.push_back(std::move(text));
}

std::optional<Fault> Input::fault() const {
  if (!malformed_.empty()) return OtherFault("SerializationException", malformed_);
  if (violations_.empty()) return std::nullopt;
  std::string message =
      std::to_string(violations_.size()) +
      (violations_.size() == 1 ? " validation error detected: " : " validation errors detected: ");
  for (std::size_t i = 0; i < violations_.size(); ++i)
    message += (i == 0 ? "" : "; ") + violations_[i];
  return Validation(std::move(message));
}

std::string_view Input::Text(std::string_view name, Length length) {
  std::optional<dom::element> found = document_->Find(name);
  if (!found) {
    if (length.required) {
      violations_.push_back("Value null at '" + LowerCamel(name) +
                            "' failed to satisfy constraint: Member must not be null");
    }
    return {};
  }
  std::string_view text;
  if (found->get_string().get(text) != simdjson::SUCCESS) {
    WrongType(TypeName(*found), "a String");
    return {};
  }
  if (text.size() > length.max) Violated(name, text, length.secret, AtMost(length.max));
  if (text.size() < length.min) Violated(name, text, length.secret, AtLeast(length.min));
  return text;
}

std::optional<std::int64_t> Input::Integer(std::string_view name, std::int64_t min,
                                           std::int64_t max) {
  std::optional<dom::element> found = document_->Find(name);
  if (!found) return std::nullopt;
  std::int64_t value = 0;
  if (found->get_int64().get(value) != simdjson::SUCCESS) {
    double number = 0;  // 32.0 is as good as 32.
    if (found->get_double().get(number) != simdjson::SUCCESS || number > 1e15 || number < -1e15) {
      WrongType(TypeName(*found), "an Integer");
      return std::nullopt;
    }
    value = static_cast<std::int64_t>(number);
  }
  if (value > max) {
    Violated(name, std::to_string(value), false,
             "Member must have value less than or equal to " + std::to_string(max));
  }
  if (value < min) {
    Violated(name, std::to_string(value), false,
             "Member must have value greater than or equal to " + std::to_string(min));
  }
  return value;
}

bool Input::Flag(std::string_view name) {
  std::optional<dom::element> found = document_->Find(name);
  if (!found) return false;
  bool value = false;
  if (found->get_bool().get(value) != simdjson::SUCCESS) WrongType(TypeName(*found), "a Boolean");
  return value;
}

base::SecretBytes Input::SecretBlob(std::string_view name, Length length) {
  std::string_view text = Text(name, {.min = 0, .max = 1 << 24, .required = length.required});
  if (text.data() == nullptr) return {};
  std::optional<base::SecretBytes> bytes = base::Base64DecodeSecret(text);
  if (!bytes) {
    Malformed("The blob " + LowerCamel(name) + " is not valid Base64.");
    return {};
  }
  if (bytes->size() > length.max) Violated(name, "", true, AtMost(length.max));
  if (bytes->size() < length.min) Violated(name, "", true, AtLeast(length.min));
  return std::move(*bytes);
}

base::Bytes Input::Blob(std::string_view name, Length length) {
  return base::ToBytes(SecretBlob(name, length).Reveal());
}

std::string Input::Enum(std::string_view name, std::string_view standard,
                        std::span<const std::string_view> values) {
  if (!Has(name)) return std::string(standard);
  std::string_view text = Text(name, {.min = 0, .max = 1 << 20});
  if (std::ranges::find(values, text) == values.end()) {
    std::string set;
    for (std::string_view value : values) set.append(set.empty() ? "" : ", ").append(value);
    Violated(name, text, false, "Member must satisfy enum value set: [" + set + "]");
  }
  return std::string(text);
}

std::vector<std::string> Input::Texts(std::string_view name, std::size_t items_max, Length each,
                                      bool required) {
  std::vector<std::string> out;
  std::optional<dom::element> found = document_->Find(name);
  if (!found) {
    if (required) Text(name, {.required = true});
    return out;
  }
  dom::array array;
  if (found->get_array().get(array) != simdjson::SUCCESS) {
    WrongType(TypeName(*found), "a List");
    return out;
  }
  if (array.size() > items_max) Violated(name, simdjson::minify(array), false, AtMost(items_max));
  for (dom::element item : array) {
    std::string_view text;
    if (item.get_string().get(text) != simdjson::SUCCESS) {
      WrongType(TypeName(item), "a String");
    } else if (text.size() < each.min || text.size() > each.max) {
      Violated(name, simdjson::minify(array), false,
               "Member must satisfy constraint: [Member must have length less than or equal to " +
                   std::to_string(each.max) + ", " + AtLeast(each.min) + "]");
    } else {
      out.emplace_back(text);
    }
  }
  return out;
}

ContextPairs Input::Context(std::string_view name, std::string_view parent) {
  ContextPairs out;
  std::optional<dom::element> found = document_->Find(name, parent);
  if (!found) return out;
  dom::object object;
  if (found->get_object().get(object) != simdjson::SUCCESS) {
    WrongType(TypeName(*found), "a Map");
    return out;
  }
  for (auto [key, value] : object) {
    std::string_view text;
    if (value.get_string().get(text) == simdjson::SUCCESS) {
      out.emplace_back(key, text);
    } else if (value.is_object() || value.is_array() || value.is_null()) {
      WrongType(value.is_null() ? "NULL_VALUE" : TypeName(value), "a String");
    } else {
      // Numbers and booleans are interpreted as strings (AWS KMS Developer Guide).
      out.emplace_back(key, simdjson::minify(value));
    }
  }
  std::size_t bytes = 0;
  for (const auto& [key, value] : out) bytes += key.size() + value.size();
  if (bytes > kContextBytesMax) Violated(name, "", true, AtMost(kContextBytesMax));
  std::ranges::sort(out);
  auto same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (std::ranges::adjacent_find(out, same_key) != out.end())
    Malformed("Duplicate key in " + LowerCamel(name) + ".");
  return out;
}

std::vector<Tag> Input::Tags(std::string_view name, bool required) {
  std::vector<Tag> out;
  std::optional<dom::element> found = document_->Find(name);
  dom::array array;
  if (!found) {
    if (required) Text(name, {.required = true});
    return out;
  }
  if (found->get_array().get(array) != simdjson::SUCCESS) {
    WrongType(TypeName(*found), "a List");
    return out;
  }
  if (array.size() > kTagsMax) Violated(name, simdjson::minify(array), false, AtMost(kTagsMax));
  for (dom::element item : array) {
    std::string_view key;
    std::string_view value;
    if (!item.is_object() || item.at_key("TagKey").get_string().get(key) != simdjson::SUCCESS ||
        item.at_key("TagValue").get_string().get(value) != simdjson::SUCCESS) {
      Malformed("A tag has the members TagKey and TagValue, which are strings.");
      return out;
    }
    if (key.empty() || key.size() > 128)
      Violated(std::string(name) + ".member.tagKey", key, false,
               key.empty() ? AtLeast(1) : AtMost(128));
    if (value.size() > 256)
      Violated(std::string(name) + ".member.tagValue", value, false, AtMost(256));
    out.push_back({std::string(key), std::string(value)});
  }
  return out;
}

std::string Input::TrailParameters() const {
  if (!document_->valid || document_->root.size() == 0) return "";
  std::string out;
  AppendTrailObject(document_->root, true, out);
  return out;
}

}  // namespace tenantseal::emulator
