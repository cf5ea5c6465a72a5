// The parts of the command line that work without a service.
#include <gmock/gmock.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/inspect_command.h"
#include "cli/open_command.h"
#include "cli/progress.h"
#include "cli/seal_command.h"
#include "cli/streams.h"
#include "cli/table.h"

namespace tenantseal::cli {
namespace {

// Runs one command as main() does.
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

TEST(TableTest, ShowsNoControlCharacter) {
  const auto shown = [](const std::string& value) {
    testing::internal::CaptureStdout();
    PrintTable({{value, "x"}, {"1234", "y"}});
    const std::string out = testing::internal::GetCapturedStdout();
    return out.substr(0, out.find('\n'));
  };
  EXPECT_EQ(shown("a\x1b\x7f"), "a??   x");
  EXPECT_EQ(shown("a\u0080\u009f"), "a??   x");
  EXPECT_EQ(shown("\u200e\u200f"), "??    x");
  EXPECT_EQ(shown("\u202a\u202eb"), "??b   x");
  EXPECT_EQ(shown("\u2066\u2069b"), "??b   x");
  EXPECT_EQ(shown("\u00a0\u200d\u2029\u206a"), "\u00a0\u200d\u2029\u206a  x");
  EXPECT_EQ(shown("\u202f\u2065\u00e9"), "\u202f\u2065\u00e9   x");
  EXPECT_EQ(shown("\x9b"
                  "2J"),
            "?2J   x");
}

TEST(FinishOutputDeathTest, LostOutputIsAFailure) {
  const auto run = [](const char* output, bool stream, int status) {
    if (std::freopen(output, "w", stdout) == nullptr) std::_Exit(99);
    stream ? static_cast<void>(std::cout << "x") : static_cast<void>(std::printf("x"));
    std::_Exit(FinishOutput(status));
  };
  const testing::ExitedWithCode failed(kExitFailure), done(kExitOk), conflict(kExitConflict);
  EXPECT_EXIT(run("/dev/full", false, kExitOk), failed, "tenantseal: cannot write the output");
  EXPECT_EXIT(run("/dev/full", true, kExitOk), failed, "tenantseal: cannot write the output");
  EXPECT_EXIT(run("/dev/full", false, kExitConflict), conflict, "cannot write the output");
  EXPECT_EXIT(run("/dev/null", false, kExitOk), done, "^$");
}

TEST(StreamsTest, TellsStreamsFromFiles) {
  EXPECT_TRUE(IsStream("-"));
  EXPECT_TRUE(IsStream("/dev/null"));
  EXPECT_FALSE(IsStream("/etc/passwd"));
  EXPECT_FALSE(IsStream("/nonexistent"));
}

TEST(ConnectionTest, NamesWhatIsMissing) {
  for (const char* name : {"TENANTSEAL_API_KEY", "TENANTSEAL_SERVER"}) ::unsetenv(name);
  ::setenv("XDG_CONFIG_HOME", (testing::TempDir() + "nowhere").c_str(), 1);  // No contexts.
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
  connection.api_key_file = testing::TempDir();
  EXPECT_THAT(connection.Options().error().message, testing::HasSubstr("not a regular file"));
  for (const char* name : {"TENANTSEAL_API_KEY", "XDG_CONFIG_HOME"}) ::unsetenv(name);
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

// A directory with "q", a sealed one beside it, and names that lead to both. What gets past the
// command line finds no service, so that the status tells where a command ended.
class OutputNameTest : public testing::Test {
 protected:
  OutputNameTest() {
    std::filesystem::create_directory(directory_);
    for (const char* name : {"q", "q.sealed", "r.sealed"}) std::ofstream(Path(name)) << name;
    std::filesystem::create_symlink("q", Path("symbolic"));
    std::filesystem::create_hard_link(Path("q"), Path("hard"));
    std::filesystem::create_symlink("q.sealed", Path("symbolic.sealed"));
    std::filesystem::create_symlink("nowhere", Path("r"));
    ::setenv("TENANTSEAL_API_KEY", "key", 1);
  }
  ~OutputNameTest() override {
    ::unsetenv("TENANTSEAL_API_KEY");
    std::filesystem::remove_all(directory_);
  }
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  int Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--server", "http://127.0.0.1:9"});
    return RunCommand(arguments);
  }

  const std::string directory_ = testing::TempDir() + "outputs-" + std::to_string(::getpid());
};

TEST_F(OutputNameTest, TheInputIsNoOutput) {
  for (const char* name : {"q", "symbolic", "hard", "./q"})
    EXPECT_EQ(Run({"seal", Path("q"), "-o", Path(name)}), kExitUsage) << name;
  EXPECT_EQ(Run({"seal", Path("symbolic"), "-o", Path("q")}), kExitUsage);
  EXPECT_EQ(Run({"open", Path("q.sealed"), "-o", Path("q.sealed")}), kExitUsage);
  EXPECT_EQ(Run({"open", Path("symbolic.sealed"), "-o", Path("q.sealed")}), kExitUsage);
  EXPECT_EQ(Run({"open", Path("q.sealed"), "--range", "0:1", "-o", Path("q.sealed")}), kExitUsage);
  EXPECT_EQ(Run({"seal", Path("q"), "-o", Path("q.sealed")}), kExitUnavailable);
  EXPECT_EQ(Run({"open", "/dev/null", "-o", "/dev/null"}), kExitUnavailable);
}

TEST_F(OutputNameTest, AnEmptyNameIsAUsageError) {
  EXPECT_EQ(Run({"seal", Path("q"), "--output", ""}), kExitUsage);
  EXPECT_EQ(Run({"open", Path("q.sealed"), "--output", ""}), kExitUsage);
  EXPECT_EQ(Run({"open", Path("q.sealed"), "-o", ""}), kExitUsage);
}

TEST_F(OutputNameTest, OpenReplacesOnlyWhatItIsToldTo) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(Run({"open", Path("q.sealed")}), kExitConflict);
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, testing::AllOf(testing::HasSubstr("--output"), testing::HasSubstr("--force")));
  EXPECT_EQ(Run({"open", Path("r.sealed")}), kExitConflict);
  EXPECT_EQ(Run({"open", Path("symbolic.sealed"), "--force"}), kExitUnavailable);
  EXPECT_EQ(Run({"open", Path("q.sealed"), "--force"}), kExitUnavailable);
  EXPECT_EQ(Run({"open", Path("q.sealed"), "--output", Path("q")}), kExitUnavailable);
  EXPECT_EQ(Run({"open", Path("q.sealed"), "--range", "0:1"}), kExitUnavailable);
  std::filesystem::remove(Path("q"));
  EXPECT_EQ(Run({"open", Path("q.sealed")}), kExitUnavailable);
}

TEST(CommandLineTest, InspectOfWhatIsNoMessage) {
  EXPECT_EQ(RunCommand({"inspect", "/etc/passwd"}), kExitDoesNotOpen);
  EXPECT_EQ(RunCommand({"inspect", "/nonexistent"}), kExitNotFound);
  for (const char* name : {"-", "/dev/null", "/"})
    EXPECT_EQ(RunCommand({"inspect", name}), kExitUsage) << name;
}

}  // namespace
}  // namespace tenantseal::cli
