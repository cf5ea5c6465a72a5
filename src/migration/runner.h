// The work of migrations, on one background thread of each process.
#pragma once

#include <atomic>
#include <map>

#include "migration/migrations.h"

namespace tenantseal::migration {

class Runner {
 public:
  Runner(store::Store& store, keyring::Keyring& keyring, keyring::StoreLease& lease,
         const base::Clock& clock, const base::Random& random);

  // Takes up unfinished migrations, one step of each at a time so that tenants share fairly, until
  // there is none to advance or `stop` is set. A migration that another process advances is left
  // alone until it has not moved for Rotation::kStaleAfter. Called about once a second.
  void RunSteps(const std::atomic<bool>& stop);

  // The event of a tenth that a batch of its data keys has passed; see Rotation::OnBatch.
  std::optional<model::NewEvent> ProgressEvent(const model::RewrapJob& before,
                                               const model::RewrapJob& after) const;

 private:
  // One step from where the row says it is. False when there is nothing to do for now.
  Result<bool> Step(const model::Migration& migration);
  // kNew: wraps every version under both and activates the new one. A version that cannot be
  // wrapped under both for good fails the migration and names it.
  Result<bool> Activate(const model::TenantState& state, const model::Migration& migration);
  // kInProgress: pauses for cause, or finishes once the job is done, after the target has unwrapped
  // the new version once more.
  Result<bool> Watch(const model::TenantState& state, const model::Migration& migration);
  Result<bool> Finish(const model::TenantState& state, const model::Migration& migration);
  Result<bool> PauseFor(const model::Migration& migration, model::Pause why, std::string detail);
  Result<bool> Fail(const model::Migration& migration, std::string detail);

  struct Seen {
    std::uint64_t fence = 0;
    bool own = false;
    base::BootTime since;
    std::string trouble;  // Logged once.
  };
  store::Store& store_;
  keyring::Keyring& keyring_;
  keyring::StoreLease& lease_;
  const base::Clock& clock_;
  const base::Random& random_;
  std::map<model::TenantId, Seen> seen_;  // Touched by RunSteps() only.
};

}  // namespace tenantseal::migration
