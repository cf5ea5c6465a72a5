#include "cli/leading_flags.h"

#include "cli/cli_test_ground.h"

namespace tenantseal::cli {
namespace {

using Words = std::vector<std::string>;

Words Moved(const Words& words) {
  CLI::App app("test", "tenantseal");
  AddEncryptionCommand(app);
  AddContextCommand(app);
  return WithFlagsLast(app, words);
}

TEST(LeadingFlagsTest, StandBehindTheCommandInTheirOrder) {
  EXPECT_EQ(
      Moved({"--json", "encryption", "-s", "URL", "keyprovider", "-vq", "get", "FP", "--raw"}),
      (Words{"encryption", "keyprovider", "get", "--json", "-s", "URL", "-vq", "FP", "--raw"}));
  EXPECT_EQ(Moved({"encryption", "--headers=A=1", "--headers", "B=2", "keyprovider", "ls"}),
            (Words{"encryption", "keyprovider", "ls", "--headers=A=1", "--headers", "B=2"}));
  EXPECT_EQ(Moved({"-sURL", "context", "ls"}), (Words{"context", "ls", "-sURL"}));
}

TEST(LeadingFlagsTest, AValueMayBeNamedLikeACommand) {
  EXPECT_EQ(Moved({"--context", "encryption", "encryption", "keyprovider", "ls"}),
            (Words{"encryption", "keyprovider", "ls", "--context", "encryption"}));
}

TEST(LeadingFlagsTest, WhatIsNotUnderstoodStaysForTheParserToRefuse) {
  for (const Words& words :
       {Words{}, Words{"--version"}, Words{"--help", "encryption"}, Words{"encryption", "nonsense"},
        Words{"encryption", "--nonsense", "keyprovider", "ls"}, Words{"-"}, Words{"--"},
        Words{"--json"}, Words{"--server"},
        Words{"encryption", "keyprovider", "ls", "--json", "ls"}})
    EXPECT_EQ(Moved(words), words);
}

class LeadingFlagsOfACommandTest : public CommandTest {};

TEST_F(LeadingFlagsOfACommandTest, CountAsThoseBehindIt) {
  service_.On("GET /api/v1/encryption/keyproviders", {{200, "[]"}});
  ::setenv("TENANTSEAL_API_KEY", "key", 1);
  EXPECT_EQ(RunCommandLine({"--json", "encryption", "-s", service_.url(), "keyprovider", "ls"}).out,
            "[]\n");
  // A command that has no such flag refuses it, and flags exclude each other wherever they stand.
  EXPECT_EQ(RunCommandLine({"--raw", "context", "ls"}).status, kExitUsage);
  EXPECT_EQ(RunCommandLine({"--json", "encryption", "keyprovider", "ls", "-q"}).status, kExitUsage);
}

}  // namespace
}  // namespace tenantseal::cli
