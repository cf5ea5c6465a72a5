// Deployment, epoch, tenants, API keys, events and counts. Data keys: store_contract_keys.cc.
#include "contract/store_contract.h"

#include <algorithm>
#include <set>
#include <thread>

#include "base/limits.h"
#include "store/row_mac.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {

using model::Role;
using model::Scope;
using model::TenantStatus;
using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

model::TenantState StoreContract::AddTenant(std::int64_t created_after_ms) {
  model::TenantState state = NewTenant(After(created_after_ms));
  const auto created = store().CreateTenant(state, EventOf(state.tenant.id, "created"));
  EXPECT_TRUE(created.ok());
  return state;
}

Result<std::uint64_t> StoreContract::Activate(const model::TenantId& id,
                                              std::uint32_t expected_active, bool with_job) {
  const model::Fingerprint provider = model::Fingerprint::Parse(id.text()).value();
  const std::vector wraps = {WrapOf(id, expected_active + 1, provider)};
  const auto job = with_job ? std::optional(JobOf(id, expected_active + 1)) : std::nullopt;
  return store().ActivateTenantKey(KeyOf(id, expected_active + 1), wraps, expected_active, job,
                                   EventOf(id, "rotated"));
}

std::size_t StoreContract::EventCount(const Scope& scope) {
  return store().ListEvents(scope, 0, 100'000).value().size();
}

std::uint64_t StoreContract::Epoch() { return store().ReadChanges(0).value().epoch; }

namespace {

TEST_P(StoreContract, DeploymentIsWrittenOnce) {
  EXPECT_FALSE(store().LoadDeployment().value().has_value());
  EXPECT_ERROR(store().ReplaceRoot("root-1", "root-2", {}), kConflict);
  const Deployment written{"dep-1", "root-1", {1, 2, 3}, kNow};
  EXPECT_DONE(store().CreateDeployment(written));
  EXPECT_ERROR(store().CreateDeployment({"dep-2", "root-9", {}, kNow}), kAlreadyExists);
  const auto read = store().LoadDeployment().value();
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->id, "dep-1");
  EXPECT_EQ(read->root_id, "root-1");
  EXPECT_EQ(read->root_check, written.root_check);
  EXPECT_EQ(read->created_at, kNow);
}

TEST_P(StoreContract, ReplaceRootComparesTheOldOne) {
  EXPECT_DONE(store().CreateDeployment({"dep-1", "root-1", {1}, kNow}));
  EXPECT_ERROR(store().ReplaceRoot("root-7", "root-2", {2}), kConflict);
  EXPECT_EQ(store().LoadDeployment().value()->root_id, "root-1");
  EXPECT_DONE(store().ReplaceRoot("root-1", "root-2", {2}));
  EXPECT_EQ(store().LoadDeployment().value()->root_id, "root-2");
  EXPECT_EQ(store().LoadDeployment().value()->root_check[0], 2);
  EXPECT_EQ(store().LoadDeployment().value()->id, "dep-1");
}

// --- Epoch ---

TEST_P(StoreContract, EpochGrowsWithEveryChangeAndNamesItsScope) {
  EXPECT_EQ(Epoch(), 0u);
  const auto a = AddTenant();
  const auto b = AddTenant();
  EXPECT_EQ(Epoch(), 2u);
  const auto changed = store().ChangeTenant(a.tenant, TenantStatus::kDeactivated, std::nullopt,
                                            EventOf(a.tenant.id));
  EXPECT_EQ(changed.value(), 3u);
  const Changes all = store().ReadChanges(0).value();
  EXPECT_FALSE(all.everything);
  std::set<Scope> scopes;
  for (const Change& change : all.changed) scopes.insert(change.scope);
  EXPECT_EQ(scopes, (std::set{Scope::Of(a.tenant.id), Scope::Of(b.tenant.id)}));
  const Changes late = store().ReadChanges(2).value();
  ASSERT_EQ(late.changed.size(), 1u);
  EXPECT_EQ(late.changed[0].scope, Scope::Of(a.tenant.id));
  EXPECT_EQ(late.changed[0].epoch, 3u);
  EXPECT_TRUE(store().ReadChanges(3).value().changed.empty());
  EXPECT_FALSE(store().ReadChanges(3).value().everything);
}

TEST_P(StoreContract, AnEpochFromTheFutureMeansEverything) {
  AddTenant();
  const Changes changes = store().ReadChanges(99).value();  // After a restored backup.
  EXPECT_TRUE(changes.everything);
  EXPECT_EQ(changes.epoch, 1u);
}

TEST_P(StoreContract, WhatNobodyCachesLeavesTheEpochAlone) {
  const auto a = AddTenant();
  const auto key = DataKeyOf(a.tenant.id);
  EXPECT_DONE(store().InsertDataKeys(std::array{key}));
  EXPECT_DONE(store().DeleteDataKey(a.tenant.id, key.id));
  EXPECT_EQ(Epoch(), 1u);
}

TEST_P(StoreContract, ProcessesLagUntilTheyAcknowledge) {
  const auto p = model::ProcessId::New(kRandom);
  const auto q = model::ProcessId::New(kRandom);
  EXPECT_TRUE(store().LaggingProcesses(5).value().empty());
  EXPECT_FALSE(store().Acknowledge(p, 4).value()) << "it registers";
  EXPECT_FALSE(store().Acknowledge(q, 5).value());
  EXPECT_TRUE(store().Acknowledge(q, 5).value());
  EXPECT_EQ(store().LaggingProcesses(5).value(), std::vector{p});
  EXPECT_TRUE(store().LaggingProcesses(4).value().empty());
  EXPECT_EQ(store().LaggingProcesses(6).value().size(), 2u);
  EXPECT_DONE(store().Acknowledge(p, 6));
  EXPECT_DONE(store().RemoveProcess(q));
  EXPECT_DONE(store().RemoveProcess(q));
  EXPECT_TRUE(store().LaggingProcesses(6).value().empty());
}

TEST_P(StoreContract, SilentProcessesAreRemovedAndRegisterAnew) {
  const auto p = model::ProcessId::New(kRandom);
  const auto q = model::ProcessId::New(kRandom);
  EXPECT_DONE(store().Acknowledge(p, 4));
  EXPECT_DONE(store().Acknowledge(q, 5));
  EXPECT_DONE(store().RemoveLagging(5));
  EXPECT_EQ(store().LaggingProcesses(6).value(), std::vector{q});
  EXPECT_TRUE(store().Acknowledge(q, 6).value());
  EXPECT_FALSE(store().Acknowledge(p, 6).value());
}

// --- Tenants ---

TEST_P(StoreContract, ATenantIsReadAsItWasWritten) {
  model::TenantState state = NewTenant();
  state.tenant.name = "Ünïcode 'quoted' \"name\"; DROP TABLE tenants";
  state.tenant.destroy_at = After(5);
  state.providers[0].description = "with \n newline";
  model::KeyProvider aws = state.providers[0];
  aws.fingerprint = model::Fingerprint::Parse(std::string(32, 'f')).value();
  aws.kind = model::ProviderKind::kAwsKms;
  aws.arn = "arn:aws:kms:us-east-1:111122223333:key/1234";
  aws.replica_arn = "arn:aws:kms:us-east-2:111122223333:key/1234";
  aws.created_at = After(1);
  aws.promoted_at.reset();
  aws.demoted_at = After(2);
  aws.revoked_at = After(3);
  state.providers.push_back(aws);
  state.wraps.push_back(WrapOf(state.tenant.id, 1, aws.fingerprint));
  EXPECT_EQ(store().CreateTenant(state, EventOf(state.tenant.id)).value(), 1u);
  auto read = store().LoadTenant(state.tenant.id);
  ASSERT_TRUE(read.ok()) << read.error().message;
  const auto by_provider = [](const auto& x, const auto& y) { return x.provider < y.provider; };
  std::sort(read->wraps.begin(), read->wraps.end(), by_provider);
  std::sort(state.wraps.begin(), state.wraps.end(), by_provider);
  EXPECT_EQ(*read, state);
}

TEST_P(StoreContract, ATakenTenantIdChangesNothing) {
  const auto a = AddTenant();
  model::TenantState other = NewTenant();
  other.tenant.id = a.tenant.id;
  for (auto& row : other.providers) row.tenant = a.tenant.id;
  for (auto& row : other.keys) row.tenant = a.tenant.id;
  for (auto& row : other.wraps) row.tenant = a.tenant.id;
  EXPECT_ERROR(store().CreateTenant(other, EventOf(a.tenant.id)), kAlreadyExists);
  EXPECT_EQ(store().LoadTenant(a.tenant.id).value(), a);
  EXPECT_EQ(EventCount(Scope::Of(a.tenant.id)), 1u);
  EXPECT_EQ(Epoch(), 1u);
}

TEST_P(StoreContract, ATenantWithoutItsKeyIsRefused) {
  model::TenantState state = NewTenant();
  state.wraps.clear();
  EXPECT_ERROR(store().CreateTenant(state, EventOf(state.tenant.id)), kInternal);
  EXPECT_ERROR(store().LoadTenant(state.tenant.id), kNotFound);
}

TEST_P(StoreContract, UnknownTenantsAreNotFound) {
  const model::TenantState nobody = NewTenant();
  const model::TenantId& id = nobody.tenant.id;
  EXPECT_ERROR(store().LoadTenant(id), kNotFound);
  EXPECT_ERROR(
      store().ChangeTenant(nobody.tenant, TenantStatus::kActive, std::nullopt, EventOf(id)),
      kNotFound);
  EXPECT_ERROR(store().DestroyTenant(id, kNow, EventOf(id)), kNotFound);
  EXPECT_ERROR(store().SetProviderRevoked(id, nobody.tenant.current_provider, kNow, EventOf(id)),
               kNotFound);
  EXPECT_ERROR(Activate(id, 1), kNotFound);
  EXPECT_ERROR(store().RetireTenantKey(id, 1, EventOf(id)), kNotFound);
  EXPECT_ERROR(store().InsertDataKeys(std::array{DataKeyOf(id)}), kNotFound);
  EXPECT_ERROR(store().ClaimRewrapJob(id), kNotFound);
  EXPECT_FALSE(store().LoadRewrapJob(id).value().has_value());
  EXPECT_EQ(store().CountDataKeys(id, std::nullopt).value(), 0u);
  EXPECT_TRUE(store().ScanDataKeys(id, 0, 9, 10).value().empty());
  EXPECT_EQ(EventCount(Scope::Of(id)), 0u);
  EXPECT_EQ(Epoch(), 0u);
}

TEST_P(StoreContract, TenantsArePagedInOrderWhileOthersAreAdded) {
  std::vector<model::TenantId> expected;
  for (int i = 0; i < 7; ++i) expected.push_back(AddTenant(i < 4 ? 10 : i * 10).tenant.id);
  std::sort(expected.begin(), expected.begin() + 4);  // Of one moment: by id.
  std::vector<model::TenantId> seen;
  TenantPage page{.limit = 2, .after = ""};
  do {
    const auto part = store().ListTenants(page);
    ASSERT_TRUE(part.ok()) << part.error().message;
    EXPECT_LE(part->items.size(), 2u);
    for (const auto& tenant : part->items) seen.push_back(tenant.id);
    page.after = part->next;
    AddTenant(0);  // Before all others: no page after the first one moves.
  } while (!page.after.empty());
  EXPECT_EQ(seen, expected);
}

TEST_P(StoreContract, APageThatIsJustFullHasNoNext) {
  AddTenant();
  AddTenant();
  EXPECT_TRUE(store().ListTenants({.limit = 2, .after = ""}).value().next.empty());
  EXPECT_FALSE(store().ListTenants({.limit = 1, .after = ""}).value().next.empty());
}

TEST_P(StoreContract, BadPagesAreRefused) {
  AddTenant();
  AddTenant();
  EXPECT_ERROR(store().ListTenants({.limit = 0, .after = ""}), kInvalidArgument);
  EXPECT_ERROR(store().ListTenants({.limit = base::kPageItemsMax + 1, .after = ""}),
               kInvalidArgument);
  const std::string cursor = store().ListTenants({.limit = 1, .after = ""}).value().next;
  for (std::size_t n = 1; n < cursor.size(); ++n) {
    EXPECT_ERROR(store().ListTenants({.limit = 1, .after = cursor.substr(0, n)}), kInvalidArgument);
  }
  EXPECT_ERROR(store().ListTenants({.limit = 1, .after = cursor + "A"}), kInvalidArgument);
  EXPECT_ERROR(store().ListTenants({.limit = 1, .after = "'; --"}), kInvalidArgument);
}

TEST_P(StoreContract, ATenantChangesOnlyFromTheExpectedState) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_DONE(store().ChangeTenant(a.tenant, TenantStatus::kDeactivated, After(9), EventOf(id)));
  const auto now = store().LoadTenant(id).value();
  EXPECT_EQ(now.tenant.status, TenantStatus::kDeactivated);
  EXPECT_EQ(now.tenant.destroy_at, After(9));
  EXPECT_ERROR(store().ChangeTenant(a.tenant, TenantStatus::kActive, std::nullopt, EventOf(id)),
               kConflict);
  model::Tenant other_time = now.tenant;
  other_time.destroy_at = After(8);
  EXPECT_ERROR(store().ChangeTenant(other_time, TenantStatus::kActive, std::nullopt, EventOf(id)),
               kConflict);
  EXPECT_ERROR(
      store().ChangeTenant(now.tenant, TenantStatus::kDestroyed, std::nullopt, EventOf(id)),
      kConflict);
  EXPECT_EQ(store().LoadTenant(id).value(), now);
  EXPECT_EQ(EventCount(Scope::Of(id)), 2u);
  EXPECT_EQ(Epoch(), 2u);
  EXPECT_DONE(store().ChangeTenant(now.tenant, TenantStatus::kActive, std::nullopt, EventOf(id)));
  EXPECT_EQ(store().LoadTenant(id).value(), a);
}

