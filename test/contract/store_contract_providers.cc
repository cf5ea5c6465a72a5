// Key providers and their validations.
#include "base/limits.h"
#include "contract/store_contract.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {

using model::Scope;
using model::TenantStatus;
using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

model::KeyProvider StoreContract::Add(const model::TenantId& id, char letter) {
  const model::KeyProvider provider = ProviderOf(id, letter);
  const auto added = store().AddProvider(provider, EventOf(id, "added"));
  EXPECT_TRUE(added.ok());
  return provider;
}

StoreContract::Snapshot StoreContract::Take(const model::TenantId& id) {
  return {store().LoadTenant(id).value(), Epoch(), EventCount(Scope::Of(id)),
          store().CountDataKeys(id, std::nullopt).value(), store().CountQuarantine(id).value()};
}

namespace {

model::ProviderValidation ValidationOf(const model::KeyProvider& provider,
                                       model::CheckOutcome outcome = model::CheckOutcome::kWarn) {
  return {provider.tenant, provider.fingerprint, After(30), outcome, R"({"checks":[]})"};
}

TEST_P(StoreContract, AProviderIsAddedInItsPlace) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto late = ProviderOf(id, 'e');
  const auto early = ProviderOf(id, 'b');
  EXPECT_EQ(store().AddProvider(late, EventOf(id)).value(), 2u);
  EXPECT_EQ(store().AddProvider(early, EventOf(id)).value(), 3u);
  const auto state = store().LoadTenant(id).value();
  EXPECT_EQ(state.providers, (std::vector{a.providers[0], early, late}));
  EXPECT_EQ(state.tenant, a.tenant);
  EXPECT_EQ(state.wraps, a.wraps);
  EXPECT_EQ(EventCount(Scope::Of(id)), 3u);
  const auto changes = store().ReadChanges(2).value();
  ASSERT_EQ(changes.changed.size(), 1u);
  EXPECT_EQ(changes.changed[0].scope, Scope::Of(id));
}

TEST_P(StoreContract, AProviderThatIsKnownOrNotNewIsRefused) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto known = Add(id);
  const auto before = Take(id);
  const auto add = [&](const model::KeyProvider& provider) {
    return store().AddProvider(provider, EventOf(id));
  };
  auto same_arn = ProviderOf(id, 'e');
  same_arn.arn = known.arn;
  EXPECT_ERROR(add(same_arn), kAlreadyExists);
  auto same_fingerprint = ProviderOf(id, 'e');
  same_fingerprint.fingerprint = known.fingerprint;
  EXPECT_ERROR(add(same_fingerprint), kAlreadyExists);
  for (auto model::KeyProvider::*time :
       {&model::KeyProvider::promoted_at, &model::KeyProvider::demoted_at,
        &model::KeyProvider::revoked_at}) {
    auto used = ProviderOf(id, 'e');
    used.*time = kNow;
    EXPECT_ERROR(add(used), kInternal);
  }
  auto internal = ProviderOf(id, 'e');
  internal.kind = model::ProviderKind::kInternal;
  EXPECT_ERROR(add(internal), kInternal);
  EXPECT_ERROR(add(ProviderOf(model::TenantId::New(kRandom))), kNotFound);
  EXPECT_EQ(Take(id), before);
}

TEST_P(StoreContract, AProviderNeedsAnActiveTenantAndRoom) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  for (std::size_t i = 1; i < base::kProvidersMax; ++i) {
    auto provider = ProviderOf(id);
    provider.arn += std::to_string(i);
    provider.fingerprint =
        model::Fingerprint::Parse(std::to_string(100 + i) + std::string(29, 'f')).value();
    EXPECT_DONE(store().AddProvider(provider, EventOf(id)));
  }
  const auto before = Take(id);
  EXPECT_ERROR(store().AddProvider(ProviderOf(id), EventOf(id)), kConflict);
  EXPECT_EQ(Take(id), before);
  EXPECT_DONE(store().DeleteProvider(id, before.state.providers[1].fingerprint, EventOf(id)));
  EXPECT_DONE(
      store().ChangeTenant(a.tenant, TenantStatus::kDeactivated, std::nullopt, EventOf(id)));
  EXPECT_ERROR(store().AddProvider(ProviderOf(id), EventOf(id)), kConflict);
}

