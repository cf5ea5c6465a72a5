#include "cli/rotate_command.h"

#include <CLI/App.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/tenant_keys.h"
#include "sdk/message.h"

namespace tenantseal::cli {
namespace {

struct Arguments {
  bool wait = false;
  bool status = false;
  bool json = false;
};

constexpr std::chrono::milliseconds kPollInterval{250};

std::uint64_t Count(const nlohmann::json& job, const char* name) {
  const auto found = job.find(name);
  return found != job.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

// Polls until the job that rewraps managed data keys is over.
Result<nlohmann::json> WaitForJob(const sdk::Rest& rest) {
  CatchInterrupts();
  ProgressBar bar("rewrapping data keys", ProgressBar::Unit::kItems);
  for (;;) {
    TS_ASSIGN_OR_RETURN(nlohmann::json keys, GetTenantKeys(rest));
    const auto job = keys.find("rewrap");
    if (job == keys.end() || Text(*job, "state") != "InProgress") return keys;
    if (!bar.Update(Count(*job, "done"), Count(*job, "total"))) {
      return Error{ErrorCode::kDeadlineExceeded,
                   "Stopped waiting; the rotation goes on in the service.", "interrupted"};
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

Result<void> Rotate(const sdk::Rest& rest, const Arguments& arguments) {
  if (!arguments.status) {
    // Not repeated after an unknown outcome: each call makes a version.
    TS_RETURN_IF_ERROR(rest.Call(net::Method::kPost,
                                 "/api/v1/encryption/tenant-keys/actions/rotate",
                                 base::AsBytes("{}"), sdk::Rest::Repeat::kRefusalsOnly));
  }
  TS_ASSIGN_OR_RETURN(const nlohmann::json keys,
                      arguments.wait ? WaitForJob(rest) : GetTenantKeys(rest));
  PrintTenantKeys(keys, arguments.json);
  const auto job = keys.find("rewrap");
  if (arguments.wait && job != keys.end() && Count(*job, "failed") > 0) {
    return IntegrityError(std::to_string(Count(*job, "failed")) +
                          " data keys could not be rewrapped; the service's log names them.");
  }
  return {};
}

}  // namespace

void AddRotateCommand(CLI::App& app) {
  CLI::App& command =
      *app.add_subcommand("rotate", "Make a new tenant key and put managed data keys under it");
  auto arguments = std::make_shared<Arguments>();
  command.add_flag("--wait", arguments->wait,
                   "Until every managed data key is under the new tenant key");
  command.add_flag("--status", arguments->status,
                   "Only show the versions and how far the last rotation is");
  command.add_flag("--json", arguments->json, "For programs");
  const auto connection = Connection::AddTo(command);
  command.footer(
      "What was sealed before opens as before. Sealed files move to the new key with `tenantseal "
      "rewrap`,\n"
      "sealed values with `tenantseal value reseal`; then `tenantseal retire` can remove the old "
      "version.\n\n"
      "Example:\n  tenantseal rotate --wait");
  OnCommand(command, [=]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const auto rest, connection->ConnectRest());
    return Rotate(*rest, *arguments);
  });
}

}  // namespace tenantseal::cli
