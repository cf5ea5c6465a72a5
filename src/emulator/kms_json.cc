#include "emulator/kms_json.h"

#include <cstring>

#include "base/check.h"
#include "base/encoding.h"

namespace tenantseal::emulator {

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
