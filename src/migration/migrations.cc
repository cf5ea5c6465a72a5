#include "migration/migrations.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "events/event.h"
#include "store/rules.h"

namespace tenantseal::migration {
namespace {

using model::EncryptionCode;
using model::EncryptionError;
using model::MigrationState;
using model::Pause;

constexpr int kTriesMax = 5;  // When somebody else changes the same migration.
constexpr std::size_t kRetriedAtOnce = 100;
constexpr double kDataKeysPerSecond = 50'000;  // Without a limit, on one core.

Error Ended() {
  return EncryptionError(
      EncryptionCode::kMigrationEnded, ErrorCode::kConflict,
      "No migration is going on: there is nothing to pause, resume or cancel. Start "
      "one with the fingerprint of its target.");
}

Error Ongoing(const model::Migration& migration) {
  return EncryptionError(EncryptionCode::kMigrationOngoing, ErrorCode::kConflict,
                         "The migration " + migration.id + " to " + migration.to.text() +
                             " is going on. Wait until it is completed, or cancel it.");
}

// Our own credentials are nothing to the caller: their failure keeps its code, so that only the log
// says more.
Error Recoded(EncryptionCode code, Error error) {
  error.encryption_code = static_cast<std::uint16_t>(code);
  error.field.clear();
  return error;
}

// A provider that does not answer, as it concerns the source of a migration.
Error OfSource(const Error& error) {
  if (error.code == ErrorCode::kKeyRevoked) {
    return EncryptionError(EncryptionCode::kSourceRefuses, ErrorCode::kConflict,
                           "The current provider refuses the tenant's key: " + error.message +
                               " Have its owner admit the service again, then migrate.");
  }
  if (error.code == ErrorCode::kIntegrity) return error;
  if (error.code == ErrorCode::kServiceFault)
    return Recoded(EncryptionCode::kSourceUnreachable, error);
  return EncryptionError(EncryptionCode::kSourceUnreachable, ErrorCode::kKeyUnavailable,
                         "The current provider does not answer: " + error.message +
                             " Nothing has begun; migrate again once it does.");
}

// The same of the target, when nothing is known of it but that.
Error OfTarget(Error error) {
  if (error.code == ErrorCode::kIntegrity || error.code == ErrorCode::kDecryptFailed) return error;
  return Recoded(EncryptionCode::kTargetInvalid, std::move(error));
}

bool Unreachable(const Error& error) {
  return error.code == ErrorCode::kKeyUnavailable || error.code == ErrorCode::kDeadlineExceeded;
}

// Whether the migration waits until somebody says that it may go on, and not just for better times.
bool WaitsForSomebody(Pause pause) {
  return pause == Pause::kOperator || pause == Pause::kSourceRefuses || pause == Pause::kQuarantine;
}

std::uint64_t CallsFor(const model::TenantState& state, const model::KeyProvider& source,
                       const model::KeyProvider& target) {
  const auto aws = [](const model::KeyProvider& p) {
    return std::uint64_t{p.kind == model::ProviderKind::kAwsKms};
  };
  const auto confirms = [&aws](const model::KeyProvider& p) {
    return p.replica_arn.empty() ? aws(p) : 2;
  };
  // Unwrapped for the target, and to rewrap data keys where it is not in memory.
  const std::uint64_t each = 2 * aws(source) + aws(target) + confirms(target);
  const std::uint64_t minted = aws(target) + confirms(target) + 2 * aws(source) + confirms(source);
  // The source is asked before it begins, the target now and then, both at the end.
  return state.keys.size() * each + minted + 2 * aws(source) + 2 * aws(target);
}

}  // namespace

Migrations::Migrations(store::Store& store, keyring::Keyring& keyring, keyring::StoreLease& lease,
                       keyring::Rotation& rotation, providers::KeyProviders& providers,
                       const base::Clock& clock, const base::Random& random,
                       double data_keys_per_second)
    : store_(store),
      keyring_(keyring),
      lease_(lease),
      rotation_(rotation),
      providers_(providers),
      clock_(clock),
      random_(random),
      data_keys_per_second_(data_keys_per_second) {}

Result<Migrations::Sides> Migrations::SidesOf(const model::TenantState& state,
                                              const std::string& fingerprint) const {
  Sides sides;
  TS_ASSIGN_OR_RETURN(sides.target, providers::FindProvider(state, fingerprint));
  TS_RETURN_IF_ERROR(store::CheckActive(state.tenant));
  const model::KeyProvider* source = state.FindProvider(state.tenant.current_provider);
  if (source == nullptr) return IntegrityError("the tenant's current provider is not there");
  sides.source = *source;
  if (state.migration && state.migration->unfinished()) return Ongoing(*state.migration);
  if (sides.target.fingerprint == sides.source.fingerprint) {
    return EncryptionError(EncryptionCode::kAlreadyCurrent, ErrorCode::kConflict,
                           "The tenant uses this key provider already: migrate to another.");
  }
  return sides;
}

Result<std::optional<providers::Report>> Migrations::ValidateTarget(
    const model::KeyProvider& target, bool isolation, const std::string& actor,
    base::Deadline deadline) {
  if (target.kind == model::ProviderKind::kInternal) return std::optional<providers::Report>();
  auto tested =
      providers_.Test(target.tenant, target.fingerprint.text(), isolation, actor, deadline);
  if (tested) return std::move(tested->report);
  return Unreachable(tested.error()) ? OfTarget(tested.error()) : tested.error();
}

Result<MigrationView> Migrations::Start(const model::TenantId& tenant,
                                        const std::string& fingerprint, const std::string& actor,
                                        base::Deadline deadline) {
  TS_ASSIGN_OR_RETURN(model::TenantState state, store_.LoadTenant(tenant));
  TS_ASSIGN_OR_RETURN(const Sides sides, SidesOf(state, fingerprint));
  TS_ASSIGN_OR_RETURN(const auto report, ValidateTarget(sides.target, true, actor, deadline));
  if (report && report->outcome() == model::CheckOutcome::kFail)
    return providers::RefusalOf(*report, EncryptionCode::kTargetInvalid);
  const auto answers =
      keyring_.CheckUnwraps(state, state.tenant.active_version, sides.source, deadline);
  if (!answers) return OfSource(answers.error());
  if (sides.source.revoked_at) {  // As it has just unwrapped, that is over, and would pause it.
    if (const auto over = keyring_.AskAgain(tenant, deadline); !over) return OfSource(over.error());
  }

  model::Migration migration;
  migration.tenant = tenant;
  migration.id = model::NewUuid(random_);
  migration.from = sides.source.fingerprint;
  migration.to = sides.target.fingerprint;
  migration.started_by = actor;
  migration.started_at = clock_.Utc();
  state.migration = migration;
  TS_ASSIGN_OR_RETURN(MigrationView view, ViewOf(store_, state));
  const auto epoch = store_.StartMigration(
      migration, MigrationEvent(clock_, random_, events::kMigrationTriggered, actor, view));
  if (!epoch && epoch.error().code == ErrorCode::kConflict) {
    // Another request may have been faster.
    TS_ASSIGN_OR_RETURN(state, store_.LoadTenant(tenant));
    TS_RETURN_IF_ERROR(SidesOf(state, fingerprint));
  }
  if (!epoch) return epoch.error();
  TS_RETURN_IF_ERROR(lease_.AwaitObeyed(*epoch));
  return view;
}

Result<MigrationView> Migrations::Details(const model::TenantId& tenant) const {
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  if (!state.migration) {
    return EncryptionError(EncryptionCode::kNoMigration, ErrorCode::kNotFound,
                           "The tenant has never been migrated. Start a migration first.");
  }
  return ViewOf(store_, state);
}

Result<MigrationPlan> Migrations::Plan(const model::TenantId& tenant,
                                       const std::string& fingerprint, const std::string& actor,
                                       base::Deadline deadline) {
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  TS_ASSIGN_OR_RETURN(const Sides sides, SidesOf(state, fingerprint));
  MigrationPlan plan;
  plan.from_arn = model::ShownArn(sides.source);
  plan.to_arn = model::ShownArn(sides.target);
  plan.to = sides.target.fingerprint;
  plan.tenant_key_versions = state.keys.size() + 1;
  TS_ASSIGN_OR_RETURN(plan.data_keys, store_.CountDataKeys(tenant, std::nullopt));
  plan.kms_calls = CallsFor(state, sides.source, sides.target);
  const double rate = data_keys_per_second_ > 0
                          ? std::min(data_keys_per_second_, kDataKeysPerSecond)
                          : kDataKeysPerSecond;
  plan.seconds = std::ceil(static_cast<double>(plan.data_keys) / rate +
                           0.05 * static_cast<double>(plan.kms_calls) + 1);
  plan.usd = static_cast<double>(plan.kms_calls) * 0.03 / 10'000;
  TS_ASSIGN_OR_RETURN(plan.validation, ValidateTarget(sides.target, true, actor, deadline));
  return plan;
}

Result<MigrationView> Migrations::Change(
    const model::TenantId& tenant, std::string_view event_type, const std::string& actor,
    const std::function<Result<void>(const model::TenantState&, model::Migration&)>& change) {
  for (int tries = 1;; ++tries) {
    TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
    if (!state.migration || !state.migration->unfinished()) return Ended();
    model::Migration changed = *state.migration;
    TS_RETURN_IF_ERROR(change(state, changed));
    TS_ASSIGN_OR_RETURN(MigrationView view, ViewOf(store_, state));
    if (changed == *state.migration) return view;
    view.migration = changed;
    const auto epoch =
        store_.ChangeMigration(changed, MigrationEvent(clock_, random_, event_type, actor, view));
    if (epoch) {
      TS_RETURN_IF_ERROR(lease_.AwaitObeyed(*epoch));
      return view;
    }
    if (epoch.error().code != ErrorCode::kConflict || tries == kTriesMax) return epoch.error();
  }
}

Result<MigrationView> Migrations::Pause(const model::TenantId& tenant, const std::string& actor) {
  return Change(tenant, events::kMigrationPaused, actor,
                [&](const model::TenantState&, model::Migration& migration) -> Result<void> {
                  if (WaitsForSomebody(migration.pause)) return {};
                  const std::string before =
                      migration.detail.empty() ? "" : " Before: " + migration.detail;
                  migration.pause = Pause::kOperator;
                  migration.detail = "Paused by " + actor + "." + before;
                  return {};
                });
}

Result<MigrationView> Migrations::Cancel(const model::TenantId& tenant, const std::string& actor) {
  return Change(tenant, events::kMigrationCancelled, actor,
                [&](const model::TenantState&, model::Migration& migration) -> Result<void> {
                  migration.state = MigrationState::kCancelled;
                  migration.pause = Pause::kNone;
                  migration.detail = "Cancelled by " + actor + ".";
                  migration.finished_at = EndOf(migration, clock_);
                  return {};
                });
}

// Whether what holds the migration up is over or accepted.
Result<void> Migrations::MayResume(const model::TenantState& state, model::Migration& migration,
                                   const Accept& accept, const std::string& actor,
                                   base::Deadline deadline) {
  TS_RETURN_IF_ERROR(store::CheckActive(state.tenant));
  switch (migration.pause) {
    case Pause::kTargetRefuses: {
      const model::KeyProvider* target = state.FindProvider(migration.to);
      if (target == nullptr) return IntegrityError("the target of a migration is not there");
      const auto report = ValidateTarget(*target, false, actor, deadline);
      if (!report) return report.error();
      if (*report && (*report)->outcome() == model::CheckOutcome::kFail)
        return providers::RefusalOf(**report, EncryptionCode::kTargetInvalid);
      break;
    }
    case Pause::kQuarantine: {
      TS_ASSIGN_OR_RETURN(const auto job, store_.LoadRewrapJob(state.tenant.id));
      if (!job || job->id != migration.id) break;
      TS_ASSIGN_OR_RETURN(const std::uint64_t aside, SetAside(store_, *job));
      if (accept.quarantine) {
        migration.quarantine_accepted = aside;
      } else if (aside > QuarantineLimit(migration, *job)) {
        return EncryptionError(EncryptionCode::kResumeNotAccepted, ErrorCode::kConflict,
                               migration.detail +
                                   " Retry them, or accept that they are left behind "
                                   "(acceptQuarantine).",
                               "acceptQuarantine");
      }
      break;
    }
    default:
      break;
  }
  migration.pause = Pause::kNone;
  migration.detail.clear();
  return {};
}

Result<MigrationView> Migrations::Resume(const model::TenantId& tenant, const Accept& accept,
                                         const std::string& actor, base::Deadline deadline) {
  for (int tries = 1;; ++tries) {
    TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
    if (!state.migration || !state.migration->unfinished()) return Ended();
    const model::KeyProvider* source = state.FindProvider(state.migration->from);
    const bool refuses = state.migration->pause == Pause::kSourceRefuses && source != nullptr &&
                         source->revoked_at.has_value();
    if (!refuses) break;
    // Perhaps the owner has admitted the service again, and the next probe would tell.
    const bool admitted = keyring_.AskAgain(tenant, deadline).has_value();
    if (admitted && tries < kTriesMax) continue;
    auto finished = FinishWithoutSource(state, accept, actor, deadline);
    const bool lost = !finished && finished.error().code == ErrorCode::kConflict &&
                      finished.error().encryption_code == 0;
    if (!lost || tries == kTriesMax) return finished;
  }
  return Change(tenant, events::kMigrationResumed, actor,
                [&](const model::TenantState& now, model::Migration& migration) {
                  return MayResume(now, migration, accept, actor, deadline);
                });
}

Result<MigrationView> Migrations::FinishWithoutSource(const model::TenantState& state,
                                                      const Accept& accept,
                                                      const std::string& actor,
                                                      base::Deadline deadline) {
  const auto refused = [](std::string message) {
    return EncryptionError(EncryptionCode::kResumeNotAccepted, ErrorCode::kConflict,
                           std::move(message), "acceptSourceRefusal");
  };
  if (state.migration->state == MigrationState::kNew) {
    return refused(
        "The source refuses the tenant's key, and not every version is wrapped by the target yet: "
        "have the source's owner admit the service again, then resume, or cancel.");
  }
  if (!accept.source_refuses) {
    return refused(
        "The source refuses the tenant's key, as its owner may want. Accept that to finish with "
        "the target alone (acceptSourceRefusal), or have the owner admit the service again.");
  }
  TS_RETURN_IF_ERROR(store::CheckActive(state.tenant));
  const model::KeyProvider* target = state.FindProvider(state.migration->to);
  if (target == nullptr) return IntegrityError("the target of a migration is not there");
  for (const model::TenantKey& key : state.keys) {
    const auto unwraps = keyring_.CheckUnwraps(state, key.version, *target, deadline);
    if (!unwraps) return OfTarget(unwraps.error());
  }
  model::Migration finished = *state.migration;
  finished.detail = "Finished without the source, which refuses, by " + actor + ".";
  finished.finished_at = EndOf(finished, clock_);
  TS_ASSIGN_OR_RETURN(MigrationView view, ViewOf(store_, state));
  view.migration = finished;
  view.migration.state = MigrationState::kCompleted;
  view.migration.pause = Pause::kNone;
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch,
                      store_.FinishMigration(finished, true,
                                             FinishEvents(clock_, random_, actor, view,
                                                          {{"acceptedSourceRefusal", true}})));
  TS_RETURN_IF_ERROR(lease_.AwaitObeyed(epoch));
  return view;
}

