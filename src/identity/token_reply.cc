#include "identity/token_reply.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tenantseal::identity {
namespace {

using Json = nlohmann::json;

void WipeText(std::string& text) {
  base::Wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

// Keeps the two strings of the outermost object; wipes every other that it sees.
class Members final : public nlohmann::json_sax<Json> {
 public:
  TokenReply reply;

  bool null() override { return depth_ > 0; }
  bool boolean(bool) override { return depth_ > 0; }
  bool number_integer(number_integer_t) override { return depth_ > 0; }
  bool number_unsigned(number_unsigned_t) override { return depth_ > 0; }
  bool number_float(number_float_t, const string_t&) override { return depth_ > 0; }
  bool string(string_t& value) override {
    const bool taken = depth_ > 0 && (depth_ > 1 || Take(value));
    WipeText(value);
    return taken;
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return ++depth_ <= kDepthMax; }
  bool key(string_t& name) override {
    if (depth_ == 1) key_ = name;
    return true;
  }
  bool end_object() override { return depth_-- > 0; }
  bool start_array(std::size_t) override {
    if (depth_ == 0) return false;
    return ++depth_ <= kDepthMax;
  }
  bool end_array() override { return depth_-- > 0; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  static constexpr int kDepthMax = 16;

  // False when the member has come before.
  bool Take(const std::string& value) {
    if (key_ == "id_token") {
      if (!reply.id_token.empty()) return false;
      reply.id_token = base::SecretBytes::CopyOf(base::AsBytes(value));
    } else if (key_ == "error") {
      if (!reply.error.empty()) return false;
      reply.error = value.substr(0, 64);
      std::erase_if(reply.error, [](char c) { return c <= ' ' || c >= 0x7f; });
    }
    return true;
  }

  int depth_ = 0;
  std::string key_;
};

}  // namespace

Result<TokenReply> ParseTokenReply(base::ByteSpan body) {
  Members members;
  if (body.empty() || body.size() > kTokenReplyBytesMax ||
      !Json::sax_parse(body.begin(), body.end(), &members)) {
    return Error{ErrorCode::kUnavailable, "the token endpoint's answer is not as agreed"};
  }
  return std::move(members.reply);
}

}  // namespace tenantseal::identity
