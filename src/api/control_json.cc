#include "api/control_json.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>

#include "api/error_table.h"
#include "base/encoding.h"
#include "base/limits.h"

namespace tenantseal::api {
namespace {

using nlohmann::json;
constexpr int kDepthMax = 16;

// Remembers the names of every open object, to find one that stands twice.
class DuplicateFinder {
 public:
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    if (depth > kDepthMax) too_deep_ = true;
    if (event == json::parse_event_t::object_start) names_.emplace_back();
    if (event == json::parse_event_t::object_end && !names_.empty()) names_.pop_back();
    if (event == json::parse_event_t::key && !names_.empty()) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names_.back().insert(name).second && !twice_) twice_ = name;
    }
    return !too_deep_;
  }
  const std::optional<std::string>& twice() const { return twice_; }
  bool too_deep() const { return too_deep_; }

 private:
  std::vector<std::set<std::string>> names_;
  std::optional<std::string> twice_;
  bool too_deep_ = false;
};

}  // namespace

Result<json> ParseControlJson(base::ByteSpan body) {
  // nlohmann skips a byte order mark; RFC 8259 section 8.1 lets nobody send one.
  if (body.empty() || body.front() == 0xEF) return NotJson();
  DuplicateFinder finder;
  const auto callback = [&finder](int depth, json::parse_event_t event, json& parsed) {
    return finder(depth, event, parsed);
  };
  json parsed = json::parse(body.begin(), body.end(), callback, /*allow_exceptions=*/false);
  if (finder.too_deep())
    return InvalidArgument("body", "The body is nested more than 16 levels deep.");
  if (parsed.is_discarded()) return NotJson();
  if (finder.twice()) {
    const std::string name = finder.twice()->substr(0, 64);
    return InvalidArgument(name, "The field " + name + " stands twice.");
  }
  return parsed;
}

Result<json> ParseControlBody(base::ByteSpan body, std::initializer_list<std::string_view> known) {
  if (body.empty()) return json(json::object());
  TS_ASSIGN_OR_RETURN(json parsed, ParseControlJson(body));
  if (!parsed.is_object()) return InvalidArgument("body", "The body must be a JSON object.");
  for (const auto& [name, value] : parsed.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string shown = base::IsUtf8(name.substr(0, 64)) ? name.substr(0, 64) : "";
      return InvalidArgument(shown, "The field " + shown + " is not known here.");
    }
  }
  return parsed;
}

Result<std::optional<std::string>> TextField(const json& object, const std::string& name,
                                             bool required) {
  const auto found = object.find(name);
  if (found == object.end()) {
    if (required) return InvalidArgument(name, "The field " + name + " is missing.");
    return std::optional<std::string>();
  }
  if (!found->is_string()) return InvalidArgument(name, "The field " + name + " must be a string.");
  return std::optional(found->get<std::string>());
}

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::string> BaseUrl(const net::Request& request) {
  const std::string_view host = request.Header("Host").value_or("localhost");
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view(".-_:[]").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (host.empty() || host.size() > 255 || !std::all_of(host.begin(), host.end(), allowed)) {
    return InvalidArgument("Host", "The header Host must be a host name or address.");
  }
  const std::string_view own = request.secure ? "https" : "http";
  const bool https = request.Header("X-Forwarded-Proto").value_or(own) == "https";
  return (https ? "https://" : "http://") + std::string(host);
}

Result<std::optional<std::string>> QueryParameter(std::string_view query, std::string_view name) {
  std::optional<std::string> value;
  const Error invalid =
      InvalidArgument(std::string(name), "The parameter " + std::string(name) + " is not valid.");
  auto at = query.begin();
  while (at != query.end()) {
    const auto end = std::find(at, query.end(), '&');
    const auto equals = std::find(at, end, '=');
    if (std::string_view(at, equals) == name) {
      if (value) {
        return InvalidArgument(std::string(name),
                               "The parameter " + std::string(name) + " stands twice.");
      }
      value = base::FormDecode(std::string_view(equals == end ? end : equals + 1, end));
      if (!value || !base::IsUtf8(*value)) return invalid;
    }
    at = end == query.end() ? end : end + 1;
  }
  return value;
}

Result<std::size_t> QueryLimit(std::string_view query) {
  TS_ASSIGN_OR_RETURN(const auto text, QueryParameter(query, "limit"));
  if (!text) return std::size_t{20};
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc() || end != text->data() + text->size() || limit < 1 ||
      limit > base::kPageItemsMax) {
    return InvalidArgument("limit", "The parameter limit must be a whole number from 1 to " +
                                        std::to_string(base::kPageItemsMax) + ".");
  }
  return limit;
}

}  // namespace tenantseal::api
