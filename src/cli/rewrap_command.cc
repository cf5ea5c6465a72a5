#include "cli/rewrap_command.h"

#include <CLI/App.hpp>
#include <cstdio>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/progress.h"
#include "cli/streams.h"
#include "sdk/message.h"
#include "tenantseal/content.h"

namespace tenantseal::cli {
namespace {

Result<bool> RewrapOne(const std::string& file, const Content& content,
                       const Context::Pairs& required) {
  ProgressBar bar("rewrapping", ProgressBar::Unit::kBytes);
  FileOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    return bar.Update(done, total);
  };
  return content.RewrapFile(file, required, options);
}

// Goes on after a failure, so that one damaged file does not hold up the others.
Result<void> RewrapAll(const std::vector<std::string>& files, const Content& content,
                       const Context::Pairs& required) {
  std::optional<Error> first;
  std::size_t failures = 0;
  for (const std::string& file : files) {
    if (Interrupted()) return sdk::Interrupted();
    const auto changed = RewrapOne(file, content, required);
    if (changed) {
      std::printf("%s: %s\n", file.c_str(),
                  *changed ? "rewrapped" : "was under the active key already");
      continue;
    }
    if (changed.error().field == "interrupted") return changed.error();
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
  command.add_option("FILE", *files, "The sealed files")->required()->check(RefuseStandardInput);
  const auto pairs =
      AddContextOption(command, "A pair that the content must have been sealed with (repeatable)");
  const auto connection = Connection::AddTo(command);
  command.footer(
      "Seals the content anew under the active tenant key, with a new data key and message id.\n"
      "Each frame is opened, verified and sealed again in memory; the file is replaced when all\n"
      "of it has been verified. A file under the active key already is left as it is. Needs room\n"
      "on the disk for one copy. Afterwards older tenant key versions can be retired.\n\n"
      "Example:\n  tenantseal rewrap archive/*.sealed");
  OnCommand(command, [=]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const Context::Pairs required, ParseContext(*pairs));
    TS_ASSIGN_OR_RETURN(const Client client, connection->ConnectClient());
    TS_ASSIGN_OR_RETURN(const Content content, Content::Make(client, client.tenant_id()));
    CatchInterrupts();
    return RewrapAll(*files, content, required);
  });
}

}  // namespace tenantseal::cli
