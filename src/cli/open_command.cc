#include "cli/open_command.h"

#include <CLI/App.hpp>
#include <charconv>
#include <filesystem>

#include "aws/quote.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/progress.h"
#include "cli/streams.h"
#include "tenantseal/content.h"

namespace tenantseal::cli {
namespace {

constexpr std::string_view kSuffix = ".sealed";

struct Arguments {
  std::string input = kStandard;
  std::string output;
  std::string range;
  bool force = false;
  bool sync = false;
};

Result<ByteRange> ParseRange(const std::string& text) {
  const Error bad =
      InvalidArgument("range", "--range takes OFFSET:LENGTH in bytes, e.g. 1048576:4096, not " +
                                   aws::Quote(text) + ".");
  ByteRange out;
  const char* const end = text.data() + text.size();
  const auto offset = std::from_chars(text.data(), end, out.offset);
  if (offset.ec != std::errc() || offset.ptr == end || *offset.ptr != ':') return bad;
  const auto length = std::from_chars(offset.ptr + 1, end, out.length);
  if (length.ec != std::errc() || length.ptr != end) return bad;
  return out;
}

Result<std::string> DefaultOutput(const Arguments& arguments) {
  if (arguments.input == kStandard || !arguments.range.empty()) return std::string(kStandard);
  if (!arguments.input.ends_with(kSuffix) || arguments.input.size() == kSuffix.size()) {
    return InvalidArgument("output",
                           arguments.input + " does not end in .sealed; give --output OUT.");
  }
  std::string output = arguments.input.substr(0, arguments.input.size() - kSuffix.size());
  // Not followed where it is a symbolic link: the name is taken even if it leads nowhere.
  std::error_code ignored;
  if (!arguments.force &&
      std::filesystem::exists(std::filesystem::symlink_status(output, ignored))) {
    return Error{ErrorCode::kAlreadyExists,
                 output + " exists already; give --output OUT, or --force to replace it.",
                 "output"};
  }
  return output;
}

Result<void> OpenAsStream(const Content& content, const Context::Pairs& required,
                          const Arguments& arguments, ProgressBar& bar) {
  TS_ASSIGN_OR_RETURN(const base::UniqueFd in, OpenStreamInput(arguments.input));
  TS_ASSIGN_OR_RETURN(StreamOutput out,
                      StreamOutput::Create(arguments.output, sdk::OutputFile::Mode::kPrivate));
  StreamOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    return bar.Update(done, total);
  };
  auto opened = content.OpenStream(InterruptibleRead(in.get()), out.Writer(), required, options);
  if (!opened) {
    Error error = std::move(opened).error();
    // What went into a file is thrown away; only what went elsewhere cannot be taken back.
    if (out.to_file()) error.message = error.message.substr(0, error.message.find(" The output "));
    return error;
  }
  return out.Commit(arguments.sync);
}

Result<void> OpenPart(const Content& content, const Context::Pairs& required,
                      const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const ByteRange range, ParseRange(arguments.range));
  TS_ASSIGN_OR_RETURN(StreamOutput out,
                      StreamOutput::Create(arguments.output, sdk::OutputFile::Mode::kPrivate));
  std::uint64_t released = 0;
  const WriteFunction counted = [&, write = out.Writer()](ConstBytes bytes) -> Result<void> {
    TS_RETURN_IF_ERROR(write(bytes));
    released += bytes.size();
    return {};
  };
  auto opened = content.OpenRange(arguments.input, range, counted, required);
  if (!opened) {
    Error error = std::move(opened).error();
    if (!out.to_file() && released > 0) {
      error.message += " The output ends early: its first " + std::to_string(released) +
                       " bytes are authentic, the rest is missing.";
    }
    return error;
  }
  return out.Commit(arguments.sync);
}

Result<void> Open(Arguments arguments, const Connection& connection,
                  const std::vector<std::string>& pairs) {
  if (arguments.output.empty()) {
    TS_ASSIGN_OR_RETURN(arguments.output, DefaultOutput(arguments));
  }
  TS_RETURN_IF_ERROR(RefuseInputAsOutput(arguments.input, arguments.output));
  if (!arguments.range.empty()) {
    TS_RETURN_IF_ERROR(ParseRange(arguments.range));
    if (IsStream(arguments.input))
      return InvalidArgument(
          "range", "--range needs a regular file as FILE: write the stream to one first.");
  }
  TS_ASSIGN_OR_RETURN(const Context::Pairs required, ParseContext(pairs));
  TS_ASSIGN_OR_RETURN(const Client client, connection.ConnectClient());
  TS_ASSIGN_OR_RETURN(const Content content, Content::Make(client, client.tenant_id()));
  CatchInterrupts();
  if (!arguments.range.empty()) return OpenPart(content, required, arguments);
  ProgressBar bar("opening", ProgressBar::Unit::kBytes);
  if (IsStream(arguments.input) || IsStream(arguments.output)) {
    return OpenAsStream(content, required, arguments, bar);
  }
  FileOptions options;
  options.sync = arguments.sync;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    return bar.Update(done, total);
  };
  TS_RETURN_IF_ERROR(content.OpenFile(arguments.input, arguments.output, required, options));
  return {};
}

// What does not open says nothing more (see formats/envelope.h); what it can be, one may know. What
// is no whole message has been told so, in the field "message".
Result<void> WithHint(Result<void> opened, const std::string& input) {
  if (opened || opened.error().code != ErrorCode::kDecryptFailed ||
      opened.error().field == "message") {
    return opened;
  }
  Error error = std::move(opened).error();
  error.message +=
      " It may be damaged or cut off, be another tenant's, or lack a pair of --context" +
      std::string(input == kStandard ? "." : "; see `tenantseal inspect " + input + "`.");
  return error;
}

}  // namespace

void AddOpenCommand(CLI::App& app) {
  CLI::App& command = *app.add_subcommand("open", "Open a sealed file or stream");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("FILE", arguments->input, "What to open; - or nothing: standard input");
  AddOutputOption(command, arguments->output,
                  "Where to; -: standard output (default: FILE without .sealed, if there is no "
                  "such file yet)");
  command.add_flag("--force", arguments->force, "Without --output: replace the file that is there");
  const auto pairs =
      AddContextOption(command, "A pair that the content must have been sealed with (repeatable)");
  command
      .add_option("--range", arguments->range,
                  "Only these bytes of the content, to standard output unless --output")
      ->type_name("OFFSET:LENGTH");
  command.add_flag("--sync", arguments->sync,
                   "Return only when the output would survive a power cut (fsync)");
  const auto connection = Connection::AddTo(command);
  command.footer(
      "A file appears under its name once all of it has been verified. A new one is readable by\n"
      "its owner only, one that is replaced keeps its permissions. A file that was there is\n"
      "replaced only where --output names it, or with --force.\n"
      "Standard output gets verified frames as they come: if the status is not 0, what was\n"
      "written is authentic, but may be incomplete. Status 3: damaged, truncated, followed by\n"
      "something else, another tenant's or context.\n\n"
      "Examples:\n"
      "  tenantseal open report.pdf.sealed --context purpose=archive\n"
      "  tenantseal open photos.tar.sealed --output - | tar x\n"
      "  tenantseal open disk.img.sealed --range 1048576:512 | xxd");
  OnCommand(command,
            [=] { return WithHint(Open(*arguments, *connection, *pairs), arguments->input); });
}

}  // namespace tenantseal::cli
