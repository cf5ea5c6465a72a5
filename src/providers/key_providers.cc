#include "providers/key_providers.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/arn.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "events/event.h"
#include "store/rules.h"

namespace tenantseal::providers {
namespace {

using model::EncryptionCode;
using model::EncryptionError;

constexpr std::size_t kFingerprintCharsMax = 64;

constexpr std::size_t kNameCharactersMax = 256;
constexpr std::size_t kDescriptionCharactersMax = 1024;

Error BadText(const char* field, const std::string& what) {
  return EncryptionError(
      EncryptionCode::kInvalidRequest, ErrorCode::kInvalidArgument,
      std::string("The ") + field + " must have " + what + " without control characters.", field);
}

Result<void> CheckName(const std::string& name) {
  const bool blank = name.find_first_not_of(' ') == std::string::npos;
  if (!blank && base::IsPlainText(name) && base::CharactersOf(name) <= kNameCharactersMax)
    return {};
  return BadText("name",
                 "1 to " + std::to_string(kNameCharactersMax) + " characters, not spaces alone,");
}

Result<void> CheckDescription(const std::string& description) {
  if (base::IsPlainText(description) &&
      base::CharactersOf(description) <= kDescriptionCharactersMax)
    return {};
  return BadText("description",
                 "at most " + std::to_string(kDescriptionCharactersMax) + " characters");
}

Error NoSuchProvider() {
  return EncryptionError(
      EncryptionCode::kProviderNotFound, ErrorCode::kNotFound,
      "The tenant has no key provider with this fingerprint. The list of its key "
      "providers has theirs.",
      "arnFingerPrint");
}

Error Registered(const model::Fingerprint& fingerprint) {
  return EncryptionError(EncryptionCode::kArnRegistered, ErrorCode::kAlreadyExists,
                         "The tenant has a key provider with this key already: use " +
                             fingerprint.text() + ", or delete that one first.",
                         "arn");
}

// Whether the tenant may have one more provider.
Result<void> CheckRoom(const model::TenantState& state) {
  TS_RETURN_IF_ERROR(store::CheckActive(state.tenant));
  if (state.providers.size() < base::kProvidersMax) return {};
  return EncryptionError(EncryptionCode::kTooManyProviders, ErrorCode::kConflict,
                         "The tenant has " + std::to_string(state.providers.size()) +
                             " key providers; delete one that is not used first.");
}

// Why the provider must stay; empty when it need not.
std::string UseOf(const model::TenantState& state, const model::KeyProvider& provider) {
  if (provider.kind == model::ProviderKind::kInternal)
    return "The internal KMS always stays; delete the keys of AWS KMS only.";
  if (provider.fingerprint == state.tenant.current_provider)
    return "The key provider is the tenant's current one; migrate to another first.";
  const auto& migration = state.migration;
  if (migration && migration->unfinished() &&
      (migration->from == provider.fingerprint || migration->to == provider.fingerprint)) {
    return "The key provider is part of a migration that is not finished: wait for it or cancel "
           "it.";
  }
  return "";
}

nlohmann::json ProviderJson(const model::KeyProvider& provider) {
  const bool internal = provider.kind == model::ProviderKind::kInternal;
  return {{"id", provider.fingerprint.text()},
          {"arnFingerPrint", provider.fingerprint.text()},
          {"arn", model::ShownArn(provider)},
          {"name", provider.name},
          {"description", provider.description},
          {"keyprovider", internal ? "Qlik" : "AWS-KMS"},
          {"tenantId", provider.tenant.text()},
          {"multiRegion", !provider.replica_arn.empty()},
          {"replicaKeys", ReplicaKeys(provider.replica_arn)}};
}

nlohmann::json Updates(const model::KeyProvider& before, const model::KeyProvider& after) {
  nlohmann::json updates = nlohmann::json::array();
  const auto compare = [&updates](const char* path, nlohmann::json was, nlohmann::json is) {
    if (was != is)
      updates.push_back({{"path", path}, {"before", std::move(was)}, {"after", std::move(is)}});
  };
  compare("/name", before.name, after.name);
  compare("/description", before.description, after.description);
  compare("/replicaKeys", ReplicaKeys(before.replica_arn), ReplicaKeys(after.replica_arn));
  return updates;
}

// "name" or what else the caller may give, checked.
Result<void> CheckTexts(const std::optional<std::string>& name,
                        const std::optional<std::string>& description) {
  if (name) TS_RETURN_IF_ERROR(CheckName(*name));
  return description ? CheckDescription(*description) : Result<void>();
}

}  // namespace

nlohmann::json ReplicaKeys(const std::string& replica_arn) {
  nlohmann::json keys = nlohmann::json::array();
  if (replica_arn.empty()) return keys;
  const auto arn = aws::ParseKmsArn(replica_arn);
  keys.push_back({{"arn", replica_arn}, {"region", arn ? arn->region : ""}});
  return keys;
}

Result<model::KeyProvider> FindProvider(const model::TenantState& state,
                                        const std::string& fingerprint) {
  if (fingerprint.size() > kFingerprintCharsMax) {
    return EncryptionError(EncryptionCode::kFingerprintTooLong, ErrorCode::kTooLarge,
                           "A fingerprint has 32 characters; the list of key providers has them.",
                           "arnFingerPrint");
  }
  for (const model::KeyProvider& provider : state.providers) {
    if (provider.fingerprint.text() == fingerprint) return provider;
  }
  return NoSuchProvider();
}

KeyProviders::KeyProviders(store::Store& store, keyring::StoreLease& lease,
                           const Validator& validator, const base::Clock& clock,
                           const base::Random& random, base::Duration backup_retention)
    : store_(store),
      lease_(lease),
      validator_(validator),
      clock_(clock),
      random_(random),
      backup_retention_(backup_retention) {}

model::NewEvent KeyProviders::EventOf(std::string_view type, const model::KeyProvider& provider,
                                      const std::string& actor, const nlohmann::json& more) const {
  nlohmann::json data = ProviderJson(provider);
  data.update(more);
  return events::MakeEvent(clock_, random_, model::Scope::Of(provider.tenant), type, actor, data);
}

Result<ProviderView> KeyProviders::Create(const model::TenantId& tenant,
                                          const NewProvider& provider, const std::string& actor,
                                          base::Deadline deadline) {
  TS_RETURN_IF_ERROR(CheckTexts(provider.name, provider.description));
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  TS_RETURN_IF_ERROR(CheckRoom(state));
  // Known without asking AWS; by another name of the key it shows later.
  for (const model::KeyProvider& other : state.providers) {
    if (!provider.arn.empty() && other.arn == provider.arn) return Registered(other.fingerprint);
  }
  TS_ASSIGN_OR_RETURN(const Report report,
                      Validate(state.tenant, provider.arn, "", true, deadline));
  if (report.outcome() == model::CheckOutcome::kFail) return RefusalOf(report);
  return Register(state, provider, report, actor);
}

Result<ProviderView> KeyProviders::Register(const model::TenantState& state,
                                            const NewProvider& wanted, const Report& report,
                                            const std::string& actor) {
  if (report.key_arn.empty()) return Internal("a validation passed without the key's ARN");
  const model::TenantId& tenant = state.tenant.id;
  model::KeyProvider provider;
  provider.tenant = tenant;
  provider.fingerprint = FingerprintOf(tenant, report.key_arn);
  provider.kind = model::ProviderKind::kAwsKms;
  provider.arn = report.key_arn;
  provider.name = wanted.name;
  provider.description = wanted.description;
  provider.created_at = clock_.Utc();
  provider.replica_arn = report.replica_arn;
  const auto added = store_.AddProvider(
      provider, EventOf(events::kKeyProviderCreated, provider, actor, nlohmann::json::object()));
  if (!added && added.error().code == ErrorCode::kAlreadyExists)
    return Registered(provider.fingerprint);
  if (!added && added.error().code == ErrorCode::kConflict) {
    TS_ASSIGN_OR_RETURN(const model::TenantState now, store_.LoadTenant(tenant));
    TS_RETURN_IF_ERROR(CheckRoom(now));
  }
  if (!added) return added.error();
  TS_RETURN_IF_ERROR(lease_.AwaitObeyed(*added));
  // The provider is there, whatever becomes of its report: a test makes another.
  const auto saved = store_.SaveValidation(
      {tenant, provider.fingerprint, report.at, report.outcome(), ReportText(report)},
      std::nullopt);
  if (!saved) {
    base::LogWarning("cannot keep the report of a new key provider",
                     {{"tenant", tenant.text()}, {"error", saved.error().message}});
  }
  return ProviderView{provider, false, report};
}

Result<std::optional<Report>> KeyProviders::LastReport(const model::KeyProvider& provider) const {
  TS_ASSIGN_OR_RETURN(const auto validation,
                      store_.LoadValidation(provider.tenant, provider.fingerprint));
  if (!validation) return std::optional<Report>();
  auto report = ParseReport(validation->report);
  if (report) return std::optional<Report>(std::move(*report));
  // Nothing depends on it, and the next validation replaces it.
  base::LogWarning("the report of a key provider cannot be read",
                   {{"tenant", provider.tenant.text()},
                    {"provider", provider.fingerprint.text()},
                    {"error", report.error().message}});
  return std::optional<Report>();
}

Result<ProviderView> KeyProviders::ViewOf(const model::TenantState& state,
                                          const model::KeyProvider& provider) const {
  TS_ASSIGN_OR_RETURN(std::optional<Report> report, LastReport(provider));
  return ProviderView{provider, provider.fingerprint == state.tenant.current_provider,
                      std::move(report)};
}

Result<std::vector<ProviderView>> KeyProviders::List(const model::TenantId& tenant) const {
  TS_ASSIGN_OR_RETURN(model::TenantState state, store_.LoadTenant(tenant));
  std::stable_partition(state.providers.begin(), state.providers.end(), [](const auto& provider) {
    return provider.kind == model::ProviderKind::kInternal;
  });
  std::vector<ProviderView> views;
  for (const model::KeyProvider& provider : state.providers) {
    TS_ASSIGN_OR_RETURN(ProviderView view, ViewOf(state, provider));
    views.push_back(std::move(view));
  }
  return views;
}

Result<ProviderView> KeyProviders::Get(const model::TenantId& tenant,
                                       const std::string& fingerprint) const {
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  TS_ASSIGN_OR_RETURN(const model::KeyProvider provider, FindProvider(state, fingerprint));
  return ViewOf(state, provider);
}

Result<void> KeyProviders::ChangeTo(const model::KeyProvider& now,
                                    const model::KeyProvider& changed, const std::string& actor) {
  if (changed == now) return {};
  const auto epoch = store_.ChangeProvider(
      now, changed,
      EventOf(events::kKeyProviderUpdated, changed, actor, {{"updates", Updates(now, changed)}}));
  if (!epoch && epoch.error().code == ErrorCode::kNotFound) return NoSuchProvider();
  if (!epoch) return epoch.error();
  return lease_.AwaitObeyed(*epoch);
}

Result<void> KeyProviders::Patch(const model::TenantId& tenant, const std::string& fingerprint,
                                 const Change& change, const std::string& actor) {
  TS_RETURN_IF_ERROR(CheckTexts(change.name, change.description));
  for (int attempt = 1;; ++attempt) {
    TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
    TS_ASSIGN_OR_RETURN(const model::KeyProvider now, FindProvider(state, fingerprint));
    model::KeyProvider changed = now;
    if (change.name) changed.name = *change.name;
    if (change.description) changed.description = *change.description;
    const auto done = ChangeTo(now, changed, actor);
    if (done || done.error().code != ErrorCode::kConflict || attempt == kChangeAttemptsMax)
      return done;
  }
}

Result<void> KeyProviders::Delete(const model::TenantId& tenant, const std::string& fingerprint,
                                  const std::string& actor) {
  for (int attempt = 1;; ++attempt) {
    TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
    TS_ASSIGN_OR_RETURN(const model::KeyProvider provider, FindProvider(state, fingerprint));
    if (const std::string use = UseOf(state, provider); !use.empty())
      return EncryptionError(EncryptionCode::kProviderInUse, ErrorCode::kConflict, use);
    nlohmann::json more = nlohmann::json::object();
    if (const auto keep = KeepKeyUntil(provider.demoted_at))
      more["keepKeyUntil"] = base::FormatUtcSeconds(*keep);
    const auto deleted = store_.DeleteProvider(
        tenant, provider.fingerprint, EventOf(events::kKeyProviderDeleted, provider, actor, more));
    if (deleted) return lease_.AwaitObeyed(*deleted);
    if (deleted.error().code == ErrorCode::kNotFound) return NoSuchProvider();
    if (deleted.error().code != ErrorCode::kConflict || attempt == kChangeAttemptsMax)
      return deleted.error();
  }
}

}  // namespace tenantseal::providers
