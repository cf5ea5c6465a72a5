#include "aws/xml.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "base/secret.h"

namespace tenantseal::aws {
namespace {

constexpr std::size_t kDepthMax = 16;
constexpr std::size_t kElementsMax = 4096;
constexpr std::size_t kNameCharsMax = 128;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':';
}

// Text with its entities decoded, which never is longer than the raw text.
class DecodedText {
 public:
  explicit DecodedText(std::size_t raw_size) : text_(raw_size) {}
  bool Append(std::string_view raw) {
    while (!raw.empty()) {
      if (raw.front() == '&') {
        const std::size_t end = raw.substr(0, 12).find(';');
        if (end == raw.npos || !AppendEntity(raw.substr(1, end - 1))) return false;
        raw.remove_prefix(end + 1);
        continue;
      }
      const auto byte = static_cast<std::uint8_t>(raw.front());
      if (byte < 0x20 && !IsSpace(raw.front())) return false;
      Put(byte);
      raw.remove_prefix(1);
    }
    return true;
  }
  std::string_view view() const { return text_.RevealText().substr(0, size_); }

 private:
  void Put(std::uint32_t byte) { text_.RevealMutable()[size_++] = static_cast<std::uint8_t>(byte); }
  bool AppendEntity(std::string_view name) {
    if (name == "lt") return Put('<'), true;
    if (name == "gt") return Put('>'), true;
    if (name == "amp") return Put('&'), true;
    if (name == "quot") return Put('"'), true;
    if (name == "apos") return Put('\''), true;
    if (!name.starts_with('#')) return false;
    const bool hex = name.starts_with("#x");
    return AppendCodePoint(name.substr(hex ? 2 : 1), hex ? 16 : 10);
  }
  bool AppendCodePoint(std::string_view digits, std::uint32_t radix) {
    if (digits.empty()) return false;
    std::uint32_t code = 0;
    for (const char c : digits) {
      const std::size_t digit = std::string_view("0123456789abcdef")
                                    .find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
      if (digit >= radix) return false;
      code = code * radix + static_cast<std::uint32_t>(digit);
      if (code > 0x10ffff) return false;
    }
    const bool control = code < 0x20 && code != '\t' && code != '\n' && code != '\r';
    if (control || (code >= 0xd800 && code < 0xe000)) return false;
    if (code < 0x80) return Put(code), true;
    if (code < 0x800) return Put(0xc0 | code >> 6), Put(0x80 | (code & 63)), true;
    if (code < 0x10000) {
      Put(0xe0 | code >> 12);
    } else {
      Put(0xf0 | code >> 18);
      Put(0x80 | (code >> 12 & 63));
    }
    return Put(0x80 | (code >> 6 & 63)), Put(0x80 | (code & 63)), true;
  }

  base::SecretBytes text_;
  std::size_t size_ = 0;
};

class Reader {
 public:
  Reader(std::string_view document,
         const std::function<void(std::string_view, std::string_view)>& leaf)
      : document_(document), leaf_(leaf) {}

  Result<void> Read() {
    if (document_.starts_with("\xef\xbb\xbf")) at_ = 3;
    if (document_.substr(at_).starts_with("<?xml ")) {
      const std::size_t end = document_.find("?>", at_);
      if (end == document_.npos) return Malformed();
      at_ = end + 2;
    }
    SkipSpace();
    if (!base::IsUtf8(document_) || !Open()) return Malformed();
    while (!open_.empty()) {
      if (!Step()) return Malformed();
    }
    SkipSpace();
    if (at_ != document_.size()) return Malformed();
    return {};
  }

 private:
  struct Element {
    std::size_t path_size;  // Of the path without this element.
    std::string_view name;
    bool has_children = false;
  };

  Error Malformed() const {
    return {ErrorCode::kInvalidArgument, "The XML document is malformed at byte " +
                                             std::to_string(at_) + " of " +
                                             std::to_string(document_.size()) + "."};
  }
  void SkipSpace() {
    while (at_ < document_.size() && IsSpace(document_[at_])) ++at_;
  }
  bool Take(std::string_view text) {
    if (!document_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  std::string_view TakeName() {
    const std::size_t start = at_;
    while (at_ < document_.size() && IsNameChar(document_[at_])) ++at_;
    return document_.substr(start, at_ - start);
  }

  // Text up to the next tag, and that tag.
  bool Step() {
    const std::size_t end = document_.find('<', at_);
    if (end == document_.npos) return false;
    const std::string_view raw = document_.substr(at_, end - at_);
    if (document_.substr(end).starts_with("</")) return Close(raw, end);
    if (!std::ranges::all_of(raw, IsSpace)) return false;
    at_ = end;
    open_.back().has_children = true;
    return Open();
  }
  bool Close(std::string_view raw, std::size_t end) {
    const Element& element = open_.back();
    if (element.has_children) {
      if (!std::ranges::all_of(raw, IsSpace)) return false;
    } else {
      DecodedText text(raw.size());
      if (!text.Append(raw)) return false;
      leaf_(path_, text.view());
    }
    at_ = end + 2;
    if (!Take(element.name)) return false;
    SkipSpace();
    if (!Take(">")) return false;
    Leave();
    return true;
  }
  void Leave() {
    path_.resize(open_.back().path_size);
    open_.pop_back();
  }
  // A start tag, or an empty element, which is closed at once.
  bool Open() {
    if (!Take("<") || open_.size() == kDepthMax || ++elements_ > kElementsMax) return false;
    const std::string_view name = TakeName();
    if (name.empty() || name.size() > kNameCharsMax) return false;
    open_.push_back({path_.size(), name});
    if (!path_.empty()) path_ += '/';
    path_ += name;
    while (true) {
      const std::size_t before = at_;
      SkipSpace();
      if (Take(">")) return true;
      if (Take("/>")) {
        leaf_(path_, {});
        Leave();
        return true;
      }
      if (at_ == before || !SkipAttribute()) return false;
    }
  }
  bool SkipAttribute() {
    const std::string_view name = TakeName();
    if (name.empty() || name.size() > kNameCharsMax || !Take("=")) return false;
    const std::string_view quote = Take("\"") ? "\"" : Take("'") ? "'" : "";
    if (quote.empty()) return false;
    const std::size_t end = document_.find(quote.front(), at_);
    if (end == document_.npos || document_.substr(at_, end - at_).find('<') != document_.npos) {
      return false;
    }
    at_ = end + 1;
    return true;
  }

  const std::string_view document_;
  const std::function<void(std::string_view, std::string_view)>& leaf_;
  std::size_t at_ = 0;
  std::size_t elements_ = 0;
  std::vector<Element> open_;
  std::string path_;
};

}  // namespace

Result<void> ReadXml(
    std::string_view document,
    const std::function<void(std::string_view path, std::string_view text)>& leaf) {
  return Reader(document, leaf).Read();
}

}  // namespace tenantseal::aws
