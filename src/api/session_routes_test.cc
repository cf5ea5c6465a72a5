// Sessions as browsers use them, and access tokens as machines do.
#include <gmock/gmock.h>

#include <set>

#include "api/api_test_ground.h"

namespace tenantseal::api {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kSession = "/api/v1/session";
constexpr const char* kToken = "/oauth/token";

class SessionRoutesTest : public ApiTest {
 protected:
  static std::string HeaderOf(const Answer& answer, std::string_view name) {
    for (const auto& header : answer.headers) {
      if (net::EqualsIgnoreCase(header.name, name)) return header.value;
    }
    return "";
  }
  Answer SignInWith(const std::string& api_key, std::vector<net::HeaderField> more = {}) {
    more.push_back({"Content-Type", "application/json"});
    return Call(Method::kPost, kSession, "", json{{"apiKey", api_key}}.dump(), more);
  }
  // The Cookie header of a new session.
  std::string Cookie(const std::string& api_key) {
    const Answer answer = SignInWith(api_key);
    EXPECT_EQ(answer.status, 201) << answer.body;
    const std::string set = HeaderOf(answer, "Set-Cookie");
    return set.substr(0, set.find(';'));
  }
  std::string Csrf(const std::string& cookie) {
    return HeaderOf(With(cookie, Method::kGet, "/api/v1/csrf-token"), "qlik-csrf-token");
  }
  Answer With(const std::string& cookie, Method method, std::string_view target,
              std::string_view body = "", std::vector<net::HeaderField> more = {}) {
    more.push_back({"Cookie", cookie});
    return Call(method, target, "", body, more);
  }
  Answer Change(const std::string& cookie, Method method, std::string_view target,
                std::string_view body = "", std::vector<net::HeaderField> more = {}) {
    const std::string csrf = Csrf(cookie);
    more.push_back({"qlik-csrf-token", csrf});
    return With(cookie, method, target, body, more);
  }
  Answer Token(const json& body) {
    return Call(Method::kPost, kToken, "", body.dump(), {{"Content-Type", "application/json"}});
  }
  std::string IdOf(const std::string& key) {
    const std::string user = Call(Method::kGet, "/api/v1/users/me", key).body["id"];
    return user.substr(user.find(':') + 1);
  }
  std::size_t Events(std::string_view type) {
    const auto tenant = model::TenantId::Parse(tenant_).value();
    std::size_t count = 0;
    const auto events = store_.ListEvents(model::Scope::Of(tenant), 0, 1000).value();
    for (const auto& event : events) count += event.content.type == type ? 1 : 0;
    return count;
  }
};

TEST_F(SessionRoutesTest, OptionsSayHowToSignIn) {
  const Answer answer = Call(Method::kGet, "/api/v1/session/options", "");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answered_inline_);
  EXPECT_EQ(answer.body["apiKey"], true);
  EXPECT_TRUE(answer.body["oidc"].is_null());
  EXPECT_EQ(answer.body["emulated"], false);
}

TEST_F(SessionRoutesTest, AnApiKeyOpensASession) {
  const Answer made = SignInWith(admin_);
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string set = HeaderOf(made, "Set-Cookie");
  EXPECT_THAT(set, StartsWith("tenantseal_session=tss_"));
  EXPECT_THAT(set, HasSubstr("; Path=/; HttpOnly; SameSite=Lax"));
  EXPECT_EQ(HeaderOf(made, "Cache-Control"), "no-store");
  EXPECT_EQ(made.body.dump().find("tss_"), std::string::npos) << "the token is for the cookie only";
  EXPECT_EQ(made.body["role"], "TenantAdmin");
  EXPECT_EQ(made.body["tenant"]["id"], tenant_);
  EXPECT_EQ(made.body["tenant"]["name"], "acme");
  EXPECT_EQ(made.body["tenant"]["region"], "us-east-1");
  EXPECT_EQ(made.body["signedInWith"], "api-key");
  EXPECT_EQ(made.body["principal"]["id"], "api-key:" + IdOf(admin_));
  const Answer shown = With(set.substr(0, set.find(';')), Method::kGet, kSession);
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(shown.body, made.body);
}

