#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "identity/api_keys.h"
#include "identity/authenticator.h"
#include "identity/token.h"
#include "keyring/tenants.h"
#include "kms/fake_kms.h"
#include "store/memory/memory_store.h"

namespace tenantseal::identity {
namespace {

using keyring::Wait;
using model::Role;

class IdentityTest : public testing::Test {
 protected:
  IdentityTest() { EXPECT_TRUE(lease_.Refresh()); }

  ErrorCode Refusal(std::string_view token, Wait wait = Wait::kAllowed) {
    auto principal = authenticator_.Authenticate(token, wait);
    return principal ? ErrorCode::kInternal : principal.error().code;
  }
  std::string Mint(const Principal& who, NewApiKey request) {
    auto minted = keys_.Create(who, request);
    EXPECT_TRUE(minted) << minted.error().message;
    return std::string(minted->token.RevealText());
  }

  base::FakeClock clock_;
  base::SystemRandom random_;
  store::MemoryStore store_;
  kms::FakeKms kms_{random_};
  base::Secret256 pepper_ = random_.Key();
  keyring::StoreLease lease_{store_, clock_, model::ProcessId::New(random_)};
  keyring::Keyring keyring_{store_, kms_, lease_, clock_, random_, {}};
  keyring::Tenants tenants_{keyring_, store_, lease_, kms_, clock_, random_, std::chrono::hours(1)};
  Authenticator authenticator_{store_, lease_, clock_, random_, pepper_.Copy()};
  ApiKeys keys_{store_, lease_, clock_, random_, pepper_};
  model::TenantId tenant_ =
      tenants_.Create("acme", "us-east-1", "test", clock_.Boot() + std::chrono::seconds(5))
          .value()
          .id;
  model::TenantId other_ =
      tenants_.Create("other", "us-east-1", "test", clock_.Boot() + std::chrono::seconds(5))
          .value()
          .id;
  const Principal operator_{"api-key:op", Role::kPlatformOperator, std::nullopt};
  const Principal admin_{"api-key:admin", Role::kTenantAdmin, tenant_};
};

TEST_F(IdentityTest, NoKeysIdLooksLikeAFlag) {
  for (int i = 0; i < 1000; ++i) {
    const auto token = keys_.NewKeyToken();
    EXPECT_FALSE(RecordOf(pepper_, token.RevealText()).id.text().starts_with('-'));
  }
}

TEST_F(IdentityTest, ATokenIsWhoItWasMintedFor) {
  const std::string token = Mint(operator_, {"d", Role::kContentService, tenant_, std::nullopt});
  EXPECT_EQ(token.size(), 47u);
  const Principal who = authenticator_.Authenticate(token, Wait::kAllowed).value();
  EXPECT_EQ(who.role, Role::kContentService);
  EXPECT_EQ(who.tenant, tenant_);
  EXPECT_EQ(authenticator_.Authenticate(token, Wait::kNever).value(), who);
}

TEST_F(IdentityTest, WrongTokensAreRefusedAlike) {
  const std::string token = Mint(operator_, {"d", Role::kAuditor, tenant_, std::nullopt});
  std::string flipped = token;
  flipped.back() = flipped.back() == 'A' ? 'B' : 'A';
  for (const std::string& bad :
       {std::string(), std::string("short"), flipped, token + "x", "a b " + token}) {
    EXPECT_EQ(Refusal(bad), ErrorCode::kUnauthenticated) << bad.size();
  }
}

TEST_F(IdentityTest, TheStoreHoldsNothingThatOpensTheDoor) {
  const std::string token = Mint(operator_, {"d", Role::kAuditor, tenant_, std::nullopt});
  const model::ApiKey key = store_.ListApiKeys(model::Scope::Of(tenant_)).value().front();
  EXPECT_NE(base::AsText(key.secret_hash), token);
  EXPECT_EQ(token.find(key.id.text()), std::string::npos);
  // Under another pepper the same row does not admit the token.
  EXPECT_NE(RecordOf(random_.Key(), token).hash, key.secret_hash);
}

TEST_F(IdentityTest, UnknownNeedsTheStoreAndKnownDoesNot) {
  const std::string token = Mint(operator_, {"d", Role::kAuditor, tenant_, std::nullopt});
  EXPECT_EQ(Refusal(token, Wait::kNever), ErrorCode::kWouldBlock);
  EXPECT_TRUE(authenticator_.Authenticate(token, Wait::kAllowed));
  EXPECT_TRUE(authenticator_.Authenticate(token, Wait::kNever));
  clock_.Advance(keyring::kStoreLease + std::chrono::seconds(1));
  EXPECT_EQ(Refusal(token, Wait::kNever), ErrorCode::kWouldBlock);
}

TEST_F(IdentityTest, ADeletedKeyStopsWorkingAtOnceHereAndWithinTheLeaseElsewhere) {
  keyring::StoreLease lease(store_, clock_, model::ProcessId::New(random_));
  Authenticator elsewhere(store_, lease, clock_, random_, pepper_.Copy());
  ASSERT_TRUE(lease.Refresh());
  const std::string token = Mint(operator_, {"d", Role::kAuditor, tenant_, std::nullopt});
  ASSERT_TRUE(authenticator_.Authenticate(token, Wait::kAllowed));
  ASSERT_TRUE(elsewhere.Authenticate(token, Wait::kAllowed));
  // The other process is dead to the waiter: nobody refreshes it.
  lease.Leave();
  ASSERT_TRUE(keys_.Delete(operator_, RecordOf(pepper_, token).id));
  EXPECT_EQ(Refusal(token), ErrorCode::kUnauthenticated);
  clock_.Advance(keyring::kStoreLease);
  EXPECT_FALSE(elsewhere.Authenticate(token, Wait::kNever));
  EXPECT_EQ(elsewhere.Authenticate(token, Wait::kAllowed).error().code,
            ErrorCode::kUnauthenticated);
}

TEST_F(IdentityTest, AnExpiredKeyStopsWorkingEvenWhenCached) {
  const std::string token =
      Mint(operator_, {"d", Role::kAuditor, tenant_, std::chrono::seconds(1)});
  ASSERT_TRUE(authenticator_.Authenticate(token, Wait::kAllowed));
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(Refusal(token, Wait::kNever), ErrorCode::kUnauthenticated);
  EXPECT_EQ(Refusal(token), ErrorCode::kUnauthenticated);
}

TEST_F(IdentityTest, WhoMayMintWhat) {
  const auto code = [&](const Principal& who, Role role, std::optional<model::TenantId> tenant) {
    auto made = keys_.Create(who, {"d", role, tenant, std::nullopt});
    return made ? std::optional<ErrorCode>() : made.error().code;
  };
  EXPECT_EQ(code(operator_, Role::kPlatformOperator, std::nullopt), std::nullopt);
  EXPECT_EQ(code(operator_, Role::kTenantAdmin, tenant_), std::nullopt);
  EXPECT_EQ(code(operator_, Role::kContentService, std::nullopt), std::nullopt);
  EXPECT_EQ(code(operator_, Role::kTenantAdmin, std::nullopt), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(operator_, Role::kPlatformOperator, tenant_), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(admin_, Role::kContentService, tenant_), std::nullopt);
  EXPECT_EQ(code(admin_, Role::kContentService, other_), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code(admin_, Role::kContentService, std::nullopt), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code(admin_, Role::kPlatformOperator, std::nullopt), ErrorCode::kPermissionDenied);
  const Principal content{"api-key:c", Role::kContentService, tenant_};
  EXPECT_EQ(code(content, Role::kContentService, tenant_), ErrorCode::kPermissionDenied);
}

TEST_F(IdentityTest, AKeyThatAnOperatorMintsIsAnEventOfTheTenant) {
  const auto before = store_.ListEvents(model::Scope::Of(tenant_), 0, 100).value().size();
  Mint(operator_, {"d", Role::kContentService, tenant_, std::nullopt});
  const auto events = store_.ListEvents(model::Scope::Of(tenant_), 0, 100).value();
  ASSERT_EQ(events.size(), before + 1);
  EXPECT_EQ(events.back().content.type, "com.tenantseal.v1.api-key.created");
  EXPECT_EQ(events.back().content.actor, operator_.id);
}

TEST_F(IdentityTest, TenantsDoNotSeeEachOthersKeys) {
  const std::string token = Mint(operator_, {"d", Role::kContentService, other_, std::nullopt});
  const auto id = RecordOf(pepper_, token).id;
  EXPECT_EQ(keys_.Get(admin_, id).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(keys_.Delete(admin_, id).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(keys_.Get(operator_, id));
}

TEST_F(IdentityTest, TheFirstOperatorIsMadeOnceAndTheLastOneStays) {
  EXPECT_FALSE(keys_.HasOperator().value());
  EXPECT_EQ(keys_.EnsureOperator("x y").error().field, "TENANTSEAL_OPERATOR_KEY");
  EXPECT_TRUE(keys_.EnsureOperator("operator-secret").value());
  EXPECT_FALSE(keys_.EnsureOperator("another-secret").value());
  EXPECT_TRUE(authenticator_.Authenticate("operator-secret", Wait::kAllowed));
  EXPECT_EQ(Refusal("another-secret"), ErrorCode::kUnauthenticated);
  EXPECT_EQ(keys_.Delete(operator_, RecordOf(pepper_, "operator-secret").id).error().code,
            ErrorCode::kConflict);
}

TEST_F(IdentityTest, OnlyAnOperatorWithoutExpiryIsTheLast) {
  ASSERT_TRUE(keys_.EnsureOperator("operator-secret").value());
  const auto first = RecordOf(pepper_, "operator-secret").id;
  const std::string passing =
      Mint(operator_, {"d", Role::kPlatformOperator, std::nullopt, std::chrono::seconds(60)});
  EXPECT_EQ(keys_.Delete(operator_, first).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(keys_.Delete(operator_, RecordOf(pepper_, passing).id));
  const std::string second =
      Mint(operator_, {"d", Role::kPlatformOperator, std::nullopt, std::nullopt});
  EXPECT_TRUE(keys_.Delete(operator_, first));
  EXPECT_EQ(keys_.Delete(operator_, RecordOf(pepper_, second).id).error().code,
            ErrorCode::kConflict);
}

// A database whose rows of changes, or of API keys, somebody has removed.
class RobbedStore final : public store::MemoryStore {
 public:
  Result<store::Changes> ReadChanges(std::uint64_t since) const override {
    auto changes = MemoryStore::ReadChanges(since);
    if (mute) changes->changed.clear();
    return changes;
  }
  Result<std::vector<model::ApiKey>> ListApiKeys(const model::Scope& scope) const override {
    if (robbed) return std::vector<model::ApiKey>();
    return MemoryStore::ListApiKeys(scope);
  }
  bool mute = false, robbed = false;
};

TEST(Robbed, ANewOperatorIsNotMadeForWhoeverRemovedTheFirst) {
  base::FakeClock clock;
  base::SystemRandom random;
  RobbedStore store;
  const base::Secret256 pepper = random.Key();
  keyring::StoreLease lease(store, clock, model::ProcessId::New(random));
  ApiKeys keys(store, lease, clock, random, pepper);
  ASSERT_TRUE(keys.EnsureOperator("operator-secret").value());
  EXPECT_TRUE(keys.HasOperator().value());
  store.robbed = true;
  EXPECT_EQ(keys.HasOperator().error().code, ErrorCode::kIntegrity);
  EXPECT_EQ(keys.EnsureOperator("robbers-secret").error().code, ErrorCode::kIntegrity);
}

TEST(Robbed, ATokenIsLookedUpAgainAfterAMinuteWhateverTheEpochSays) {
  base::FakeClock clock;
  base::SystemRandom random;
  RobbedStore store;
  const base::Secret256 pepper = random.Key();
  keyring::StoreLease lease(store, clock, model::ProcessId::New(random));
  Authenticator authenticator(store, lease, clock, random, pepper.Copy());
  ApiKeys keys(store, lease, clock, random, pepper);
  ASSERT_TRUE(lease.Refresh());
  const Principal who{"api-key:op", Role::kPlatformOperator, std::nullopt};
  const auto minted =
      keys.Create(who, {"d", Role::kPlatformOperator, std::nullopt, std::nullopt}).value();
  ASSERT_TRUE(keys.Create(who, {"d", Role::kPlatformOperator, std::nullopt, std::nullopt}));
  ASSERT_TRUE(lease.Refresh());
  const std::string token(minted.token.RevealText());
  ASSERT_TRUE(authenticator.Authenticate(token, Wait::kAllowed));
  store.mute = true;
  ASSERT_TRUE(keys.Delete(who, minted.key.id));
  for (int i = 0; i < 59; ++i) {
    clock.Advance(std::chrono::seconds(1));
    ASSERT_TRUE(lease.Refresh());
    EXPECT_TRUE(authenticator.Authenticate(token, Wait::kNever)) << "it was deceived";
  }
  clock.Advance(std::chrono::seconds(1));
  ASSERT_TRUE(lease.Refresh());
  EXPECT_EQ(authenticator.Authenticate(token, Wait::kNever).error().code, ErrorCode::kWouldBlock);
  EXPECT_EQ(authenticator.Authenticate(token, Wait::kAllowed).error().code,
            ErrorCode::kUnauthenticated);
}

TEST_F(IdentityTest, RefusesBadRequestsByField) {
  const auto field = [&](NewApiKey request) {
    return keys_.Create(operator_, request).error().field;
  };
  EXPECT_EQ(field({std::string(base::kDescriptionBytesMax + 1, 'x'), Role::kAuditor, tenant_,
                   std::nullopt}),
            "description");
  EXPECT_EQ(field({"\xFF", Role::kAuditor, tenant_, std::nullopt}), "description");
  EXPECT_EQ(field({"a\nb", Role::kAuditor, tenant_, std::nullopt}), "description");
  EXPECT_EQ(field({"d", Role::kAuditor, tenant_, std::chrono::hours(24 * 3651)}), "expiry");
}

TEST(ParseDuration, ReadsWhatIso8601Allows) {
  EXPECT_EQ(ParseDuration("P30D").value(), std::chrono::hours(24 * 30));
  EXPECT_EQ(ParseDuration("P1DT2H3M4S").value(), std::chrono::seconds(86400 + 7200 + 180 + 4));
  EXPECT_EQ(ParseDuration("P2W").value(), std::chrono::hours(24 * 14));
  for (const char* bad : {"", "P", "PT", "30D", "P30", "P1Y", "PT1D", "P1H", "P-1D", "P1D1",
                          "PTT1S", "P99999999999D", "P100000W", "P1DT", "P1D1D", "PT1M1H"}) {
    EXPECT_FALSE(ParseDuration(bad)) << bad;
  }
}

}  // namespace
}  // namespace tenantseal::identity
