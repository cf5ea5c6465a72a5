#include "cli/rewrap_command.h"

#include <CLI/App.hpp>
#include <cstdio>

#include "cli/command.h"
#include "cli/connection.h"
#include "tenantseal/content.h"

namespace tenantseal::cli {
namespace {

// Goes on after a failure, so that one damaged file does not hold up the others.
Result<void> RewrapAll(const std::vector<std::string>& files, const Content& content,
                       const Context::Pairs& required) {
  std::optional<Error> first;
  std::size_t failures = 0;
  for (const std::string& file : files) {
    const auto changed = content.RewrapFile(file, required);
    if (changed) {
      std::printf("%s: %s\n", file.c_str(),
                  *changed ? "rewrapped" : "was under the active key already");
      continue;
    }
    ++failures;
    if (files.size() > 1)
      std::fprintf(stderr, "tenantseal: %s: %s\n", file.c_str(), changed.error().message.c_str());
    if (!first) first = changed.error();
  }
  if (!first) return {};
  if (files.size() > 1) {
    first->message = std::to_string(failures) + " of " + std::to_string(files.size()) +
                     " files were left as they were.";
  }
  return *first;
}

}  // namespace

void AddRewrapCommand(CLI::App& app) {
  CLI::App& command =
      *app.add_subcommand("rewrap", "Put sealed files under the tenant's active key");
  auto files = std::make_shared<std::vector<std::string>>();
  command.add_option("FILE", *files, "The sealed files")->required();
  const auto pairs =
      AddContextOption(command, "A pair that the content must have been sealed with (repeatable)");
  const auto connection = Connection::AddTo(command);
  command.footer(
      "Writes a new header with the data key under the active tenant key; the content itself is "
      "not\n"
      "decrypted and not changed. Afterwards older tenant key versions can be retired.\n\n"
      "Example:\n  tenantseal rewrap archive/*.sealed");
  OnCommand(command, [=]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const Context::Pairs required, ParseContext(*pairs));
    TS_ASSIGN_OR_RETURN(const Client client, connection->ConnectClient());
    TS_ASSIGN_OR_RETURN(const Content content, Content::Make(client, client.tenant_id()));
    return RewrapAll(*files, content, required);
  });
}

}  // namespace tenantseal::cli