TEST_P(StoreContract, AProviderChangesOnlyWhatMayChange) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto provider = Add(id);
  auto changed = provider;
  changed.name = "Another name";
  changed.description = "";
  changed.replica_arn = "";
  EXPECT_EQ(store().ChangeProvider(provider, changed, EventOf(id)).value(), 3u);
  EXPECT_EQ(*store().LoadTenant(id).value().FindProvider(provider.fingerprint), changed);
  EXPECT_EQ(EventCount(Scope::Of(id)), 3u);
  const auto before = Take(id);
  EXPECT_ERROR(store().ChangeProvider(provider, changed, EventOf(id)), kConflict);  // Stale.
  auto stranger = ProviderOf(id, 'a');
  EXPECT_ERROR(store().ChangeProvider(stranger, stranger, EventOf(id)), kNotFound);
  stranger = ProviderOf(model::TenantId::New(kRandom));
  EXPECT_ERROR(store().ChangeProvider(stranger, stranger, EventOf(id)), kNotFound);
  auto too_much = changed;
  too_much.arn += "1";
  EXPECT_ERROR(store().ChangeProvider(changed, too_much, EventOf(id)), kInternal);
  too_much = changed;
  too_much.promoted_at = kNow;
  EXPECT_ERROR(store().ChangeProvider(changed, too_much, EventOf(id)), kInternal);
  EXPECT_EQ(Take(id), before);
  EXPECT_EQ(store().ChangeProvider(changed, provider, std::nullopt).value(), 4u);
  EXPECT_EQ(*store().LoadTenant(id).value().FindProvider(provider.fingerprint), provider);
  EXPECT_EQ(EventCount(Scope::Of(id)), 3u);
}

TEST_P(StoreContract, AProviderIsDeletedWithItsValidation) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto provider = Add(id);
  EXPECT_DONE(store().SaveValidation(ValidationOf(provider), std::nullopt));
  EXPECT_EQ(store().DeleteProvider(id, provider.fingerprint, EventOf(id)).value(), 3u);
  EXPECT_EQ(store().LoadTenant(id).value(), a);
  EXPECT_FALSE(store().LoadValidation(id, provider.fingerprint).value().has_value());
  EXPECT_EQ(EventCount(Scope::Of(id)), 3u);
  const auto before = Take(id);
  EXPECT_ERROR(store().DeleteProvider(id, provider.fingerprint, EventOf(id)), kNotFound);
  EXPECT_ERROR(store().DeleteProvider(id, a.tenant.current_provider, EventOf(id)), kConflict);
  EXPECT_ERROR(
      store().DeleteProvider(model::TenantId::New(kRandom), provider.fingerprint, EventOf(id)),
      kNotFound);
  EXPECT_EQ(Take(id), before);
  Add(id);  // It may come again, without its old validation.
  EXPECT_FALSE(store().LoadValidation(id, provider.fingerprint).value().has_value());
}

TEST_P(StoreContract, OtherTenantsOfAKeyAreCounted) {
  const auto a = AddTenant();
  const auto b = AddTenant();
  const auto c = AddTenant();
  const auto provider = Add(a.tenant.id);
  Add(b.tenant.id);
  Add(c.tenant.id, 'e');
  EXPECT_EQ(store().CountTenantsUsing(provider.arn, a.tenant.id).value(), 1u);
  EXPECT_EQ(store().CountTenantsUsing(provider.arn, c.tenant.id).value(), 2u);
  EXPECT_EQ(store().CountTenantsUsing(provider.arn + "1", a.tenant.id).value(), 0u);
}

TEST_P(StoreContract, TheLatestValidationIsKept) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto provider = Add(id);
  EXPECT_FALSE(store().LoadValidation(id, provider.fingerprint).value().has_value());
  const std::uint64_t epoch = Epoch();
  EXPECT_DONE(store().SaveValidation(ValidationOf(provider), EventOf(id)));
  const auto later = ValidationOf(provider, model::CheckOutcome::kFail);
  EXPECT_DONE(store().SaveValidation(later, std::nullopt));
  EXPECT_EQ(store().LoadValidation(id, provider.fingerprint).value(), later);
  EXPECT_EQ(EventCount(Scope::Of(id)), 3u);
  EXPECT_EQ(Epoch(), epoch);
  EXPECT_ERROR(store().SaveValidation(ValidationOf(ProviderOf(id, 'e')), EventOf(id)), kNotFound);
  EXPECT_ERROR(
      store().SaveValidation(ValidationOf(ProviderOf(model::TenantId::New(kRandom))), EventOf(id)),
      kNotFound);
  EXPECT_EQ(EventCount(Scope::Of(id)), 3u);
}

}  // namespace
}  // namespace tenantseal::store
