#include "api/data_plane_json.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "api/error_table.h"
#include "base/encoding.h"
#include "base/limits.h"

namespace tenantseal::api {
namespace {

namespace od = simdjson::ondemand;

// The body with the padding that simdjson reads beyond it, and its parser; one per thread.
struct Scratch {
  base::SecretBytes text;
  std::size_t used = 0;
  od::parser parser;
};

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

Error Expected(std::string_view field, std::string_view what) {
  return InvalidArgument(std::string(field),
                         "The field " + std::string(field) + " must be " + std::string(what) + ".");
}

// Copies a JSON string that is not secret.
Result<std::string> Text(od::value value, std::string_view field) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return Expected(field, "a string");
  return std::string(text);
}

// A JSON string as it stands in the body, without its quotes and without unescaping.
Result<std::string_view> RawText(od::value value, std::string_view field) {
  simdjson::ondemand::json_type type;
  if (value.type().get(type) != simdjson::SUCCESS || type != od::json_type::string)
    return Expected(field, "a string");
  std::string_view token = value.raw_json_token();
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                            token.back() == '\t')) {
    token.remove_suffix(1);
  }
  if (token.size() < 2 || token.front() != '"' || token.back() != '"') return NotJson();
  return token.substr(1, token.size() - 2);
}

Result<bool> Boolean(od::value value, std::string_view field) {
  bool out = false;
  if (value.get_bool().get(out) != simdjson::SUCCESS) return Expected(field, "true or false");
  return out;
}

Result<std::uint64_t> Count(od::value value) {
  std::uint64_t out = 0;
  if (value.get_uint64().get(out) != simdjson::SUCCESS || out < 1 || out > base::kBatchItemsMax) {
    return Expected("count", "a whole number from 1 to " + std::to_string(base::kBatchItemsMax));
  }
  return out;
}

Result<std::vector<model::EncryptionContext::Pair>> Context(od::value value) {
  od::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) {
    return Expected("encryptionContext", "an object of strings");
  }
  std::vector<model::EncryptionContext::Pair> pairs;
  for (auto field : object) {
    std::string_view key, text;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return NotJson();
    std::string name(key);
    od::value item;
    if (field.value().get(item) != simdjson::SUCCESS) return NotJson();
    if (item.get_string().get(text) != simdjson::SUCCESS) {
      return Expected("encryptionContext" + (name.size() <= 64 ? "/" + name : ""), "a string");
    }
    if (pairs.size() >= base::kContextPairsMax) {
      return Expected("encryptionContext",
                      "an object of at most " + std::to_string(base::kContextPairsMax) + " pairs");
    }
    pairs.emplace_back(std::move(name), std::string(text));
  }
  return pairs;
}

template <typename T>
Result<void> Put(std::optional<T>& slot, Result<T> value) {
  if (!value) return std::move(value).error();
  slot = std::move(*value);
  return {};
}

// Reads one named field into `out`. `seen` collects names, to find duplicates.
class FieldReader {
 public:
  FieldReader(const FieldSet& allowed, DataPlaneFields& out) : allowed_(allowed), out_(out) {}

  Result<void> Read(std::string_view name, od::value value) {
    if (name == "encryptionContext") {
      if (context_seen_) return Twice(name);
      context_seen_ = true;
      TS_ASSIGN_OR_RETURN(out_.context, Context(value));
      return {};
    }
    if (name == "plaintext" && allowed_.plaintext)
      return Once(out_.plaintext, name, [&] { return RawText(value, name); });
    if (name == "plaintext" && allowed_.want_plaintext)
      return Once(out_.want_plaintext, name, [&] { return Boolean(value, name); });
    if (name == "ciphertext" && allowed_.ciphertext)
      return Once(out_.ciphertext, name, [&] { return Text(value, name); });
    if (name == "wrappedKey" && allowed_.wrapped_key)
      return Once(out_.wrapped_key, name, [&] { return Text(value, name); });
    if (name == "id" && allowed_.id) return Once(out_.id, name, [&] { return Text(value, name); });
    if (name == "managed" && allowed_.managed)
      return Once(out_.managed, name, [&] { return Boolean(value, name); });
    if (name == "count" && allowed_.count)
      return Once(out_.count, name, [&] { return Count(value); });
    const std::string shown(name.substr(0, 64));
    return InvalidArgument(shown, "The field " + shown + " is not known here.");
  }

 private:
  template <typename T, typename F>
  Result<void> Once(std::optional<T>& slot, std::string_view name, F read) {
    if (slot) return Twice(name);
    return Put(slot, read());
  }
  static Error Twice(std::string_view name) {
    return InvalidArgument(std::string(name), "The field " + std::string(name) + " stands twice.");
  }
  const FieldSet& allowed_;
  DataPlaneFields& out_;
  bool context_seen_ = false;
};

