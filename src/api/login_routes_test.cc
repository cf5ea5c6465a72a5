// Signing in at a provider, as browsers see it.
#include <gmock/gmock.h>

#include <set>

#include "api/api_test_ground.h"
#include "identity/fake_oidc_provider.h"
#include "identity/oidc_bearer.h"

namespace tenantseal::api {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

class LoginRoutesTest : public ApiTest {
 protected:
  identity::ClaimRules Rules() const {
    identity::ClaimRules rules;
    rules.issuer = http_.issuer;
    rules.client_id = "tenantseal";
    rules.audiences = {"tenantseal"};
    return rules;
  }
  identity::OidcSignInOptions Options() const {
    identity::OidcSignInOptions options;
    options.rules = Rules();
    options.redirect_uri = "https://seal.example.com/login/callback";
    options.after_sign_out = "https://seal.example.com/signin";
    return options;
  }
  static SignInOptions HttpOptions() {
    SignInOptions options;
    options.with_api_key = false;
    options.secure_cookies = true;
    options.public_origin = "https://seal.example.com";
    options.oidc_name = "Example";
    return options;
  }

  struct Seen {
    int status = 0;
    json body;
    std::string location;
    std::vector<std::string> cookies;
  };
  Seen Send(Method method, const std::string& target, std::vector<net::HeaderField> headers) {
    headers.push_back({"Host", "seal.example.com"});
    net::Request request;
    request.method = method;
    request.path = std::string_view(target).substr(0, target.find('?'));
    if (target.size() > request.path.size())
      request.query = std::string_view(target).substr(request.path.size() + 1);
    request.headers = headers;
    request.request_id = "request-id-12345";
    request.peer = "192.0.2.1";
    request.deadline = clock_.Boot() + std::chrono::seconds(30);
    auto response = with_provider_.HandleNow(request);
    if (!response) response = with_provider_.HandleBlocking(request);
    Seen seen{
        response->status, json::parse(base::AsText(response->BodyBytes()), nullptr, false), {}, {}};
    for (const auto& header : response->headers) {
      if (header.name == "Location") seen.location = header.value;
      if (header.name == "Set-Cookie") seen.cookies.push_back(header.value);
    }
    return seen;
  }
  Seen Get(const std::string& target, const std::string& cookie = "") {
    return Send(Method::kGet, target, {{"Cookie", cookie}});
  }
  static std::string Pair(const std::string& set_cookie) {
    return set_cookie.substr(0, set_cookie.find(';'));
  }
  json Claims() const {
    const std::int64_t now = clock_.Utc().time_since_epoch().count() / 1000;
    return {{"iss", http_.issuer}, {"sub", "ada"},  {"aud", "tenantseal"},   {"exp", now + 300},
            {"iat", now},          {"name", "Ada"}, {"role", "TenantAdmin"}, {"tenant", tenant_}};
  }
  // Goes to the provider, signs in, and comes back.
  Seen Go(const std::string& login, const json& claims, const std::string& cookie = "") {
    const Seen there = Get(login);
    EXPECT_THAT(there.location, StartsWith(http_.issuer + "/authorize?"));
    EXPECT_EQ(there.cookies.size(), 1u);
    auto answer = http_.SignIn(there.location, claims);
    const std::string callback = "/login/callback?code=" + answer["code"] +
                                 "&state=" + answer["state"] +
                                 "&iss=https%3A%2F%2Flogin.example.com%2Frealm";
    return Get(callback, Pair(there.cookies.at(0)) + (cookie.empty() ? "" : "; ") + cookie);
  }