TEST_F(SessionRoutesTest, ASessionDoesWhatItsRoleMay) {
  const std::string cookie = Cookie(admin_);
  EXPECT_EQ(With(cookie, Method::kGet, "/api/v1/encryption/keyproviders").status, 200);
  EXPECT_EQ(With(cookie, Method::kGet, "/api/v1/users/me").body["id"], "api-key:" + IdOf(admin_));
  EXPECT_EQ(With(cookie, Method::kGet, "/api/v1/tenants").status, 403);
  EXPECT_EQ(Change(cookie, Method::kPost, kSeal, R"({"plaintext":""})").status, 403);
  EXPECT_EQ(Change(Cookie(content_), Method::kPost, kSeal, R"({"plaintext":""})").status, 200);
  const std::string operator_cookie = Cookie("operator-secret");
  EXPECT_EQ(With(operator_cookie, Method::kGet, "/api/v1/tenants").status, 200);
  EXPECT_TRUE(With(operator_cookie, Method::kGet, kSession).body["tenant"].is_null());
}

TEST_F(SessionRoutesTest, ASessionOfAnotherTenantIsRefused) {
  const std::string other = NewTenant();
  const std::string cookie = Cookie(NewKey("TenantAdmin", other));
  const std::vector<net::HeaderField> named = {{"Tenantseal-Tenant", tenant_}};
  EXPECT_EQ(With(cookie, Method::kGet, "/api/v1/encryption/keyproviders", "", named).status, 403);
  EXPECT_EQ(With(cookie, Method::kGet, "/api/v1/tenants/" + tenant_).status, 404);
}

TEST_F(SessionRoutesTest, EveryBadKeyGetsTheSameAnswer) {
  std::set<std::string> answers;
  for (const std::string& bad :
       {std::string("tsk_") + std::string(43, 'A'), std::string("short"), std::string(),
        std::string(300, 'x'), std::string("with space and more")}) {
    const Answer answer = SignInWith(bad);
    EXPECT_EQ(answer.status, 401) << bad;
    EXPECT_EQ(HeaderOf(answer, "Set-Cookie"), "");
    answers.insert(answer.body.dump());
    clock_.Advance(std::chrono::minutes(1));
  }
  EXPECT_EQ(answers.size(), 1u);
}

TEST_F(SessionRoutesTest, BadBodiesAreNamed) {
  const auto post = [&](std::string_view body, const char* type = "application/json") {
    return Call(Method::kPost, kSession, "", body, {{"Content-Type", type}});
  };
  EXPECT_EQ(post("{}").field(), "apiKey");
  EXPECT_EQ(post("{").field(), "body");
  EXPECT_EQ(post("[]").field(), "body");
  EXPECT_EQ(post(R"({"apiKey":1})").field(), "apiKey");
  EXPECT_EQ(post(R"({"apiKey":"a","apiKey":"b"})").field(), "apiKey");
  EXPECT_EQ(post(R"({"apiKey":"a","more":1})").field(), "more");
  EXPECT_EQ(post(R"({"apiKey":"a"} x)").field(), "body");
  const Answer cut = post("{\"" + std::string(63, 'x') + "\xc3\xa4\":1}");
  EXPECT_EQ(cut.status, 400);
  EXPECT_FALSE(cut.body.is_discarded()) << "the answer is not UTF-8";
  // What a form of another site could send.
  EXPECT_EQ(post(R"({"apiKey":"a"})", "text/plain").status, 415);
  EXPECT_EQ(post(R"({"apiKey":"a"})", "application/x-www-form-urlencoded").status, 415);
}

TEST_F(SessionRoutesTest, EscapesOfJsonAreRead) {
  std::string escaped;
  for (char c : admin_) escaped += c == 't' ? std::string("\\u0074") : std::string(1, c);
  EXPECT_EQ(Call(Method::kPost, kSession, "", R"({"apiKey":")" + escaped + R"("})",
                 {{"Content-Type", "application/json"}})
                .status,
            201);
}

