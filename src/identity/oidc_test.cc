// Signing in at a provider, and what becomes of everything that is not right about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/fake_oidc_provider.h"
#include "identity/oidc_bearer.h"
#include "identity/oidc_sign_in.h"
#include "keyring/tenants.h"
#include "kms/fake_kms.h"
#include "store/memory/memory_store.h"

namespace tenantseal::identity {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

class OidcTest : public testing::Test {
 protected:
  OidcTest() { EXPECT_TRUE(lease_.Refresh()); }

  ClaimRules Rules() const {
    ClaimRules rules;
    rules.issuer = http_.issuer;
    rules.client_id = "tenantseal";
    rules.audiences = {"tenantseal-api"};
    return rules;
  }
  OidcSignInOptions Options() const {
    OidcSignInOptions options;
    options.rules = Rules();
    options.redirect_uri = "https://seal.example.com/login/callback";
    options.after_sign_out = "https://seal.example.com/signin";
    return options;
  }
  std::int64_t Now() const { return clock_.Utc().time_since_epoch().count() / 1000; }
  json Claims() const {
    return {{"iss", http_.issuer},      {"sub", "ada"},           {"aud", "tenantseal"},
            {"exp", Now() + 300},       {"iat", Now()},           {"role", "TenantAdmin"},
            {"tenant", tenant_.text()}, {"name", "Ada Lovelace"}, {"email", "ada@example.com"}};
  }
  static OidcSignIn::Answer AnswerOf(std::map<std::string, std::string> parameters) {
    return {parameters["code"], parameters["state"], parameters["iss"], parameters["error"]};
  }
  // Goes there and back with these claims.
  std::expected<OidcSignIn::Finished, SignInRefusal> Go(const json& claims) {
    const auto begun = sign_in_.Begin("/console").value();
    return sign_in_.Finish(AnswerOf(http_.SignIn(begun.url, claims)), begun.cookie);
  }
  std::string Failure(const json& claims) {
    const auto finished = Go(claims);
    return finished ? "signed in" : std::string(SignInFailureName(finished.error().failure));
  }
  // What becomes of a provider that answers this in place of its token. `nonce` can be made only
  // once it is known.
  std::string FailureOfToken(const std::function<std::string(const json&)>& forge) {
    const auto begun = sign_in_.Begin("/console").value();
    json claims = Claims();
    claims["nonce"] = FakeOidcProvider::Query(begun.url.substr(begun.url.find('?') + 1))["nonce"];
    http_.token_instead = forge(claims);
    const auto finished = sign_in_.Finish(AnswerOf(http_.SignIn(begun.url, claims)), begun.cookie);
    http_.token_instead.clear();
    return finished ? "signed in" : std::string(SignInFailureName(finished.error().failure));
  }
  json With(const std::string& name, const json& value) const {
    json claims = Claims();
    claims[name] = value;
    return claims;
  }
  json Without(const std::string& name) const {
    json claims = Claims();
    claims.erase(name);
    return claims;
  }
  ErrorCode Bearer(const std::string& token) {
    const auto verified = bearer_.Verify(token);
    return verified ? ErrorCode::kInternal : verified.error().code;
  }
  json BearerClaims() const { return With("aud", json{"other", "tenantseal-api"}); }

