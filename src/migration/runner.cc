#include "migration/runner.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "events/event.h"

namespace tenantseal::migration {
namespace {

using namespace std::chrono_literals;
using keyring::Rotation;
using model::MigrationState;
using model::Pause;

constexpr const char* kActor = "service";  // Of what nobody has asked for.
constexpr int kRoundsMax = 64;             // Of one RunSteps(); a migration has a few steps.
// Of the KMS calls of one version. Shorter than what others take for death.
constexpr base::Duration kCallsMax = 8s;
constexpr base::Duration kKeepEvery = Rotation::kStaleAfter / 5;
// Up to so many migrations each is looked at every round.
constexpr std::size_t kCrowd = 1000;
constexpr int kFailuresAtOnce = 2;  // More in a row, and the next attempt waits.
constexpr base::Duration kPauseMax = 60s;

const model::KeyProvider* Target(const model::TenantState& state) {
  return state.FindProvider(state.migration->to);
}

// Of a key provider, not of the store.
bool NoAnswer(const Error& error) {
  return error.code == ErrorCode::kKeyUnavailable || error.code == ErrorCode::kServiceFault ||
         error.code == ErrorCode::kDeadlineExceeded;
}

Error NoTarget() { return IntegrityError("the target of a migration is not there"); }

}  // namespace

Runner::Runner(store::Store& store, keyring::Keyring& keyring, keyring::StoreLease& lease,
               const base::Clock& clock, const base::Random& random)
    : store_(store), keyring_(keyring), lease_(lease), clock_(clock), random_(random) {}

base::Deadline Runner::Soon() const { return clock_.Boot() + kCallsMax; }

// --- Rounds ---

void Runner::RunSteps(const std::atomic<bool>& stop) {
  for (int rounds = 0; rounds < kRoundsMax && !stop.load(); ++rounds) {
    const bool moved = RunRound(stop);
    // Once for all changes of the round.
    if (epoch_to_obey_ != 0) {
      if (const auto obeyed = lease_.AwaitObeyed(epoch_to_obey_); !obeyed) {
        base::LogWarning("cannot wait until a migration's change is obeyed",
                         {{"error", obeyed.error().message}});
      }
      epoch_to_obey_ = 0;
    }
    if (!moved) return;
  }
}

bool Runner::RunRound(const std::atomic<bool>& stop) {
  const auto migrations = store_.UnfinishedMigrations();
  if (!migrations) return false;  // The store is gone; others say so.
  std::map<model::TenantId, Seen> still;
  for (const model::Migration& migration : *migrations) {
    auto node = seen_.extract(migration.tenant);
    if (!node.empty()) still.insert(std::move(node));
  }
  seen_ = std::move(still);
  bool moved = false;
  for (const model::Migration& migration : *migrations) {
    if (stop.load()) return false;
    Seen& seen = seen_[migration.tenant];
    const base::BootTime start = clock_.Boot();
    if (start < seen.look_at) continue;
    if (migrations->size() > kCrowd) seen.look_at = start + migrations->size() * 1ms;
    const auto stepped = Step(migration.tenant, seen, stop);
    if (!stepped) {
      NoteFailure(migration, seen, stepped.error(), clock_.Boot() - start);
      continue;
    }
    seen.failures = 0;
    seen.trouble.clear();
    if (*stepped) seen.look_at = {};
    moved = moved || *stepped;
  }
  return moved;
}

// The next attempt waits longer each time, and at least ten times as long as this one took, so that
// a provider that does not answer keeps nobody else waiting for long. Somebody else's change is no
// such reason.
void Runner::NoteFailure(const model::Migration& migration, Seen& seen, const Error& error,
                         base::Duration took) const {
  ++seen.failures;
  const int doublings = std::clamp(seen.failures - kFailuresAtOnce, 0, 6);
  base::Duration pause = seen.failures > kFailuresAtOnce ? (1 << doublings) * 1s : 0s;
  if (error.code != ErrorCode::kConflict) pause = std::max(pause, took * 10);
  pause = std::min(pause, kPauseMax);
  seen.look_at = clock_.Boot() + pause;
  if (error.message == seen.trouble) return;
  seen.trouble = error.message;
  base::LogWarning(
      "a migration waits",
      {{"tenant", migration.tenant.text()}, {"migration", migration.id}, {"error", error.message}});
}

// --- One step ---

Result<bool> Runner::Step(const model::TenantId& tenant, Seen& seen,
                          const std::atomic<bool>& stop) {
  auto state = store_.LoadTenant(tenant);
  if (!state) return state.error();
  if (!state->migration || !state->migration->unfinished()) return false;
  const model::Migration migration = *state->migration;
  NoteRow(migration, seen);
  TS_ASSIGN_OR_RETURN(Verdict verdict, Decide(*state, seen));
  if (!MayTake(migration, verdict, seen)) return false;
  Work work{std::move(*state), migration, seen, stop};
  if (!Owns(migration)) TS_RETURN_IF_ERROR(Claim(work));
  switch (verdict.due) {
    case Due::kNothing:
      return false;
    case Due::kActivate:
      return Activate(work);
    case Due::kPause:
      return PauseFor(work, verdict.pause, std::move(verdict.detail));
    case Due::kGoOn:
      return GoOn(work);
    case Due::kProbe:
      return Probe(work);
    case Due::kFinish:
      return Finish(work);
  }
  return false;
}

void Runner::NoteRow(const model::Migration& migration, Seen& seen) const {
  const bool first = seen.since == base::BootTime();
  if (!first && seen.fence == migration.fence) return;
  if (first || migration.pause != seen.pause) seen.probe_at = clock_.Boot() + kProbeEvery;
  seen.fence = migration.fence;
  seen.pause = migration.pause;
  seen.since = clock_.Boot();
  seen.due_since.reset();
}

Result<Runner::Verdict> Runner::Decide(const model::TenantState& state, const Seen& seen) const {
  const model::Migration& migration = *state.migration;
  if (state.tenant.status != model::TenantStatus::kActive) {
    if (migration.pause != Pause::kNone) return Verdict();
    return Verdict{Due::kPause, Pause::kTenantDeactivated, "The tenant is deactivated."};
  }
  const bool probe_due = clock_.Boot() >= seen.probe_at;
  if (migration.pause == Pause::kTenantDeactivated) return Verdict{Due::kGoOn};
  if (migration.pause == Pause::kTargetRefuses && probe_due) return Verdict{Due::kProbe};
  if (migration.pause != Pause::kNone) return Verdict();
  const model::KeyProvider* source = state.FindProvider(migration.from);
  if (source != nullptr && source->revoked_at) {
    return Verdict{Due::kPause, Pause::kSourceRefuses,
                   "The provider that is left refuses the tenant's key since " +
                       base::FormatUtc(*source->revoked_at) + "."};
  }
  if (migration.state == MigrationState::kNew) return Verdict{Due::kActivate};
  TS_ASSIGN_OR_RETURN(const auto job, store_.LoadRewrapJob(state.tenant.id));
  if (!job || job->id != migration.id)
    return IntegrityError("the rewrap job of a migration is not there");
  if (const std::uint64_t limit = QuarantineLimit(migration, *job); job->failed > limit) {
    TS_ASSIGN_OR_RETURN(const std::uint64_t aside, SetAside(store_, *job));
    if (aside > limit) {
      return Verdict{Due::kPause, Pause::kQuarantine,
                     std::to_string(aside) + " of " + std::to_string(job->total) +
                         " data keys do not authenticate and are set aside."};
    }
  }
  if (job->state == model::RewrapState::kDone) return Verdict{Due::kFinish};
  return probe_due ? Verdict{Due::kProbe} : Verdict();
}

// Whether this process may do what is due: it has claimed the migration, nobody has yet, or whoever
// has does not do it.
bool Runner::MayTake(const model::Migration& migration, const Verdict& verdict, Seen& seen) const {
  if (verdict.due == Due::kNothing) {
    seen.due_since.reset();
    return false;
  }
  if (Owns(migration) || migration.owner.empty()) return true;
  const base::BootTime now = clock_.Boot();
  if (!seen.due_since) seen.due_since = now;
  // Each probe of its owner moves the fence.
  if (verdict.due == Due::kProbe) return now - seen.since >= 2 * kProbeEvery;
  return now - *seen.due_since >= Rotation::kStaleAfter;
}

Result<void> Runner::Claim(Work& work) {
  TS_ASSIGN_OR_RETURN(const model::Migration claimed,
                      store_.ClaimMigration(work.migration.tenant, lease_.process()));
  // Another change in between, and what is due was decided from what is no longer so.
  if (claimed.id != work.migration.id || claimed.fence != work.migration.fence + 1)
    return Error{ErrorCode::kConflict, "The migration has been changed meanwhile."};
  work.migration.fence = work.seen.fence = claimed.fence;
  work.migration.owner = claimed.owner;
  work.seen.since = clock_.Boot();
  return {};
}

Result<void> Runner::Keep(Work& work) {
  if (clock_.Boot() - work.seen.since < kKeepEvery) return {};
  TS_RETURN_IF_ERROR(store_.ChangeMigration(work.migration, std::nullopt));
  work.seen.fence = ++work.migration.fence;
  work.seen.since = clock_.Boot();
  return {};
}

// --- What is done ---

Result<bool> Runner::Activate(Work& work) {
  const model::TenantState& state = work.state;
  const model::KeyProvider* target = Target(state);
  if (target == nullptr) return NoTarget();
  std::vector<model::TenantKeyWrap> wraps;
  wraps.reserve(state.keys.size() + 2);
  for (const model::TenantKey& key : state.keys) {
    if (work.stop.load()) return false;
    auto wrap = keyring_.WrapFor(state, key.version, *target, Soon());
    if (!wrap) return Judge(work, key.version, wrap.error());
    wraps.push_back(std::move(*wrap));
    TS_RETURN_IF_ERROR(Keep(work));
  }
  const std::uint32_t next = state.tenant.active_version + 1;
  auto minted = keyring_.MintForBoth(state, next, *target, Soon());
  if (!minted) return Judge(work, next, minted.error());
  wraps.push_back(std::move(minted->by_target));
  wraps.push_back(std::move(minted->by_current));
  model::RewrapJob job;
  job.tenant = state.tenant.id;
  job.id = work.migration.id;
  job.to_version = next;
  job.started_by = work.migration.started_by;
  job.started_at = clock_.Utc();
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch,
                      store_.ActivateMigration(work.migration, minted->key, wraps, job));
  Changed(epoch, work.seen);
  base::LogInfo(
      "a migration has wrapped every version by both providers",
      {{"tenant", state.tenant.id.text()}, {"migration", work.migration.id}, {"version", next}});
  return true;
}

