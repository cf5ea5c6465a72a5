#include "sdk/rest.h"

#include <gmock/gmock.h>

#include "sdk/secret_json.h"

namespace tenantseal::sdk {
namespace {

constexpr const char* kTenant = "0123456789abcdefghijklmnopqrstuv";

// Answers in the order given and remembers what it was asked.
struct Script {
  struct Answer {
    int status = 0;  // 0: no answer.
    std::string body;
    std::string retry_after = {};
  };
  std::vector<Answer> answers;
  std::vector<net::HttpRequest> requests;
  std::vector<std::string> bodies;
  std::vector<std::chrono::milliseconds> sleeps;
};

class FakeHttpClient final : public net::HttpClient {
 public:
  explicit FakeHttpClient(Script& script) : script_(script) {}
  Result<net::HttpResponse> Send(const net::HttpRequest& request) const override {
    const std::size_t at = script_.requests.size();
    script_.requests.push_back(request);
    script_.bodies.emplace_back(request.body.begin(), request.body.end());
    if (at >= script_.answers.size()) return Internal("the script has ended");
    const Script::Answer& answer = script_.answers[at];
    if (answer.status == 0) return Error{ErrorCode::kUnavailable, "no connection"};
    net::HttpResponse response;
    response.status = answer.status;
    response.body = base::SecretBytes::CopyOf(base::AsBytes(answer.body));
    if (!answer.retry_after.empty())
      response.headers.push_back({"Retry-After", answer.retry_after});
    return response;
  }

 private:
  Script& script_;
};

class RestTest : public testing::Test {
 protected:
  std::unique_ptr<Rest> NewRest() {
    return std::make_unique<Rest>(
        std::make_unique<FakeHttpClient>(script_), options_,
        [this](std::chrono::milliseconds delay) { script_.sleeps.push_back(delay); });
  }
  Result<base::SecretBytes> Get(Rest::Repeat repeat = Rest::Repeat::kAnyFailure) {
    return NewRest()->Call(net::Method::kGet, "/x", {}, repeat);
  }
  Script script_;
  ClientOptions options_{.server = "http://127.0.0.1:1/", .api_key = "key", .tenant_id = kTenant};
};

TEST_F(RestTest, SaysWhoCallsAndForWhom) {
  script_.answers = {{200, "{}"}};
  ASSERT_TRUE(Get().ok());
  EXPECT_EQ(script_.requests[0].url, "http://127.0.0.1:1/x");
  EXPECT_EQ(script_.requests[0].headers[0].name, "Authorization");
  EXPECT_EQ(script_.requests[0].headers[0].value, "Bearer key");
  EXPECT_EQ(script_.requests[0].headers[1].name, "Tenantseal-Tenant");
  EXPECT_EQ(script_.requests[0].headers[1].value, kTenant);
}

TEST_F(RestTest, RepeatsWhatMayBeRepeatedAfterTheTimeNamed) {
  script_.answers = {{0, ""}, {503, "{}", "2"}, {200, "{}"}};
  EXPECT_TRUE(Get().ok());
  EXPECT_THAT(script_.sleeps,
              testing::ElementsAre(std::chrono::milliseconds(100), std::chrono::seconds(2)));
}

TEST_F(RestTest, GivesUpAfterTheLastAttemptAndCapsTheDelay) {
  script_.answers = {{429, "{}", "60"}, {429, "{}", "60"}, {429, "{}", "60"}, {200, "{}"}};
  const auto answer = Get();
  EXPECT_EQ(answer.error().code, ErrorCode::kRateLimited);
  EXPECT_EQ(answer.error().retry_after_s, 60u);
  EXPECT_EQ(script_.requests.size(), 3u);
  EXPECT_THAT(script_.sleeps, testing::Each(std::chrono::seconds(5)));
}

TEST_F(RestTest, WhatMayHaveHappenedIsNotRepeated) {
  script_.answers = {{0, ""}, {200, "{}"}};
  EXPECT_FALSE(Get(Rest::Repeat::kRefusalsOnly).ok());
  EXPECT_EQ(script_.requests.size(), 1u);
}

TEST_F(RestTest, RefusalsThatWillNotChangeAreNotRepeated) {
  for (const int status : {400, 401, 403, 404, 409, 422, 500}) {
    script_ = {};
    script_.answers = {{status, "{}"}, {200, "{}"}};
    EXPECT_FALSE(Get().ok());
    EXPECT_EQ(script_.requests.size(), 1u) << status;
  }
}

TEST_F(RestTest, TheEnvelopeSaysMoreThanTheStatus) {
  script_.answers = {
      {403,
       R"({"errors":[{"code":"key-revoked","title":"t","detail":"d","meta":{"field":"f"}}]})"}};
  const auto answer = Get();
  EXPECT_EQ(answer.error().code, ErrorCode::kKeyRevoked);
  EXPECT_EQ(answer.error().message, "d");
  EXPECT_EQ(answer.error().field, "f");
  for (const char* body :
       {"", "x", "[]", R"({"errors":[]})", R"({"errors":[7]})", R"({"errors":{"code":1}})"}) {
    script_ = {};
    script_.answers = {{404, body}};
    EXPECT_EQ(Get().error().code, ErrorCode::kNotFound) << body;
  }
}

TEST_F(RestTest, ClientReadsDataKeys) {
  script_.answers = {
      {201,
       R"({"plaintext":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","wrappedKey":"#BYOKv1#:w",)"
       R"("tenantKeyVersion":3,"usableForMs":2500})"}};
  const Client client(NewRest(), kTenant);
  const auto key = client.Mint(*Context::Make(kTenant, {{"a", "1"}}));
  ASSERT_TRUE(key.ok()) << key.error().message;
  EXPECT_EQ(key->plaintext.Reveal()[31], 31);
  EXPECT_EQ(key->wrapped, "#BYOKv1#:w");
  EXPECT_EQ(key->usable_for, std::chrono::milliseconds(2500));
  EXPECT_THAT(script_.bodies[0], testing::HasSubstr(R"("a":"1")"));
}

TEST_F(RestTest, ClientRefusesAnswersThatAreNone) {
  const std::string key = R"({"plaintext":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",)";
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string("{}"),
        std::string(R"({"plaintext":"AAEC","wrappedKey":"w","usableForMs":1})"),
        key + R"("usableForMs":1})", key + R"("wrappedKey":"w"})",
        key + R"("wrappedKey":"w","usableForMs":-1})"}) {
    script_ = {};
    script_.answers = {{201, body}};
    EXPECT_EQ(Client(NewRest(), kTenant).Mint(*Context::Make(kTenant)).error().code,
              ErrorCode::kInternal)
        << body;
  }
}

