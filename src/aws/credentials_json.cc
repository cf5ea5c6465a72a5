#include "aws/credentials_json.h"

#include <map>
#include <nlohmann/json.hpp>

#include "aws/quote.h"

namespace tenantseal::aws {
namespace {

using Json = nlohmann::json;

// Keeps the strings and numbers of the outermost object; wipes the others' memory that it sees.
class Members final : public nlohmann::json_sax<Json> {
 public:
  ~Members() override {
    for (auto& [name, value] : strings) Wiped(value);
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t value) override { return Number(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return Number(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t& value) override {
    const bool first = depth_ != 1 || strings.try_emplace(key_, value).second;
    Wiped(value);
    return first;  // A member that comes twice is malformed.
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return ++depth_ <= 8; }
  bool key(string_t& name) override {
    if (depth_ == 1) key_ = name;
    return true;
  }
  bool end_object() override { return depth_-- > 0; }
  bool start_array(std::size_t) override {
    if (depth_ == 0) return false;
    return ++depth_ <= 8;
  }
  bool end_array() override { return depth_-- > 0; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  std::map<std::string, std::string> strings;
  std::map<std::string, std::int64_t> numbers;

 private:
  static void Wiped(std::string& text) {
    base::Wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  }
  bool Number(std::int64_t value) {
    if (depth_ == 1) numbers[key_] = value;
    return depth_ > 0;
  }
  int depth_ = 0;
  std::string key_;
};

bool IsVisible(std::string_view text) {
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f) return false;
  }
  return !text.empty();
}

// RFC 3339 in UTC, with "Z" or "+00:00".
Result<base::UtcTime> ParseExpiration(std::string text) {
  if (text.ends_with("+00:00")) text.replace(text.size() - 6, 6, "Z");
  if (const std::size_t dot = text.find('.'); dot != text.npos && text.ends_with('Z')) {
    text.replace(dot, text.npos, "Z");  // The fraction of a second, whatever its precision.
  }
  return base::ParseUtc(text);
}

}  // namespace

Result<Credentials> ParseCredentialsJson(std::string_view json, CredentialsJson form,
                                         const std::string& origin) {
  const auto wrong = [&](const std::string& what) {
    return Error{ErrorCode::kServiceFault, origin + ": " + what};
  };
  Members members;
  if (!Json::sax_parse(json.begin(), json.end(), &members)) {
    return wrong("the " + std::to_string(json.size()) +
                 " bytes of the reply are not a JSON "
                 "object of credentials.");
  }
  auto& strings = members.strings;
  if (form == CredentialsJson::kProcess) {
    const auto version = members.numbers.find("Version");
    if (version == members.numbers.end() || version->second != 1) {
      return wrong("the member 'Version' must be 1.");
    }
  } else if (strings.contains("Code") && strings["Code"] != "Success") {
    return wrong("the member 'Code' is " + Quote(strings["Code"]) + ", not 'Success'.");
  }
  Credentials out;
  for (const std::string name : {"AccessKeyId", "SecretAccessKey"}) {
    if (!IsVisible(strings[name])) {
      return wrong("the member '" + name + "' is missing or malformed.");
    }
  }
  out.access_key_id = strings["AccessKeyId"];
  out.secret_access_key = base::SecretBytes::CopyOf(base::AsBytes(strings["SecretAccessKey"]));
  const std::string token_name = form == CredentialsJson::kProcess ? "SessionToken" : "Token";
  out.session_token = strings[token_name];
  if (!out.session_token.empty() && !IsVisible(out.session_token)) {
    return wrong("the member '" + token_name + "' is malformed.");
  }
  const std::string expiration = strings["Expiration"];
  if (expiration.empty() && form == CredentialsJson::kEndpoint) {
    return wrong("the member 'Expiration' is missing.");
  }
  if (!expiration.empty()) {
    const auto expires = ParseExpiration(expiration);
    if (!expires) {
      return wrong("the member 'Expiration' is " + Quote(expiration, 40) +
                   ", not a time such as 2026-01-31T23:59:59Z.");
    }
    out.expires = *expires;
  }
  out.source = origin;
  return out;
}

}  // namespace tenantseal::aws