TEST_P(StoreContract, ATenantIsDestroyedOnlyWhenDue) {
  const auto a = AddTenant();
  const auto b = AddTenant();
  const model::TenantId& id = a.tenant.id;
  EXPECT_DONE(store().InsertDataKeys(DataKeysOf(id, 5)));
  const auto kept = DataKeyOf(b.tenant.id);
  EXPECT_DONE(store().InsertDataKeys(std::array{kept}));
  const auto key = ApiKeyOf(id);
  EXPECT_DONE(store().CreateApiKey(key, EventOf(id)));
  const auto other_key = ApiKeyOf(b.tenant.id);
  EXPECT_DONE(store().CreateApiKey(other_key, EventOf(b.tenant.id)));
  EXPECT_DONE(Activate(id, 1));
  EXPECT_ERROR(store().DestroyTenant(id, After(100), EventOf(id)), kConflict);
  EXPECT_DONE(store().ChangeTenant(a.tenant, TenantStatus::kDeactivated, After(50), EventOf(id)));
  EXPECT_TRUE(store().TenantsToDestroy(After(49)).value().empty());
  EXPECT_ERROR(store().DestroyTenant(id, After(49), EventOf(id)), kConflict);
  EXPECT_EQ(store().CountDataKeys(id, std::nullopt).value(), 5u);
  EXPECT_EQ(store().TenantsToDestroy(After(50)).value(), std::vector{id});

  const std::size_t events = EventCount(Scope::Of(id));
  EXPECT_DONE(store().DestroyTenant(id, After(50), EventOf(id, "destroyed")));
  const auto rest = store().LoadTenant(id).value();
  EXPECT_EQ(rest.tenant.status, TenantStatus::kDestroyed);
  EXPECT_EQ(rest.tenant.active_version, 0u);
  EXPECT_TRUE(rest.providers.empty() && rest.keys.empty() && rest.wraps.empty());
  EXPECT_EQ(store().CountDataKeys(id, std::nullopt).value(), 0u);
  EXPECT_ERROR(store().LoadApiKey(key.id), kNotFound);
  EXPECT_TRUE(store().ListApiKeys(Scope::Of(id)).value().empty());
  EXPECT_FALSE(store().LoadRewrapJob(id).value().has_value());
  EXPECT_EQ(EventCount(Scope::Of(id)), events + 1);
  EXPECT_TRUE(store().TenantsToDestroy(After(50)).value().empty());
  EXPECT_ERROR(store().DestroyTenant(id, After(50), EventOf(id)), kConflict);
  EXPECT_ERROR(store().ChangeTenant(rest.tenant, TenantStatus::kActive, std::nullopt, EventOf(id)),
               kConflict);
  EXPECT_ERROR(store().CreateApiKey(ApiKeyOf(id), EventOf(id)), kConflict);
  EXPECT_ERROR(store().InsertDataKeys(std::array{DataKeyOf(id)}), kConflict);
  // The other tenant notices nothing.
  EXPECT_EQ(store().LoadTenant(b.tenant.id).value(), b);
  EXPECT_EQ(store().LoadDataKey(b.tenant.id, kept.id).value(), kept);
  EXPECT_EQ(store().LoadApiKey(other_key.id).value(), other_key);
}