TEST_F(SessionRoutesTest, AnotherSitesPageSignsNobodyIn) {
  EXPECT_EQ(SignInWith(admin_, {{"Origin", "https://evil.example"}}).status, 403);
  EXPECT_EQ(SignInWith(admin_, {{"Sec-Fetch-Site", "cross-site"}}).status, 403);
  EXPECT_EQ(SignInWith(admin_, {{"Origin", "http://example.test"}}).status, 201);
}

TEST_F(SessionRoutesTest, GuessingIsLimited) {
  int tried = 0;
  Answer answer = SignInWith("tsk_wrong-guess");
  for (; answer.status == 401 && tried < 100; ++tried) answer = SignInWith("tsk_wrong-guess");
  EXPECT_EQ(tried, 10);
  EXPECT_EQ(answer.status, 429);
  EXPECT_NE(HeaderOf(answer, "Retry-After"), "");
  EXPECT_EQ(SignInWith(admin_).status, 429) << "the right key, too: the answer tells nothing";
}

TEST_F(SessionRoutesTest, AChangeNeedsTheTokenOfItsSession) {
  const std::string cookie = Cookie(admin_);
  const std::string target = "/api/v1/encryption/tenant-keys/actions/rotate";
  const auto attempt = [&](std::vector<net::HeaderField> headers) {
    return With(cookie, Method::kPost, target, "", std::move(headers));
  };
  const std::string others = Csrf(Cookie(NewKey("TenantAdmin", tenant_)));
  const std::string own = Csrf(cookie);
  EXPECT_NE(own, others);
  EXPECT_EQ(own, Csrf(cookie));
  for (const std::string& bad : {std::string(), others, own.substr(1), own + "x"}) {
    const Answer refused = attempt({{"qlik-csrf-token", bad}});
    EXPECT_EQ(refused.status, 403);
    EXPECT_EQ(refused.body["code"], "CSRF-TOKEN-2");
    EXPECT_EQ(refused.code(), "CSRF-TOKEN-2");
  }
  EXPECT_EQ(attempt({}).body["code"], "CSRF-TOKEN-2");
  EXPECT_EQ(attempt({{"qlik-csrf-token", own}, {"Origin", "https://evil.example"}}).status, 403);
  EXPECT_EQ(attempt({{"qlik-csrf-token", own}, {"Sec-Fetch-Site", "same-site"}}).status, 403);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/encryption/tenant-keys", admin_).body["versions"].size(),
            1u)
      << "a refused change has happened";
  EXPECT_LT(attempt({{"qlik-csrf-token", own}}).status, 300);
  EXPECT_LT(Call(Method::kPost, target, admin_).status, 500) << "bearers need none";
}

TEST_F(SessionRoutesTest, AuthorizationCountsAloneBesideACookie) {
  const std::string cookie = Cookie(admin_);
  const std::vector<net::HeaderField> both = {{"Cookie", cookie}};
  EXPECT_EQ(Call(Method::kGet, "/api/v1/users/me", content_, "", both).body["id"],
            "api-key:" + IdOf(content_));
  EXPECT_EQ(Call(Method::kGet, "/api/v1/users/me", "tsk_wrong-guess", "", both).status, 401);
  EXPECT_EQ(Call(Method::kGet, kSession, content_, "", both).status, 401);
  EXPECT_EQ(Call(Method::kPost, kSeal, content_, R"({"plaintext":""})", both).status, 200);
}