TEST_F(RestTest, AWrappedKeyThatIsNoTextIsNotSent) {
  EXPECT_EQ(Client(NewRest(), kTenant).Unwrap("\xff\xfe", *Context::Make(kTenant)).error().code,
            ErrorCode::kDecryptFailed);
  EXPECT_TRUE(script_.requests.empty());
}

TEST(CheckOptionsTest, RefusesWhatWouldSendKeysInClear) {
  ClientOptions options{.server = "https://example.com", .api_key = "key"};
  EXPECT_TRUE(CheckOptions(options).ok());
  for (const char* fine : {"http://127.0.0.1:8080", "http://localhost", "http://[::1]:8080/"}) {
    options.server = fine;
    EXPECT_TRUE(CheckOptions(options).ok()) << fine;
  }
  for (const char* bad :
       {"", "example.com", "ftp://x", "http://example.com", "http://127.0.0.1@evil.example",
        "http://localhost.evil.example", "https://", "http://127.evil.example"}) {
    options.server = bad;
    EXPECT_EQ(CheckOptions(options).error().field, "server") << bad;
  }
  options.server = "https://example.com";
  for (const char* bad : {"", "two words", "line\nfeed"}) {
    options.api_key = bad;
    EXPECT_EQ(CheckOptions(options).error().field, "api_key");
  }
}

TEST(SecretJsonTest, ReadsScalarsAndRefusesTheRest) {
  const auto read = [](const char* text) -> std::string {
    const SecretJson json(base::SecretBytes::CopyOf(base::AsBytes(text)));
    std::string_view value = "absent";
    return json.Read({{"k", &value}}) ? std::string(value) : "refused";
  };
  EXPECT_EQ(read(R"({"k" : "text" , "z":1})"), "text");
  EXPECT_EQ(read(R"({"a":{"k":1},"k":12 })"), "12");
  EXPECT_EQ(read("{}"), "absent");
  for (const char* bad :
       {"", "[]", "{", R"({"k":"a\"b"})", R"({"k":{}})", R"({"k":[1]})", R"({"k")"}) {
    EXPECT_EQ(read(bad), "refused") << bad;
  }
}

}  // namespace
}  // namespace tenantseal::sdk