Result<bool> Runner::Finish(Work& work) {
  const model::KeyProvider* target = Target(work.state);
  if (target == nullptr) return NoTarget();
  const std::uint32_t version = work.migration.to_version;
  // The source's owner decides until now. One who gives no answer does not hold it up: that is what
  // migrating away from a lost key is for.
  if (const model::KeyProvider* source = work.state.FindProvider(work.migration.from)) {
    const auto allowed = keyring_.CheckUnwraps(work.state, version, *source, Soon());
    if (!allowed && allowed.error().code == ErrorCode::kKeyRevoked)
      return Judge(work, version, allowed.error());
  }
  if (const auto checked = keyring_.CheckUnwraps(work.state, version, *target, Soon()); !checked)
    return Judge(work, version, checked.error());
  TS_ASSIGN_OR_RETURN(MigrationView view, ViewOf(store_, work.state));
  view.migration = work.migration;
  view.migration.state = MigrationState::kCompleted;
  view.migration.detail.clear();
  view.migration.finished_at = EndOf(work.migration, clock_);
  const std::string& actor = work.migration.started_by.empty() ? kActor : work.migration.started_by;
  model::Migration finished = work.migration;  // State and pause are still those of the row.
  finished.detail.clear();
  finished.finished_at = view.migration.finished_at;
  TS_ASSIGN_OR_RETURN(
      const std::uint64_t epoch,
      store_.FinishMigration(finished, false,
                             FinishEvents(clock_, random_, actor, view, nlohmann::json::object())));
  Changed(epoch, work.seen);
  base::LogInfo("a migration is completed", {{"tenant", work.migration.tenant.text()},
                                             {"migration", work.migration.id},
                                             {"arnFingerPrint", work.migration.to.text()}});
  return true;
}

