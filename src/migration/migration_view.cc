#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/event.h"
#include "migration/migrations.h"

namespace tenantseal::migration {
namespace {

constexpr std::uint64_t kQuarantineMax = 100;

Result<std::string> ArnOf(const store::Store& store, const model::TenantState& state,
                          const model::Fingerprint& fingerprint) {
  const model::KeyProvider* provider = state.FindProvider(fingerprint);
  if (provider != nullptr) return model::ShownArn(*provider);
  // Deleted since, and not even kept when the tenant is destroyed.
  TS_ASSIGN_OR_RETURN(const auto former, store.LoadFormerProvider(state.tenant.id, fingerprint));
  return former ? former->arn : std::string();
}

}  // namespace

int MigrationView::percent() const {
  if (migration.state == model::MigrationState::kCompleted) return 100;
  if (total == 0) return 0;
  return static_cast<int>(std::min<std::uint64_t>(99, (done + quarantined) * 100 / total));
}

std::uint64_t QuarantineLimit(const model::Migration& migration, const model::RewrapJob& job) {
  const auto limit = std::clamp<std::uint64_t>(job.total / 1000, 1, kQuarantineMax);
  return std::max(limit, migration.quarantine_accepted);
}

Result<std::uint64_t> SetAside(const store::Store& store, const model::RewrapJob& job) {
  if (job.failed == 0) return std::uint64_t{0};
  TS_ASSIGN_OR_RETURN(const std::uint64_t now, store.CountQuarantine(job.tenant));
  return std::min(now, job.failed);
}

Result<MigrationView> ViewOf(const store::Store& store, const model::TenantState& state) {
  MigrationView view;
  view.migration = state.migration.value();
  TS_ASSIGN_OR_RETURN(view.from_arn, ArnOf(store, state, view.migration.from));
  TS_ASSIGN_OR_RETURN(view.to_arn, ArnOf(store, state, view.migration.to));
  TS_ASSIGN_OR_RETURN(const auto job, store.LoadRewrapJob(state.tenant.id));
  if (job && job->id == view.migration.id) {
    TS_ASSIGN_OR_RETURN(view.quarantined, SetAside(store, *job));
    view.total = job->total;
    view.done = job->done + (job->failed - view.quarantined);
  }
  return view;
}

nlohmann::json MigrationJson(const MigrationView& view) {
  const model::Migration& m = view.migration;
  nlohmann::json json = {{"id", m.id},
                         {"tenantId", m.tenant.text()},
                         {"state", model::MigrationStateName(m.state)},
                         {"progress", view.percent()},
                         {"initiatedAt", base::FormatUtc(m.started_at)},
                         {"migratingFrom", view.from_arn},
                         {"migratingFromFingerprint", m.from.text()},
                         {"migratingTo", view.to_arn},
                         {"migratingToFingerprint", m.to.text()},
                         {"total", view.total},
                         {"done", view.done},
                         {"quarantined", view.quarantined}};
  if (m.pause != model::Pause::kNone) {
    json["substate"] = "Paused";
    json["pausedBecause"] = model::PauseName(m.pause);
  }
  if (!m.detail.empty()) json["detail"] = m.detail;
  if (m.finished_at) json["completedAt"] = base::FormatUtc(*m.finished_at);
  return json;
}

model::NewEvent MigrationEvent(const base::Clock& clock, const base::Random& random,
                               std::string_view type, const std::string& actor,
                               const MigrationView& view) {
  return events::MakeEvent(clock, random, model::Scope::Of(view.migration.tenant), type, actor,
                           MigrationJson(view));
}

base::UtcTime EndOf(const model::Migration& migration, const base::Clock& clock) {
  return std::max(clock.Utc(), migration.started_at);
}

std::vector<model::NewEvent> FinishEvents(const base::Clock& clock, const base::Random& random,
                                          const std::string& actor, const MigrationView& view,
                                          const nlohmann::json& more) {
  const model::Migration& migration = view.migration;
  const auto event = [&](std::string_view type, const nlohmann::json& data) {
    return events::MakeEvent(clock, random, model::Scope::Of(migration.tenant), type, actor, data);
  };
  nlohmann::json finished = MigrationJson(view);
  finished.update(more);
  return {event(events::kMigrationFinished, finished),
          event(events::kKeyProviderUsageZero, {{"tenantId", migration.tenant.text()},
                                                {"arnFingerPrint", migration.from.text()},
                                                {"arn", view.from_arn},
                                                {"migrationId", migration.id}})};
}

}  // namespace tenantseal::migration
