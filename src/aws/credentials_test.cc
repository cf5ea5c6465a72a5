#include "aws/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <latch>
#include <thread>

#include "aws/credentials_cache.h"
#include "aws/credentials_file.h"
#include "aws/credentials_process.h"
#include "aws/testing.h"

namespace tenantseal::aws {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::FakeHttp;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Reply;
using testing::Sent;
using testing::SessionXml;

constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

class CredentialsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/aws-credentials-XXXXXX";
    directory = mkdtemp(name);
    variables = {{"HOME", directory}, {"AWS_EC2_METADATA_DISABLED", "true"}};
    std::filesystem::create_directory(directory + "/.aws");
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = directory + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  CredentialsContext Context() {
    return {http, clock, random, {}, {}, testing::FakeEnvironment(variables)};
  }
  Result<std::shared_ptr<const Credentials>> Get(std::string_view region = "us-east-1") {
    return DefaultCredentials(Context())->Get(region, clock.Boot() + seconds(10));
  }
  std::string Id() {
    const auto got = Get();
    return got ? (*got)->access_key_id : got.error().message;
  }
  // The message of the failure that must be, which never holds the secret.
  std::string Failure() {
    const auto got = Get();
    if (got) return "no failure";
    EXPECT_EQ(got.error().code, ErrorCode::kServiceFault) << got.error().message;
    EXPECT_THAT(got.error().message, Not(HasSubstr("wJalr")));
    return got.error().message;
  }
  std::string In(seconds time) { return base::FormatUtcSeconds(clock.Utc() + time); }
  std::string Json(const std::string& id, seconds life) {
    return R"({"Code":"Success","AccessKeyId":")" + id + R"(","SecretAccessKey":"s","Token":"t",)" +
           R"("Expiration":")" + In(life) + R"("})";
  }

  base::FakeClock clock;
  base::FakeRandom random{1};
  std::string directory;
  std::map<std::string, std::string> variables;
  FakeHttp http{[](const Sent&) -> Result<net::HttpResponse> { return testing::NoConnection(); }};
};

TEST_F(CredentialsTest, TakesTheEnvironmentFirst) {
  Write(".aws/credentials", "[default]\naws_access_key_id=FILE\naws_secret_access_key=x\n");
  EXPECT_EQ(Id(), "FILE");
  variables["AWS_ACCESS_KEY_ID"] = "ENV";
  EXPECT_EQ(Failure(), "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not.");
  variables["AWS_SECRET_ACCESS_KEY"] = kSecret;
  variables["AWS_SESSION_TOKEN"] = "tok";
  const auto got = Get();
  ASSERT_TRUE(got);
  EXPECT_EQ((*got)->access_key_id, "ENV");
  EXPECT_EQ((*got)->secret_access_key.RevealText(), kSecret);
  EXPECT_EQ((*got)->session_token, "tok");
  std::swap(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]);
  EXPECT_THAT(Failure(), HasSubstr("AWS_ACCESS_KEY_ID has 40 characters"));
}

TEST_F(CredentialsTest, SaysWhereItLooked) {
  EXPECT_THAT(Failure(), HasSubstr("No AWS credentials were found"));
  variables["AWS_PROFILE"] = "prod";
  EXPECT_THAT(Failure(), HasSubstr("'prod' (AWS_PROFILE) is not in " + directory));
}

TEST_F(CredentialsTest, ReadsProfilesOfBothFiles) {
  variables["AWS_CONFIG_FILE"] =
      Write("c",
            "# x\r\n[default]\r\nregion = eu-west-1\r\n[profile \"b\"]\ns3 =\n"
            "  max = 1\naws_access_key_id = CONFIG\naws_secret_access_key = x=y\n[sso-session "
            "s]\nq = 1\n");
  variables["AWS_SHARED_CREDENTIALS_FILE"] =
      Write("s",
            "[b]\naws_access_key_id = SHARED\n[a]\naws_access_key_id=A\n"
            "aws_secret_access_key=z\naws_session_token=t");
  variables["AWS_PROFILE"] = "b";
  EXPECT_EQ(Id(), "SHARED");
  variables["AWS_PROFILE"] = "a";
  EXPECT_EQ(Id(), "A");
}