Result<bool> Runner::Probe(Work& work) {
  const model::KeyProvider* target = Target(work.state);
  if (target == nullptr) return NoTarget();
  work.seen.probe_at = clock_.Boot() + kProbeEvery;
  // Before it has wrapped anything it is asked to.
  const bool fresh = work.migration.state == MigrationState::kNew;
  const std::uint32_t version =
      fresh ? work.state.tenant.active_version : work.migration.to_version;
  Result<void> unwraps;
  if (!fresh) {
    unwraps = keyring_.CheckUnwraps(work.state, version, *target, Soon());
  } else if (auto wrap = keyring_.WrapFor(work.state, version, *target, Soon()); !wrap) {
    unwraps = wrap.error();
  }
  const bool paused = work.migration.pause == Pause::kTargetRefuses;
  if (unwraps && paused) return GoOn(work);
  const bool waits = paused && !unwraps && unwraps.error().code == ErrorCode::kKeyRevoked;
  if (!unwraps && !waits) {
    auto judged = Judge(work, version, unwraps.error());
    // Without an answer nothing changes, and the next probe is in a minute.
    if (judged || !NoAnswer(judged.error())) {
      work.seen.probe_at = clock_.Boot();
      return judged;
    }
  }
  TS_RETURN_IF_ERROR(Keep(work));
  return false;
}