Result<std::vector<model::QuarantinedDataKey>> Migrations::Quarantine(const model::TenantId& tenant,
                                                                      const std::string& after,
                                                                      std::size_t limit) const {
  return store_.ListQuarantine(tenant, after, limit);
}

Result<std::uint64_t> Migrations::RetryQuarantine(const model::TenantId& tenant,
                                                  base::Deadline deadline) {
  std::uint64_t released = 0;
  std::string after;
  while (true) {
    TS_ASSIGN_OR_RETURN(const auto rows, store_.ListQuarantine(tenant, after, kRetriedAtOnce));
    if (rows.empty()) return released;
    after = rows.back().id.text();
    for (const model::QuarantinedDataKey& row : rows) {
      const auto stored = store_.LoadDataKey(tenant, row.id);
      if (!stored) {
        if (stored.error().code == ErrorCode::kNotFound) continue;  // Deleted just now.
        return stored.error();
      }
      auto rewrapped = rotation_.RewrapOne(*stored, deadline);
      if (!rewrapped) {
        if (rewrapped.error().code == ErrorCode::kDecryptFailed ||
            rewrapped.error().code == ErrorCode::kIntegrity) {
          continue;
        }
        return rewrapped.error();
      }
      const auto stays = store_.ReleaseDataKey(*rewrapped, stored->version);
      if (stays) {
        ++released;
      } else if (stays.error().code != ErrorCode::kNotFound &&
                 stays.error().code != ErrorCode::kConflict) {
        return stays.error();
      }
    }
  }
}

}  // namespace tenantseal::migration
