#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/log.h"
#include "events/event.h"
#include "providers/key_providers.h"
#include "store/rules.h"

namespace tenantseal::providers {
namespace {

using model::CheckOutcome;

constexpr std::string_view kSchedule = "schedule";          // The actor of what nobody asked for.
constexpr auto kScheduledTest = std::chrono::seconds(10);   // One validation, at most.
constexpr auto kScheduledTests = std::chrono::seconds(20);  // All of a call, about.

bool IsAlias(const std::string& arn) { return arn.find(":alias/") != std::string::npos; }

// Whether the report got as far as to know whether there is a replica.
bool KnowsReplica(const Report& report, const model::KeyProvider& provider) {
  return report.key_arn == provider.arn &&
         std::any_of(report.checks.begin(), report.checks.end(),
                     [](const Check& check) { return check.name == "multi-region"; });
}

bool IsOfIsolation(const Check& check) { return check.name == "isolation"; }

// What an earlier validation of the same key found with the probes that this one was made without:
// no news of it is not good news.
void KeepIsolation(const Report& earlier, Report& report) {
  if (earlier.key_arn != report.key_arn) return;
  std::ranges::copy_if(earlier.checks, std::back_inserter(report.checks), IsOfIsolation);
  const bool missing = std::ranges::any_of(report.checks, [](const Check& check) {
    return IsOfIsolation(check) && check.outcome != CheckOutcome::kPass;
  });
  if (missing && report.mended_policy.empty()) report.mended_policy = earlier.mended_policy;
}

nlohmann::json ProblemsJson(const Report& report) {
  nlohmann::json problems = nlohmann::json::array();
  for (const Check& check : report.checks) {
    if (check.outcome != CheckOutcome::kPass) problems.push_back(CheckJson(check));
  }
  return problems;
}

}  // namespace

Result<Report> KeyProviders::Validate(const model::Tenant& tenant, const std::string& arn,
                                      const std::string& pinned_arn, bool isolation,
                                      base::Deadline deadline) const {
  auto report = validator_.Validate(
      {tenant, arn, pinned_arn, isolation,
       [&](const std::string& key_arn) { return store_.CountTenantsUsing(key_arn, tenant.id); }},
      deadline);
  if (!report && report.error().encryption_code == 0 &&
      (report.error().code == ErrorCode::kKeyUnavailable ||
       report.error().code == ErrorCode::kDeadlineExceeded)) {
    report.error().encryption_code =
        static_cast<std::uint16_t>(model::EncryptionCode::kProviderTimeout);
  }
  return report;
}

Result<Report> KeyProviders::DryRun(const model::TenantId& tenant, const std::string& arn,
                                    base::Deadline deadline) const {
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  TS_RETURN_IF_ERROR(store::CheckActive(state.tenant));
  return Validate(state.tenant, arn, "", true, deadline);
}

Result<ProviderView> KeyProviders::Test(const model::TenantId& tenant,
                                        const std::string& fingerprint, bool isolation,
                                        const std::string& actor, base::Deadline deadline) {
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  TS_ASSIGN_OR_RETURN(model::KeyProvider provider, FindProvider(state, fingerprint));
  const bool current = provider.fingerprint == state.tenant.current_provider;
  if (provider.kind == model::ProviderKind::kInternal) {
    Report report;
    report.at = clock_.Utc();
    return ProviderView{std::move(provider), current, std::move(report)};
  }
  // The alias under which it was registered is in its reports alone.
  TS_ASSIGN_OR_RETURN(const std::optional<Report> last, LastReport(provider));
  const std::string& given = last && IsAlias(last->given_arn) ? last->given_arn : provider.arn;
  TS_ASSIGN_OR_RETURN(Report report,
                      Validate(state.tenant, given, provider.arn, isolation, deadline));
  if (last && !isolation) KeepIsolation(*last, report);
  TS_RETURN_IF_ERROR(Remember(provider, report, actor));
  TS_ASSIGN_OR_RETURN(provider, FollowReplica(std::move(provider), report, actor));
  return ProviderView{std::move(provider), current, std::move(report)};
}

Result<void> KeyProviders::Remember(const model::KeyProvider& provider, const Report& report,
                                    const std::string& actor) {
  TS_ASSIGN_OR_RETURN(const auto last,
                      store_.LoadValidation(provider.tenant, provider.fingerprint));
  const CheckOutcome outcome = report.outcome();
  std::optional<model::NewEvent> event;
  if (actor != kSchedule || !last || last->outcome != outcome) {
    event =
        EventOf(outcome == CheckOutcome::kFail ? events::kKeyProviderValidationFailed
                                               : events::kKeyProviderValidated,
                provider, actor,
                {{"outcome", model::CheckOutcomeName(outcome)}, {"checks", ProblemsJson(report)}});
  }
  const auto saved = store_.SaveValidation(
      {provider.tenant, provider.fingerprint, report.at, outcome, ReportText(report)}, event);
  if (saved || saved.error().code != ErrorCode::kNotFound) return saved;
  return model::EncryptionError(model::EncryptionCode::kProviderNotFound, ErrorCode::kNotFound,
                                "The key provider was deleted while it was validated.",
                                "arnFingerPrint");
}

Result<model::KeyProvider> KeyProviders::FollowReplica(model::KeyProvider provider,
                                                       const Report& report,
                                                       const std::string& actor) {
  if (!KnowsReplica(report, provider)) return provider;
  for (int attempt = 1;; ++attempt) {
    model::KeyProvider changed = provider;
    if (report.replica_fails()) {
      // It could not stand in, and while the primary is silent its refusal would be the owner's.
      changed.replica_arn.clear();
    } else if (report.replica_arn.empty() || report.dr_compliant()) {
      changed.replica_arn = report.replica_arn;
    }
    if (changed == provider) return provider;
    const auto done = ChangeTo(provider, changed, actor);
    if (done) return changed;
    if (done.error().code != ErrorCode::kConflict || attempt == kChangeAttemptsMax)
      return done.error();
    TS_ASSIGN_OR_RETURN(const model::TenantState now, store_.LoadTenant(provider.tenant));
    TS_ASSIGN_OR_RETURN(provider, FindProvider(now, provider.fingerprint.text()));
  }
}

Result<std::optional<model::Fingerprint>> KeyProviders::Due(const model::TenantId& tenant,
                                                            base::Duration every) const {
  const std::optional<model::Fingerprint> none;
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  const model::KeyProvider* provider = state.FindProvider(state.tenant.current_provider);
  if (state.tenant.status != model::TenantStatus::kActive || provider == nullptr ||
      provider->kind == model::ProviderKind::kInternal) {
    return none;
  }
  TS_ASSIGN_OR_RETURN(const auto last, store_.LoadValidation(tenant, provider->fingerprint));
  // One of a future that a wrong clock has stamped does not put off all others until then.
  if (last && std::chrono::abs(clock_.Utc() - last->at) < every) return none;
  return std::optional(provider->fingerprint);
}

void KeyProviders::ValidateScheduled(base::Duration every, const std::atomic<bool>& stop) {
  if (scheduled_.empty()) {
    const auto page = store_.ListTenants({base::kPageItemsMax, schedule_after_});
    if (!page) return;  // The store is gone; others say so.
    for (const model::Tenant& tenant : page->items) scheduled_.push_back(tenant.id);
    std::reverse(scheduled_.begin(), scheduled_.end());
    schedule_after_ = page->next;
  }
  const base::BootTime enough = clock_.Boot() + kScheduledTests;
  while (!scheduled_.empty() && clock_.Boot() < enough && !stop.load()) {
    const model::TenantId tenant = scheduled_.back();
    scheduled_.pop_back();
    const auto due = Due(tenant, every);
    if (due && !*due) continue;
    Error error;
    if (!due) {
      error = due.error();
    } else {
      const auto tested = Test(tenant, (*due)->text(), false, std::string(kSchedule),
                               clock_.Boot() + kScheduledTest);
      if (tested) continue;
      error = tested.error();
    }
    base::LogWarning("cannot validate a key provider",
                     {{"tenant", tenant.text()}, {"error", error.message}});
  }
}

}  // namespace tenantseal::providers