TEST_F(SessionRoutesTest, SigningOutEndsItEverywhere) {
  keyring::StoreLease lease(store_, clock_, model::ProcessId::New(random_));
  identity::Sessions sessions(store_, store_, lease, clock_, random_, pepper_, {});
  identity::Authenticator elsewhere(store_, lease, clock_, random_, pepper_.Copy(),
                                    {&sessions, nullptr});
  ASSERT_TRUE(lease.Refresh());
  const std::string cookie = Cookie(admin_);
  const std::string token = cookie.substr(cookie.find('=') + 1);
  EXPECT_TRUE(elsewhere.AuthenticateSession(token, keyring::Wait::kAllowed));
  lease.Leave();  // Nobody waits for it.
  const Answer ended = Change(cookie, Method::kDelete, kSession);
  EXPECT_EQ(ended.status, 200);
  EXPECT_THAT(HeaderOf(ended, "Set-Cookie"), HasSubstr("tenantseal_session=; "));
  EXPECT_THAT(HeaderOf(ended, "Set-Cookie"), HasSubstr("Max-Age=0"));
  EXPECT_EQ(With(cookie, Method::kGet, kSession).status, 401);
  EXPECT_EQ(elsewhere.AuthenticateSession(token, keyring::Wait::kAllowed).error().code,
            ErrorCode::kUnauthenticated);
  EXPECT_EQ(Events("com.tenantseal.v1.session.created"), 1u);
  EXPECT_EQ(Events("com.tenantseal.v1.session.ended"), 1u);
}

TEST_F(SessionRoutesTest, WhatAPageAsksByItselfKeepsNoSessionAlive) {
  const std::string used = Cookie(admin_), left = Cookie(admin_);
  const auto ask = [&](const std::string& cookie, std::vector<net::HeaderField> more = {}) {
    return With(cookie, Method::kGet, "/api/v1/users/me", "", std::move(more)).status;
  };
  for (int minute = 0; minute < 29; ++minute) {
    EXPECT_EQ(ask(left, {{"Tenantseal-Unattended", "true"}}), 200) << minute;
    EXPECT_EQ(ask(used), 200) << minute;
    clock_.Advance(std::chrono::minutes(1));
  }
  clock_.Advance(std::chrono::minutes(1));
  EXPECT_EQ(ask(left, {{"Tenantseal-Unattended", "true"}}), 401);
  EXPECT_EQ(ask(used), 200);
}

TEST_F(SessionRoutesTest, SigningInAgainEndsTheSessionBefore) {
  const std::string before = Cookie(admin_);
  const Answer again = SignInWith(admin_, {{"Cookie", before}});
  EXPECT_EQ(again.status, 201);
  const std::string set = HeaderOf(again, "Set-Cookie");
  EXPECT_THAT(set, Not(HasSubstr(before)));
  EXPECT_EQ(With(before, Method::kGet, kSession).status, 401);
  EXPECT_EQ(With(set.substr(0, set.find(';')), Method::kGet, kSession).status, 200);
}

TEST_F(SessionRoutesTest, APlantedCookieBecomesNobodysSession) {
  const std::string planted = "tenantseal_session=tss_" + std::string(43, 'A');
  const Answer answer = SignInWith(admin_, {{"Cookie", planted}});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(With(planted, Method::kGet, kSession).status, 401);
}

TEST_F(SessionRoutesTest, ATenantsDeactivationEndsItsSessions) {
  const std::string cookie = Cookie(admin_);
  const std::string deactivate = "/api/v1/tenants/" + tenant_ + "/actions/deactivate";
  ASSERT_LT(Call(Method::kPost, deactivate, "operator-secret").status, 300);
  EXPECT_EQ(With(cookie, Method::kGet, kSession).status, 401);
  EXPECT_EQ(SignInWith(admin_).status, 403);
}

TEST_F(SessionRoutesTest, AKeysDeletionEndsItsSessions) {
  const std::string cookie = Cookie(admin_);
  const Answer token = Token({{"grant_type", "client_credentials"},
                              {"client_id", IdOf(admin_)},
                              {"client_secret", admin_}});
  const std::string access = token.body["access_token"];
  EXPECT_EQ(Call(Method::kGet, "/api/v1/users/me", access).status, 200);
  ASSERT_EQ(Call(Method::kDelete, "/api/v1/api-keys/" + IdOf(admin_), "operator-secret").status,
            204);
  EXPECT_EQ(With(cookie, Method::kGet, kSession).status, 401);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/users/me", access).status, 401);
}

