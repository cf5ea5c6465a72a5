// migration/ moves a tenant from one key provider to another while everything goes on:
//
//   validate the target | start | wrap every version under both, make n+1 active | every process
//   obeys | move the managed data keys (keyring/rotation.h does) | flip the current provider
//
// Each arrow is one transaction of the store, and until the last the source alone decides whether
// keys may be used. Killed anywhere, any process goes on from the migration's row.
//
// This file: what users ask for. runner.h does the work.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "keyring/rotation.h"
#include "model/tenant.h"
#include "providers/key_providers.h"
#include "store/store.h"

namespace tenantseal::migration {

// A migration with the figures of its data keys.
struct MigrationView {
  model::Migration migration;
  std::string from_arn, to_arn;                        // As model::ShownArn() has them.
  std::uint64_t total = 0, done = 0, quarantined = 0;  // Data keys.
  int percent() const;                                 // 0 to 100; 100 only when completed.
};

// What a migration would do.
struct MigrationPlan {
  std::string from_arn, to_arn;
  model::Fingerprint to;
  std::uint64_t tenant_key_versions = 0;  // To be wrapped, the new one included.
  std::uint64_t data_keys = 0;
  std::uint64_t kms_calls = 0;                  // At most, validation apart.
  double seconds = 0;                           // Expected, at the configured rate.
  double usd = 0;                               // AWS's price of those calls: 0.03 USD for 10,000.
  std::optional<providers::Report> validation;  // None for the internal KMS.
};

// Thread-safe; every method blocks. Errors carry an EncryptionCode.
class Migrations {
 public:
  Migrations(store::Store& store, keyring::Keyring& keyring, keyring::StoreLease& lease,
             keyring::Rotation& rotation, providers::KeyProviders& providers,
             const base::Clock& clock, const base::Random& random, double data_keys_per_second);

  // Validates the target (kTargetInvalid: nothing changes), asks the source (kSourceUnreachable,
  // kSourceRefuses), and records the migration; the runner takes it up.
  Result<MigrationView> Start(const model::TenantId& tenant, const std::string& fingerprint,
                              const std::string& actor, base::Deadline deadline);
  // The unfinished or last one. kNoMigration.
  Result<MigrationView> Details(const model::TenantId& tenant) const;
  Result<MigrationPlan> Plan(const model::TenantId& tenant, const std::string& fingerprint,
                             const std::string& actor, base::Deadline deadline);

  // kMigrationEnded when none is unfinished. What is paused for a cause stays so: Resume() looks
  // into it.
  Result<MigrationView> Pause(const model::TenantId& tenant, const std::string& actor);
  struct Accept {
    bool source_refuses = false;  // Finish with the target alone.
    bool quarantine = false;      // Go on in spite of the data keys that are set aside.
  };
  // kResumeNotAccepted when the reason of the pause must be accepted and is not.
  Result<MigrationView> Resume(const model::TenantId& tenant, const Accept& accept,
                               const std::string& actor, base::Deadline deadline);
  Result<MigrationView> Cancel(const model::TenantId& tenant, const std::string& actor);

  Result<std::vector<model::QuarantinedDataKey>> Quarantine(const model::TenantId& tenant,
                                                            const std::string& after,
                                                            std::size_t limit) const;
  // Tries each of them once more; returns how many opened and were released.
  Result<std::uint64_t> RetryQuarantine(const model::TenantId& tenant, base::Deadline deadline);

 private:
  struct Sides {
    model::KeyProvider source, target;
  };
  // kProviderNotFound, kMigrationOngoing, kAlreadyCurrent; kConflict when the tenant is not active.
  Result<Sides> SidesOf(const model::TenantState& state, const std::string& fingerprint) const;
  // None for the internal KMS. kTargetInvalid when there is no answer.
  Result<std::optional<providers::Report>> ValidateTarget(const model::KeyProvider& target,
                                                          bool isolation, const std::string& actor,
                                                          base::Deadline deadline);
  // Stores what `change` makes of the unfinished migration, and tells of it; nothing when it makes
  // no difference. Repeated when somebody else has changed the migration meanwhile.
  Result<MigrationView> Change(
      const model::TenantId& tenant, std::string_view event_type, const std::string& actor,
      const std::function<Result<void>(const model::TenantState&, model::Migration&)>& change);
  Result<void> MayResume(const model::TenantState& state, model::Migration& migration,
                         const Accept& accept, const std::string& actor, base::Deadline deadline);
  Result<MigrationView> FinishWithoutSource(const model::TenantState& state, const Accept& accept,
                                            const std::string& actor, base::Deadline deadline);

  store::Store& store_;
  keyring::Keyring& keyring_;
  keyring::StoreLease& lease_;
  keyring::Rotation& rotation_;
  providers::KeyProviders& providers_;
  const base::Clock& clock_;
  const base::Random& random_;
  const double data_keys_per_second_;
};

// How many data keys a migration may set aside without anybody's word.
std::uint64_t QuarantineLimit(const model::Migration& migration, const model::RewrapJob& job);
// How many the job has set aside that still are: those that were retried with success are not.
Result<std::uint64_t> SetAside(const store::Store& store, const model::RewrapJob& job);

// The view of `state.migration`, which must be there.
Result<MigrationView> ViewOf(const store::Store& store, const model::TenantState& state);
// What events tell of a migration.
nlohmann::json MigrationJson(const MigrationView& view);
// What the end of a migration leads to: it is finished, and nothing depends on its source any more.
// `view` is of after the end; `more` is added to the data of the first event.
std::vector<model::NewEvent> FinishEvents(const base::Clock& clock, const base::Random& random,
                                          const std::string& actor, const MigrationView& view,
                                          const nlohmann::json& more);
// An event of the tenant's chain with MigrationJson() as its data. `view` shows the migration as it
// is after the change that the event tells of.
model::NewEvent MigrationEvent(const base::Clock& clock, const base::Random& random,
                               std::string_view type, const std::string& actor,
                               const MigrationView& view);

// Now, as the end of the migration: never before its start, whatever the wall clock has done.
base::UtcTime EndOf(const model::Migration& migration, const base::Clock& clock);

}  // namespace tenantseal::migration
