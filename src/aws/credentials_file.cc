#include "aws/credentials_file.h"

#include <algorithm>
#include <array>
#include <set>

#include "aws/quote.h"

namespace tenantseal::aws {
namespace {

// Names that may be quoted from a line that is not of the form NAME = VALUE: nothing else of such
// a line is known not to be a secret.
constexpr std::array<std::string_view, 14> kKnownNames = {"aws_access_key_id",
                                                          "aws_secret_access_key",
                                                          "aws_session_token",
                                                          "credential_process",
                                                          "credential_source",
                                                          "duration_seconds",
                                                          "external_id",
                                                          "mfa_serial",
                                                          "output",
                                                          "region",
                                                          "role_arn",
                                                          "role_session_name",
                                                          "source_profile",
                                                          "web_identity_token_file"};

std::string_view Trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

class Reader {
 public:
  Reader(const std::string& path, ProfileFile kind, Profiles& profiles)
      : path_(path), kind_(kind), profiles_(profiles) {}

  Result<void> Line(std::string_view line) {
    ++number_;
    if (line.find('\0') != line.npos) return Wrong("holds a zero byte");
    const std::string_view text = Trimmed(line);
    if (text.empty() || text.front() == '#' || text.front() == ';') return {};
    const bool indented = line.front() == ' ' || line.front() == '\t';
    if (text.front() == '[' && !indented) return Section(text);
    if (indented && last_ != Last::kSection) {
      if (last_ == Last::kEmptyValue) return {};  // A nested setting, as in "s3 =".
      return Wrong(
          "is indented as if the setting before it went on; put one NAME = VALUE on "
          "each line, without indentation");
    }
    return Setting(text);
  }

 private:
  enum class Last : std::uint8_t { kNone, kSection, kValue, kEmptyValue };

  Error Wrong(std::string_view what) const {
    return {ErrorCode::kServiceFault, Where() + " " + std::string(what) + "."};
  }
  std::string Where() const { return path_ + ", line " + std::to_string(number_) + ","; }

  Result<void> Section(std::string_view text) {
    const std::size_t end = text.find(']');
    const std::string_view rest =
        end == text.npos ? std::string_view() : Trimmed(text.substr(end + 1));
    const bool comment = rest.empty() || rest.front() == '#' || rest.front() == ';';
    std::string_view name = Trimmed(text.substr(1, end == text.npos ? end : end - 1));
    if (end == text.npos || name.empty() || !comment) {
      return Wrong("has the malformed section " + Quote(text) + "; the form is " +
                   (kind_ == ProfileFile::kConfig ? "[profile NAME] or [default]" : "[NAME]"));
    }
    profile_ = nullptr;
    last_ = Last::kSection;
    in_section_ = true;
    if (!seen_.insert(std::string(name)).second) {
      return Wrong("begins the section " + Quote(name) + " a second time");
    }
    if (kind_ == ProfileFile::kConfig && name != "default") {
      if (!name.starts_with("profile ") && !name.starts_with("profile\t")) return {};
      name = Trimmed(name.substr(8));
      if (name.size() >= 2 && name.front() == '"' && name.back() == '"') {
        name = name.substr(1, name.size() - 2);
      }
      if (name.empty()) return Wrong("names no profile; the form is [profile NAME]");
    }
    profile_ = &profiles_[std::string(name)];
    return {};
  }

  Result<void> Setting(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == text.npos) {
      const std::string_view word = text.substr(0, text.find_first_of(" \t:"));
      const bool known = std::ranges::find(kKnownNames, word) != kKnownNames.end();
      return Wrong("is not of the form NAME = VALUE" +
                   (known ? "; it begins with " + Quote(word) : std::string()));
    }
    std::string name(Trimmed(text.substr(0, equals)));
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    const bool well_formed =
        !name.empty() && name.size() <= 128 && std::ranges::all_of(name, [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                 c == '.';
        });
    // Part of a secret may stand before a '=': the name is not quoted.
    if (!well_formed) return Wrong("has a malformed name before '='; the form is NAME = VALUE");
    if (!in_section_) return Wrong("stands before the first section");
    const std::string_view value = Trimmed(text.substr(equals + 1));
    last_ = value.empty() ? Last::kEmptyValue : Last::kValue;
    if (profile_ == nullptr) return {};
    const std::string where = path_ + ", line " + std::to_string(number_);
    const auto [at, added] = profile_->try_emplace(name, ProfileSetting{std::string(value), where});
    if (!added && at->second.where.starts_with(path_ + ", line ")) {
      const bool known = std::ranges::find(kKnownNames, name) != kKnownNames.end();
      return Wrong("gives " + (known ? Quote(name) : std::string("a setting")) + " a second time");
    }
    return {};
  }

  const std::string& path_;
  const ProfileFile kind_;
  Profiles& profiles_;
  std::size_t number_ = 0;
  Last last_ = Last::kNone;
  bool in_section_ = false;
  Profile* profile_ = nullptr;
  std::set<std::string> seen_;
};

}  // namespace

Result<void> ReadProfiles(std::string_view text, const std::string& path, ProfileFile kind,
                          Profiles& profiles) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Reader reader(path, kind, profiles);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    TS_RETURN_IF_ERROR(reader.Line(text.substr(0, end)));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return {};
}

}  // namespace tenantseal::aws
