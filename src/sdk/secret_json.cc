#include "sdk/secret_json.h"

#include <simdjson.h>

namespace tenantseal::sdk {
namespace {

// The text of a scalar token as it stands, or nothing.
bool ScalarText(std::string_view token, std::string_view* out) {
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                            token.back() == '\t')) {
    token.remove_suffix(1);
  }
  if (token.empty() || token.front() == '{' || token.front() == '[') return false;
  if (token.front() == '"') {
    if (token.size() < 2 || token.back() != '"') return false;
    token = token.substr(1, token.size() - 2);
    if (token.find('\\') != std::string_view::npos) return false;
  } else if (token != "true" && token != "false" && token != "null" &&
             token.find_first_not_of("+-.0123456789Ee") != std::string_view::npos) {
    return false;  // The parser does not look at what nobody asks it to read.
  }
  *out = token;
  return true;
}

}  // namespace

SecretJson::SecretJson(base::SecretBytes body)
    : padded_(body.size() + simdjson::SIMDJSON_PADDING), size_(body.size()) {
  std::copy(body.Reveal().begin(), body.Reveal().end(), padded_.RevealMutable().begin());
}

bool SecretJson::Read(std::initializer_list<JsonField> fields) const {
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  const simdjson::padded_string_view view(reinterpret_cast<const char*>(padded_.Reveal().data()),
                                          size_, padded_.size());
  if (parser.iterate(view).get(document) != simdjson::SUCCESS) return false;
  simdjson::ondemand::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) return false;
  for (auto member : object) {
    std::string_view name;
    simdjson::ondemand::value value;
    if (member.unescaped_key().get(name) != simdjson::SUCCESS) return false;
    if (member.value().get(value) != simdjson::SUCCESS) return false;
    for (const JsonField& field : fields) {
      if (field.name == name && !ScalarText(value.raw_json_token(), field.value)) return false;
    }
  }
  return true;
}

}  // namespace tenantseal::sdk
