#include "identity/hostile_json.h"

#include <set>
#include <vector>

namespace tenantseal::identity {
namespace {

using nlohmann::json;
constexpr int kDepthMax = 16;

}  // namespace

std::optional<json> ParseHostileObject(base::ByteSpan text, std::size_t bytes_max) {
  if (text.empty() || text.size() > bytes_max || text.front() == 0xEF) return std::nullopt;
  bool refused = false;
  std::vector<std::set<std::string>> names;  // Of every open object.
  const auto callback = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kDepthMax) refused = true;
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end && !names.empty()) names.pop_back();
    if (event == json::parse_event_t::key && !names.empty() &&
        !names.back().insert(parsed.get_ref<const std::string&>()).second)
      refused = true;
    return !refused;
  };
  json parsed = json::parse(text.begin(), text.end(), callback, /*allow_exceptions=*/false);
  if (refused || !parsed.is_object()) return std::nullopt;
  return parsed;
}

std::optional<std::string> TextMember(const json& object, const std::string& name,
                                      std::size_t chars_max) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  if (text.empty() || text.size() > chars_max) return std::nullopt;
  return text;
}

}  // namespace tenantseal::identity
