// The binary `tenantseal`: hardens the process, registers the commands, runs one.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "cli/api_key_command.h"
#include "cli/aws_command.h"
#include "cli/backup_command.h"
#include "cli/command.h"
#include "cli/context_command.h"
#include "cli/data_key_command.h"
#include "cli/events_command.h"
#include "cli/inspect_command.h"
#include "cli/key_provider_command.h"
#include "cli/leading_flags.h"
#include "cli/open_command.h"
#include "cli/retire_command.h"
#include "cli/rewrap_command.h"
#include "cli/root_command.h"
#include "cli/rotate_command.h"
#include "cli/seal_command.h"
#include "cli/serve_command.h"
#include "cli/tenant_command.h"
#include "cli/value_command.h"
#include "cli/webhook_command.h"

namespace {

// Keys and plaintext pass through this process: no core dumps, no debugger of another process, and
// a closed pipe or a full disk is an error to report rather than a death.
void Harden() {
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

// Takes the place of standard descriptors that are closed, lest a file or a connection gets their
// number and the output ends up in it. Opened the wrong way round, they fail as closed ones do.
void OccupyStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is `fd`. Without /dev/null the descriptor stays closed.
    static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

void AddCommands(CLI::App& app) {
  using namespace tenantseal::cli;  // NOLINT(google-build-using-namespace): one function.
  AddServeCommand(app);
  AddSealCommand(app);
  AddOpenCommand(app);
  AddInspectCommand(app);
  AddRewrapCommand(app);
  AddValueCommand(app);
  AddDataKeyCommand(app);
  AddTenantCommand(app);
  AddApiKeyCommand(app);
  AddRotateCommand(app);
  AddRetireCommand(app);
  AddRootCommand(app);
  AddBackupCommands(app);
  AddAwsCommand(app);
  AddEncryptionCommand(app);
  AddContextCommand(app);
  AddEventsCommand(app);
  AddWebhookCommand(app);
}

// What is said of words that no command has; this library says the same of them as of none. Empty
// when it is not that.
std::string Unknown(const CLI::App& app, const CLI::ParseError& error) {
  const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
  const std::vector<std::string> words = app.remaining(true);
  if (words.empty() ||
      (code != CLI::ExitCodes::RequiredError && code != CLI::ExitCodes::ExtrasError))
    return {};
  std::string command = app.get_name();
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  // The value of `--flag=VALUE` may be a secret.
  const std::string word = words.front().substr(0, words.front().find('='));
  return command + ": `" + word + "` is no command or flag of it; see `" + command + " --help`.\n";
}

}  // namespace

int main(int argc, char** argv) {
  Harden();
  OccupyStandardDescriptors();
  CLI::App app("Tenantseal: every tenant's content under its own key", "tenantseal");
  app.set_version_flag("--version", "tenantseal " TENANTSEAL_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Commands that talk to a service read TENANTSEAL_SERVER and TENANTSEAL_API_KEY, else the\n"
      "current context (`tenantseal context`).\n\n"
      "Exit statuses: 0 done, 1 failure, 2 usage, 3 does not open, 4 unauthorised, 5 unavailable,\n"
      "6 key revoked, 7 not found, 8 conflict, 130 interrupted.");
  AddCommands(app);
  try {
    tenantseal::cli::ParseCommandLine(app, {argv + std::min(argc, 1), argv + argc});
  } catch (const CLI::ParseError& error) {
    if (const std::string unknown = Unknown(app, error); !unknown.empty()) {
      std::cerr << unknown;
      return tenantseal::cli::kExitUsage;
    }
    // Help and version are "errors" with status 0 in this library.
    return tenantseal::cli::FinishOutput(app.exit(error) == 0 ? tenantseal::cli::kExitOk
                                                              : tenantseal::cli::kExitUsage);
  }
  return tenantseal::cli::FinishOutput(tenantseal::cli::ExitStatus());
}
