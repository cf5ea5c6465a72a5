#include "store/migration_rules.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/limits.h"
#include "store/rules.h"

namespace tenantseal::store {
namespace {

using model::MigrationState;
using model::Pause;
using model::RewrapState;

Error Conflict(std::string message) { return {ErrorCode::kConflict, std::move(message)}; }

void EraseWraps(model::TenantState& state, const model::Fingerprint& provider) {
  std::erase_if(state.wraps, [&](const auto& row) { return row.provider == provider; });
}

model::KeyProvider* Find(model::TenantState& state, const model::Fingerprint& fingerprint) {
  const auto found = std::find_if(state.providers.begin(), state.providers.end(),
                                  [&](const auto& row) { return row.fingerprint == fingerprint; });
  return found == state.providers.end() ? nullptr : &*found;
}

// Whoever acts on a migration must know its present row.
Result<void> CheckMigrationFence(const model::TenantState& state, const model::Migration& given) {
  const std::optional<model::Migration>& stored = state.migration;
  if (!stored || stored->id != given.id || stored->fence != given.fence) {
    return Conflict("The migration has been changed meanwhile: read it again.");
  }
  if (!stored->unfinished()) {
    return Conflict("The migration is over: " + std::string(MigrationStateName(stored->state)) +
                    ".");
  }
  return {};
}

// The job that moves the data keys of the migration, null when `job` is another's.
model::RewrapJob* JobOf(const model::Migration& migration, model::RewrapJob* job) {
  return job != nullptr && job->id == migration.id ? job : nullptr;
}

bool EndsBadly(MigrationState state) {
  return state == MigrationState::kFailed || state == MigrationState::kCancelled;
}

// Every version by the target, the new one by the source, too, and nothing else.
bool WrapsAreWhole(const model::TenantState& state, const model::TenantKey& key,
                   std::span<const model::TenantKeyWrap> wraps) {
  const model::Migration& migration = *state.migration;
  std::set<std::pair<std::uint32_t, model::Fingerprint>> needed;
  for (const auto& row : state.keys) needed.emplace(row.version, migration.to);
  needed.emplace(key.version, migration.to);
  needed.emplace(key.version, migration.from);
  return wraps.size() == needed.size() &&
         std::all_of(wraps.begin(), wraps.end(), [&](const auto& wrap) {
           return wrap.tenant == state.tenant.id && !wrap.wrapped.empty() &&
                  needed.erase({wrap.version, wrap.provider}) == 1;
         });
}

}  // namespace

Error ProviderNotFound() { return NotFound("The tenant has no such key provider."); }

// --- Key providers ---

Result<void> ApplyNewProvider(model::TenantState& state, const model::KeyProvider& provider) {
  if (provider.tenant != state.tenant.id || provider.kind == model::ProviderKind::kInternal ||
      provider.arn.empty() || provider.promoted_at || provider.demoted_at || provider.revoked_at) {
    return Internal("A new key provider is not one that is yet to be used.");
  }
  TS_RETURN_IF_ERROR(CheckActive(state.tenant));
  for (const auto& row : state.providers) {
    if (row.fingerprint == provider.fingerprint || row.arn == provider.arn)
      return Error{ErrorCode::kAlreadyExists, "The tenant has this key provider already."};
  }
  if (state.providers.size() >= base::kProvidersMax) {
    return Conflict("The tenant has " + std::to_string(state.providers.size()) +
                    " key providers, the most there may be: delete some.");
  }
  state.providers.push_back(provider);
  std::stable_sort(
      state.providers.begin(), state.providers.end(), [](const auto& a, const auto& b) {
        return std::tie(a.created_at, a.fingerprint) < std::tie(b.created_at, b.fingerprint);
      });
  return {};
}

Result<void> ApplyProviderChange(model::TenantState& state, const model::KeyProvider& expected,
                                 const model::KeyProvider& changed) {
  model::KeyProvider may_become = expected;
  may_become.name = changed.name;
  may_become.description = changed.description;
  may_become.replica_arn = changed.replica_arn;
  if (may_become != changed) return Internal("More of a key provider would change than may.");
  model::KeyProvider* stored = Find(state, expected.fingerprint);
  if (stored == nullptr) return ProviderNotFound();
  if (*stored != expected)
    return Conflict("The key provider has been changed meanwhile: read it again.");
  *stored = changed;
  return {};
}

Result<model::FormerProvider> ApplyProviderDeletion(model::TenantState& state,
                                                    const model::Fingerprint& provider) {
  const model::KeyProvider* stored = state.FindProvider(provider);
  if (stored == nullptr) return ProviderNotFound();
  if (stored->kind == model::ProviderKind::kInternal)
    return Conflict("The internal key provider always stays.");
  if (state.tenant.current_provider == provider) return Conflict("The key provider is current.");
  const auto& migration = state.migration;
  if (migration && migration->unfinished() &&
      (migration->from == provider || migration->to == provider)) {
    return Conflict("The key provider is part of an unfinished migration.");
  }
  model::FormerProvider former{stored->arn, stored->demoted_at};
  EraseWraps(state, provider);
  std::erase_if(state.providers, [&](const auto& row) { return row.fingerprint == provider; });
  return former;
}

// --- Migrations ---

Result<void> ApplyMigrationStart(model::TenantState& state, const model::Migration& migration,
                                 const model::RewrapJob* job) {
  if (migration.tenant != state.tenant.id || migration.id.empty() ||
      migration.state != MigrationState::kNew || migration.pause != Pause::kNone ||
      migration.to_version != 0 || migration.finished_at) {
    return Internal("A new migration is not at its start.");
  }
  TS_RETURN_IF_ERROR(CheckActive(state.tenant));
  TS_RETURN_IF_ERROR(CheckNoMigration(state));
  TS_RETURN_IF_ERROR(CheckNoJob(job));
  if (state.FindProvider(migration.to) == nullptr) return ProviderNotFound();
  if (migration.to == state.tenant.current_provider)
    return Conflict("The key provider is current already.");
  if (migration.from != state.tenant.current_provider)
    return Conflict("The current key provider is another one by now: start again.");
  TS_RETURN_IF_ERROR(CheckRoomForVersion(state));
  EraseWraps(state, migration.to);
  state.migration = migration;
  return {};
}

Result<void> ApplyMigrationClaim(model::TenantState& state, const model::ProcessId& process) {
  if (!state.migration) return NotFound("The tenant has no migration.");
  TS_RETURN_IF_ERROR(CheckMigrationFence(state, *state.migration));
  state.migration->owner = process;
  ++state.migration->fence;
  return {};
}

Result<void> ApplyMigrationActivation(model::TenantState& state, const model::Migration& given,
                                      const model::TenantKey& key,
                                      std::span<const model::TenantKeyWrap> wraps,
                                      const model::RewrapJob& started) {
  TS_RETURN_IF_ERROR(CheckMigrationFence(state, given));
  model::Migration& migration = *state.migration;
  if (migration.state != MigrationState::kNew)
    return Conflict("The migration's tenant key version is active already.");
  if (migration.pause != Pause::kNone) return Conflict("The migration is paused.");
  TS_RETURN_IF_ERROR(CheckActive(state.tenant));
  if (key.tenant != state.tenant.id || key.version != state.tenant.active_version + 1 ||
      !WrapsAreWhole(state, key, wraps)) {
    return Internal("A migration's tenant key version lacks some of its wraps.");
  }
  if (started.tenant != key.tenant || started.id != migration.id ||
      started.to_version != key.version || started.state != RewrapState::kRunning) {
    return Internal("A migration's rewrap job is not its own.");
  }
  state.keys.push_back(key);
  state.wraps.insert(state.wraps.end(), wraps.begin(), wraps.end());
  state.tenant.active_version = key.version;
  migration.state = MigrationState::kInProgress;
  migration.to_version = key.version;
  ++migration.fence;
  return {};
}

Result<void> ApplyMigrationChange(model::TenantState& state, const model::Migration& given,
                                  model::RewrapJob* job) {
  TS_RETURN_IF_ERROR(CheckMigrationFence(state, given));
  model::Migration& migration = *state.migration;
  const bool ends = EndsBadly(given.state);
  if ((!ends && given.state != migration.state) || ends != given.finished_at.has_value())
    return Internal("A migration cannot change its state this way.");
  migration.state = given.state;
  migration.pause = ends ? Pause::kNone : given.pause;
  migration.detail = given.detail;
  migration.quarantine_accepted = given.quarantine_accepted;
  migration.finished_at = given.finished_at;
  ++migration.fence;
  if (ends) EraseWraps(state, migration.to);
  job = JobOf(migration, job);
  if (job == nullptr || !job->unfinished()) return {};
  if (ends) {
    job->state = RewrapState::kCancelled;
    job->finished_at = given.finished_at;
  } else {
    job->state = migration.pause == Pause::kNone ? RewrapState::kRunning : RewrapState::kPaused;
  }
  return {};
}

std::uint32_t RecountBelow(const model::TenantState& state) {
  return state.migration ? state.migration->to_version : 0;
}

Result<void> ApplyMigrationFinish(model::TenantState& state, const model::Migration& given,
                                  std::uint64_t left, bool with_data_keys_left,
                                  model::RewrapJob* job) {
  TS_RETURN_IF_ERROR(CheckMigrationFence(state, given));
  model::Migration& migration = *state.migration;
  if (migration.state != MigrationState::kInProgress)
    return Conflict("The migration has not made its tenant key version yet.");
  if (!given.finished_at) return Internal("A finished migration lacks its time.");
  TS_RETURN_IF_ERROR(CheckActive(state.tenant));
  for (const auto& key : state.keys) {
    if (state.FindWrap(key.version, migration.to) != nullptr) continue;
    return Conflict("Tenant key version " + std::to_string(key.version) +
                    " is not wrapped by the target.");
  }
  if (left > 0 && !with_data_keys_left)
    return Conflict(std::to_string(left) + " data keys are still to be moved.");
  model::KeyProvider* target = Find(state, migration.to);
  model::KeyProvider* source = Find(state, migration.from);
  if (target == nullptr || source == nullptr)
    return Internal("A migration's key provider is not there.");
  target->promoted_at = given.finished_at;
  target->demoted_at.reset();  // Of an earlier time as the current one.
  target->revoked_at.reset();  // It has just unwrapped a key.
  source->demoted_at = given.finished_at;
  EraseWraps(state, migration.from);
  state.tenant.current_provider = migration.to;
  migration.state = MigrationState::kCompleted;
  migration.pause = Pause::kNone;
  migration.detail = given.detail;
  migration.finished_at = given.finished_at;
  ++migration.fence;
  job = JobOf(migration, job);
  if (job != nullptr && job->state == RewrapState::kPaused) job->state = RewrapState::kRunning;
  return {};
}

// --- Quarantine ---

Error NotInQuarantine() { return NotFound("The data key is not in quarantine."); }

Result<void> CheckRelease(const model::Tenant& tenant, const model::DataKey& stored,
                          const model::DataKey& rewrapped, std::uint32_t old_version) {
  TS_RETURN_IF_ERROR(CheckInsert(tenant, rewrapped.version));
  if (stored.version != old_version)
    return Conflict("The data key has been rewrapped meanwhile: read it again.");
  return {};
}

}  // namespace tenantseal::store