TEST_F(CredentialsTest, NamesFileAndLineNeverASecret) {
  const std::string secret = kSecret;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[default\nx=1", "line 1, has the malformed section '[default'; the form is [NAME]"},
      {"x = 1", "line 1, stands before the first section"},
      {"[default]\naws_secret_access_key " + secret,
       "line 2, is not of the form NAME = VALUE; it "
       "begins with 'aws_secret_access_key'"},
      {"[default]\n" + secret, "line 2, is not of the form NAME = VALUE."},
      {"[default]\n" + secret + "==", "line 2, has a malformed name"},
      {"[default]\naws_access_key_id=A\n " + secret, "line 3, is indented"},
      {"[default]\n\n[default]", "line 3, begins the section 'default' a second time"},
      {"[default]\naws_secret_access_key=" + secret + "\nAWS_SECRET_ACCESS_KEY=" + secret,
       "line 3, gives 'aws_secret_access_key' a second time"},
      {"[default]\naws_access_key_id=A", "line 2: the profile 'default' has no aws_secret_acc"},
      {"[default]\naws_secret_access_key=" + secret, "has no aws_access_key_id"},
      {"[default]\naws_secret_access_key=A\naws_access_key_id=" + secret,
       "line 3: aws_access_key_id has 40 characters"},
      {"[default]\naws_access_key_id=A\naws_secret_access_key=" + secret + " x",
       "line 3: aws_secret_access_key holds a space"},
      {std::string("[default]\na=\0b", 13), "line 2, holds a zero byte"},
  };
  for (const auto& [text, part] : cases) {
    const std::string path = Write(".aws/credentials", text);
    const std::string message = Failure();
    EXPECT_THAT(message, HasSubstr(part)) << text;
    EXPECT_THAT(message, HasSubstr(path)) << text;
  }
}

TEST_F(CredentialsTest, FollowsRolesThroughProfiles) {
  Write(".aws/config",
        "[default]\nrole_arn = arn:aws:iam::111122223333:role/b\nsource_profile = mid\n"
        "external_id = ext\nduration_seconds = 900\n"
        "[profile mid]\nrole_arn = arn:aws:iam::111122223333:role/a\nsource_profile = base\n"
        "[profile base]\naws_access_key_id = BASE\naws_secret_access_key = x\n");
  http.answer = [&](const Sent& sent) {
    const bool last = sent.body.find("role%2Fb&") != std::string::npos;
    return Reply(200, SessionXml("AssumeRole", last ? "ASIAB" : "ASIAA", In(seconds(900))));
  };
  EXPECT_EQ(Id(), "ASIAB");
  ASSERT_EQ(http.sent().size(), 2u);
  EXPECT_THAT(http.sent()[0].headers.at("Authorization"), HasSubstr("Credential=BASE/"));
  EXPECT_THAT(http.sent()[1].headers.at("Authorization"), HasSubstr("Credential=ASIAA/"));
  EXPECT_THAT(http.sent()[1].body, HasSubstr("DurationSeconds=900&ExternalId=ext"));
}

TEST_F(CredentialsTest, RefusesRolesThatCannotWork) {
  const std::string role = "[default]\nrole_arn = arn:aws:iam::111122223333:role/b\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {role, "must have either source_profile or credential_source"},
      {role + "source_profile=a\ncredential_source=Environment", "must have either"},
      {role + "source_profile=a", "'a' is not in"},
      {role + "source_profile=default", "has no credentials"},
      {role + "source_profile=a\n[profile a]\nrole_arn = arn:aws:iam::111122223333:role/a\n"
              "source_profile=default",
       "'default' -> 'a' -> 'default'"},
      {role + "source_profile=a\nmfa_serial=arn:aws:iam::1:mfa/x\n", "line 4: the profile"},
      {role + "credential_source=Ec2", "'Ec2'; it must be Environment, EcsContainer"},
      {role + "source_profile=a\nduration_seconds=1h", "duration_seconds is '1h'"},
      {"[default]\nrole_arn = role/b\nsource_profile=a", "'role/b' is not an ARN of the form"},
      {"[default]\nsso_session = s", "IAM Identity Center"},
      {"[default]\ncredential_process = 'x", "has a quote that is not closed"},
      {"[default]\ncredential_process = /nonexistent/x", "there is no such program"},
      {"[default]\ncredential_process = false", "ended with status 1"},
      {"[default]\ncredential_process = head -c 70000 /dev/zero", "wrote more than"},
      {"[default]\ncredential_process = echo hello", "are not a JSON object"},
      {"[default]\ncredential_process = echo '{\"Version\":2}'", "'Version' must be 1"},
  };
  for (const auto& [text, part] : cases) {
    Write(".aws/config", text);
    EXPECT_THAT(Failure(), HasSubstr(part)) << text;
  }
}

