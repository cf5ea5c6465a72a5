#include "cli/retire_command.h"

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/table.h"
#include "cli/tenant_keys.h"

namespace tenantseal::cli {

void AddRetireCommand(CLI::App& app) {
  CLI::App& command =
      *app.add_subcommand("retire", "Remove a tenant key version that nothing needs any more");
  auto version = std::make_shared<std::uint32_t>(0);
  auto json = std::make_shared<bool>(false);
  command.add_option("VERSION", *version, "The version, as `rotate --status` shows it")->required();
  command.add_flag("--json", *json, "For programs");
  const auto connection = Connection::AddTo(command);
  command.footer(
      "Refused while managed data keys are under the version. The service cannot know of sealed "
      "files\n"
      "and values: what is still under the version will never open again. `tenantseal inspect` "
      "shows a\n"
      "file's version; rewrap files and reseal values first.\n\n"
      "Example:\n  tenantseal retire 1");
  OnCommand(command, [=]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const auto rest, connection->ConnectRest());
    const std::string body = nlohmann::json({{"version", *version}}).dump();
    TS_RETURN_IF_ERROR(rest->Call(net::Method::kPost,
                                  "/api/v1/encryption/tenant-keys/actions/retire",
                                  base::AsBytes(body), sdk::Rest::Repeat::kRefusalsOnly));
    TS_ASSIGN_OR_RETURN(const nlohmann::json keys, GetTenantKeys(*rest));
    PrintTenantKeys(keys, *json);
    return {};
  });
}

}  // namespace tenantseal::cli