TEST_P(StoreContract, AProviderIsRevokedAndReinstated) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  const auto& provider = a.tenant.current_provider;
  EXPECT_EQ(store().SetProviderRevoked(id, provider, After(3), std::nullopt).value(), 2u);
  EXPECT_EQ(store().LoadTenant(id).value().providers[0].revoked_at, After(3));
  EXPECT_EQ(EventCount(Scope::Of(id)), 1u);
  EXPECT_EQ(store().SetProviderRevoked(id, provider, std::nullopt, EventOf(id)).value(), 3u);
  EXPECT_EQ(store().LoadTenant(id).value(), a);
  EXPECT_EQ(EventCount(Scope::Of(id)), 2u);
  const auto nobody = model::Fingerprint::Parse(std::string(32, 'x')).value();
  EXPECT_ERROR(store().SetProviderRevoked(id, nobody, After(3), EventOf(id)), kNotFound);
  EXPECT_EQ(EventCount(Scope::Of(id)), 2u);
}

// --- API keys ---

TEST_P(StoreContract, ApiKeysAreReadAsWritten) {
  const auto a = AddTenant();
  const auto of_tenant = ApiKeyOf(a.tenant.id, Role::kTenantAdmin);
  auto of_deployment = ApiKeyOf(std::nullopt, Role::kPlatformOperator);
  of_deployment.expires_at.reset();
  EXPECT_EQ(store().CreateApiKey(of_tenant, EventOf(a.tenant.id)).value(), 2u);
  EXPECT_EQ(store().CreateApiKey(of_deployment, EventOf(Scope::Deployment())).value(), 3u);
  EXPECT_EQ(store().LoadApiKey(of_tenant.id).value(), of_tenant);
  EXPECT_EQ(store().LoadApiKey(of_deployment.id).value(), of_deployment);
  EXPECT_EQ(store().ListApiKeys(Scope::Of(a.tenant.id)).value(), std::vector{of_tenant});
  EXPECT_EQ(store().ListApiKeys(Scope::Deployment()).value(), std::vector{of_deployment});
  EXPECT_EQ(store().ReadChanges(2).value().changed.at(0).scope, Scope::Deployment());

  EXPECT_ERROR(store().CreateApiKey(of_tenant, EventOf(a.tenant.id)), kAlreadyExists);
  EXPECT_EQ(store().DeleteApiKey(of_tenant.id, EventOf(a.tenant.id)).value(), 4u);
  EXPECT_ERROR(store().LoadApiKey(of_tenant.id), kNotFound);
  EXPECT_ERROR(store().DeleteApiKey(of_tenant.id, EventOf(a.tenant.id)), kNotFound);
  EXPECT_EQ(EventCount(Scope::Of(a.tenant.id)), 3u);
  EXPECT_EQ(store().LoadApiKey(of_deployment.id).value(), of_deployment);
}

