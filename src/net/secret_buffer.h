// A growing buffer for bodies: what it leaves behind when it grows is wiped.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "base/secret.h"

namespace tenantseal::net {

// Not thread-safe. The owner bounds its size.
class SecretBuffer {
 public:
  static constexpr std::size_t kFirstRoom = 16 << 10;  // The least that is allocated.

  std::size_t size() const { return used_; }
  std::size_t capacity() const { return memory_.size(); }
  base::ByteSpan Reveal() const { return memory_.Reveal().first(used_); }

  // Makes room for at least `bytes` in total: twice the old room, but not above `at_most` (which
  // is at least `bytes`), so that appending costs linear time and an announced size that never
  // arrives costs little.
  void Reserve(std::size_t bytes, std::size_t at_most) {
    if (bytes <= capacity()) return;
    base::SecretBytes grown(std::min(std::max({bytes, 2 * capacity(), kFirstRoom}), at_most));
    if (used_ > 0) std::memcpy(grown.RevealMutable().data(), Reveal().data(), used_);
    memory_ = std::move(grown);
  }
  // Room to write to behind what is there; Commit says how much of it was used.
  base::MutableByteSpan Free() { return memory_.RevealMutable().subspan(used_); }
  void Commit(std::size_t bytes) { used_ += bytes; }

  void Append(base::ByteSpan bytes, std::size_t at_most) {
    if (bytes.empty()) return;
    Reserve(used_ + bytes.size(), at_most);
    std::memcpy(Free().data(), bytes.data(), bytes.size());
    used_ += bytes.size();
  }

  // Hands out what is there and is empty afterwards.
  base::SecretBytes Take() {
    memory_.Truncate(std::exchange(used_, 0));
    return std::exchange(memory_, base::SecretBytes());
  }
  // Wipes and frees everything.
  void Clear() { Take(); }

 private:
  base::SecretBytes memory_;
  std::size_t used_ = 0;
};

}  // namespace tenantseal::net
