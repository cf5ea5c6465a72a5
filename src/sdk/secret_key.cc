#include <algorithm>

#include "base/secret.h"
#include "tenantseal/data_keys.h"

namespace tenantseal {

SecretKey::SecretKey(std::span<const std::uint8_t, kBytes> bytes) {
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

SecretKey::SecretKey(SecretKey&& other) noexcept : bytes_(other.bytes_) {
  base::Wipe(other.bytes_);
}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    base::Wipe(other.bytes_);
  }
  return *this;
}

SecretKey::~SecretKey() { base::Wipe(bytes_); }

}  // namespace tenantseal
