#include "kms/aws/reply_scan.h"

#include <optional>

#include "base/encoding.h"

namespace tenantseal::kms {
namespace {

constexpr int kDepthMax = 16;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool Whole(std::span<WantedString> wanted) {
    SkipSpace();
    if (!Object(1, wanted)) return false;
    SkipSpace();
    return at_ == text_.size();
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void SkipSpace() {
    while (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r') ++at_;
  }

  bool Escape() {
    constexpr std::string_view kPlain = "\"\\/bfnrt";
    if (Take('u')) {
      for (int i = 0; i < 4; ++i) {
        if (!IsHexDigit(Peek())) return false;
        ++at_;
      }
      return true;
    }
    if (at_ >= text_.size() || kPlain.find(text_[at_]) == kPlain.npos) return false;
    ++at_;
    return true;
  }

  std::optional<std::string_view> String() {
    if (!Take('"')) return std::nullopt;
    const std::size_t start = at_;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return text_.substr(start, at_ - 1 - start);
      if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
      if (c == '\\' && !Escape()) return std::nullopt;
    }
    return std::nullopt;
  }

  bool Digits() {
    if (!IsDigit(Peek())) return false;
    while (IsDigit(Peek())) ++at_;
    return true;
  }
  bool Number() {
    Take('-');
    if (!Take('0') && !Digits()) return false;
    if (Take('.') && !Digits()) return false;
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      return Digits();
    }
    return true;
  }
  bool Word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool Array(int depth) {
    if (!Take('[')) return false;
    SkipSpace();
    if (Take(']')) return true;
    do {
      SkipSpace();
      if (!Value(depth)) return false;
      SkipSpace();
    } while (Take(','));
    return Take(']');
  }

  bool Value(int depth) {
    switch (Peek()) {
      case '{':
        return depth < kDepthMax && Object(depth + 1, {});
      case '[':
        return depth < kDepthMax && Array(depth + 1);
      case '"':
        return String().has_value();
      case 't':
        return Word("true");
      case 'f':
        return Word("false");
      case 'n':
        return Word("null");
      default:
        return Number();
    }
  }

  bool Member(int depth, std::span<WantedString> wanted) {
    const auto name = String();
    if (!name) return false;
    SkipSpace();
    if (!Take(':')) return false;
    SkipSpace();
    for (WantedString& want : wanted) {
      if (want.name != *name) continue;
      if (want.raw.data() != nullptr) return false;
      if (Peek() != '"') break;
      const auto value = String();
      if (!value) return false;
      want.raw = *value;
      return true;
    }
    return Value(depth);
  }

  bool Object(int depth, std::span<WantedString> wanted) {
    if (!Take('{')) return false;
    SkipSpace();
    if (Take('}')) return true;
    do {
      SkipSpace();
      if (!Member(depth, wanted)) return false;
      SkipSpace();
    } while (Take(','));
    return Take('}');
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool ScanObject(std::string_view json, std::span<WantedString> wanted) {
  return base::IsUtf8(json) && Scanner(json).Whole(wanted);
}

}  // namespace tenantseal::kms