TEST_P(StoreContract, OneOperatorWithoutExpiryStays) {
  const auto event = [] { return EventOf(Scope::Deployment()); };
  const auto add = [&](Role role, std::optional<base::UtcTime> expires_at) {
    auto key = ApiKeyOf(std::nullopt, role);
    key.expires_at = expires_at;
    EXPECT_TRUE(store().CreateApiKey(key, event()).ok());
    return key.id;
  };
  const auto first = add(Role::kPlatformOperator, std::nullopt);
  const auto passing = add(Role::kPlatformOperator, After(1000));
  const auto auditor = add(Role::kAuditor, std::nullopt);
  const std::size_t events = EventCount(Scope::Deployment());
  EXPECT_ERROR(store().DeleteApiKey(first, event()), kConflict);
  EXPECT_EQ(EventCount(Scope::Deployment()), events);
  EXPECT_DONE(store().LoadApiKey(first));
  EXPECT_DONE(store().DeleteApiKey(passing, event()));
  EXPECT_DONE(store().DeleteApiKey(auditor, event()));
  // Of two at the same time, one is refused.
  for (int round = 0; round < 10; ++round) {
    const std::array ids = {store().ListApiKeys(Scope::Deployment()).value().at(0).id,
                            add(Role::kPlatformOperator, std::nullopt)};
    std::atomic<int> done = 0;
    std::vector<std::thread> threads;
    for (const auto& id : ids) {
      threads.emplace_back([&, id] { done += store().DeleteApiKey(id, event()).ok() ? 1 : 0; });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(done, 1);
    EXPECT_EQ(store().ListApiKeys(Scope::Deployment()).value().size(), 1u);
  }
}

TEST_P(StoreContract, ApiKeysNeedTheirTenant) {
  const auto key = ApiKeyOf(model::TenantId::New(kRandom));
  EXPECT_ERROR(store().CreateApiKey(key, EventOf(*key.tenant)), kConflict);
  EXPECT_ERROR(store().LoadApiKey(key.id), kNotFound);
  EXPECT_EQ(EventCount(key.scope()), 0u);
}

TEST_P(StoreContract, ApiKeysAreLimitedPerScope) {
  for (std::size_t i = 0; i < base::kApiKeysPerTenantMax; ++i) {
    ASSERT_TRUE(store().CreateApiKey(ApiKeyOf(std::nullopt), EventOf(Scope::Deployment())).ok());
  }
  EXPECT_ERROR(store().CreateApiKey(ApiKeyOf(std::nullopt), EventOf(Scope::Deployment())),
               kConflict);
  const auto keys = store().ListApiKeys(Scope::Deployment()).value();
  EXPECT_EQ(keys.size(), base::kApiKeysPerTenantMax);
  EXPECT_EQ(EventCount(Scope::Deployment()), base::kApiKeysPerTenantMax);
  const auto a = AddTenant();
  EXPECT_DONE(store().CreateApiKey(ApiKeyOf(a.tenant.id), EventOf(a.tenant.id)));
  EXPECT_DONE(store().DeleteApiKey(keys[0].id, EventOf(Scope::Deployment())));
  EXPECT_DONE(store().CreateApiKey(ApiKeyOf(std::nullopt), EventOf(Scope::Deployment())));
}

// --- Events and counts ---

TEST_P(StoreContract, EventsFormAChain) {
  const auto a = AddTenant();
  const model::TenantId& id = a.tenant.id;
  std::vector<model::NewEvent> written;
  for (int i = 0; i < 4; ++i) {
    written.push_back(EventOf(id, "type." + std::to_string(i)));
    EXPECT_DONE(
        store().SetProviderRevoked(id, a.tenant.current_provider, std::nullopt, written.back()));
  }
  const auto events = store().ListEvents(Scope::Of(id), 0, 100).value();
  ASSERT_EQ(events.size(), 5u);
  std::array<std::uint8_t, 32> previous{};
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].sequence, i + 1);
    EXPECT_EQ(events[i].previous_hash, previous);
    EXPECT_EQ(events[i].hash, EventHash(previous, i + 1, events[i].content));
    previous = events[i].hash;
  }
  EXPECT_EQ(events[2].content.id, written[1].id);
  EXPECT_EQ(events[2].content.type, written[1].type);
  EXPECT_EQ(events[2].content.data, written[1].data);
  EXPECT_EQ(events[2].content.actor, written[1].actor);
  EXPECT_EQ(events[2].content.source, written[1].source);
  EXPECT_EQ(events[2].content.time, written[1].time);
  const auto part = store().ListEvents(Scope::Of(id), 2, 2).value();
  ASSERT_EQ(part.size(), 2u);
  EXPECT_EQ(part[0].sequence, 3u);
  EXPECT_TRUE(store().ListEvents(Scope::Of(id), 5, 2).value().empty());
  EXPECT_TRUE(store().ListEvents(Scope::Of(id), 99, 2).value().empty());
  EXPECT_TRUE(store().ListEvents(Scope::Deployment(), 0, 2).value().empty());
}