TEST_F(CredentialsTest, RunsAProcessWithoutShell) {
  Write(".aws/config",
        "[default]\ncredential_process = printf \"%s\" '{\"Version\":1,\"AccessKeyId\":\"P\","
        "\"SecretAccessKey\":\"$HOME;`x`\",\"Expiration\":\"" +
            In(seconds(3600)) + "\"}'");
  const auto got = Get();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ((*got)->secret_access_key.RevealText(), "$HOME;`x`");
  EXPECT_EQ((*got)->source, "credential_process of profile default");
  EXPECT_THAT(*SplitCommand(R"(a "b c\"d" 'e\f' g\ h '' "$x")"),
              ::testing::ElementsAre("a", "b c\"d", "e\\f", "g h", "", "$x"));
  const auto late = RunProcess({"sleep", "60"}, std::chrono::milliseconds(30));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kKeyUnavailable);
}

TEST_F(CredentialsTest, TakesAWebIdentity) {
  variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = Write("token", "ey.token\n");
  EXPECT_THAT(Failure(), HasSubstr("AWS_ROLE_ARN is not"));
  variables["AWS_ROLE_ARN"] = "arn:aws:iam::111122223333:role/w";
  variables["AWS_ROLE_SESSION_NAME"] = "pod";
  http.answer = [&](const Sent&) {
    return Reply(200, SessionXml("AssumeRoleWithWebIdentity", "ASIAW", In(seconds(3600))));
  };
  EXPECT_EQ(Id(), "ASIAW");
  EXPECT_THAT(http.sent()[0].body, HasSubstr("RoleSessionName=pod"));
  EXPECT_THAT(http.sent()[0].body, ::testing::EndsWith("WebIdentityToken=ey.token"));
}

TEST_F(CredentialsTest, AsksTheContainerEndpoint) {
  http.answer = [&](const Sent&) { return Reply(200, Json("CONT", seconds(3600))); };
  variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/x";
  EXPECT_EQ(Id(), "CONT");
  EXPECT_EQ(http.sent()[0].url, "http://169.254.170.2/v2/x");
  variables.erase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/v1";
  variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "env";
  variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = Write("t", "file\n");
  EXPECT_EQ(Id(), "CONT");
  EXPECT_EQ(http.sent()[1].headers.at("Authorization"), "file");
  for (const std::string url : {"http://example.com/x", "http://127.0.0.1.example.com/",
                                "http://169.254.170.2@evil/", "ftp://localhost/", "x"}) {
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    EXPECT_THAT(Failure(), HasSubstr("AWS_CONTAINER_CREDENTIALS_FULL_URI is ")) << url;
  }
  EXPECT_EQ(http.sent().size(), 2u) << "nothing is sent to other hosts";
}

TEST_F(CredentialsTest, AsksTheInstanceByVersionTwoOnly) {
  variables["AWS_EC2_METADATA_DISABLED"] = "false";
  variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:1338/";
  http.answer = [&](const Sent& sent) {
    if (sent.method == net::Method::kPut) return Reply(200, "imds-token");
    if (sent.headers.at("X-aws-ec2-metadata-token") != "imds-token") return Reply(401, "");
    return Reply(200, sent.url.ends_with("/") ? "role-x" : Json("INST", seconds(3600)));
  };
  EXPECT_EQ(Id(), "INST");
  EXPECT_EQ(http.sent().back().url,
            "http://127.0.0.1:1338/latest/meta-data/iam/security-credentials/role-x");
  http.answer = [](const Sent&) { return Reply(403, ""); };
  EXPECT_THAT(Failure(), HasSubstr("instance metadata service: HTTP 403"));
}

// A source that a test fills.
class FakeSource final : public CredentialsSource {
 public:
  explicit FakeSource(std::function<Result<Credentials>()> f) : fetch(std::move(f)) {}
  Result<Credentials> Fetch(std::string_view, base::Deadline) override { return fetch(); }
  std::function<Result<Credentials>()> fetch;
};

