#include "emulator/auth.h"

#include <gtest/gtest.h>

#include "emulator/seed.h"

namespace tenantseal::emulator {
namespace {

class AuthTest : public ::testing::Test {
 protected:
  AuthTest() {
    const Result<Seed> seed = ParseSeed(DefaultSeedJson(), "the default seed");
    EXPECT_TRUE(seed.ok() && ApplySeed(*seed, *world).ok());
    AccessKey session;
    session.id = "ASIASESSION000000001";
    session.secret = base::SecretBytes::CopyOf(base::AsBytes("session-secret"));
    session.session_token = "token";
    session.caller.identity.arn = "arn:aws:sts::338144066592:assumed-role/R/s";
    session.caller.identity.role_arn = "arn:aws:iam::338144066592:role/byok-encryption-proxy-role";
    session.expires = world->Now() + std::chrono::hours(1);
    EXPECT_TRUE(world->AddAccessKey(std::move(session)).ok());
  }

  // Signs a request that asks nothing much.
  void Sign(const std::string& id, const std::string& secret, const std::string& token = "",
            const std::string& region = "us-east-1", const std::string& service = "kms") {
    fields.clear();
    texts = {{"Host", "127.0.0.1"},
             {"Content-Type", "application/x-amz-json-1.1"},
             {"X-Amz-Target", "TrentService.ListKeys"}};
    std::vector<std::pair<std::string_view, std::string_view>> views(texts.begin(), texts.end());
    const aws::SignableRequest signable{"POST", "/", "", views, base::AsBytes(body)};
    const auto added = aws::Sign(signable, id, base::SecretBytes::CopyOf(base::AsBytes(secret)),
                                 token, region, service, clock.Utc());
    texts.insert(texts.end(), added.begin(), added.end());
    Refresh();
  }
  void Refresh() {
    fields.clear();
    for (const auto& [name, value] : texts) fields.push_back({name, value});
    request.method = net::Method::kPost;
    request.path = "/";
    request.headers = fields;
    request.body = base::AsBytes(body);
  }
  // The error code; empty when it is accepted.
  std::string Outcome(const std::string& region = "", base::Duration skew = {}) {
    const Answer<Claim> claim = auth.Identify(request);
    if (!claim) return claim.error().code;
    const auto who = auth.Verify(request, *claim, "kms", region, skew);
    return who ? "" : who.error().code;
  }

  base::FakeClock clock;
  base::FakeRandom random{5};
  std::unique_ptr<World> world = std::move(*World::Open("", clock, random));
  Authenticator auth{*world, clock, ""};
  std::string body = "{}";
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<net::HeaderField> fields;
  net::Request request;
};

TEST_F(AuthTest, AcceptsGoodSignaturesOnly) {
  Sign("AKIACUSTOMERADMIN001", "customer-admin-secret");
  EXPECT_EQ(Outcome(), "");
  EXPECT_EQ(Outcome(), "");  // From the cache of signing keys.
  body = "{ }";
  Refresh();
  EXPECT_EQ(Outcome(), "InvalidSignatureException");
  body = "{}";
  Sign("AKIACUSTOMERADMIN001", "customer-admin-secreT");
  EXPECT_EQ(Outcome(), "InvalidSignatureException");
  Sign("AKIANOBODY0000000001", "x");
  EXPECT_EQ(Outcome(), "UnrecognizedClientException");
  Sign("AKIACUSTOMERADMIN001", "customer-admin-secret", "", "us-east-1", "sts");
  EXPECT_EQ(Outcome(), "InvalidSignatureException");
  texts.pop_back();  // Authorization is the last one.
  Refresh();
  EXPECT_EQ(Outcome(), "MissingAuthenticationTokenException");
  texts.push_back({"Authorization", "AWS4-HMAC-SHA256 nonsense"});
  Refresh();
  EXPECT_EQ(Outcome(), "IncompleteSignatureException");
}

TEST_F(AuthTest, ChecksRegionAndTime) {
  Sign("AKIACUSTOMERADMIN001", "customer-admin-secret");
  EXPECT_EQ(Outcome("us-east-1"), "");
  EXPECT_EQ(Outcome("us-east-2"), "InvalidSignatureException");
  EXPECT_EQ(Outcome("", std::chrono::hours(1)), "InvalidSignatureException");
  clock.Advance(std::chrono::minutes(14));
  EXPECT_EQ(Outcome(), "");
  clock.Advance(std::chrono::minutes(2));
  EXPECT_EQ(Outcome(), "InvalidSignatureException");
}

TEST_F(AuthTest, TheScopesRegionExists) {
  for (const char* region : {"xx-nowhere-9", "bogus-region-1", "kms-fips"}) {
    Sign("AKIACUSTOMERADMIN001", "customer-admin-secret", "", region);
    EXPECT_EQ(Outcome(), "InvalidSignatureException") << region;
    const Authenticator open(*world, clock, "444455556666");
    const auto who = open.Verify(request, *open.Identify(request), "kms", "", {});
    ASSERT_FALSE(who) << region;
    EXPECT_EQ(who.error().message,
              "Credential should be scoped to a valid region, not '" + std::string(region) + "'. ");
  }
  Sign("AKIACUSTOMERADMIN001", "customer-admin-secret", "", "us-gov-west-1");
  EXPECT_EQ(Outcome(), "");
}

TEST_F(AuthTest, SessionsNeedTheirTokenAndEnd) {
  Sign("ASIASESSION000000001", "session-secret", "token");
  EXPECT_EQ(Outcome(), "");
  Sign("ASIASESSION000000001", "session-secret");
  EXPECT_EQ(Outcome(), "UnrecognizedClientException");
  Sign("ASIASESSION000000001", "session-secret", "tokem");
  EXPECT_EQ(Outcome(), "UnrecognizedClientException");
  Sign("AKIACUSTOMERADMIN001", "customer-admin-secret", "token");
  EXPECT_EQ(Outcome(), "UnrecognizedClientException");
  clock.Advance(std::chrono::hours(1));
  Sign("ASIASESSION000000001", "session-secret", "token");
  EXPECT_EQ(Outcome(), "ExpiredTokenException");
}

TEST_F(AuthTest, AnotherKeyOfTheSameIdIsNotServedFromTheCache) {
  Sign("AKIACUSTOMERADMIN001", "customer-admin-secret");
  EXPECT_EQ(Outcome(), "");
  ASSERT_TRUE(world->Reset().ok());
  EXPECT_EQ(Outcome(), "UnrecognizedClientException");
  AccessKey other;
  other.id = "AKIACUSTOMERADMIN001";
  other.secret = base::SecretBytes::CopyOf(base::AsBytes("another"));
  other.caller.identity.arn = "arn:aws:iam::111122223333:root";
  ASSERT_TRUE(world->AddAccessKey(std::move(other)).ok());
  EXPECT_EQ(Outcome(), "InvalidSignatureException");
}

TEST_F(AuthTest, UnsignedCallersAreRootWhenAllowed) {
  const Authenticator open(*world, clock, "444455556666");
  Refresh();
  const Answer<Claim> claim = open.Identify(request);
  ASSERT_TRUE(claim.has_value());
  EXPECT_TRUE(claim->key->caller.identity.root());
  const auto who = open.Verify(request, *claim, "kms", "", {});
  ASSERT_TRUE(who.has_value());
  EXPECT_EQ((*who)->account, "444455556666");
}

}  // namespace
}  // namespace tenantseal::emulator
