// The parts of the command line that work without a service.
#include <gmock/gmock.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <filesystem>
#include <fstream>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/inspect_command.h"
#include "cli/open_command.h"
#include "cli/progress.h"
#include "cli/seal_command.h"
#include "cli/streams.h"

namespace tenantseal::cli {
namespace {

// Runs one command as main() does; the statuses of commands of one process add up to the last.
int RunCommand(std::vector<std::string> arguments) {
  CLI::App app("test", "tenantseal");
  AddSealCommand(app);
  AddOpenCommand(app);
  AddInspectCommand(app);
  app.require_subcommand(1);
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? kExitOk : kExitUsage;
  }
  return ExitStatus();
}

TEST(ExitStatusTest, SaysWhatTheCallerShouldDoNext) {
  EXPECT_EQ(ExitStatusOf(DecryptFailed()), kExitDoesNotOpen);
  EXPECT_EQ(ExitStatusOf({ErrorCode::kUnauthenticated, ""}), kExitUnauthorised);
  EXPECT_EQ(ExitStatusOf({ErrorCode::kPermissionDenied, ""}), kExitUnauthorised);
  EXPECT_EQ(ExitStatusOf({ErrorCode::kPermissionDenied, "", "file"}), kExitFailure);
  EXPECT_EQ(ExitStatusOf({ErrorCode::kUnavailable, ""}), kExitUnavailable);
  EXPECT_EQ(ExitStatusOf({ErrorCode::kUnavailable, "", "file"}), kExitFailure);
  EXPECT_EQ(ExitStatusOf({ErrorCode::kNotFound, "", "file"}), kExitNotFound);
  EXPECT_EQ(ExitStatusOf({ErrorCode::kDeadlineExceeded, "", "interrupted"}), kExitInterrupted);
  EXPECT_EQ(ExitStatusOf({ErrorCode::kKeyRevoked, ""}), kExitKeyRevoked);
  EXPECT_EQ(ExitStatusOf(Internal("")), kExitFailure);
}

TEST(ContextOptionTest, SplitsAtTheFirstEqualsSign) {
  EXPECT_EQ(*ParseContext({"a=1", "b=x=y", "c="}),
            (Context::Pairs{{"a", "1"}, {"b", "x=y"}, {"c", ""}}));
  EXPECT_EQ(ParseContext({"a"}).error().field, "context");
  EXPECT_EQ(ParseContext({"=a"}).error().field, "context");
}

TEST(ProgressTest, Formats) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(3.0 * (1 << 30)), "3.0 GiB");
  EXPECT_EQ(FormatSeconds(7), "0:07");
  EXPECT_EQ(FormatSeconds(750), "12:30");
  EXPECT_EQ(FormatSeconds(3 * 3600 + 2 * 60 + 11), "3:02:11");
  EXPECT_EQ(ProgressLine("sealing", ProgressBar::Unit::kBytes, 512 << 20, 1 << 30, 2),
            "sealing  512.0 MiB of 1.0 GiB  50%  256.0 MiB/s  0:02 left");
  EXPECT_EQ(ProgressLine("sealing", ProgressBar::Unit::kBytes, 1024, 0, 1),
            "sealing  1.0 KiB  1.0 KiB/s");
  EXPECT_EQ(ProgressLine("rewrapping", ProgressBar::Unit::kItems, 0, 10, 0),
            "rewrapping  0 of 10  0%  0/s");
}

TEST(StreamsTest, TellsStreamsFromFiles) {
  EXPECT_TRUE(IsStream("-"));
  EXPECT_TRUE(IsStream("/dev/null"));
  EXPECT_FALSE(IsStream("/etc/passwd"));
  EXPECT_FALSE(IsStream("/nonexistent"));
}

TEST(ConnectionTest, NamesWhatIsMissing) {
  ::unsetenv("TENANTSEAL_API_KEY");
  Connection connection;
  EXPECT_EQ(connection.Options().error().field, "server");
  connection.server = "http://127.0.0.1:1";
  EXPECT_EQ(connection.Options().error().field, "api-key-file");
  ::setenv("TENANTSEAL_API_KEY", "from the environment", 1);
  EXPECT_EQ(connection.Options()->api_key, "from the environment");
  connection.api_key_file = testing::TempDir() + "api-key-" + std::to_string(::getpid());
  std::ofstream(connection.api_key_file) << "from-the-file\n";
  std::filesystem::permissions(connection.api_key_file, std::filesystem::perms(0644));
  EXPECT_EQ(connection.Options().error().code, ErrorCode::kPermissionDenied);
  std::filesystem::permissions(connection.api_key_file, std::filesystem::perms(0600));
  EXPECT_EQ(connection.Options()->api_key, "from-the-file");
  std::filesystem::remove(connection.api_key_file);
  ::unsetenv("TENANTSEAL_API_KEY");
}

TEST(CommandLineTest, UsageErrors) {
  EXPECT_EQ(RunCommand({}), kExitUsage);
  EXPECT_EQ(RunCommand({"unknown"}), kExitUsage);
  EXPECT_EQ(RunCommand({"seal", "--unknown"}), kExitUsage);
  EXPECT_EQ(RunCommand({"inspect"}), kExitUsage);
  EXPECT_EQ(RunCommand({"seal", "x", "--context", "novalue", "--output", "/tmp/x"}), kExitUsage);
  EXPECT_EQ(RunCommand({"open", "no-suffix"}), kExitUsage);
  EXPECT_EQ(RunCommand({"open", "x.sealed", "--range", "7"}), kExitUsage);
  EXPECT_EQ(RunCommand({"open", "x.sealed", "--range", "1:-1"}), kExitUsage);
  EXPECT_EQ(RunCommand({"seal", "/tmp", "--output", "/tmp/x"}), kExitUsage);
  EXPECT_EQ(RunCommand({"--help"}), kExitOk);
  EXPECT_EQ(RunCommand({"seal", "--help"}), kExitOk);
}

TEST(CommandLineTest, AnUnreachableServiceIsUnavailable) {
  ::setenv("TENANTSEAL_API_KEY", "key", 1);
  const std::string out = testing::TempDir() + "never-" + std::to_string(::getpid());
  EXPECT_EQ(RunCommand({"seal", "/etc/passwd", "--output", out, "--server", "http://127.0.0.1:9"}),
            kExitUnavailable);
  EXPECT_FALSE(std::filesystem::exists(out));
  ::unsetenv("TENANTSEAL_API_KEY");
}

TEST(CommandLineTest, InspectOfWhatIsNoMessage) {
  EXPECT_EQ(RunCommand({"inspect", "/etc/passwd"}), kExitDoesNotOpen);
  EXPECT_EQ(RunCommand({"inspect", "/nonexistent"}), kExitNotFound);
}

}  // namespace
}  // namespace tenantseal::cli