class CachedCredentialsTest : public ::testing::Test {
 protected:
  std::unique_ptr<CachedCredentials> Make(std::optional<base::Duration> life = {}) {
    return std::make_unique<CachedCredentials>(
        std::make_unique<FakeSource>([this]() -> Result<Credentials> {
          ++fetches;
          if (failure) return *failure;
          return Credentials{
              "ID" + std::to_string(fetches.load()), {}, "t", clock.Utc() + life_told, "fake"};
        }),
        clock, random, life);
  }
  std::string Id(CredentialsProvider& provider) {
    const auto got = provider.Get("us-east-1", clock.Boot() + seconds(5));
    return got ? (*got)->access_key_id : "failed: " + got.error().message;
  }
  base::FakeClock clock;
  base::FakeRandom random{1};
  std::atomic<int> fetches = 0;
  std::chrono::milliseconds life_told = minutes(60);
  std::optional<Error> failure;
};

TEST_F(CachedCredentialsTest, MayLastForThousandsOfYears) {
  life_told = std::chrono::days(365 * 7973);  // Until 9999.
  const auto cached = Make();
  EXPECT_EQ(Id(*cached), "ID1");
  clock.Advance(std::chrono::hours(1000));
  EXPECT_EQ(Id(*cached), "ID1");
}

TEST_F(CachedCredentialsTest, RefreshesBeforeExpiryAndLivesThroughFailures) {
  const auto cached = Make();
  EXPECT_EQ(Id(*cached), "ID1");
  clock.Advance(minutes(53));
  EXPECT_EQ(Id(*cached), "ID1");
  failure = Error{ErrorCode::kKeyUnavailable, "down"};
  clock.Advance(minutes(2));
  EXPECT_EQ(Id(*cached), "ID1");
  EXPECT_EQ(fetches, 2) << "at 55 minutes it was asked";
  EXPECT_EQ(Id(*cached), "ID1");
  EXPECT_EQ(fetches, 2) << "a failed refresh is not repeated at once";
  clock.Advance(minutes(5));
  EXPECT_EQ(Id(*cached), "failed: down") << "expired";
  failure.reset();
  EXPECT_EQ(Id(*cached), "failed: down") << "a failure is kept for a second";
  clock.Advance(seconds(2));
  EXPECT_EQ(Id(*cached), "ID4");
}

TEST_F(CachedCredentialsTest, IsIndifferentToAClockThatJumps) {
  const auto cached = Make();
  EXPECT_EQ(Id(*cached), "ID1");
  clock.JumpUtc(std::chrono::hours(48));
  EXPECT_EQ(Id(*cached), "ID1");
  clock.JumpUtc(-std::chrono::hours(96));
  clock.Advance(minutes(61));
  EXPECT_EQ(Id(*cached), "ID2") << "an hour has passed, whatever the wall clock says";
}

TEST_F(CachedCredentialsTest, FetchesOnceMoreWhenRefused) {
  const auto cached = Make();
  const auto first = *cached->Get("", clock.Boot() + seconds(5));
  cached->Refused(*first);
  EXPECT_EQ(Id(*cached), "ID2");
  cached->Refused(*first);
  EXPECT_EQ(Id(*cached), "ID2") << "others are there already";
  const auto second = *cached->Get("", clock.Boot() + seconds(5));
  cached->Refused(*second);
  EXPECT_EQ(Id(*cached), "ID2") << "not again within ten seconds";
  clock.Advance(seconds(11));
  cached->Refused(*second);
  EXPECT_EQ(Id(*cached), "ID3");
}

TEST_F(CachedCredentialsTest, ACallerInAHurryFailsAlone) {
  bool slow = true;
  CachedCredentials cached(std::make_unique<FakeSource>([&]() -> Result<Credentials> {
                             if (!slow) return Credentials{"ID", {}, {}, {}, {}};
                             clock.Advance(seconds(5));
                             return Error{ErrorCode::kKeyUnavailable, "no time"};
                           }),
                           clock, random);
  EXPECT_EQ(Id(cached), "failed: no time");
  slow = false;
  EXPECT_EQ(Id(cached), "ID");
}

