#include <gtest/gtest.h>

#include "server/settings.h"

namespace tenantseal::server {
namespace {

using Map = std::map<std::string, std::string>;

Result<Settings> ResolveSignIn(Map flags) {
  flags.emplace("data-dir", "/d");
  return ResolveSettings(flags, [](const std::string&) { return std::optional<std::string>(); });
}
std::string Field(const Map& flags) {
  const auto settings = ResolveSignIn(flags);
  return settings ? "" : settings.error().field;
}

Map WithProvider(Map more) {
  more.emplace("oidc-issuer", "https://login.example.com/realm");
  more.emplace("oidc-client-id", "tenantseal");
  more.emplace("public-url", "https://seal.example.com");
  return more;
}

TEST(SignInSettings, HaveDefaults) {
  const SignInSettings s = ResolveSignIn({}).value().sign_in;
  EXPECT_EQ(s.session_idle, std::chrono::minutes(30));
  EXPECT_EQ(s.session_max, std::chrono::hours(12));
  EXPECT_EQ(s.oidc_issuer, "");
  EXPECT_FALSE(s.emulated);
}

TEST(SignInSettings, AreTaken) {
  const SignInSettings s =
      ResolveSignIn(WithProvider({{"session-idle", "5m"},
                                  {"session-max", "1h"},
                                  {"oidc-role-map", "cn=admins=TenantAdmin,Reader=Auditor"},
                                  {"aws-emulated", "true"}}))
          .value()
          .sign_in;
  EXPECT_EQ(s.session_idle, std::chrono::minutes(5));
  EXPECT_EQ(s.oidc_issuer, "https://login.example.com/realm");
  EXPECT_TRUE(s.emulated);
  EXPECT_EQ(s.oidc_role_map, (std::vector<std::string>{"cn=admins=TenantAdmin", "Reader=Auditor"}));
}

TEST(SignInSettings, AreRefusedByName) {
  EXPECT_EQ(Field({{"session-idle", "1s"}}), "session-idle");
  EXPECT_EQ(Field({{"session-idle", "2h"}, {"session-max", "1h"}}), "session-idle");
  EXPECT_EQ(Field({{"session-max", "31d"}}), "session-max");
  EXPECT_EQ(Field({{"sessions-max", "0"}}), "sessions-max");
  EXPECT_EQ(Field({{"oidc-client-id", "x"}}), "oidc-issuer");
  EXPECT_EQ(Field({{"oidc-issuer", "https://login.example.com"}}), "oidc-client-id");
  EXPECT_EQ(Field({{"oidc-issuer", "https://login.example.com"}, {"oidc-client-id", "x"}}),
            "public-url");
  EXPECT_EQ(Field(WithProvider({{"oidc-scopes", "profile"}})), "oidc-scopes");
  EXPECT_EQ(Field(WithProvider({{"oidc-role-map", "admins=Emperor"}})), "oidc-role-map");
  EXPECT_EQ(Field(WithProvider({{"oidc-role-map", "=Auditor"}})), "oidc-role-map");
}

TEST(SignInSettings, UrlsAreHttpsOrOfThisMachine) {
  for (const char* bad : {"seal.example.com", "ftp://seal.example.com", "https://", "https:///x",
                          "https://a b", "https://user@seal.example.com",
                          "https://seal.example.com/console", "https://seal.example.com?x"}) {
    EXPECT_EQ(Field({{"public-url", bad}}), "public-url") << bad;
  }
  EXPECT_EQ(Field({{"public-url", "http://seal.example.com"}}), "public-url");
  EXPECT_EQ(Field({{"public-url", "http://127.evil.example.com"}}), "public-url");
  EXPECT_EQ(Field({{"public-url", "http://seal.example.com"}, {"insecure-http", "true"}}), "");
  EXPECT_EQ(ResolveSignIn({{"public-url", "http://localhost:8080/"}}).value().sign_in.public_url,
            "http://localhost:8080");
  EXPECT_EQ(Field({{"public-url", "http://[::1]:8080"}}), "");
  for (const char* bad : {"http://login.example.com", "https://login.example.com/?a=b",
                          "https://login.example.com/#x", "login.example.com"}) {
    EXPECT_EQ(Field({{"oidc-issuer", bad}, {"oidc-client-id", "x"}}), "oidc-issuer") << bad;
  }
}

}  // namespace
}  // namespace tenantseal::server
