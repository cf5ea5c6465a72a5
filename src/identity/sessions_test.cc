#include "identity/sessions.h"

#include <gtest/gtest.h>

#include "identity/api_keys.h"
#include "identity/authenticator.h"
#include "keyring/tenants.h"
#include "kms/fake_kms.h"
#include "store/memory/faulty_store.h"
#include "store/memory/memory_store.h"

namespace tenantseal::identity {
namespace {

using keyring::Wait;
using model::Role;
using model::SessionKind;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class SessionsTest : public testing::Test {
 protected:
  SessionsTest() { EXPECT_TRUE(lease_.Refresh()); }

  std::string Mint(Role role, std::optional<base::Duration> expiry = std::nullopt) {
    const Principal maker{"api-key:op", Role::kPlatformOperator, std::nullopt};
    return std::string(
        keys_.Create(maker, {"Ada's key", role, tenant_, expiry}).value().token.RevealText());
  }
  std::string Opened(const std::string& api_key) {
    return std::string(
        sessions_.Open(sessions_.CheckApiKey(api_key).value()).value().token.RevealText());
  }
  std::string OpenedAs(const std::string& subject, std::optional<model::TenantId> tenant) {
    Identity who{"user:" + subject};
    who.role = Role::kAuditor;
    who.tenant = std::move(tenant);
    who.with = model::SignedInWith::kOidc;
    return std::string(sessions_.Open(who).value().token.RevealText());
  }
  bool Lives(const std::string& token) { return sessions_.Use(token, SessionKind::kBrowser).ok(); }
  void Pass(base::Duration d) {
    clock_.Advance(d);
    EXPECT_TRUE(lease_.Refresh());
  }

  base::FakeClock clock_;
  base::SystemRandom random_;
  store::MemoryStore store_;
  kms::FakeKms kms_{random_};
  base::Secret256 pepper_ = random_.Key();
  keyring::StoreLease lease_{store_, clock_, model::ProcessId::New(random_)};
  keyring::Keyring keyring_{store_, kms_, lease_, clock_, random_, {}};
  keyring::Tenants tenants_{keyring_, store_, lease_, kms_, clock_, random_, hours(1)};
  ApiKeys keys_{store_, lease_, clock_, random_, pepper_};
  Sessions sessions_{store_, store_, lease_, clock_, random_, pepper_, {}};
  Authenticator authenticator_{store_,  lease_,         clock_,
                               random_, pepper_.Copy(), {&sessions_, nullptr}};
  model::TenantId tenant_ =
      tenants_.Create("acme", "us-east-1", "test", clock_.Boot() + seconds(5)).value().id;
};

TEST_F(SessionsTest, ASessionIsWhoOpenedIt) {
  const std::string key = Mint(Role::kTenantAdmin);
  const std::string token = Opened(key);
  const model::Session session = sessions_.Use(token, SessionKind::kBrowser).value();
  EXPECT_EQ(session.name, "Ada's key");
  EXPECT_EQ(authenticator_.AuthenticateSession(token, Wait::kAllowed).value(),
            authenticator_.Authenticate(key, Wait::kAllowed).value());
  EXPECT_TRUE(authenticator_.AuthenticateSession(token, Wait::kNever));
}

TEST_F(SessionsTest, TheStoreHoldsNothingThatOpensTheDoor) {
  const std::string token = Opened(Mint(Role::kAuditor));
  const model::Session session = sessions_.Use(token, SessionKind::kBrowser).value();
  EXPECT_EQ(token.find(session.id.text()), std::string::npos);
  EXPECT_FALSE(Lives(session.id.text()));
  EXPECT_FALSE(Lives(std::string(base::AsText(session.secret_hash))));
  const Sessions another(store_, store_, lease_, clock_, random_, random_.Key(), {});
  EXPECT_NE(another.CsrfToken(token), sessions_.CsrfToken(token));
}

TEST_F(SessionsTest, EveryTokenIsNewAndEveryOtherRefused) {
  const std::string key = Mint(Role::kAuditor);
  const std::string first = Opened(key), second = Opened(key);
  EXPECT_NE(first, second);
  std::string flipped = first;
  flipped.back() = flipped.back() == 'A' ? 'B' : 'A';
  for (const std::string& bad :
       {std::string(), std::string("x"), flipped, first + "x", first.substr(1), key}) {
    EXPECT_EQ(sessions_.Use(bad, SessionKind::kBrowser).error().code, ErrorCode::kUnauthenticated);
    EXPECT_EQ(authenticator_.AuthenticateSession(bad, Wait::kAllowed).error().code,
              ErrorCode::kUnauthenticated);
  }
}

TEST_F(SessionsTest, ACookieIsNoBearerAndABearerNoCookie) {
  const std::string key = Mint(Role::kAuditor);
  const std::string cookie = Opened(key);
  const auto granted = sessions_.GrantAccessToken(sessions_.CheckApiKey(key).value()).value();
  const std::string bearer(granted.token.RevealText());
  EXPECT_FALSE(authenticator_.Authenticate(cookie, Wait::kAllowed));
  EXPECT_FALSE(authenticator_.AuthenticateSession(bearer, Wait::kAllowed));
  EXPECT_FALSE(authenticator_.AuthenticateSession(key, Wait::kAllowed));
  EXPECT_TRUE(authenticator_.Authenticate(bearer, Wait::kAllowed));
}

TEST_F(SessionsTest, UseKeepsItAliveUntilItIsOld) {
  const std::string token = Opened(Mint(Role::kAuditor));
  for (int i = 0; i < 35; ++i) {
    Pass(minutes(20));
    EXPECT_TRUE(authenticator_.AuthenticateSession(token, Wait::kAllowed)) << i;
  }
  Pass(minutes(20));  // Twelve hours.
  EXPECT_FALSE(authenticator_.AuthenticateSession(token, Wait::kAllowed));
  EXPECT_FALSE(Lives(token));
}

TEST_F(SessionsTest, IdlenessEndsItEvenWhereItIsCached) {
  const std::string token = Opened(Mint(Role::kAuditor));
  EXPECT_TRUE(authenticator_.AuthenticateSession(token, Wait::kAllowed));
  Pass(minutes(30));
  EXPECT_FALSE(authenticator_.AuthenticateSession(token, Wait::kNever));
  EXPECT_FALSE(authenticator_.AuthenticateSession(token, Wait::kAllowed));
}

TEST_F(SessionsTest, UseOnAnotherProcessCountsHereToo) {
  SessionOptions options;
  options.idle = minutes(1);
  Sessions here(store_, store_, lease_, clock_, random_, pepper_, options);
  Authenticator authenticator(store_, lease_, clock_, random_, pepper_.Copy(), {&here, nullptr});
  Sessions there(store_, store_, lease_, clock_, random_, pepper_, options);
  const std::string token = [&] {
    Identity who{"user:ada"};
    return std::string(here.Open(who).value().token.RevealText());
  }();
  for (int i = 0; i < 8; ++i) {
    Pass(seconds(50));
    EXPECT_TRUE(there.Use(token, SessionKind::kBrowser)) << i;
  }
  EXPECT_TRUE(authenticator.AuthenticateSession(token, Wait::kAllowed));
}

TEST_F(SessionsTest, AStricterLifeCountsForOlderSessionsToo) {
  const std::string token = Opened(Mint(Role::kAuditor));
  SessionOptions options;
  options.max = minutes(5);
  Sessions stricter(store_, store_, lease_, clock_, random_, pepper_, options);
  EXPECT_TRUE(stricter.Use(token, SessionKind::kBrowser));
  Pass(minutes(5));
  EXPECT_FALSE(stricter.Use(token, SessionKind::kBrowser));
  EXPECT_TRUE(Lives(token));
}

TEST_F(SessionsTest, LookingAtAPageDoesNotWriteEachTime) {
  const std::string token = Opened(Mint(Role::kAuditor));
  const auto first = sessions_.Use(token, SessionKind::kBrowser).value().idle_expires_at;
  Pass(seconds(59));
  EXPECT_EQ(sessions_.Use(token, SessionKind::kBrowser).value().idle_expires_at, first);
  Pass(seconds(1));
  EXPECT_EQ(sessions_.Use(token, SessionKind::kBrowser).value().idle_expires_at,
            first + minutes(1));
}

TEST_F(SessionsTest, APageThatIsLeftOpenDoesNotKeepItAlive) {
  const std::string token = Opened(Mint(Role::kAuditor));
  const auto look = [&] {
    return authenticator_.AuthenticateSession(token, Wait::kAllowed, SessionUse::kLook).ok();
  };
  for (int i = 0; i < 29; ++i) {
    EXPECT_TRUE(look()) << i;
    Pass(minutes(1));
  }
  EXPECT_TRUE(authenticator_.AuthenticateSession(token, Wait::kAllowed)) << "used at last";
  for (int i = 0; i < 29; ++i) {
    EXPECT_TRUE(look()) << i;
    Pass(minutes(1));
  }
  Pass(minutes(1));
  EXPECT_FALSE(look());
}

TEST_F(SessionsTest, LookingDoesNotHideThatItIsUsed) {
  const std::string token = Opened(Mint(Role::kAuditor));
  for (int i = 0; i < 40 * 6; ++i) {  // Forty minutes.
    EXPECT_TRUE(authenticator_.AuthenticateSession(token, Wait::kAllowed, SessionUse::kLook)) << i;
    EXPECT_TRUE(authenticator_.AuthenticateSession(token, Wait::kAllowed)) << i;
    Pass(seconds(10));
  }
}

TEST_F(SessionsTest, ItDiesWithItsKey) {
  const std::string key = Mint(Role::kAuditor);
  const std::string token = Opened(key);
  const auto who = sessions_.CheckApiKey(key).value();
  ASSERT_TRUE(authenticator_.AuthenticateSession(token, Wait::kAllowed));
  const Principal maker{"api-key:op", Role::kPlatformOperator, std::nullopt};
  ASSERT_TRUE(keys_.Delete(maker, *who.api_key));
  EXPECT_FALSE(authenticator_.AuthenticateSession(token, Wait::kAllowed));
  EXPECT_EQ(sessions_.Open(who).error().code, ErrorCode::kPermissionDenied)
      << "checked before the deletion, opened after it";
}

TEST_F(SessionsTest, ItNeverOutlivesItsKey) {
  const std::string token = Opened(Mint(Role::kAuditor, minutes(10)));
  Pass(minutes(9));
  EXPECT_TRUE(Lives(token));
  Pass(minutes(1));
  EXPECT_FALSE(Lives(token));
}

TEST_F(SessionsTest, ATenantsDeactivationEndsThemAll) {
  const std::string token = OpenedAs("ada", tenant_);
  ASSERT_TRUE(authenticator_.AuthenticateSession(token, Wait::kAllowed));
  ASSERT_TRUE(tenants_.Deactivate(tenant_, "test"));
  EXPECT_FALSE(authenticator_.AuthenticateSession(token, Wait::kAllowed));
  Identity who{"user:ada"};
  who.tenant = tenant_;
  EXPECT_EQ(sessions_.Open(who).error().code, ErrorCode::kPermissionDenied);
  who.tenant = model::TenantId::New(random_);
  EXPECT_EQ(sessions_.Open(who).error().code, ErrorCode::kPermissionDenied) << "no such tenant";
}

TEST_F(SessionsTest, OneMoreThanAllowedEndsTheOldest) {
  SessionOptions options;
  options.bounds.of_principal = 2;
  Sessions sessions(store_, store_, lease_, clock_, random_, pepper_, options);
  Identity who{"user:ada"};
  std::vector<std::string> tokens;
  for (int i = 0; i < 3; ++i) {
    tokens.emplace_back(sessions.Open(who).value().token.RevealText());
    Pass(seconds(1));
  }
  EXPECT_FALSE(sessions.Use(tokens[0], SessionKind::kBrowser));
  EXPECT_TRUE(sessions.Use(tokens[1], SessionKind::kBrowser));
  EXPECT_TRUE(sessions.Use(tokens[2], SessionKind::kBrowser));
  EXPECT_TRUE(sessions.GrantAccessToken(who)) << "access tokens are counted by themselves";
  EXPECT_TRUE(sessions.Use(tokens[1], SessionKind::kBrowser));
}

TEST_F(SessionsTest, WhatHasEndedIsRefusedAtOnceWhereItIsCached) {
  const std::string token = Opened(Mint(Role::kAuditor));
  ASSERT_TRUE(authenticator_.AuthenticateSession(token, Wait::kAllowed));
  ASSERT_TRUE(authenticator_.AuthenticateSession(token, Wait::kNever));
  ASSERT_TRUE(sessions_.End(token));
  EXPECT_FALSE(authenticator_.AuthenticateSession(token, Wait::kNever));
  EXPECT_EQ(authenticator_.AuthenticateSession(token, Wait::kAllowed).error().code,
            ErrorCode::kUnauthenticated);
}

TEST_F(SessionsTest, EndingTwiceIsNoError) {
  const std::string token = Opened(Mint(Role::kAuditor));
  EXPECT_TRUE(sessions_.End(token));
  EXPECT_TRUE(sessions_.End(token));
  EXPECT_TRUE(sessions_.End("nonsense that never was"));
  EXPECT_FALSE(Lives(token));
}

TEST_F(SessionsTest, EventsTellOfSessionsAndHoldNoToken) {
  const std::string token = Opened(Mint(Role::kAuditor));
  ASSERT_TRUE(sessions_.End(token));
  std::vector<std::string> types;
  const auto events = store_.ListEvents(model::Scope::Of(tenant_), 0, 100).value();
  for (const auto& event : events) {
    if (event.content.type.find(".session.") != std::string::npos)
      types.push_back(event.content.type);
    EXPECT_EQ(event.content.data.find(token.substr(4)), std::string::npos);
  }
  EXPECT_EQ(types, (std::vector<std::string>{"com.tenantseal.v1.session.created",
                                             "com.tenantseal.v1.session.ended"}));
}

TEST_F(SessionsTest, AStoreThatFailsOpensNothingAndSaysSo) {
  const std::string key = Mint(Role::kAuditor);
  store::FaultyStore faulty(store_);
  Sessions sessions(faulty, store_, lease_, clock_, random_, pepper_, {});
  const Identity who = sessions.CheckApiKey(key).value();
  const std::uint64_t before = faulty.calls();
  const std::string token(sessions.Open(who).value().token.RevealText());
  const std::uint64_t calls = faulty.calls() - before;
  EXPECT_EQ(calls, 2u);
  const Error gone{ErrorCode::kUnavailable, "gone"};
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    faulty.FailCall(nth, gone);
    EXPECT_EQ(sessions.Open(who).error().code, ErrorCode::kUnavailable) << nth;
    faulty.FailCall(nth, gone);
    EXPECT_EQ(sessions.Use(token, SessionKind::kBrowser).error().code, ErrorCode::kUnavailable)
        << nth << ": not taken for a session that has ended";
  }
  faulty.FailNothing();
  EXPECT_EQ(store_.CountSessions().value(), 1u);
  EXPECT_TRUE(sessions.Use(token, SessionKind::kBrowser));
}

TEST_F(SessionsTest, CsrfTokensAreBoundToTheirSession) {
  const std::string key = Mint(Role::kAuditor);
  const std::string first = Opened(key), second = Opened(key);
  const std::string csrf = sessions_.CsrfToken(first);
  EXPECT_EQ(csrf.size(), 43u);
  EXPECT_TRUE(sessions_.IsCsrfToken(first, csrf));
  EXPECT_FALSE(sessions_.IsCsrfToken(second, csrf));
  EXPECT_FALSE(sessions_.IsCsrfToken(first, ""));
  EXPECT_FALSE(sessions_.IsCsrfToken(first, csrf.substr(0, 42)));
  EXPECT_FALSE(sessions_.IsCsrfToken(first, first));
}

}  // namespace
}  // namespace tenantseal::identity