TEST_F(CachedCredentialsTest, HasOneFetchInFlight) {
  std::latch started(1), go(1);
  std::atomic<int> calls = 0;
  CachedCredentials cached(std::make_unique<FakeSource>([&]() -> Result<Credentials> {
                             ++calls;
                             started.count_down();
                             go.wait();
                             return Credentials{"ONE", {}, {}, {}, {}};
                           }),
                           clock, random);
  std::atomic<int> served = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { served += Id(cached) == "ONE"; });
  }
  started.wait();
  const auto late = cached.Get("", clock.Boot());  // In flight, and no time to wait.
  EXPECT_EQ(late.error().code, ErrorCode::kKeyUnavailable);
  go.count_down();
  threads.clear();
  EXPECT_EQ(served, 8);
  EXPECT_EQ(calls, 1);
}

class AssumeRoleCredentialsTest : public CredentialsTest {
 protected:
  StaticCredentials base{"BASE", "secret"};
  const AssumeRoleRequest request{.role_arn = "arn:aws:iam::111122223333:role/r",
                                  .session_name = "tenantseal"};
  static bool At(const Sent& sent, std::string_view region) {
    return sent.url.find(region) != std::string::npos;
  }
};

TEST_F(AssumeRoleCredentialsTest, FailsOverToThePartnerRegion) {
  const auto role = AssumeRoleCredentials(Context(), base, request);
  http.answer = [&](const Sent& sent) -> Result<net::HttpResponse> {
    if (At(sent, "us-east-1")) {
      clock.Advance(seconds(1));
      return testing::NoConnection();
    }
    return Reply(200, SessionXml("AssumeRole", "ASIA", In(seconds(3600))));
  };
  const auto got = role->Get("us-east-1", clock.Boot() + seconds(4));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(http.sent().size(), 2u);
  EXPECT_TRUE(At(http.sent()[1], "us-east-2"));
  // The region that failed is asked last for a while.
  role->Refused(**got);
  ASSERT_TRUE(role->Get("us-east-1", clock.Boot() + seconds(4)));
  EXPECT_EQ(http.sent().size(), 3u);
  EXPECT_TRUE(At(http.sent()[2], "us-east-2"));
  clock.Advance(seconds(30));
  role->Refused(**got);
  role->Refused(**role->Get("us-east-1", clock.Boot() + seconds(4)));
  ASSERT_TRUE(role->Get("us-east-1", clock.Boot() + seconds(4)));
  EXPECT_TRUE(At(http.sent()[3], "us-east-1"));
}

TEST_F(AssumeRoleCredentialsTest, ARefusalIsNotTakenElsewhere) {
  http.answer = [](const Sent&) {
    return Reply(403, testing::ErrorXml("AccessDenied", "User is not authorized"));
  };
  const auto role = AssumeRoleCredentials(Context(), base, request);
  const auto refused = role->Get("us-east-1", clock.Boot() + seconds(4));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kServiceFault);
  EXPECT_EQ(http.sent().size(), 1u);
  // Without any answer: unavailable, and both regions are named.
  http.answer = [](const Sent&) -> Result<net::HttpResponse> { return testing::NoConnection(); };
  clock.Advance(seconds(2));
  const auto down = role->Get("eu-west-1", clock.Boot() + seconds(4));
  EXPECT_EQ(down.error().code, ErrorCode::kKeyUnavailable);
  EXPECT_THAT(down.error().message, HasSubstr("eu-west-1"));
  EXPECT_THAT(down.error().message, HasSubstr("eu-west-3"));
}

TEST_F(AssumeRoleCredentialsTest, FetchesTheCallersCredentialsAnewWhenTheyExpired) {
  struct Base final : CredentialsProvider {
    int refusals = 0;
    Result<std::shared_ptr<const Credentials>> Get(std::string_view, base::Deadline) override {
      return std::make_shared<const Credentials>(
          Credentials{"BASE" + std::to_string(refusals), {}, {}, {}, {}});
    }
    void Refused(const Credentials&) override { ++refusals; }
  } expiring;
  http.answer = [&](const Sent& sent) {
    if (sent.headers.at("Authorization").find("BASE0/") != std::string::npos) {
      return Reply(400, testing::ErrorXml("ExpiredTokenException", "expired"));
    }
    return Reply(200, SessionXml("AssumeRole", "ASIA", In(seconds(3600))));
  };
  const auto role = AssumeRoleCredentials(Context(), expiring, request);
  EXPECT_TRUE(role->Get("us-east-1", clock.Boot() + seconds(4)));
  EXPECT_EQ(expiring.refusals, 1);
}

}  // namespace
}  // namespace tenantseal::aws
