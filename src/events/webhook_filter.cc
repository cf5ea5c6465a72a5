#include "events/webhook_filter.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tenantseal::events {
namespace {

constexpr const char* kAttributes[] = {"id", "spaceId", "topLevelResourceId"};

Error Bad(std::string what) {
  return InvalidArgument("filter", "The filter " + std::move(what) +
                                       R"(; write it as in: id eq "one" or id eq "two".)");
}

bool SameWord(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

// What is left of the text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool AtEnd() {
    SkipSpaces();
    return text_.empty();
  }
  std::string_view Word() {
    SkipSpaces();
    const std::string_view word = text_.substr(0, text_.find_first_of(" \""));
    text_.remove_prefix(word.size());
    return word;
  }
  Result<std::string> JsonString() {
    SkipSpaces();
    if (!text_.starts_with('"')) return Bad("compares with something else than a JSON string");
    std::size_t end = 1;
    while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) return Bad("holds a string without an end");
    const auto value = nlohmann::json::parse(text_.substr(0, end + 1), nullptr, false);
    if (!value.is_string()) return Bad("holds a string that is not valid JSON");
    text_.remove_prefix(end + 1);
    return value.get<std::string>();
  }

 private:
  void SkipSpaces() { text_.remove_prefix(std::min(text_.find_first_not_of(' '), text_.size())); }
  std::string_view text_;
};

}  // namespace

Result<WebhookFilter> WebhookFilter::Parse(std::string_view text) {
  WebhookFilter out;
  Reader in(text);
  if (in.AtEnd()) return out;
  out.any_of_.emplace_back();
  for (std::size_t count = 1; count <= kComparisonsMax; ++count) {
    const std::string_view word = in.Word();
    const auto* const attribute =
        std::ranges::find_if(kAttributes, [word](const char* one) { return SameWord(word, one); });
    if (attribute == std::end(kAttributes))
      return Bad("may compare id, spaceId and topLevelResourceId alone");
    const std::string_view relation = in.Word();
    const bool equal = SameWord(relation, "eq");
    if (!equal && !SameWord(relation, "ne")) return Bad("may compare with eq and ne alone");
    TS_ASSIGN_OR_RETURN(std::string value, in.JsonString());
    out.any_of_.back().push_back({*attribute, equal, std::move(value)});
    if (in.AtEnd()) return out;
    const std::string_view junction = in.Word();
    if (SameWord(junction, "or")) {
      out.any_of_.emplace_back();
    } else if (!SameWord(junction, "and")) {
      return Bad("may join comparisons with and and or alone");
    }
  }
  return Bad("has more than " + std::to_string(kComparisonsMax) + " comparisons");
}

bool WebhookFilter::Matches(const nlohmann::json& data) const {
  const auto holds = [&data](const Comparison& comparison) {
    const auto found = data.is_object() ? data.find(comparison.attribute) : data.end();
    const bool same = data.is_object() && found != data.end() && found->is_string() &&
                      found->get_ref<const std::string&>() == comparison.value;
    return same == comparison.equal;
  };
  return any_of_.empty() || std::ranges::any_of(any_of_, [&](const auto& all_of) {
           return std::ranges::all_of(all_of, holds);
         });
}

}  // namespace tenantseal::events
