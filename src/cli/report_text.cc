#include "cli/report_text.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "model/encryption_codes.h"

namespace tenantseal::cli {
namespace {

using nlohmann::json;

const json* Member(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// "" when missing; for a terminal.
std::string Shown(const json& object, const char* name) {
  return object.is_object() ? Printable(Text(object, name)) : "";
}

std::uint16_t EncryptionCodeOf(std::string_view code) {
  std::uint16_t out = 0;
  if (!code.starts_with(model::kCodePrefix)) return 0;
  code.remove_prefix(model::kCodePrefix.size());
  std::from_chars(code.data(), code.data() + code.size(), out);
  return out;
}

std::string Sign(const std::string& outcome) {
  if (outcome == "pass") return "ok  ";
  return outcome == "fail" ? "FAIL" : outcome;
}

std::string CheckText(const json& check, std::size_t name_width) {
  std::string name = Shown(check, "name");
  name.resize(std::max(name.size(), name_width), ' ');
  std::string line = "  " + Sign(Shown(check, "outcome")) + "  " + name;
  const auto append = [&line](const std::string& text) {
    if (!text.empty()) line += "  " + text;
  };
  append(Shown(check, "region"));
  append(Shown(check, "detail"));
  if (const std::string code = Shown(check, "code"); !code.empty()) append("(" + code + ")");
  line.erase(line.find_last_not_of(' ') + 1);
  line += "\n";
  if (const std::string fix = Shown(check, "fix"); !fix.empty())
    line += "        to mend it: " + fix + "\n";
  return line;
}

// Statements or a policy, indented, be it JSON or text that holds JSON.
std::string PolicyText(const json& policy) {
  const json parsed =
      policy.is_string() ? json::parse(policy.get<std::string>(), nullptr, false) : policy;
  if (parsed.is_discarded()) return Printable(policy.get<std::string>());
  return parsed.dump(2, ' ', true, json::error_handler_t::replace);
}

const json& Checks(const json& report) {
  static const json none = json::array();
  const json* const checks = Member(report, "checks");
  return checks != nullptr && checks->is_array() ? *checks : none;
}

}  // namespace

std::string ReportText(const json& report) {
  std::size_t width = 0;
  for (const json& check : Checks(report)) width = std::max(width, Shown(check, "name").size());
  std::string out;
  for (const json& check : Checks(report)) out += CheckText(check, width);
  const json* const policy = Member(report, "mendedPolicy");
  if (policy != nullptr && *policy != json("") && *policy != json::object())
    out +=
        "What belongs into the policies of the key and its replica:\n" + PolicyText(*policy) + "\n";
  return out;
}

std::string ReportOutcome(const json& report) {
  if (std::string outcome = Shown(report, "outcome"); !outcome.empty()) return outcome;
  std::string worst = "pass";
  for (const json& check : Checks(report)) {
    const std::string outcome = Shown(check, "outcome");
    if (outcome == "fail" || (outcome == "warn" && worst == "pass")) worst = outcome;
  }
  return worst;
}

Refusal ReadRefusal(std::string_view body) {
  const json answer = json::parse(body, nullptr, false);
  const json* const errors = Member(answer, "errors");
  if (errors == nullptr || !errors->is_array() || errors->empty()) return {};
  const json& first = errors->front();
  const std::string title = Shown(first, "title"), detail = Shown(first, "detail");
  const std::string code = Shown(first, "code");
  Refusal out{title, EncryptionCodeOf(code)};
  while (out.text.ends_with('.')) out.text.pop_back();
  if (!detail.empty() && detail != title) out.text += (out.text.empty() ? "" : ": ") + detail;
  if (!code.empty()) out.text += (out.text.empty() ? "" : " ") + ("(" + code + ")");
  const json* const meta = Member(first, "meta");
  if (meta == nullptr) return out;
  std::string checks = ReportText(*meta);
  if (checks.ends_with('\n')) checks.pop_back();
  if (!checks.empty()) out.text += "\n" + checks;
  return out;
}

}  // namespace tenantseal::cli