  identity::FakeOidcProvider http_;
  identity::OidcProvider provider_{http_.issuer, http_, clock_};
  identity::OidcSignIn oidc_{provider_, store_, clock_, random_, pepper_, Options()};
  identity::OidcBearer bearer_{provider_, store_, clock_, Rules()};
  SignIn sign_in_there_{sessions_, clock_, HttpOptions(), &oidc_};
  identity::Authenticator authenticator_there_{store_,  lease_,         clock_,
                                               random_, pepper_.Copy(), {&sessions_, &bearer_}};
  ApiHandler with_provider_{
      {keyring_, lease_, values_, data_keys_, rotation_, tenants_, providers_, migrations_,
       api_keys_, authenticator_there_, sign_in_there_, usage_, store_, clock_, "us-east-1",
       [](const model::TenantId&) -> Result<std::string> { return std::string("[]"); }},
      {}};
};

TEST_F(LoginRoutesTest, ThereAndBackMakesASession) {
  const Seen back = Go("/login?returnto=%2Fconsole%3Fa%3Db", Claims());
  EXPECT_EQ(back.status, 302);
  EXPECT_EQ(back.location, "/console?a=b");
  ASSERT_EQ(back.cookies.size(), 2u);
  EXPECT_THAT(back.cookies[0], MatchesRegex("__Host-tenantseal_session=tss_[A-Za-z0-9_-]*; Path=/; "
                                            "HttpOnly; SameSite=Lax; Secure"));
  EXPECT_THAT(back.cookies[1], StartsWith("__Host-tenantseal_login=; "));
  EXPECT_THAT(back.cookies[1], HasSubstr("Max-Age=0"));
  const Seen session = Get("/api/v1/session", Pair(back.cookies[0]));
  EXPECT_EQ(session.status, 200);
  EXPECT_EQ(session.body["principal"]["id"], "user:ada");
  EXPECT_EQ(session.body["principal"]["name"], "Ada");
  EXPECT_EQ(session.body["signedInWith"], "oidc");
  EXPECT_EQ(session.body["tenant"]["id"], tenant_);
}

TEST_F(LoginRoutesTest, TheLoginCookieIsShortLivedAndNoScripts) {
  const Seen there = Get("/login");
  ASSERT_EQ(there.cookies.size(), 1u);
  EXPECT_THAT(there.cookies[0], StartsWith("__Host-tenantseal_login="));
  EXPECT_THAT(there.cookies[0], HasSubstr("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600"));
}

TEST_F(LoginRoutesTest, ItLeadsNowhereElse) {
  for (const char* elsewhere :
       {"https%3A%2F%2Fevil.example%2F", "%2F%2Fevil.example", "%2F%5Cevil.example",
        "https%3A%2F%2Fseal.example.com.evil.example%2F",
        "https%3A%2F%2Fseal.example.com%40evil.example%2F",
        "https%3A%2F%2Fseal.example.com%2F%2Fevil.example", "javascript%3Aalert(1)",
        "%2Fa%0d%0aX%3A%20y", "%2F%09%2Fevil.example", "", "%zz"}) {
    EXPECT_EQ(Go("/login?returnto=" + std::string(elsewhere), Claims()).location, "/") << elsewhere;
    clock_.Advance(std::chrono::seconds(10));
  }
  EXPECT_EQ(Go("/login?returnto=%2Fa&returnto=%2Fb", Claims()).location, "/");
  EXPECT_EQ(Go("/login?returnto=https%3A%2F%2Fseal.example.com%2Fevents", Claims()).location,
            "/events");
}

TEST_F(LoginRoutesTest, RefusalsAreAHandfulOfCodes) {
  const std::string tail = "&requestId=request-id-12345";
  json nobody = Claims();
  nobody.erase("role");
  const Seen refused = Go("/login", nobody);
  EXPECT_EQ(refused.location, "/signin?error=role" + tail);
  ASSERT_EQ(refused.cookies.size(), 1u);
  EXPECT_THAT(refused.cookies[0], StartsWith("__Host-tenantseal_login=; "));
  json lost = Claims();
  lost["tenant"] = std::string(32, 'x');
  EXPECT_EQ(Go("/login", lost).location, "/signin?error=tenant" + tail);
  json stale = Claims();
  stale["exp"] = 1;
  EXPECT_EQ(Go("/login", stale).location, "/signin?error=token" + tail);
  EXPECT_EQ(Get("/login/callback?code=x&state=y").location, "/signin?error=state" + tail);
  EXPECT_EQ(Get("/login/callback?code=x&code=y").location, "/signin?error=state" + tail);
  EXPECT_EQ(Get("/login/callback").location, "/signin?error=state" + tail);
}

TEST_F(LoginRoutesTest, ADeactivatedTenantsPeopleStayOutside) {
  ASSERT_LT(ApiTest::Call(Method::kPost, "/api/v1/tenants/" + tenant_ + "/actions/deactivate",
                          "operator-secret")
                .status,
            300);
  EXPECT_THAT(Go("/login", Claims()).location, StartsWith("/signin?error=tenant&"));
}

TEST_F(LoginRoutesTest, AProviderThatIsDownIsSaidToBe) {
  http_.down = true;
  const Seen refused = Get("/login?returnto=%2F");
  EXPECT_EQ(refused.status, 302);
  EXPECT_THAT(refused.location, StartsWith("/signin?error=provider&"));
}

TEST_F(LoginRoutesTest, StrangersAreHeldToTheirRate) {
  std::set<std::string> seen;
  for (int i = 0; i < 30; ++i) seen.insert(Get("/login/callback?code=x&state=y").location);
  EXPECT_TRUE(seen.contains("/signin?error=busy&requestId=request-id-12345"));
  EXPECT_THAT(Get("/login").location, StartsWith("/signin?error=busy&"));
  EXPECT_EQ(http_.asked["token"], 0);
}

TEST_F(LoginRoutesTest, SigningInAnewEndsTheSessionBefore) {
  const std::string before = Pair(Go("/login", Claims()).cookies.at(0));
  const std::string after = Pair(Go("/login", Claims(), before).cookies.at(0));
  EXPECT_NE(before, after);
  EXPECT_EQ(Get("/api/v1/session", before).status, 401);
  EXPECT_EQ(Get("/api/v1/session", after).status, 200);
}

TEST_F(LoginRoutesTest, SigningOutSaysWhereTheProvidersSessionEnds) {
  const std::string cookie = Pair(Go("/login", Claims()).cookies.at(0));
  const std::string csrf = sessions_.CsrfToken(cookie.substr(cookie.find('=') + 1));
  const Seen ended =
      Send(Method::kDelete, "/api/v1/session", {{"Cookie", cookie}, {"qlik-csrf-token", csrf}});
  EXPECT_EQ(ended.status, 200);
  EXPECT_THAT(ended.body["endSessionUrl"].get<std::string>(), StartsWith(http_.issuer + "/end?"));
  EXPECT_EQ(Get("/api/v1/session", cookie).status, 401);
}

TEST_F(LoginRoutesTest, ApiKeysSignNobodyInBesideIt) {
  const Seen options = Get("/api/v1/session/options");
  EXPECT_EQ(options.body["apiKey"], false);
  EXPECT_EQ(options.body["oidc"], (json{{"name", "Example"}, {"startUrl", "/login"}}));
  EXPECT_EQ(Send(Method::kPost, "/api/v1/session", {}).status, 403);
}

TEST_F(LoginRoutesTest, BearersOfTheProviderAreTakenAndOthersRefusedAlike) {
  const auto get = [&](const std::string& token) {
    const std::string bearer = "Bearer " + token;
    return Send(Method::kGet, "/api/v1/encryption/keyproviders", {{"Authorization", bearer}});
  };
  const std::string good = http_.Sign(Claims());
  EXPECT_EQ(get(good).status, 200);
  json stale = Claims(), foreign = Claims();
  stale["exp"] = 1;
  foreign["iss"] = "https://evil.example";
  std::string flipped = good;
  flipped[good.size() / 2] = flipped[good.size() / 2] == 'A' ? 'B' : 'A';
  const std::string none = identity::FakeOidcProvider::Part({{"alg", "none"}}) + "." +
                           identity::FakeOidcProvider::Part(Claims()) + ".";
  std::set<std::string> answers;
  for (const std::string& bad : {http_.Sign(stale), http_.Sign(foreign), flipped, none}) {
    const Seen refused = get(bad);
    EXPECT_EQ(refused.status, 401);
    answers.insert(refused.body.dump());
  }
  EXPECT_EQ(answers.size(), 1u);
  EXPECT_THAT(*answers.begin(), Not(HasSubstr("issuer")));
  json nobody = Claims();
  nobody.erase("role");
  EXPECT_EQ(get(http_.Sign(nobody)).status, 403);
}

TEST_F(ApiTest, WithoutAProviderLoginLeadsToThePage) {
  const Answer answer = Call(Method::kGet, "/login?returnto=/x", "");
  EXPECT_EQ(answer.status, 302);
  EXPECT_EQ(answer.headers.at(0).value, "/signin");
  EXPECT_EQ(Call(Method::kGet, "/login/callback?code=x&state=y", "").headers.at(0).value,
            "/signin");
}

}  // namespace
}  // namespace tenantseal::api
