#include "cli/api_command.h"

#include <CLI/App.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/table.h"

namespace tenantseal::cli {
namespace {

using nlohmann::json;

void PrintRaw(const std::string& body) {
  std::fwrite(body.data(), 1, body.size(), stdout);
  if (!body.ends_with('\n')) std::fputc('\n', stdout);
}

// A list, or what a page holds as "data".
const json* ItemsOf(const json& answer) {
  if (answer.is_array()) return &answer;
  const auto data = answer.find("data");
  return data != answer.end() && data->is_array() ? &*data : nullptr;
}

void PrintIds(const json& answer, const char* id) {
  const auto print = [id](const json& object) {
    const std::string text = object.is_object() ? Printable(Text(object, id)) : "";
    if (!text.empty()) std::printf("%s\n", text.c_str());
  };
  const json* const items = ItemsOf(answer);
  if (items == nullptr) return print(answer);
  for (const json& item : *items) print(item);
}

void ShowRefusal(const ApiFlags& flags, const Error& error) {
  if (error.meta.empty()) return;
  if (flags.raw) return PrintRaw(error.meta);
  if (flags.json) PrintJson(json::parse(error.meta, nullptr, false));
}

}  // namespace

Result<json> ParseBody(const std::string& body) {
  json out = json::parse(body, nullptr, false);
  if (!out.is_structured()) return UnexpectedAnswer("is not the JSON that was expected");
  return out;
}

Result<void> ShowAnswer(const ApiFlags& flags, const std::string& body, const View& view) {
  if (body.empty()) return {};
  if (flags.raw) {
    PrintRaw(body);
    return {};
  }
  TS_ASSIGN_OR_RETURN(const json answer, ParseBody(body));
  if (flags.json) {
    PrintJson(answer);
  } else if (flags.quiet) {
    PrintIds(answer, view.id);
  } else {
    view.print(answer);
  }
  return {};
}

void ShowDone(const ApiFlags& flags, const std::string& id, const std::string& text) {
  if (flags.json || flags.raw) return;
  std::printf("%s\n", (flags.quiet ? id : text).c_str());
}

CLI::App& AddApiCommand(CLI::App& parent, const std::string& name, const std::string& help,
                        ApiBody body) {
  CLI::App& command = *parent.add_subcommand(name, help);
  const auto flags = ApiFlags::AddTo(command);
  OnCommand(command, [=, body = std::move(body)]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const auto api, flags->Connect());
    auto outcome = body(*api, *flags);
    if (!outcome) ShowRefusal(*flags, outcome.error());
    return outcome;
  });
  return command;
}

}  // namespace tenantseal::cli
