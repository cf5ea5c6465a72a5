#include "cli/seal_command.h"

#include <unistd.h>

#include <CLI/App.hpp>
#include <filesystem>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/progress.h"
#include "cli/streams.h"
#include "tenantseal/content.h"

namespace tenantseal::cli {
namespace {

struct Arguments {
  std::string input = kStandard;
  std::string output;
  bool sync = false;
};

Result<void> SealAsStream(const Content& content, const Context& context,
                          const Arguments& arguments, ProgressBar& bar) {
  TS_ASSIGN_OR_RETURN(const base::UniqueFd in, OpenStreamInput(arguments.input));
  TS_ASSIGN_OR_RETURN(StreamOutput out,
                      StreamOutput::Create(arguments.output, sdk::OutputFile::Mode::kByUmask));
  StreamOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    return bar.Update(done, total);
  };
  TS_RETURN_IF_ERROR(
      content.SealStream(InterruptibleRead(in.get()), out.Writer(), context, options));
  return out.Commit(arguments.sync);
}

Result<std::string> DefaultOutput(const std::string& input) {
  if (input == kStandard) return std::string(kStandard);
  // Beside a device or a pipe no file is looked for.
  if (IsStream(input)) {
    return InvalidArgument("output", input + " is not a regular file; give --output OUT.");
  }
  return input + ".sealed";
}

Result<void> Seal(Arguments arguments, const Connection& connection,
                  const std::vector<std::string>& pairs) {
  if (arguments.output.empty()) {
    TS_ASSIGN_OR_RETURN(arguments.output, DefaultOutput(arguments.input));
  }
  if (arguments.output == kStandard && ::isatty(STDOUT_FILENO) == 1) {
    return InvalidArgument("output",
                           "Sealed content does not belong on a terminal; give --output FILE.");
  }
  if (std::filesystem::is_directory(arguments.input)) {
    return InvalidArgument(
        "FILE",
        arguments.input + " is a directory; seal an archive of it (tar c DIR | tenantseal seal).");
  }
  TS_RETURN_IF_ERROR(RefuseInputAsOutput(arguments.input, arguments.output));
  TS_ASSIGN_OR_RETURN(Context::Pairs context_pairs, ParseContext(pairs));
  TS_ASSIGN_OR_RETURN(const Client client, connection.ConnectClient());
  TS_ASSIGN_OR_RETURN(const Content content, Content::Make(client, client.tenant_id()));
  TS_ASSIGN_OR_RETURN(const Context context, content.MakeContext(std::move(context_pairs)));
  CatchInterrupts();
  ProgressBar bar("sealing", ProgressBar::Unit::kBytes);
  if (IsStream(arguments.input) || IsStream(arguments.output)) {
    return SealAsStream(content, context, arguments, bar);
  }
  FileOptions options;
  options.sync = arguments.sync;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    return bar.Update(done, total);
  };
  TS_RETURN_IF_ERROR(content.SealFile(arguments.input, arguments.output, context, options));
  return {};
}

}  // namespace

void AddSealCommand(CLI::App& app) {
  CLI::App& command = *app.add_subcommand("seal", "Seal a file or a stream under the tenant's key");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("FILE", arguments->input, "What to seal; - or nothing: standard input");
  AddOutputOption(command, arguments->output,
                  "Where to; -: standard output (default: FILE.sealed, if FILE is a regular file)");
  const auto pairs =
      AddContextOption(command, "A pair to authenticate with the content, in clear (repeatable)");
  command.add_flag("--sync", arguments->sync,
                   "Return only when the output would survive a power cut (fsync)");
  const auto connection = Connection::AddTo(command);
  command.footer(
      "The content never leaves this machine: only its data key is asked of the service.\n"
      "The output appears under its name when it is complete, in place of a file that was there;\n"
      "the input is left as it is.\n\n"
      "Examples:\n"
      "  tenantseal seal report.pdf --context purpose=archive\n"
      "  tar c photos | tenantseal seal --output photos.tar.sealed\n"
      "  pg_dump shop | tenantseal seal | ssh backup 'cat > shop.sealed'");
  OnCommand(command, [=] { return Seal(*arguments, *connection, *pairs); });
}

}  // namespace tenantseal::cli
