#include "cli/context_command.h"

#include "cli/cli_test_ground.h"
#include "cli/contexts.h"

namespace tenantseal::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kList = "GET /api/v1/encryption/keyproviders/actions/list";

class ContextTest : public CommandTest {
 protected:
  ContextTest() {
    service_.On(kList, {{200, "[]"}});
    other_.On(kList, {{200, "[]"}});
  }
  static Ran List(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"encryption", "keyprovider", "list"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCommandLine(arguments);
  }
  int Set(const std::string& name, const FakeService& service, const std::string& key) {
    std::vector<std::string> arguments{"context", "set", name, "--server", service.url()};
    if (!key.empty()) {
      const std::string file = WriteFile("key", key + "\n");
      arguments.insert(arguments.end(), {"--api-key-file", file});
    }
    return RunCommandLine(arguments).status;
  }
  std::string file() const { return Path("tenantseal/contexts.json"); }
  FakeService other_;
};

TEST_F(ContextTest, TheCurrentOneIsWhatNothingElseSays) {
  ASSERT_EQ(Set("one", service_, "key-one"), kExitOk);
  ASSERT_EQ(Set("two", other_, "key-two"), kExitOk);
  EXPECT_EQ(List().status, kExitOk);
  EXPECT_EQ(service_.last_header("Authorization"), "Bearer key-one");
  ASSERT_EQ(RunCommandLine({"context", "use", "two"}).status, kExitOk);
  EXPECT_EQ(List().status, kExitOk);
  EXPECT_EQ(other_.last_header("Authorization"), "Bearer key-two");
  EXPECT_EQ(List({"--context", "one"}).status, kExitOk);
  EXPECT_EQ(service_.calls().size(), 2U);

  const std::string shown = RunCommandLine({"context", "ls"}).out;
  EXPECT_THAT(shown, HasSubstr("*  two   " + other_.url() + "  stored"));
  EXPECT_THAT(shown, Not(HasSubstr("key-")));
  EXPECT_THAT(RunCommandLine({"context", "ls", "--json"}).out, Not(HasSubstr("key-")));
  ASSERT_EQ(RunCommandLine({"context", "rm", "two"}).status, kExitOk);
  EXPECT_EQ(List().status, kExitUsage);
  EXPECT_EQ(List({"--context", "two"}).status, kExitNotFound);
  EXPECT_EQ(RunCommandLine({"context", "use", "two"}).status, kExitNotFound);
}

TEST_F(ContextTest, ANamedOneComesBeforeTheEnvironmentAndFlagsBeforeAll) {
  ASSERT_EQ(Set("one", service_, "key-one"), kExitOk);
  ::setenv("TENANTSEAL_SERVER", other_.url().c_str(), 1);
  ::setenv("TENANTSEAL_API_KEY", "key-environment", 1);
  EXPECT_EQ(List().status, kExitOk);
  EXPECT_EQ(other_.last_header("Authorization"), "Bearer key-environment");
  EXPECT_EQ(List({"-c", "one"}).status, kExitOk);
  EXPECT_EQ(service_.last_header("Authorization"), "Bearer key-one");
  const std::string key = WriteFile("key", "key-flag");
  EXPECT_EQ(List({"-c", "one", "-s", other_.url(), "--api-key-file", key}).status, kExitOk);
  EXPECT_EQ(other_.last_header("Authorization"), "Bearer key-flag");
}

TEST_F(ContextTest, AnotherFileOfContextsStandsInForTheUsersOwn) {
  ASSERT_EQ(Set("one", other_, "key-other"), kExitOk);
  const std::string moved = Path("contexts");
  std::filesystem::rename(file(), moved);
  ASSERT_EQ(Set("one", service_, "key-one"), kExitOk);
  ::setenv("TENANTSEAL_SERVER", service_.url().c_str(), 1);
  ::setenv("TENANTSEAL_API_KEY", "key-environment", 1);
  EXPECT_EQ(List({"--config", moved}).status, kExitOk);
  EXPECT_EQ(other_.last_header("Authorization"), "Bearer key-other");
  EXPECT_EQ(List({"--config", moved, "-c", "two"}).status, kExitNotFound);
  const Ran missing = List({"--config", Path("nothing")});
  EXPECT_EQ(missing.status, kExitNotFound);
  EXPECT_THAT(missing.err, HasSubstr("--config " + Path("nothing") + ": there is no such file"));
  EXPECT_EQ(List({"--config", WriteFile("qlik.yml", "server: x\n")}).status, kExitFailure);
}

TEST_F(ContextTest, AKeyGoesToNoOtherServer) {
  ASSERT_EQ(Set("one", service_, "key-one"), kExitOk);
  EXPECT_EQ(List({"-s", other_.url()}).status, kExitUsage);
  EXPECT_EQ(List({"-s", other_.url(), "-c", "one"}).status, kExitUsage);
  EXPECT_EQ(List({"-s", service_.url() + "/"}).status, kExitOk);
  ASSERT_EQ(Set("one", other_, ""), kExitOk);
  EXPECT_EQ(List().status, kExitUsage);
  EXPECT_TRUE(other_.calls().empty());
}

TEST_F(ContextTest, TheFileIsTheOwnersAlone) {
  ASSERT_EQ(Set("one", service_, "key-one"), kExitOk);
  EXPECT_EQ(std::filesystem::status(file()).permissions(), std::filesystem::perms(0600));
  EXPECT_EQ(std::filesystem::status(Path("tenantseal")).permissions(),
            std::filesystem::perms(0700));
  std::filesystem::permissions(file(), std::filesystem::perms(0640));
  const Ran refused = List();
  EXPECT_EQ(refused.status, kExitFailure);
  EXPECT_THAT(refused.err, HasSubstr("chmod 600"));
  EXPECT_EQ(RunCommandLine({"context", "ls"}).status, kExitFailure);
  EXPECT_EQ(Set("two", other_, "key-two"), kExitFailure);
}

TEST_F(ContextTest, RefusesWhatCannotWork) {
  for (const char* name : {"", "a b", "../x"})
    EXPECT_EQ(Set(name, service_, "key"), kExitUsage) << name;
  EXPECT_EQ(RunCommandLine({"context", "set", "a", "--server", "tenantseal"}).status, kExitUsage);
  EXPECT_EQ(RunCommandLine({"context", "set", "a", "-s", "http://192.0.2.1"}).status, kExitUsage);
  EXPECT_FALSE(std::filesystem::exists(file()));
  std::filesystem::create_directories(Path("tenantseal"));
  for (const char* text :
       {"", "[]", "{\"current\": 1}", "{\"contexts\": {\"a\": 1}}", "{\"contex"}) {
    WriteFile("tenantseal/contexts.json", text);
    EXPECT_EQ(Contexts::Load(file()).error().field, "file") << text;
  }
}

}  // namespace
}  // namespace tenantseal::cli
