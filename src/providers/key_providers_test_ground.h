// For the tests of key providers: a tenant, keys in AWS, and what was stored and told.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "events/event.h"
#include "kms/fake_inspector.h"
#include "providers/key_providers.h"
#include "store/memory/faulty_store.h"
#include "store/memory/memory_store.h"
#include "store/store_test_ground.h"

namespace tenantseal::providers {

using kms::FakeInspector;
using model::CheckOutcome;
using model::EncryptionCode;
namespace samples = store::samples;

inline const std::string kFirstId = "key/mrk-" + std::string(32, 'a');
inline const std::string kSecondId = "key/mrk-" + std::string(32, 'b');
inline const std::string kHome = "arn:aws:kms:us-east-1:111122223333:";
inline const std::string kBackup = "arn:aws:kms:us-east-2:111122223333:";
inline const std::string kFirst = kHome + kFirstId;
inline const std::string kSecond = kHome + kSecondId;
inline const std::string kFirstAlias = kHome + "alias/payroll";
inline constexpr base::Duration kRetention = std::chrono::hours(24 * 35);

class KeyProvidersGround : public testing::Test {
 protected:
  KeyProvidersGround() {
    EXPECT_TRUE(lease_.Refresh().ok());
    tenant_ = NewTenant();
    for (const std::string& id : {kFirstId, kSecondId}) {
      keys_.Add(kHome + id, Admitting());
      keys_.AddReplica(kBackup + id, kHome + id, Admitting());
    }
    keys_.Alias(kFirstAlias, kFirst);
  }

  model::TenantId NewTenant() {
    const model::TenantState state = samples::NewTenant(clock_.Utc());
    EXPECT_TRUE(store_.CreateTenant(state, samples::EventOf(state.tenant.id)).ok());
    tenants_.insert(state.tenant.id.text());
    return state.tenant.id;
  }
  // Of every tenant that there is by then.
  FakeInspector::Policy Admitting() const {
    return [this](std::string_view action, const FakeInspector::Tenant& tenant) {
      return FakeInspector::Admits(tenants_)(action, tenant);
    };
  }
  static FakeInspector::Policy Denying() { return FakeInspector::Admits({}); }
  base::Deadline Soon() const { return clock_.Boot() + std::chrono::seconds(30); }
  Result<ProviderView> Create(const std::string& arn, const std::string& name = "Payroll") {
    return providers_.Create(tenant_, {arn, name, "of the works council"}, "admin", Soon());
  }
  model::Fingerprint Registered(const std::string& arn) {
    const auto made = Create(arn);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return FingerprintOf(tenant_, arn);
  }
  Result<ProviderView> Test(const model::Fingerprint& provider, const std::string& actor = "admin",
                            bool isolation = true) {
    return providers_.Test(tenant_, provider.text(), isolation, actor, Soon());
  }

  model::TenantState State() const { return store_.LoadTenant(tenant_).value(); }
  model::KeyProvider Stored(const model::Fingerprint& provider) const {
    const model::TenantState state = State();
    const model::KeyProvider* found = state.FindProvider(provider);
    EXPECT_NE(found, nullptr);
    return found == nullptr ? model::KeyProvider() : *found;
  }
  std::vector<model::Event> Events() const {
    return store_.ListEvents(model::Scope::Of(tenant_), 0, 10'000).value();
  }
  nlohmann::json LastEvent(std::string_view type) const {
    const model::NewEvent event = Events().back().content;
    EXPECT_EQ(event.type, type);
    return nlohmann::json::parse(event.data);
  }
  std::optional<model::ProviderValidation> Validation(const model::Fingerprint& provider) const {
    return store_.LoadValidation(tenant_, provider).value();
  }
  // Everything that a change would change.
  struct Snapshot {
    model::TenantState state;
    std::size_t events;
    std::vector<std::optional<model::ProviderValidation>> validations;
    bool operator==(const Snapshot&) const = default;
  };
  Snapshot Now() const {
    Snapshot now{State(), Events().size(), {}};
    for (const auto& provider : now.state.providers)
      now.validations.push_back(Validation(provider.fingerprint));
    return now;
  }
  template <typename T>
  static int CodeOf(const Result<T>& result) {
    return result.ok() ? -1 : result.error().encryption_code;
  }
  static int Code(EncryptionCode code) { return static_cast<int>(code); }

  // --- Migrations, as the runner would make them ---
  void Start(const model::Fingerprint& to) {
    model::Migration migration;
    migration.tenant = tenant_;
    migration.id = model::NewUuid(random_);
    migration.from = State().tenant.current_provider;
    migration.to = to;
    migration.started_by = "admin";
    migration.started_at = clock_.Utc();
    EXPECT_DONE(store_.StartMigration(migration, samples::EventOf(tenant_)));
  }
  void Activate() {
    const model::TenantState state = State();
    const std::uint32_t next = state.tenant.active_version + 1;
    std::vector<model::TenantKeyWrap> wraps;
    for (const auto& key : state.keys)
      wraps.push_back(samples::WrapOf(tenant_, key.version, state.migration->to));
    wraps.push_back(samples::WrapOf(tenant_, next, state.migration->to));
    wraps.push_back(samples::WrapOf(tenant_, next, state.migration->from));
    model::RewrapJob job = samples::JobOf(tenant_, next);
    job.id = state.migration->id;
    EXPECT_DONE(
        store_.ActivateMigration(*state.migration, samples::KeyOf(tenant_, next), wraps, job));
  }
  void Finish() {
    model::Migration migration = *State().migration;
    migration.finished_at = clock_.Utc();
    EXPECT_DONE(store_.FinishMigration(migration, true, {samples::EventOf(tenant_)}));
    auto job = store_.ClaimRewrapJob(tenant_).value();
    EXPECT_DONE(store_.FinishRewrapJob(job, samples::EventOf(tenant_)));
  }
  void Migrate(const model::Fingerprint& to) {
    Start(to);
    Activate();
    Finish();
  }

  base::FakeClock clock_;
  base::SystemRandom random_;
  store::MemoryStore store_;
  store::FaultyStore faulty_{store_};  // What the providers see.
  keyring::StoreLease lease_{store_, clock_, model::ProcessId::New(random_)};
  FakeInspector keys_{random_};
  Validator validator_{keys_, clock_, random_, {}};
  KeyProviders providers_{faulty_, lease_, validator_, clock_, random_, kRetention};
  std::set<std::string> tenants_;
  model::TenantId tenant_;
};

}  // namespace tenantseal::providers
