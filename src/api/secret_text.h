// A text that is being built and holds secrets: it wipes what it leaves behind when it grows.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/encoding.h"
#include "base/secret.h"

namespace tenantseal::api {

class SecretText {
 public:
  // `reserve`: the bytes expected, so that it need not grow.
  explicit SecretText(std::size_t reserve) : buffer_(reserve < 64 ? 64 : reserve) {}

  void Append(std::string_view text) {
    char* to = Room(text.size());
    // Not std::copy, which goes byte by byte here and was 5 % of a batch's time.
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    size_ += text.size();
  }
  void AppendBase64(base::ByteSpan bytes) {
    const std::size_t chars = base::Base64Size(bytes.size());
    base::Base64EncodeTo(bytes, Room(chars));
    size_ += chars;
  }
  base::SecretBytes Take() {
    buffer_.Truncate(size_);
    return std::move(buffer_);
  }

 private:
  char* Room(std::size_t bytes) {
    if (size_ + bytes > buffer_.size()) {
      base::SecretBytes larger(std::max(buffer_.size() * 2, size_ + bytes));
      std::memcpy(larger.RevealMutable().data(), buffer_.Reveal().data(), size_);
      buffer_ = std::move(larger);
    }
    return reinterpret_cast<char*>(buffer_.RevealMutable().data()) + size_;
  }
  base::SecretBytes buffer_;
  std::size_t size_ = 0;
};

}  // namespace tenantseal::api