TEST_P(StoreContract, UsageAddsUp) {
  const Scope scope = Scope::Of(model::TenantId::New(kRandom));
  const model::UsageCount seal{100, scope, "p", "seal", "ok", 3};
  const model::UsageCount open{101, scope, "p", "open", "ok", 1};
  const model::UsageCount other{100, Scope::Deployment(), "p", "seal", "ok", 7};
  EXPECT_DONE(store().AddUsage({}));
  EXPECT_DONE(store().AddUsage(std::array{seal, open, other}));
  EXPECT_DONE(store().AddUsage(std::array{seal, seal}));
  const auto all = store().ListUsage(scope, 100, 101).value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].minute, 100);
  EXPECT_EQ(all[0].operation, "seal");
  EXPECT_EQ(all[0].count, 9u);
  EXPECT_EQ(all[1].outcome, "ok");
  EXPECT_EQ(all[1].principal, "p");
  EXPECT_EQ(all[1].count, 1u);
  EXPECT_EQ(store().ListUsage(scope, 101, 200).value().size(), 1u);
  EXPECT_TRUE(store().ListUsage(scope, 102, 200).value().empty());
  EXPECT_EQ(store().ListUsage(Scope::Deployment(), 0, 1000).value().at(0).count, 7u);
}

TEST_P(StoreContract, UsageIsForgottenAfterFourHundredDays) {
  const Scope scope = Scope::Of(model::TenantId::New(kRandom));
  const Scope quiet = Scope::Of(model::TenantId::New(kRandom));
  constexpr std::int64_t kLater = 100 + 400 * 24 * 60;
  EXPECT_DONE(store().AddUsage(
      std::array<model::UsageCount, 4>{{{99, scope, "p", "seal", "ok", 1},
                                        {100, scope, "p", "seal", "ok", 1},
                                        {99, quiet, "p", "seal", "ok", 1},
                                        {99, Scope::Deployment(), "p", "seal", "ok", 1}}}));
  EXPECT_DONE(
      store().AddUsage(std::array<model::UsageCount, 1>{{{kLater, scope, "p", "seal", "ok", 1}}}));
  EXPECT_EQ(store().ListUsage(scope, 0, kLater).value().size(), 2u);
  EXPECT_TRUE(store().ListUsage(quiet, 0, kLater).value().empty());
  EXPECT_TRUE(store().ListUsage(Scope::Deployment(), 0, kLater).value().empty());
}

