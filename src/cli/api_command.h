// A command that makes calls and shows an answer: for people, as ids, or as the service's JSON.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "cli/api.h"

namespace tenantseal::cli {

// How one kind of answer is shown.
struct View {
  const char* id;                        // The member that --quiet prints; of a list, of each item.
  void (*print)(const nlohmann::json&);  // On standard output, for people.
};

// By --raw, --json and --quiet, else for people. A body that is empty shows nothing.
Result<void> ShowAnswer(const ApiFlags& flags, const std::string& body, const View& view);
// Of a call whose answer has no body: `id` with --quiet, nothing with --json or --raw, else `text`.
void ShowDone(const ApiFlags& flags, const std::string& id, const std::string& text);
// A body as JSON. kInternal when it is none.
Result<nlohmann::json> ParseBody(const std::string& body);

using ApiBody = std::function<Result<void>(const Api&, const ApiFlags&)>;
// Adds a command that runs `body`. With --json or --raw a refusal's JSON goes to standard output;
// its text goes to standard error in any case.
CLI::App& AddApiCommand(CLI::App& parent, const std::string& name, const std::string& help,
                        ApiBody body);

// The same with arguments of its own, which `body` gets and whose options the caller adds.
template <typename Arguments>
struct AddedCommand {
  CLI::App& command;
  std::shared_ptr<Arguments> arguments;
};
template <typename Arguments>
AddedCommand<Arguments> AddApiCommand(CLI::App& parent, const std::string& name,
                                      const std::string& help,
                                      Result<void> (*body)(const Api&, const ApiFlags&,
                                                           const Arguments&)) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App& command = AddApiCommand(
      parent, name, help,
      ApiBody([=](const Api& api, const ApiFlags& flags) { return body(api, flags, *arguments); }));
  return {command, arguments};
}

}  // namespace tenantseal::cli
