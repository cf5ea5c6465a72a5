// Byte spans, and big-endian reading and writing with bounds.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenantseal::base {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;
using MutableByteSpan = std::span<std::uint8_t>;

inline ByteSpan AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes ToBytes(ByteSpan bytes) { return {bytes.begin(), bytes.end()}; }

// Compares in time that depends on the lengths only. Lengths are not secret.
bool ConstantTimeEqual(ByteSpan a, ByteSpan b);

// Appends big-endian integers and byte strings to a buffer.
class ByteWriter {
 public:
  void U8(std::uint8_t v) { out_.push_back(v); }
  void U16(std::uint16_t v) { BigEndian(v, 2); }
  void U32(std::uint32_t v) { BigEndian(v, 4); }
  void U64(std::uint64_t v) { BigEndian(v, 8); }
  void Raw(ByteSpan bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  // A 32-bit length, then the bytes: unambiguous when fields are concatenated.
  void Field(ByteSpan bytes) {
    U32(static_cast<std::uint32_t>(bytes.size()));
    Raw(bytes);
  }
  void Field(std::string_view text) { Field(AsBytes(text)); }
  std::size_t size() const { return out_.size(); }
  ByteSpan bytes() const { return out_; }
  Bytes Take() { return std::move(out_); }

 private:
  void BigEndian(std::uint64_t v, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
  }
  Bytes out_;
};

// Reads big-endian integers and byte strings; after the first overrun everything is zero or
// empty and ok() is false, so that a parser checks once.
class ByteReader {
 public:
  explicit ByteReader(ByteSpan in) : in_(in) {}
  std::uint8_t U8() { return static_cast<std::uint8_t>(BigEndian(1)); }
  std::uint16_t U16() { return static_cast<std::uint16_t>(BigEndian(2)); }
  std::uint32_t U32() { return static_cast<std::uint32_t>(BigEndian(4)); }
  std::uint64_t U64() { return BigEndian(8); }
  ByteSpan Raw(std::size_t n) {
    if (n > in_.size() - at_) {
      Fail();
      return {};
    }
    ByteSpan out = in_.subspan(at_, n);
    at_ += n;
    return out;
  }
  ByteSpan Field() { return Raw(U32()); }
  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && at_ == in_.size(); }
  std::size_t position() const { return at_; }
  std::size_t remaining() const { return in_.size() - at_; }

 private:
  std::uint64_t BigEndian(std::size_t n) {
    ByteSpan raw = Raw(n);
    std::uint64_t v = 0;
    for (std::uint8_t byte : raw) v = v << 8 | byte;
    return v;
  }
  void Fail() {
    ok_ = false;
    at_ = in_.size();
  }
  ByteSpan in_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace tenantseal::base
