// What a migration's data keys tell while they are moved.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/event.h"
#include "migration/runner.h"

namespace tenantseal::migration {
namespace {

constexpr int kReadsMax = 3;  // Of one batch's event.

// 0 to 9.
std::uint64_t TenthOf(const model::RewrapJob& job) {
  if (job.total == 0) return 0;
  return std::min<std::uint64_t>(9, (job.done + job.failed) * 10 / job.total);
}

// The migration that the job belongs to; none of a rotation's job, and of what is left to move of a
// migration that is over.
Result<std::optional<MigrationView>> ViewOfJob(const store::Store& store,
                                               const model::RewrapJob& job) {
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store.LoadTenant(job.tenant));
  if (!state.migration || state.migration->id != job.id || !state.migration->unfinished())
    return std::optional<MigrationView>();
  TS_ASSIGN_OR_RETURN(MigrationView view, ViewOf(store, state));
  return std::optional(std::move(view));
}

}  // namespace

std::optional<model::NewEvent> Runner::ProgressEvent(const model::RewrapJob& before,
                                                     const model::RewrapJob& after) const {
  if (TenthOf(after) <= TenthOf(before)) return std::nullopt;
  // An event that cannot be made is lost with a batch that can be stored: so more than one attempt.
  Result<std::optional<MigrationView>> view = std::optional<MigrationView>();
  for (int reads = 0; reads < kReadsMax; ++reads) {
    view = ViewOfJob(store_, after);
    if (view) break;
  }
  if (!view || !*view) return std::nullopt;
  MigrationView& shown = **view;
  shown.total = after.total;
  shown.done = after.done;
  shown.quarantined = after.failed;
  return MigrationEvent(clock_, random_, events::kMigrationProgressed, after.started_by, shown);
}

}  // namespace tenantseal::migration
