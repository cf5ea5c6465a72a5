// The work of migrations, on one background thread of each process.
#pragma once

#include <atomic>
#include <map>

#include "migration/migrations.h"

namespace tenantseal::migration {

// RunSteps() runs on one thread at a time; ProgressEvent() is thread-safe.
//
// Two processes on one store: the one that has claimed a migration advances it, and the others wait
// until what is due has not been done for Rotation::kStaleAfter. That only saves work: every change
// carries the fence of the row that it was decided from, so of two that act at once one changes
// nothing.
class Runner {
 public:
  Runner(store::Store& store, keyring::Keyring& keyring, keyring::StoreLease& lease,
         const base::Clock& clock, const base::Random& random);

  // Takes up unfinished migrations, one step of each at a time so that tenants share fairly, until
  // there is none to advance or `stop` is set. Called several times a second.
  void RunSteps(const std::atomic<bool>& stop);

  // The event of a tenth that a batch of its data keys has passed; see Rotation::OnBatch. A batch
  // that passes several tells of the last.
  std::optional<model::NewEvent> ProgressEvent(const model::RewrapJob& before,
                                               const model::RewrapJob& after) const;

  // How often a target is asked whether it still unwraps.
  static constexpr base::Duration kProbeEvery = std::chrono::minutes(1);

 private:
  // What this process knows of an unfinished migration.
  struct Seen {
    std::uint64_t fence = 0;
    model::Pause pause = model::Pause::kNone;
    base::BootTime since;                     // This fence is the stored one.
    std::optional<base::BootTime> due_since;  // Under this fence; unset: nothing is due.
    base::BootTime probe_at;
    base::BootTime look_at;  // Not before.
    int failures = 0;        // In a row.
    std::string trouble;     // Logged once.
  };
  enum class Due : std::uint8_t { kNothing, kActivate, kPause, kGoOn, kProbe, kFinish };
  struct Verdict {
    Due due = Due::kNothing;
    model::Pause pause = model::Pause::kNone;  // Of kPause.
    std::string detail = {};
  };
  // A migration as it is stored now, and what is being done about it.
  struct Work {
    model::TenantState state;
    model::Migration migration;  // Of `state`, with the fence of this process once claimed.
    Seen& seen;
    const std::atomic<bool>& stop;
  };

  bool RunRound(const std::atomic<bool>& stop);
  // One step from where the row says it is. False when there is nothing to do for now.
  Result<bool> Step(const model::TenantId& tenant, Seen& seen, const std::atomic<bool>& stop);
  bool Owns(const model::Migration& migration) const { return migration.owner == lease_.process(); }
  void NoteRow(const model::Migration& migration, Seen& seen) const;
  Result<Verdict> Decide(const model::TenantState& state, const Seen& seen) const;
  bool MayTake(const model::Migration& migration, const Verdict& verdict, Seen& seen) const;
  Result<void> Claim(Work& work);
  // Tells the others that this process still works on it. kConflict when another has taken over.
  Result<void> Keep(Work& work);
  void NoteFailure(const model::Migration& migration, Seen& seen, const Error& error,
                   base::Duration took) const;

  // kNew: wraps every version under both and activates the new one. A version that cannot be
  // wrapped under both for good fails the migration and names it.
  Result<bool> Activate(Work& work);
  // kInProgress, the job done: finishes after the target has unwrapped the new version once more.
  Result<bool> Finish(Work& work);
  // Asks the target: what refuses is paused, what is paused for that goes on.
  Result<bool> Probe(Work& work);
  // What an error of the keyring about `version` leads to: a pause, a failure, or another attempt
  // (then it is the error itself).
  Result<bool> Judge(Work& work, std::uint32_t version, const Error& error);
  Result<bool> PauseFor(Work& work, model::Pause why, std::string detail);
  Result<bool> GoOn(Work& work);
  Result<bool> Fail(Work& work, std::string detail);
  // Stores `changed` with an event that shows it.
  Result<bool> Change(Work& work, const model::Migration& changed, std::string_view type);
  base::Deadline Soon() const;
  void Changed(std::uint64_t epoch, Seen& seen);

  store::Store& store_;
  keyring::Keyring& keyring_;
  keyring::StoreLease& lease_;
  const base::Clock& clock_;
  const base::Random& random_;
  std::map<model::TenantId, Seen> seen_;  // Touched by RunSteps() only.
  std::uint64_t epoch_to_obey_ = 0;       // The newest of the changes of a round; 0: none.
};

}  // namespace tenantseal::migration