Result<void> ReadItem(od::object object, const FieldSet& fields, DataPlaneFields& out) {
  FieldReader reader(fields, out);
  for (auto field : object) {
    std::string_view key;
    od::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return NotJson();
    if (field.value().get(value) != simdjson::SUCCESS) return NotJson();
    TS_RETURN_IF_ERROR(reader.Read(key, value));
  }
  return {};
}

Result<void> ReadItems(od::value value, const FieldSet& fields, DataPlaneBody& out) {
  od::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return Expected("items", "an array");
  for (auto element : array) {
    if (out.items.size() >= base::kBatchItemsMax) {
      return Error{ErrorCode::kTooLarge,
                   "A batch has at most " + std::to_string(base::kBatchItemsMax) + " items.",
                   "items"};
    }
    od::object object;
    if (element.get_object().get(object) != simdjson::SUCCESS)
      return InItem(InvalidArgument("", "An item must be an object."), out.items.size());
    DataPlaneFields& item = out.items.emplace_back();
    if (auto read = ReadItem(object, fields, item); !read)
      return InItem(std::move(read).error(), out.items.size() - 1);
  }
  if (out.items.empty()) return Expected("items", "an array with at least one item");
  return {};
}

// An object whose only field is "items" is a batch; any other is one item.
Result<DataPlaneBody> ReadBody(od::object object, const FieldSet& fields, bool batch_allowed) {
  DataPlaneBody out;
  DataPlaneFields single;
  FieldReader reader(fields, single);
  bool other = false;
  for (auto field : object) {
    std::string_view key;
    od::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return NotJson();
    if (field.value().get(value) != simdjson::SUCCESS) return NotJson();
    if (key == "items" && batch_allowed) {
      if (out.batch) return InvalidArgument("items", "The field items stands twice.");
      out.batch = true;
      TS_RETURN_IF_ERROR(ReadItems(value, fields, out));
    } else {
      other = true;
      TS_RETURN_IF_ERROR(reader.Read(key, value));
    }
  }
  if (out.batch && other)
    return InvalidArgument("items",
                           "Beside items no other field may stand: move it into the items.");
  if (!out.batch) out.items.push_back(std::move(single));
  return out;
}

}  // namespace

Error InItem(Error error, std::size_t index) {
  error.field = "items/" + std::to_string(index) + (error.field.empty() ? "" : "/" + error.field);
  return error;
}

Result<DataPlaneBody> ParseDataPlane(base::ByteSpan body, const FieldSet& fields,
                                     bool batch_allowed) {
  Scratch& scratch = ThreadScratch();
  const std::size_t need = body.size() + simdjson::SIMDJSON_PADDING;
  // Small bodies share a buffer; a large one does not stay.
  if (scratch.text.size() < need)
    scratch.text = base::SecretBytes(std::max<std::size_t>(need, 4096));
  if (!body.empty()) std::memcpy(scratch.text.RevealMutable().data(), body.data(), body.size());
  std::memset(scratch.text.RevealMutable().data() + body.size(), ' ', simdjson::SIMDJSON_PADDING);
  scratch.used = body.size();
  const auto* text = reinterpret_cast<const char*>(scratch.text.Reveal().data());
  od::document document;
  od::object object;
  if (scratch.parser.iterate(text, body.size(), scratch.text.size()).get(document) !=
      simdjson::SUCCESS)
    return NotJson();
  if (document.get_object().get(object) != simdjson::SUCCESS) {
    return InvalidArgument("body", "The body must be a JSON object.");
  }
  auto read = ReadBody(object, fields, batch_allowed);
  // A location that is not out of bounds is a token behind the object.
  if (read && document.current_location().error() != simdjson::OUT_OF_BOUNDS) return NotJson();
  return read;
}

void ForgetDataPlaneBody() {
  static constexpr std::size_t kKeptBytes = 64 << 10;
  Scratch& scratch = ThreadScratch();
  if (scratch.text.size() > kKeptBytes) {
    scratch.text = base::SecretBytes();
  } else if (scratch.used > 0) {
    base::Wipe(scratch.text.RevealMutable().first(scratch.used));
  }
  scratch.used = 0;
}

Result<base::SecretBytes> DecodeBase64Field(std::string_view text, std::string_view field) {
  const auto bad = [field] { return Expected(field, "base64 (RFC 4648 section 4, with padding)"); };
  if (text.find('\\') == std::string_view::npos) {
    auto bytes = base::Base64DecodeSecret(text);
    if (!bytes) return bad();
    return std::move(*bytes);
  }
  base::SecretBytes plain(text.size());
  std::size_t n = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
      if (i == text.size() || text[i] != '/') return bad();
    }
    plain.RevealMutable()[n++] = static_cast<std::uint8_t>(text[i]);
  }
  plain.Truncate(n);
  auto bytes = base::Base64DecodeSecret(plain.RevealText());
  if (!bytes) return bad();
  return std::move(*bytes);
}

}  // namespace tenantseal::api