Result<bool> Runner::Judge(Work& work, std::uint32_t version, const Error& error) {
  const bool source = error.field == "source";
  const std::string side = source ? "The provider that is left" : "The target";
  switch (error.code) {
    case ErrorCode::kKeyRevoked:
      return PauseFor(work, source ? Pause::kSourceRefuses : Pause::kTargetRefuses,
                      side + " refuses the tenant's key: " + error.message);
    case ErrorCode::kIntegrity:
      base::LogError("ALARM: a tenant key version cannot be migrated",
                     {{"tenant", work.migration.tenant.text()},
                      {"version", version},
                      {"error", error.message}});
      return Fail(work, "Tenant key version " + std::to_string(version) +
                            " cannot be wrapped by both providers. " + side +
                            " failed: " + error.message);
    default:
      return error;
  }
}

Result<bool> Runner::PauseFor(Work& work, Pause why, std::string detail) {
  model::Migration changed = work.migration;
  changed.pause = why;
  changed.detail = std::move(detail);
  work.seen.probe_at = clock_.Boot() + kProbeEvery;
  return Change(work, changed, events::kMigrationPaused);
}

Result<bool> Runner::GoOn(Work& work) {
  model::Migration changed = work.migration;
  changed.pause = Pause::kNone;
  changed.detail.clear();
  return Change(work, changed, events::kMigrationResumed);
}

Result<bool> Runner::Fail(Work& work, std::string detail) {
  model::Migration changed = work.migration;
  changed.state = MigrationState::kFailed;
  changed.pause = Pause::kNone;
  changed.detail = std::move(detail);
  changed.finished_at = EndOf(changed, clock_);
  return Change(work, changed, events::kMigrationFailed);
}

Result<bool> Runner::Change(Work& work, const model::Migration& changed, std::string_view type) {
  TS_ASSIGN_OR_RETURN(MigrationView view, ViewOf(store_, work.state));
  view.migration = changed;
  const model::NewEvent event = MigrationEvent(clock_, random_, type, kActor, view);
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch, store_.ChangeMigration(changed, event));
  work.seen.pause = changed.pause;
  Changed(epoch, work.seen);
  base::LogInfo("a migration has changed", {{"tenant", changed.tenant.text()},
                                            {"migration", changed.id},
                                            {"state", model::MigrationStateName(changed.state)},
                                            {"pause", model::PauseName(changed.pause)},
                                            {"detail", changed.detail}});
  return true;
}

void Runner::Changed(std::uint64_t epoch, Seen& seen) {
  ++seen.fence;
  seen.since = clock_.Boot();
  seen.due_since.reset();
  epoch_to_obey_ = std::max(epoch_to_obey_, epoch);
}

}  // namespace tenantseal::migration
