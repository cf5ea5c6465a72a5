// Data keys: where they come from, and how long and how often one may be used.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tenantseal/context.h"
#include "tenantseal/result.h"

namespace tenantseal {

// A 256-bit key. Move-only; wiped when it is destroyed or moved from; readable only through
// Reveal().
class SecretKey {
 public:
  static constexpr std::size_t kBytes = 32;
  SecretKey() = default;
  explicit SecretKey(std::span<const std::uint8_t, kBytes> bytes);
  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&& other) noexcept;
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;
  ~SecretKey();
  std::span<const std::uint8_t, kBytes> Reveal() const { return bytes_; }
  std::span<std::uint8_t, kBytes> RevealMutable() { return bytes_; }

 private:
  std::array<std::uint8_t, kBytes> bytes_{};
};

// A data key as its source hands it out.
struct DataKey {
  SecretKey plaintext;
  std::string wrapped;  // Its wrapped text, at most 65,535 bytes.
  // How long, from the moment the request was sent, the plaintext may be kept and used. Zero: for
  // the message at hand only.
  std::chrono::milliseconds usable_for{};
};

struct RewrappedKey {
  std::string wrapped;
  bool changed = false;  // False: it was under the active tenant key already.
};

// Where data keys come from. `Client` asks the service; a test answers by itself.
class DataKeySource {
 public:
  virtual ~DataKeySource() = default;

  // A new data key that opens only with this context. Thread-safe, as are the others. Errors: as
  // the service classes them (kUnauthenticated, kKeyRevoked, kKeyUnavailable, ...).
  virtual Result<DataKey> Mint(const Context& context) const = 0;

  // The plaintext of a wrapped key. kDecryptFailed when it is not one of this tenant's or was made
  // with another context; the two look alike.
  virtual Result<DataKey> Unwrap(std::string_view wrapped, const Context& context) const = 0;

  // The same data key, wrapped by the tenant key that is active now.
  virtual Result<RewrappedKey> Rewrap(std::string_view wrapped, const Context& context) const = 0;
};

// Bounds on the use of one data key, and on the cache of them. Whatever `age` says, no key is used
// for longer than its source allowed. A key that has expired is wiped at the next use of the cache,
// every key when the cache is destroyed with its Content.
struct DataKeyLimits {
  std::chrono::milliseconds age = std::chrono::minutes(5);
  std::uint64_t messages = 1 << 20;              // Sealed with one data key; at least 1.
  std::uint64_t bytes = std::uint64_t{1} << 40;  // Plaintext sealed with one data key.
  std::size_t entries = 1000;                    // Keys kept at once, oldest use dropped first.
                                                 // 0: no key is kept, each message asks the source.
};

// Time since boot that goes on while the machine is suspended, so that no key outlives its lease
// in a sleeping laptop. CLOCK_BOOTTIME unless a test replaces it.
using BootNanoseconds = std::function<std::int64_t()>;

}  // namespace tenantseal
