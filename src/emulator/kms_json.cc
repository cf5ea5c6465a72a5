#include "emulator/kms_json.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/encoding.h"

namespace tenantseal::emulator {

void AppendJsonString(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  const auto plain = [](char c) {
    return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20;
  };
  out += '"';
  while (!text.empty()) {
    const auto end = std::ranges::find_if_not(text, plain);
    const auto size = static_cast<std::size_t>(end - text.begin());
    out += text.substr(0, size);
    text.remove_prefix(size);
    if (text.empty()) break;
    const auto byte = static_cast<unsigned char>(text.front());
    if (byte < 0x20) {
      out.append("\\u00");
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += '\\';
      out += text.front();
    }
    text.remove_prefix(1);
  }
  out += '"';
}

void SecretObject::Raw(std::string_view text) {
  TS_CHECK(text.size() <= bytes_.size() - used_);
  std::memcpy(bytes_.RevealMutable().data() + used_, text.data(), text.size());
  used_ += text.size();
}

void SecretObject::Name(std::string_view name) {
  Raw(used_ == 0 ? "{\"" : ",\"");
  Raw(name);
  Raw("\":\"");
}

void SecretObject::Text(std::string_view name, std::string_view plain) {
  Name(name);
  Raw(plain);
  Raw("\"");
}

void SecretObject::Blob(std::string_view name, base::ByteSpan bytes) {
  Name(name);
  const std::size_t size = base::Base64Size(bytes.size());
  TS_CHECK(size <= bytes_.size() - used_);
  base::Base64EncodeTo(bytes, reinterpret_cast<char*>(bytes_.RevealMutable().data()) + used_);
  used_ += size;
  Raw("\"");
}

base::SecretBytes SecretObject::Take() {
  Raw(used_ == 0 ? "{}" : "}");
  bytes_.Truncate(used_);
  return std::move(bytes_);
}

}  // namespace tenantseal::emulator