TEST_F(SessionRoutesTest, MachinesGetShortLivedTokens) {
  const json request = {{"grant_type", "client_credentials"},
                        {"client_id", IdOf(content_)},
                        {"client_secret", content_},
                        {"scope", "user_default"}};
  const Answer granted = Token(request);
  ASSERT_EQ(granted.status, 200) << granted.body;
  EXPECT_EQ(granted.body["token_type"], "Bearer");
  EXPECT_EQ(granted.body["expires_in"], 3600);
  EXPECT_EQ(HeaderOf(granted, "Cache-Control"), "no-store");
  EXPECT_EQ(
      std::ranges::count(granted.headers, std::string("Cache-Control"), &net::ResponseHeader::name),
      1);
  EXPECT_EQ(HeaderOf(granted, "Pragma"), "no-cache");
  const std::string token = granted.body["access_token"];
  EXPECT_EQ(Post(kSeal, token, {{"plaintext", ""}}).status, 200);
  EXPECT_TRUE(Post(kSeal, token, {{"plaintext", ""}}).status == 200 && answered_inline_);
  EXPECT_EQ(With("tenantseal_session=" + token, Method::kGet, kSession).status, 401)
      << "an access token is no cookie";
  clock_.Advance(std::chrono::seconds(3601));
  EXPECT_EQ(Post(kSeal, token, {{"plaintext", ""}}).status, 401);
}

TEST_F(SessionRoutesTest, FormsAndBasicAreTakenToo) {
  const std::string id = IdOf(content_);
  const std::string form =
      "grant_type=client_credentials&scope=&client_id=" + id + "&client_secret=" + content_;
  const net::HeaderField type{"Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"};
  EXPECT_EQ(Call(Method::kPost, kToken, "", form, {type}).status, 200);
  const std::string basic = "Basic " + base::Base64Encode(base::AsBytes(id + ":" + content_));
  EXPECT_EQ(Call(Method::kPost, kToken, "", "grant_type=client_credentials",
                 {type, {"Authorization", basic}})
                .status,
            200);
  EXPECT_EQ(Call(Method::kPost, kToken, "", form, {type, {"Authorization", basic}}).status, 400)
      << "two ways at once";
}

TEST_F(SessionRoutesTest, RefusalsOfTokensAreShapedForTheirClients) {
  const std::string id = IdOf(content_);
  const auto check = [&](const json& body, int status, const std::string& code) {
    const Answer answer = Token(body);
    EXPECT_EQ(answer.status, status) << body;
    EXPECT_EQ(answer.body["error"], code);
    EXPECT_EQ(answer.body["errors"][0]["code"], code);
    EXPECT_EQ(answer.body["errors"][0]["status"], status);
    EXPECT_TRUE(answer.body["errors"][0]["title"].is_string());
    clock_.Advance(std::chrono::minutes(1));
  };
  const std::string grant = "client_credentials";
  check(json::object(), 400, "unsupported_grant_type");
  check({{"grant_type", "password"}, {"client_id", id}, {"client_secret", content_}}, 400,
        "unsupported_grant_type");
  check({{"grant_type", grant}}, 401, "invalid_client");
  check({{"grant_type", grant}, {"client_id", id}}, 401, "invalid_client");
  check({{"grant_type", grant}, {"client_id", id}, {"client_secret", admin_}}, 401,
        "invalid_client");
  check({{"grant_type", grant}, {"client_id", "x"}, {"client_secret", content_}}, 401,
        "invalid_client");
  check({{"grant_type", 1}}, 400, "invalid_request");
  EXPECT_EQ(Call(Method::kPost, kToken, "", "x", {{"Content-Type", "text/plain"}}).status, 400);
  ASSERT_LT(
      Call(Method::kPost, "/api/v1/tenants/" + tenant_ + "/actions/deactivate", "operator-secret")
          .status,
      300);
  check({{"grant_type", grant}, {"client_id", id}, {"client_secret", content_}}, 400,
        "unauthorized_client");
}

}  // namespace
}  // namespace tenantseal::api
