#include "cli/table.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/encoding.h"

namespace tenantseal::cli {
namespace {

// Whether `text` starts with a character beyond ASCII that speaks to the terminal: a control
// of C1 (U+0080..U+009F), or one that turns the direction of what follows.
bool StartsWithControl(std::string_view text) {
  const auto in = [&](std::string_view prefix, unsigned char low, unsigned char high) {
    if (text.size() <= prefix.size() || !text.starts_with(prefix)) return false;
    const auto last = static_cast<unsigned char>(text[prefix.size()]);
    return last >= low && last <= high;
  };
  return in("\xC2", 0x80, 0x9F) ||      // C1.
         in("\xE2\x80", 0x8E, 0x8F) ||  // U+200E, U+200F.
         in("\xE2\x80", 0xAA, 0xAE) ||  // U+202A..U+202E.
         in("\xE2\x81", 0xA6, 0xA9);    // U+2066..U+2069.
}

// Characters, not bytes, so that columns align for names in any script.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

// '?' also stands for each byte beyond ASCII of what is not UTF-8.
std::string Printable(std::string_view text) {
  const bool utf8 = base::IsUtf8(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < ' ' || c == 0x7F || (c >= 0x80 && !utf8)) {
      out += '?';
    } else if (StartsWithControl(text.substr(i))) {
      out += '?';
      i += c == 0xC2 ? 1 : 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

void PrintTable(const std::vector<std::vector<std::string>>& values) {
  auto rows = values;
  for (auto& row : rows) std::transform(row.begin(), row.end(), row.begin(), Printable);
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    std::printf("%s\n", line.c_str());
  }
}

void PrintFields(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : fields) rows.push_back({name, value});
  PrintTable(rows);
}

void PrintJson(const nlohmann::json& json) {
  std::printf("%s\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

Error UnexpectedAnswer(const std::string& what) {
  return Internal("The service's answer " + what +
                  ": see that --server, TENANTSEAL_SERVER or the context leads to a Tenantseal "
                  "service, and that it is no older than this command.");
}

Result<nlohmann::json> ParseAnswer(const base::SecretBytes& body) {
  auto json = nlohmann::json::parse(body.RevealText(), nullptr, false);
  if (!json.is_object()) return UnexpectedAnswer("is not the JSON that was expected");
  return json;
}

std::string Text(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

}  // namespace tenantseal::cli
