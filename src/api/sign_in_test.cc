#include "api/sign_in.h"

#include <gtest/gtest.h>

#include "store/memory/memory_store.h"

namespace tenantseal::api {
namespace {

TEST(CookieValue, IsFoundWhereverItStands) {
  EXPECT_EQ(CookieValue("a=1; session=x; b=2", "session"), "x");
  EXPECT_EQ(CookieValue("session=x", "session"), "x");
  EXPECT_EQ(CookieValue(" session = x ;b=2", "session"), "x");
  EXPECT_EQ(CookieValue("session=a=b", "session"), "a=b");
  EXPECT_EQ(CookieValue("session=", "session"), "");
}

TEST(CookieValue, OfAnotherNameIsNotIt) {
  for (const char* header : {"", ";", "=", "session", "xsession=1", "sessionx=1", "Session=1",
                             "a=session=1", "session;session"}) {
    EXPECT_EQ(CookieValue(header, "session"), std::nullopt) << header;
  }
}

TEST(CookieValue, ThatStandsTwiceIsNobodys) {
  EXPECT_EQ(CookieValue("session=mine; session=planted", "session"), std::nullopt);
  EXPECT_EQ(CookieValue("session=same;session=same", "session"), std::nullopt);
}

class SignInTest : public testing::Test {
 protected:
  SignIn Make(SignInOptions options) { return {sessions_, clock_, std::move(options)}; }
  static net::Request RequestWith(std::span<const net::HeaderField> headers) {
    net::Request request;
    request.headers = headers;
    request.peer = "192.0.2.7";
    return request;
  }
  static bool SameOrigin(const SignIn& sign_in, std::vector<net::HeaderField> headers) {
    headers.push_back({"Host", "seal.example.com:8443"});
    return sign_in.CheckSameOrigin(RequestWith(headers)).ok();
  }

  base::FakeClock clock_;
  base::SystemRandom random_;
  store::MemoryStore store_;
  keyring::StoreLease lease_{store_, clock_, model::ProcessId::New(random_)};
  base::Secret256 pepper_ = random_.Key();
  identity::Sessions sessions_{store_, store_, lease_, clock_, random_, pepper_, {}};
};

TEST_F(SignInTest, CookiesAreForThisHostAndNoScript) {
  EXPECT_EQ(Make({}).SetCookie("tenantseal_session", "v").value,
            "tenantseal_session=v; Path=/; HttpOnly; SameSite=Lax");
  SignInOptions secure;
  secure.secure_cookies = true;
  const SignIn sign_in = Make(secure);
  EXPECT_EQ(sign_in.SetCookie("tenantseal_session", "v", std::chrono::minutes(10)).value,
            "__Host-tenantseal_session=v; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600");
  EXPECT_EQ(sign_in.ClearCookie("tenantseal_session").value,
            "__Host-tenantseal_session=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
}

TEST_F(SignInTest, WhereCookiesAreSecureOnlyTheHostsOwnCounts) {
  SignInOptions secure;
  secure.secure_cookies = true;
  const SignIn sign_in = Make(secure);
  const std::vector<net::HeaderField> planted = {{"Cookie", "tenantseal_session=planted"}};
  const std::vector<net::HeaderField> own = {{"Cookie", "__Host-tenantseal_session=own"}};
  EXPECT_EQ(sign_in.SessionToken(RequestWith(planted)), std::nullopt);
  EXPECT_EQ(sign_in.SessionToken(RequestWith(own)), "own");
}

TEST_F(SignInTest, AuthorizationCountsAlone) {
  const SignIn sign_in = Make({});
  const std::vector<net::HeaderField> both = {{"Cookie", "tenantseal_session=x"},
                                              {"Authorization", "nonsense"}};
  EXPECT_EQ(sign_in.SessionToken(RequestWith(both)), std::nullopt);
  const std::vector<net::HeaderField> twice = {{"Cookie", "tenantseal_session=x"},
                                               {"cookie", "tenantseal_session=y"}};
  EXPECT_EQ(sign_in.SessionToken(RequestWith(twice)), std::nullopt);
}

TEST_F(SignInTest, PagesOfOtherSitesAreRefused) {
  const SignIn sign_in = Make({});
  EXPECT_TRUE(SameOrigin(sign_in, {}));
  EXPECT_TRUE(SameOrigin(sign_in, {{"Origin", "https://seal.example.com:8443"}}));
  EXPECT_TRUE(SameOrigin(sign_in, {{"Sec-Fetch-Site", "same-origin"}}));
  EXPECT_TRUE(SameOrigin(sign_in, {{"Sec-Fetch-Site", "none"}}));
  for (const char* origin :
       {"null", "", "https://evil.example.com", "https://seal.example.com",
        "https://seal.example.com:8443.evil.com", "https://evil.com/seal.example.com:8443",
        "seal.example.com:8443", "https://"}) {
    EXPECT_FALSE(SameOrigin(sign_in, {{"Origin", origin}})) << origin;
  }
  for (const char* site : {"cross-site", "same-site", "", "nonsense"}) {
    EXPECT_FALSE(SameOrigin(sign_in, {{"Sec-Fetch-Site", site}})) << site;
    EXPECT_FALSE(SameOrigin(
        sign_in, {{"Sec-Fetch-Site", site}, {"Origin", "https://seal.example.com:8443"}}));
  }
}

TEST_F(SignInTest, ThePublicUrlIsItsOwnOrigin) {
  SignInOptions options;
  options.public_origin = "https://keys.example.org";
  const SignIn sign_in = Make(options);
  EXPECT_TRUE(SameOrigin(sign_in, {{"Origin", "https://keys.example.org"}}));
  EXPECT_FALSE(SameOrigin(sign_in, {{"Origin", "http://keys.example.org"}}));
}

TEST_F(SignInTest, GuessingEndsSoonerThanSigningIn) {
  SignInOptions options;
  options.attempts_per_minute = 12;
  SignIn sign_in = Make(options);
  const net::Request request = RequestWith({});
  int admitted = 0;
  while (sign_in.AdmitAttempt(request)) {
    ++admitted;
    sign_in.CountFailure(request);
    ASSERT_LT(admitted, 100);
  }
  EXPECT_EQ(admitted, 2);
  const auto refused = sign_in.AdmitAttempt(request);
  EXPECT_EQ(refused.error().code, ErrorCode::kRateLimited);
  clock_.Advance(std::chrono::seconds(refused.error().retry_after_s));
  EXPECT_TRUE(sign_in.AdmitAttempt(request));
}

TEST_F(SignInTest, AllAddressesTogetherAreBoundedToo) {
  SignInOptions options;
  options.all_attempts_per_minute = 5;
  SignIn sign_in = Make(options);
  int admitted = 0;
  for (int i = 0; i < 20; ++i) {
    net::Request request;
    const std::string peer = "192.0.2." + std::to_string(i);
    request.peer = peer;
    if (sign_in.AdmitAttempt(request)) ++admitted;
  }
  EXPECT_EQ(admitted, 5);
}

}  // namespace
}  // namespace tenantseal::api
