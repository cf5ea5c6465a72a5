// Key policies on the command line: whose principals, and what the exit status says.
#include "cli/aws_command.h"

#include "cli/cli_test_ground.h"

namespace tenantseal::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class KeyPolicyCommandTest : public CommandTest {
 protected:
  static constexpr const char* kVariables[] = {
      "TENANTSEAL_CONFIG", "TENANTSEAL_AWS_POLICY_PRINCIPAL", "TENANTSEAL_AWS_ROLE_ARN"};
  KeyPolicyCommandTest() { Clear(); }
  ~KeyPolicyCommandTest() override { Clear(); }
  static void Clear() {
    for (const char* name : kVariables) ::unsetenv(name);
  }
  static std::string Role(const std::string& name) {
    return "arn:aws:iam::111122223333:role/" + name;
  }
  Ran Print(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"aws", "key-policy", "--tenant", tenant_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCommandLine(arguments);
  }
  Ran Check(const std::string& condition) const {
    const std::string allow =
        R"({"Effect":"Allow","Principal":{"AWS":")" + Role("r") + R"("},"Resource":"*","Action":)";
    const std::string file =
        WriteFile("policy.json", R"({"Version":"2012-10-17","Statement":[)" + allow +
                                     R"("kms:*","Condition":{)" + condition + "}}," + allow +
                                     R"("kms:DescribeKey"}]})");
    return RunCommandLine(
        {"aws", "check-policy", file, "--tenant", tenant_, "--principal", Role("r"), "--json"});
  }
  const std::string tenant_ = std::string(32, 'a');
};

TEST_F(KeyPolicyCommandTest, FlagsComeBeforeTheEnvironmentAndThatBeforeTheFile) {
  const std::string file = WriteFile(
      "service.toml", "listen = \"0.0.0.0:8080\"\naws-role-arn = \"" + Role("filed") + "\"\n");
  EXPECT_THAT(Print({"--config", file}).out, HasSubstr(Role("filed")));
  ::setenv("TENANTSEAL_CONFIG", file.c_str(), 1);
  EXPECT_THAT(Print().out, HasSubstr(Role("filed")));
  ::setenv("TENANTSEAL_AWS_ROLE_ARN", Role("environment").c_str(), 1);
  EXPECT_THAT(Print().out, AllOf(HasSubstr(Role("environment")), Not(HasSubstr("filed"))));
  EXPECT_THAT(Print({"--principal", Role("flag")}).out,
              AllOf(HasSubstr(Role("flag")), Not(HasSubstr("environment"))));

  const std::string bad = WriteFile("bad.toml", "aws-role-arm = \"x\"\n");
  const Ran ran = Print({"--config", bad});
  EXPECT_EQ(ran.status, kExitUsage);
  EXPECT_THAT(ran.err, HasSubstr("aws-role-arm"));
  ::unsetenv("TENANTSEAL_AWS_ROLE_ARN");
  ::unsetenv("TENANTSEAL_CONFIG");
  EXPECT_THAT(Print().err, AllOf(HasSubstr("--principal"), HasSubstr("--config")));
}

TEST_F(KeyPolicyCommandTest, EachTenantStandsOnceAndAWrongOneIsQuoted) {
  const std::string other(32, 'b'), role = Role("r");
  const std::string out = Print({"--add-tenant", other, "--add-tenant", tenant_, "--add-tenant",
                                 other, "--principal", role, "--principal", role})
                              .out;
  for (const std::string& text : {tenant_, other}) {
    EXPECT_EQ(out.find(text), out.rfind(text)) << out;
  }
  const Ran ran = Print({"--add-tenant", "short\n", "--principal", role});
  EXPECT_EQ(ran.status, kExitUsage);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("'short\\x0a'"), HasSubstr("32 characters")));
}

TEST_F(KeyPolicyCommandTest, TheExitStatusTellsWrongFromWhatCannotBeTold) {
  const std::string plain =
      R"("StringEquals":{"kms:EncryptionContext:TenantId":")" + tenant_ + "\"}";
  EXPECT_EQ(Check(plain).status, kExitOk);
  const Ran untold = Check(plain + R"(,"Bool":{"kms:MultiRegion":true})");
  EXPECT_EQ(untold.status, kExitUnavailable);
  EXPECT_THAT(untold.err, HasSubstr("cannot be told offline"));
  EXPECT_THAT(untold.out, AllOf(HasSubstr("\"allowed\": null"), HasSubstr("\"mended\": null")));
  const Ran wrong = Check(R"("StringLike":{"kms:EncryptionContext:TenantId":"a*"})");
  EXPECT_EQ(wrong.status, kExitFailure);
  EXPECT_THAT(wrong.err, HasSubstr("does not admit exactly this tenant"));
}

}  // namespace
}  // namespace tenantseal::cli
