// Types for key material and plaintext.
//
// A secret is move-only, is wiped when it is destroyed or moved from, compares in constant time,
// and is readable only through Reveal(), so that a search for that word finds every use. There is
// deliberately no stream operator, formatter or JSON codec.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "base/bytes.h"

namespace tenantseal::base {

// Overwrites memory in a way that the compiler may not remove.
inline void Wipe(MutableByteSpan bytes) { explicit_bzero(bytes.data(), bytes.size()); }

// A secret of fixed size.
template <std::size_t N>
class SecretArray {
 public:
  SecretArray() = default;
  explicit SecretArray(std::span<const std::uint8_t, N> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  SecretArray(SecretArray&& other) noexcept : bytes_(other.bytes_) { Wipe(other.bytes_); }
  SecretArray& operator=(SecretArray&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      Wipe(other.bytes_);
    }
    return *this;
  }
  SecretArray(const SecretArray&) = delete;
  SecretArray& operator=(const SecretArray&) = delete;
  ~SecretArray() { Wipe(bytes_); }

  std::span<const std::uint8_t, N> Reveal() const { return bytes_; }
  std::span<std::uint8_t, N> RevealMutable() { return bytes_; }
  // An explicit copy: greppable, unlike a copy constructor.
  SecretArray Copy() const { return SecretArray(std::span<const std::uint8_t, N>(bytes_)); }

  friend bool operator==(const SecretArray& a, const SecretArray& b) {
    return ConstantTimeEqual(a.bytes_, b.bytes_);
  }

 private:
  std::array<std::uint8_t, N> bytes_{};
};

using Secret256 = SecretArray<32>;  // A 256-bit key.

// A secret whose size is known when it is made. It may shrink, never grow.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size)
      : data_(new std::uint8_t[size]()), size_(size), room_(size) {}
  static SecretBytes CopyOf(ByteSpan bytes) {
    SecretBytes out(bytes.size());
    std::copy(bytes.begin(), bytes.end(), out.data_.get());
    return out;
  }
  SecretBytes(SecretBytes&& other) noexcept { Swap(other); }
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    SecretBytes gone(std::move(other));
    Swap(gone);
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() {
    if (data_) Wipe({data_.get(), room_});
  }

  ByteSpan Reveal() const { return {data_.get(), size_}; }
  std::string_view RevealText() const { return AsText(Reveal()); }
  MutableByteSpan RevealMutable() { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Drops bytes from the end (they are wiped on destruction).
  void Truncate(std::size_t size) { size_ = std::min(size, size_); }

  friend bool operator==(const SecretBytes& a, const SecretBytes& b) {
    return ConstantTimeEqual(a.Reveal(), b.Reveal());
  }

 private:
  void Swap(SecretBytes& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(room_, other.room_);
  }
  std::unique_ptr<std::uint8_t[]> data_;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

}  // namespace tenantseal::base