TEST_P(StoreContract, Answers) { EXPECT_DONE(store().Ping()); }

// --- Threads ---

TEST_P(StoreContract, ThreadsLoseNothing) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20;
  const auto a = AddTenant();
  const model::TenantId id = a.tenant.id;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        EXPECT_TRUE(store().InsertDataKeys(DataKeysOf(id, 2)).ok());
        EXPECT_TRUE(store().CreateApiKey(ApiKeyOf(id), EventOf(id)).ok());
        const auto loaded = store().LoadTenant(id);
        EXPECT_TRUE(loaded.ok()) << loaded.error().message;
        const auto keys = store().ListApiKeys(Scope::Of(id));
        ASSERT_TRUE(keys.ok()) << keys.error().message;
        const auto events = store().ListEvents(Scope::Of(id), 0, 1000);
        EXPECT_TRUE(events.ok()) << events.error().message;
        EXPECT_TRUE(store().LoadApiKey(keys->at(0).id).ok());
        const auto revoked =
            store().SetProviderRevoked(id, a.tenant.current_provider, After(i), EventOf(id));
        EXPECT_TRUE(revoked.ok()) << revoked.error().message;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(store().CountDataKeys(id, std::nullopt).value(), 2u * kThreads * kRounds);
  EXPECT_EQ(store().ListApiKeys(Scope::Of(id)).value().size(), 1u * kThreads * kRounds);
  EXPECT_EQ(EventCount(Scope::Of(id)), 1u + 2 * kThreads * kRounds);
  EXPECT_EQ(Epoch(), 1u + 2 * kThreads * kRounds);
}

TEST_P(StoreContract, OneOfManyContendersWins) {
  const auto a = AddTenant();
  std::atomic<int> won = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] { won += Activate(a.tenant.id, 1).ok() ? 1 : 0; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(store().LoadTenant(a.tenant.id).value().tenant.active_version, 2u);
}

}  // namespace
}  // namespace tenantseal::store