  base::FakeClock clock_;
  base::SystemRandom random_;
  store::MemoryStore store_;
  kms::FakeKms kms_{random_};
  base::Secret256 pepper_ = random_.Key();
  keyring::StoreLease lease_{store_, clock_, model::ProcessId::New(random_)};
  keyring::Keyring keyring_{store_, kms_, lease_, clock_, random_, {}};
  keyring::Tenants tenants_{keyring_, store_, lease_, kms_, clock_, random_, hours(1)};
  model::TenantId tenant_ =
      tenants_.Create("acme", "us-east-1", "test", clock_.Boot() + seconds(5)).value().id;
  FakeOidcProvider http_;
  OidcProvider provider_{http_.issuer, http_, clock_};
  OidcSignIn sign_in_{provider_, store_, clock_, random_, pepper_, Options()};
  OidcBearer bearer_{provider_, store_, clock_, Rules()};
};

TEST_F(OidcTest, WhoeverTheProviderKnowsIsKnownHere) {
  const auto finished = Go(Claims());
  ASSERT_TRUE(finished) << finished.error().reason;
  EXPECT_EQ(finished->return_to, "/console");
  EXPECT_EQ(finished->who.principal, "user:ada");
  EXPECT_EQ(finished->who.name, "Ada Lovelace");
  EXPECT_EQ(finished->who.email, "ada@example.com");
  EXPECT_EQ(finished->who.role, model::Role::kTenantAdmin);
  EXPECT_EQ(finished->who.tenant, tenant_);
  EXPECT_EQ(finished->who.with, model::SignedInWith::kOidc);
}

TEST_F(OidcTest, TheProviderIsAskedForACodeWithPkce) {
  const auto begun = sign_in_.Begin("/").value();
  ASSERT_THAT(begun.url, testing::StartsWith(http_.issuer + "/authorize?"));
  auto query = FakeOidcProvider::Query(begun.url.substr(begun.url.find('?') + 1));
  EXPECT_EQ(query["response_type"], "code");
  EXPECT_EQ(query["client_id"], "tenantseal");
  EXPECT_EQ(query["redirect_uri"], "https://seal.example.com/login/callback");
  EXPECT_EQ(query["scope"], "openid profile email");
  EXPECT_EQ(query["code_challenge_method"], "S256");
  for (const char* name : {"state", "nonce", "code_challenge"})
    EXPECT_EQ(query[name].size(), 43u) << name;
  const auto again = sign_in_.Begin("/").value();
  auto other = FakeOidcProvider::Query(again.url.substr(again.url.find('?') + 1));
  for (const char* name : {"state", "nonce", "code_challenge"})
    EXPECT_NE(query[name], other[name]) << name;
}

TEST_F(OidcTest, ASignInIsFinishedOnce) {
  const auto begun = sign_in_.Begin("/").value();
  const auto answer = AnswerOf(http_.SignIn(begun.url, Claims()));
  ASSERT_TRUE(sign_in_.Finish(answer, begun.cookie));
  EXPECT_EQ(sign_in_.Finish(answer, begun.cookie).error().failure, SignInFailure::kState);
  // On another process, too.
  OidcSignIn elsewhere(provider_, store_, clock_, random_, pepper_, Options());
  EXPECT_EQ(elsewhere.Finish(answer, begun.cookie).error().failure, SignInFailure::kState);
  EXPECT_EQ(http_.asked["token"], 1) << "a replay costs the provider nothing";
}

TEST_F(OidcTest, AnotherProcessFinishesWhatOneBegan) {
  OidcSignIn elsewhere(provider_, store_, clock_, random_, pepper_, Options());
  const auto begun = sign_in_.Begin("/").value();
  EXPECT_TRUE(elsewhere.Finish(AnswerOf(http_.SignIn(begun.url, Claims())), begun.cookie));
}

TEST_F(OidcTest, ACodeIsUsedOnceAndOnlyByWhoBegan) {
  const auto mine = sign_in_.Begin("/").value(), theirs = sign_in_.Begin("/").value();
  auto stolen = http_.SignIn(theirs.url, Claims());
  auto own = http_.SignIn(mine.url, Claims());
  own["code"] = stolen["code"];  // Injected into my own sign-in: the verifier does not fit.
  EXPECT_EQ(sign_in_.Finish(AnswerOf(own), mine.cookie).error().failure, SignInFailure::kProvider);
}

TEST_F(OidcTest, OnlyTheBrowserThatBeganFinishes) {
  const auto mine = sign_in_.Begin("/").value(), theirs = sign_in_.Begin("/").value();
  const auto answer = AnswerOf(http_.SignIn(theirs.url, Claims()));
  for (const std::string& cookie :
       {std::string(), std::string("x"), std::string("..."), mine.cookie})
    EXPECT_EQ(sign_in_.Finish(answer, cookie).error().failure, SignInFailure::kState) << cookie;
  OidcSignIn::Answer no_state = answer;
  no_state.state.clear();
  EXPECT_EQ(sign_in_.Finish(no_state, theirs.cookie).error().failure, SignInFailure::kState);
  EXPECT_TRUE(sign_in_.Finish(answer, theirs.cookie)) << "the refusals have spent nothing";
}

TEST_F(OidcTest, NoByteOfTheCookieMayChange) {
  const auto begun = sign_in_.Begin("/console").value();
  const auto answer = AnswerOf(http_.SignIn(begun.url, Claims()));
  for (std::size_t i = 0; i < begun.cookie.size(); ++i) {
    std::string altered = begun.cookie;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    const auto refused = sign_in_.Finish(answer, altered);
    ASSERT_FALSE(refused) << i;
    EXPECT_EQ(refused.error().failure, SignInFailure::kState) << i;
    EXPECT_FALSE(sign_in_.Finish(answer, begun.cookie.substr(0, i))) << i;
  }
  EXPECT_FALSE(sign_in_.Finish(answer, begun.cookie + ".A"));
}

TEST_F(OidcTest, ItEndsAfterTenMinutes) {
  const auto begun = sign_in_.Begin("/").value();
  clock_.Advance(minutes(10));
  EXPECT_EQ(
      sign_in_.Finish(AnswerOf(http_.SignIn(begun.url, Claims())), begun.cookie).error().failure,
      SignInFailure::kExpired);
}

TEST_F(OidcTest, TheProvidersRefusalIsOne) {
  const auto begun = sign_in_.Begin("/").value();
  auto answer = http_.SignIn(begun.url, Claims());
  answer.erase("code");
  answer["error"] = "access_denied";
  EXPECT_EQ(sign_in_.Finish(AnswerOf(answer), begun.cookie).error().failure,
            SignInFailure::kDenied);
}

TEST_F(OidcTest, AnAnswerOfAnotherIssuerIsRefused) {
  const auto begun = sign_in_.Begin("/").value();
  auto answer = http_.SignIn(begun.url, Claims());
  answer["iss"] = "https://evil.example";
  EXPECT_EQ(sign_in_.Finish(AnswerOf(answer), begun.cookie).error().failure,
            SignInFailure::kProvider);
  EXPECT_EQ(http_.asked["token"], 0) << "our code went nowhere";
}

TEST_F(OidcTest, ClaimsOfTheIdTokenMustBeRight) {
  EXPECT_EQ(Failure(Claims()), "signed in");
  EXPECT_EQ(Failure(With("iss", "https://evil.example")), "token");
  EXPECT_EQ(Failure(With("iss", http_.issuer + "/")), "token");
  EXPECT_EQ(Failure(With("aud", "another")), "token");
  EXPECT_EQ(Failure(With("aud", json{"another"})), "token");
  EXPECT_EQ(Failure(With("aud", json{"tenantseal", "another"})), "token") << "azp is missing";
  EXPECT_EQ(Failure(With("azp", "another")), "token");
  EXPECT_EQ(Failure(With("azp", "tenantseal")), "signed in");
  EXPECT_EQ(Failure(With("exp", Now() - 61)), "token");
  EXPECT_EQ(Failure(With("exp", Now() - 30)), "signed in") << "clocks differ a little";
  EXPECT_EQ(Failure(With("exp", 17'700'000'000)), "signed in") << "beyond nanoseconds since 1970";
  EXPECT_EQ(Failure(With("exp", "tomorrow")), "token");
  EXPECT_EQ(Failure(With("exp", 1e300)), "token");
  EXPECT_EQ(Failure(With("exp", -1)), "token");
  EXPECT_EQ(Failure(With("nbf", Now() + 61)), "token");
  EXPECT_EQ(Failure(With("nbf", 17'700'000'000)), "token");
  EXPECT_EQ(Failure(With("iat", Now() + 61)), "token");
  EXPECT_EQ(Failure(With("iat", 17'700'000'000)), "token");
  EXPECT_EQ(Failure(With("iat", Now() - 86401)), "token");
  EXPECT_EQ(Failure(With("nonce", "another")), "token");
  EXPECT_EQ(Failure(With("nonce", "")), "token");
  EXPECT_EQ(Failure(With("sub", "")), "token");
  EXPECT_EQ(Failure(With("sub", 7)), "token");
  EXPECT_EQ(Failure(With("sub", std::string(256, 'x'))), "token");
  EXPECT_EQ(Failure(With("sub", "a\nb")), "token");
  for (const char* name : {"iss", "aud", "exp", "iat", "sub"})
    EXPECT_EQ(Failure(Without(name)), "token") << name;
}

TEST_F(OidcTest, ForgedTokensAreRefused) {
  const auto plain = [](const json& header, const json& claims, const std::string& signature) {
    return FakeOidcProvider::Part(header) + "." + FakeOidcProvider::Part(claims) + "." + signature;
  };
  EXPECT_EQ(FailureOfToken([&](const json& claims) { return http_.Sign(claims); }), "signed in");
  for (const char* none : {"none", "None", "NONE", ""}) {
    EXPECT_EQ(FailureOfToken([&](const json& claims) {
                return plain({{"alg", none}, {"kid", "key-1"}}, claims, "");
              }),
              "token")
        << none;
  }
  // The public key as a shared secret.
  for (const std::string& secret :
       {http_.PublicKey("key-1").dump(), http_.PublicKey("key-1")["x"].get<std::string>()}) {
    EXPECT_EQ(FailureOfToken([&](const json& claims) {
                const std::string head =
                    FakeOidcProvider::Part({{"alg", "HS256"}, {"kid", "key-1"}}) + "." +
                    FakeOidcProvider::Part(claims);
                const auto mac = crypto::HmacSha256(base::AsBytes(secret), base::AsBytes(head));
                return head + "." + base::Base64UrlEncode(mac);
              }),
              "token");
  }
  // Signed by a key of the token's own.
  EXPECT_EQ(FailureOfToken([&](const json& claims) {
              FakeOidcProvider evil;
              return evil.Sign(claims);
            }),
            "token");
  for (const char* header : {"jwk", "jku", "x5u"}) {
    EXPECT_EQ(FailureOfToken([&](const json& claims) {
                return plain({{"alg", "ES256"}, {"kid", "key-1"}, {header, "https://evil.example"}},
                             claims, std::string(86, 'A'));
              }),
              "token");
  }
  EXPECT_EQ(FailureOfToken([&](const json&) { return std::string("nonsense"); }), "token");
  EXPECT_EQ(FailureOfToken([&](const json&) { return std::string(20'000, 'a'); }), "token");
}

TEST_F(OidcTest, NoCharacterOfATokenMayChange) {
  json claims = BearerClaims();
  const std::string token = http_.Sign(claims);
  ASSERT_TRUE(bearer_.Verify(token));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string altered = token;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    const auto verified = bearer_.Verify(altered);
    // The last character of a part may hold bits that mean nothing; those must be zero.
    EXPECT_FALSE(verified) << i;
    EXPECT_FALSE(bearer_.Verify(token.substr(0, i))) << i;
  }
}

// The last character holds bits that mean nothing: they must be zero, or one token had many texts.
TEST_F(OidcTest, OneTokenHasOneText) {
  const std::string token = http_.Sign(BearerClaims());
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (const char c : kAlphabet) {
    std::string altered = token;
    altered.back() = c;
    EXPECT_EQ(bearer_.Verify(altered).ok(), altered == token) << c;
  }
  EXPECT_FALSE(bearer_.Verify(token + "="));
}

TEST_F(OidcTest, PayloadsAreReadStrictly) {
  const auto code = [&](const std::string& payload) {
    return Bearer(http_.SignText(payload, "key-1"));
  };
  std::string twice = BearerClaims().dump();
  twice.insert(1, R"("role":"Auditor",)");
  EXPECT_EQ(code(twice), ErrorCode::kUnauthenticated);
  EXPECT_EQ(code("[]"), ErrorCode::kUnauthenticated);
  EXPECT_EQ(code(""), ErrorCode::kUnauthenticated);
  EXPECT_EQ(code(std::string(1000, '[')), ErrorCode::kUnauthenticated);
  EXPECT_EQ(code(BearerClaims().dump()), ErrorCode::kInternal) << "it is taken";
}

TEST_F(OidcTest, NobodyGetsARoleByDefault) {
  EXPECT_EQ(Failure(Without("role")), "role");
  EXPECT_EQ(Failure(With("role", "Emperor")), "role");
  EXPECT_EQ(Failure(With("role", json::array())), "role");
  EXPECT_EQ(Failure(With("role", 2)), "role");
  EXPECT_EQ(Failure(With("role", json{{"a", "TenantAdmin"}})), "role");
  EXPECT_EQ(Failure(Without("tenant")), "tenant");
  EXPECT_EQ(Failure(With("tenant", "short")), "tenant");
  EXPECT_EQ(Failure(With("tenant", json{tenant_.text()})), "tenant");
}

TEST_F(OidcTest, AnOperatorServesNoTenant) {
  const auto finished = Go(With("role", json{"x", "PlatformOperator"}));
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->who.role, model::Role::kPlatformOperator);
  EXPECT_FALSE(finished->who.tenant);
}

TEST_F(OidcTest, GroupsBecomeRolesByTheMap) {
  ClaimRules rules = Rules();
  rules.role_claim = "realm_access/roles";
  rules.tenant_claim = "https://example.com/tenant";
  rules.role_map = {{"seal-admins", model::Role::kTenantAdmin}, {"readers", model::Role::kAuditor}};
  const auto role = [&](const json& roles) -> std::string {
    json claims = Claims();
    claims["realm_access"] = {{"roles", roles}};
    claims["https://example.com/tenant"] = tenant_.text();
    const auto who = ReadIdentity(claims, rules);
    return who ? std::string(model::RoleName(who->role)) : who.error().field;
  };
  EXPECT_EQ(role({"readers"}), "Auditor");
  EXPECT_EQ(role({"readers", "seal-admins"}), "TenantAdmin") << "the map's order";
  EXPECT_EQ(role({"TenantAdmin"}), "realm_access/roles") << "names count only without a map";
  EXPECT_EQ(role(json::array()), "realm_access/roles");
  EXPECT_EQ(ReadIdentity(Claims(), rules).error().field, "realm_access/roles");
}

TEST_F(OidcTest, WhatIsShownIsTextAndNotLong) {
  EXPECT_EQ(Go(With("name", "a\x01z"))->who.name, "");
  EXPECT_EQ(Go(With("name", std::string(257, 'x')))->who.name, "");
  EXPECT_EQ(Go(With("name", "<b>Ada</b>"))->who.name, "<b>Ada</b>") << "shown as text, not here";
  EXPECT_EQ(Go(With("email_verified", false))->who.email, "");
}

TEST_F(OidcTest, KeysChangeAndAreFetchedAnew) {
  ASSERT_EQ(Failure(Claims()), "signed in");
  http_.AddKey("key-2");
  http_.sign_with = "key-2";
  clock_.Advance(minutes(1));
  EXPECT_EQ(Failure(Claims()), "signed in");
  EXPECT_EQ(http_.asked["keys"], 2);
  http_.RemoveKey("key-1");
  clock_.Advance(hours(1));
  EXPECT_EQ(Failure(Claims()), "signed in");
  http_.AddKey("key-1");
  http_.sign_with = "key-1";  // Another key of a former name.
  EXPECT_EQ(Failure(Claims()), "token") << "fetched just now";
}

TEST_F(OidcTest, AStormOfUnknownKeysFetchesOnceAMinute) {
  FakeOidcProvider evil;
  evil.AddKey("unknown");
  evil.sign_with = "unknown";
  for (int i = 0; i < 600; ++i) {
    EXPECT_EQ(Bearer(evil.Sign(BearerClaims())), ErrorCode::kUnauthenticated);
    clock_.Advance(seconds(1));
  }
  EXPECT_LE(http_.asked["keys"], 11);
  EXPECT_GE(http_.asked["keys"], 9);
}

TEST_F(OidcTest, AProviderThatIsDownCostsNobodyAnything) {
  EXPECT_EQ(Bearer(http_.Sign(BearerClaims())), ErrorCode::kInternal);
  http_.down = true;
  clock_.Advance(hours(2));
  EXPECT_EQ(Bearer(http_.Sign(BearerClaims())), ErrorCode::kInternal) << "by the keys it had";
  const int before = http_.asked["keys"];
  clock_.Advance(hours(23));
  EXPECT_EQ(Bearer(http_.Sign(BearerClaims())), ErrorCode::kUnavailable);
  EXPECT_EQ(http_.asked["keys"], before);
  http_.down = false;
  clock_.Advance(minutes(1));
  EXPECT_EQ(Bearer(http_.Sign(BearerClaims())), ErrorCode::kInternal);
}

TEST_F(OidcTest, NobodySignsInWhileItIsDown) {
  http_.down = true;
  EXPECT_EQ(sign_in_.Begin("/").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(sign_in_.EndSessionUrl(), std::nullopt);
  http_.down = false;
  EXPECT_FALSE(sign_in_.Begin("/")) << "not asked again at once";
  clock_.Advance(seconds(5));
  EXPECT_TRUE(sign_in_.Begin("/"));
}

TEST_F(OidcTest, HostileConfigurationsAreNotUsed) {
  const json good = http_.metadata;
  const auto usable = [&](const std::string& name, const json& value) {
    json changed = good;
    changed[name] = value;
    const std::string text = changed.dump();
    return ParseOidcMetadata(base::AsBytes(text), http_.issuer).ok();
  };
  EXPECT_TRUE(usable("more", 1));
  EXPECT_FALSE(usable("issuer", "https://evil.example"));
  EXPECT_FALSE(usable("issuer", http_.issuer + "/"));
  for (const char* endpoint :
       {"authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"}) {
    for (const json& bad : {json("http://login.example.com/x"), json("javascript:alert(1)"),
                            json("https://user@login.example.com/"), json("https://"), json(7),
                            json("https://login.example.com/#x"), json("file:///etc/passwd"),
                            json("https://login.example.com/\r\nX: y"),
                            json("https://login.example.com/" + std::string(2048, 'x')),
                            json("http://127.0.0.1/x")}) {
      EXPECT_FALSE(usable(endpoint, bad)) << endpoint << " " << bad;
    }
  }
  EXPECT_FALSE(usable("code_challenge_methods_supported", json{"plain"}));
  EXPECT_FALSE(ParseOidcMetadata(base::AsBytes("[]"), http_.issuer));
  const std::string huge = json{{"issuer", std::string(300'000, 'x')}}.dump();
  EXPECT_FALSE(ParseOidcMetadata(base::AsBytes(huge), http_.issuer));
}

TEST_F(OidcTest, KeySetsAreReadWithBounds) {
  const auto size = [](const json& keys) {
    const std::string text = json{{"keys", keys}}.dump();
    const auto set = KeySet::Parse(base::AsBytes(text));
    return set ? static_cast<int>(set->size()) : -1;
  };
  json key = http_.PublicKey("key-1");
  const auto with = [&key](const char* name, const json& value) {
    json changed = key;
    changed[name] = value;
    return json::array({changed});
  };
  EXPECT_EQ(size(json::array({key})), 1);
  EXPECT_EQ(size(with("use", "enc")), 0);
  EXPECT_EQ(size(with("key_ops", json{"sign"})), 0);
  EXPECT_EQ(size(with("alg", "HS256")), 0);
  EXPECT_EQ(size(with("alg", "ES384")), 0) << "of another curve";
  EXPECT_EQ(size(with("kty", "oct")), 0);
  EXPECT_EQ(size(with("crv", "P-0")), 0);
  EXPECT_EQ(size(with("x", "!")), 0);
  EXPECT_EQ(size(json::array({{{"kty", "oct"}, {"k", "AAAA"}, {"alg", "HS256"}}})), 0);
  EXPECT_EQ(size(json::array({{{"kty", "RSA"}, {"n", std::string(171, 'A')}, {"e", "AQAB"}}})), 0)
      << "1024 bits";
  EXPECT_EQ(size(json::array({{{"kty", "RSA"}, {"n", std::string(5462, 'A')}, {"e", "AQAB"}}})), 0)
      << "32768 bits";
  EXPECT_EQ(size(json(std::vector<json>(65, key))), -1);
  EXPECT_EQ(size("x"), -1);
  EXPECT_FALSE(KeySet::Parse(base::AsBytes("")));
}

TEST_F(OidcTest, TwoKeysOfOneNameVerifyNothing) {
  const std::string text =
      json{{"keys", {http_.PublicKey("key-1"), http_.PublicKey("key-1")}}}.dump();
  const KeySet set = KeySet::Parse(base::AsBytes(text)).value();
  const std::string token = http_.Sign(Claims());
  EXPECT_FALSE(set.Verify(token, ReadJwsHeader(token).value()));
}

TEST_F(OidcTest, TheClientsSecretGoesToTheTokenEndpointAlone) {
  OidcSignInOptions options = Options();
  options.client_secret = base::SecretBytes::CopyOf(base::AsBytes("s3cret:%"));
  OidcSignIn confidential(provider_, store_, clock_, random_, pepper_, std::move(options));
  const auto begun = confidential.Begin("/").value();
  EXPECT_THAT(begun.url, Not(HasSubstr("s3cret")));
  ASSERT_TRUE(confidential.Finish(AnswerOf(http_.SignIn(begun.url, Claims())), begun.cookie));
  EXPECT_EQ(http_.last_authorization,
            "Basic " + base::Base64Encode(base::AsBytes("tenantseal:s3cret%3A%25")));
  EXPECT_THAT(http_.last_form, Not(HasSubstr("s3cret")));
}

TEST_F(OidcTest, TheClientsSecretGoesIntoTheBodyWhereThatIsAllThereIs) {
  http_.metadata["token_endpoint_auth_methods_supported"] = {"client_secret_post"};
  OidcSignInOptions options = Options();
  options.client_secret = base::SecretBytes::CopyOf(base::AsBytes("s3cret"));
  OidcSignIn confidential(provider_, store_, clock_, random_, pepper_, std::move(options));
  const auto begun = confidential.Begin("/").value();
  ASSERT_TRUE(confidential.Finish(AnswerOf(http_.SignIn(begun.url, Claims())), begun.cookie));
  EXPECT_EQ(http_.last_authorization, "");
  EXPECT_THAT(http_.last_form, HasSubstr("client_secret=s3cret"));
}

TEST_F(OidcTest, SigningOutIsOfferedAtTheProvider) {
  EXPECT_EQ(sign_in_.EndSessionUrl(),
            http_.issuer +
                "/end?client_id=tenantseal&post_logout_redirect_uri=https%3A%2F%2Fseal.example.com"
                "%2Fsignin");
}

TEST_F(OidcTest, BearerTokensAreForTheirAudience) {
  const auto verified = bearer_.Verify(http_.Sign(BearerClaims())).value();
  EXPECT_EQ(verified.principal, (Principal{"user:ada", model::Role::kTenantAdmin, tenant_}));
  EXPECT_EQ(Bearer(http_.Sign(Claims())), ErrorCode::kUnauthenticated) << "an ID token";
  json claims = BearerClaims();
  claims["exp"] = Now() - 61;
  EXPECT_EQ(Bearer(http_.Sign(claims)), ErrorCode::kUnauthenticated);
  claims = BearerClaims();
  claims.erase("role");
  EXPECT_EQ(Bearer(http_.Sign(claims)), ErrorCode::kPermissionDenied);
  claims = BearerClaims();
  claims["tenant"] = model::TenantId::New(random_).text();
  EXPECT_EQ(Bearer(http_.Sign(claims)), ErrorCode::kPermissionDenied);
  const std::string token = http_.Sign(BearerClaims());
  ASSERT_TRUE(tenants_.Deactivate(tenant_, "test"));
  EXPECT_EQ(Bearer(token), ErrorCode::kPermissionDenied);
}

TEST_F(OidcTest, TheAuthenticatorKeepsBearersOnlyWhileTheyHold) {
  Authenticator authenticator(store_, lease_, clock_, random_, pepper_.Copy(), {nullptr, &bearer_});
  const std::string token = http_.Sign(BearerClaims());
  EXPECT_TRUE(authenticator.Authenticate(token, keyring::Wait::kAllowed));
  EXPECT_TRUE(authenticator.Authenticate(token, keyring::Wait::kNever));
  ASSERT_TRUE(tenants_.Deactivate(tenant_, "test"));
  EXPECT_FALSE(authenticator.Authenticate(token, keyring::Wait::kAllowed));
  ASSERT_TRUE(tenants_.Reactivate(tenant_, "test"));
  EXPECT_TRUE(authenticator.Authenticate(token, keyring::Wait::kAllowed));
  clock_.Advance(seconds(361));
  EXPECT_FALSE(authenticator.Authenticate(token, keyring::Wait::kAllowed));
}

TEST(IsLocalPath, LeadsNowhereElse) {
  for (const char* good : {"/", "/console", "/a?b=c#d", "/a//b", "/@evil.example"})
    EXPECT_TRUE(IsLocalPath(good)) << good;
  for (const char* bad : {"", "console", "//evil.example", "/\\evil.example", "\\\\evil.example",
                          "/a\\b", "https://evil.example", "javascript:alert(1)", "/a b", "/a\nb",
                          "/\t/evil.example", " /a", "/\x7f", "/\xc3\xa4"}) {
    EXPECT_FALSE(IsLocalPath(bad)) << bad;
  }
  EXPECT_FALSE(IsLocalPath("/" + std::string(1024, 'x')));
}

}  // namespace
}  // namespace tenantseal::identity
