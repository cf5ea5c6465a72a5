// Writing JSON by hand, for answers that hold plaintext keys.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"

namespace tenantseal::emulator {

// A JSON object of strings in memory that is wiped. The room is fixed: `values_max` is what all
// names and values need, after Base64 and escaping, without quotes and separators.
class SecretObject {
 public:
  static constexpr std::size_t kMembersMax = 16;
  explicit SecretObject(std::size_t values_max) : bytes_(values_max + kMembersMax * 6 + 2) {}
  void Text(std::string_view name, std::string_view plain);  // Needs no escaping.
  void Blob(std::string_view name, base::ByteSpan bytes);    // As Base64.
  base::SecretBytes Take();

 private:
  void Raw(std::string_view text);
  void Name(std::string_view name);
  base::SecretBytes bytes_;
  std::size_t used_ = 0;
};

}  // namespace tenantseal::emulator
