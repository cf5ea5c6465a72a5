// Random bytes from the kernel.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

namespace tenantseal::base {

class Random {
 public:
  virtual ~Random() = default;
  // Fills `out` with bytes fit for keys. Thread-safe. Aborts when the kernel has none: there is
  // no sensible way to go on.
  virtual void Fill(MutableByteSpan out) const = 0;
  // Fills `out` with bytes fit for salts, ids and nonces, never for keys: an implementation may
  // draw them in blocks per thread. Unpredictable all the same.
  virtual void FillPublic(MutableByteSpan out) const = 0;

  Secret256 Key() const {
    Secret256 key;
    Fill(key.RevealMutable());
    return key;
  }
};

// getrandom(2). FillPublic draws 4 KiB blocks per thread, wiped as they are used, gone after a
// fork and after 100 ms.
class SystemRandom final : public Random {
 public:
  void Fill(MutableByteSpan out) const override;
  void FillPublic(MutableByteSpan out) const override;
};

// A reproducible sequence, for frozen samples and tests only. Not thread-safe.
class FakeRandom final : public Random {
 public:
  explicit FakeRandom(std::uint64_t seed) : state_(seed) {}
  void Fill(MutableByteSpan out) const override;
  void FillPublic(MutableByteSpan out) const override { Fill(out); }

 private:
  mutable std::uint64_t state_;
};

}  // namespace tenantseal::base
