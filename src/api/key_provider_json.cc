#include "api/key_provider_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/control_json.h"
#include "base/limits.h"

namespace tenantseal::api {
namespace {

using nlohmann::json;
using providers::Check;
using providers::ProviderView;
using providers::Report;

constexpr const char* kInternalCreatedAt = "Qlik managed";
constexpr const char* kNever = "0001-01-01T00:00:00Z";
constexpr const char* kTextPrefix = "#BYOKv1#:";

std::string SecondsOrNever(const std::optional<base::UtcTime>& time) {
  return time ? base::FormatUtcSeconds(*time) : kNever;
}

json ComplianceError(const std::optional<Report>& report) {
  const Check* problem = report ? report->first_problem() : nullptr;
  if (problem == nullptr) return {{"code", ""}, {"region", ""}, {"message", ""}};
  return {{"code", model::CodeText(problem->code)},
          {"region", problem->region},
          {"message", problem->detail}};
}

// What a person should look at; empty when all is well.
std::string AttentionTo(const ProviderView& view) {
  if (view.provider.revoked_at) {
    return "The key provider refuses this tenant since " +
           base::FormatUtcSeconds(*view.provider.revoked_at) + ".";
  }
  if (!view.report || view.report->outcome() == model::CheckOutcome::kPass) return "";
  if (const Check* problem = view.report->first_problem()) return problem->detail;
  for (const Check& check : view.report->checks) {
    if (check.outcome != model::CheckOutcome::kPass) return check.detail;
  }
  return "";
}

void AddKeyFields(json& out, const ProviderView& view, Shown shown) {
  const model::KeyProvider& provider = view.provider;
  const bool multi_region =
      view.report ? view.report->multi_region : provider.arn.find(":key/mrk-") != std::string::npos;
  out["multiRegion"] = multi_region;
  out["replicaKeys"] = providers::ReplicaKeys(provider.replica_arn);
  out["drCompliant"] = view.report && view.report->dr_compliant();
  json problem = ComplianceError(view.report);
  out["complianceError"] =
      shown == Shown::kInList ? std::move(problem) : json::array({std::move(problem)});
  if (!view.report) return;
  const Report& report = *view.report;
  if (report.given_arn != provider.arn && !report.given_arn.empty())
    out["aliasArn"] = report.given_arn;
  out["validatedAt"] = base::FormatUtcSeconds(report.at);
  out["validation"] = model::CheckOutcomeName(report.outcome());
}

}  // namespace

json KeyProviderJson(const ProviderView& view, Shown shown) {
  const model::KeyProvider& provider = view.provider;
  const bool internal = provider.kind == model::ProviderKind::kInternal;
  json out = {
      {"arn", model::ShownArn(provider)},
      {"name", provider.name},
      {"tenantId", provider.tenant.text()},
      {"arnFingerPrint", provider.fingerprint.text()},
      {"keyprovider", internal ? "Qlik" : "AWS-KMS"},
      {"createdAt", internal ? kInternalCreatedAt : base::FormatUtcSeconds(provider.created_at)},
      {"promotedToCurrentAt", SecondsOrNever(provider.promoted_at)},
      {"demotedFromCurrentAt", SecondsOrNever(provider.demoted_at)}};
  if (!provider.description.empty()) out["description"] = provider.description;
  if (view.current || shown == Shown::kAlone) out["current"] = view.current;
  if (!internal) AddKeyFields(out, view, shown);
  if (provider.revoked_at) out["revokedAt"] = base::FormatUtcSeconds(*provider.revoked_at);
  if (std::string attention = AttentionTo(view); !attention.empty())
    out["attention"] = std::move(attention);
  return out;
}

json UsageJson(const providers::ProviderUsage& usage) {
  json out = {{"tenantKeys", usage.tenant_keys},
              {"dataKeys", usage.data_keys},
              {"quarantined", usage.quarantined},
              {"otherTenants", usage.other_tenants},
              {"safeToDelete", usage.safe_to_delete}};
  if (usage.keep_key_until) out["keepKeyUntil"] = base::FormatUtcSeconds(*usage.keep_key_until);
  return out;
}

json MigrationInformation(const migration::MigrationView& view) {
  const model::Migration& m = view.migration;
  const std::string to = m.to.text();
  json out = migration::MigrationJson(view);
  out.update({{"migrationId", m.id},
              {"completedAt", m.finished_at ? base::FormatUtc(*m.finished_at) : kNever},
              {"migratingToFingerPrint", to},
              {"migratingToPrefix", kTextPrefix + to}});
  return out;
}

json PlanJson(const migration::MigrationPlan& plan) {
  json out = {{"migratingFrom", plan.from_arn},
              {"migratingTo", plan.to_arn},
              {"migratingToFingerprint", plan.to.text()},
              {"tenantKeyVersions", plan.tenant_key_versions},
              {"dataKeys", plan.data_keys},
              {"kmsCalls", plan.kms_calls},
              {"seconds", plan.seconds},
              {"usd", plan.usd}};
  if (plan.validation) out["validation"] = providers::ReportJson(*plan.validation);
  return out;
}

Error AsInvalidRequest(Error error) {
  if (error.code == ErrorCode::kInvalidArgument && error.encryption_code == 0)
    error.encryption_code = static_cast<std::uint16_t>(model::EncryptionCode::kInvalidRequest);
  return error;
}

namespace {

Result<providers::KeyProviders::NewProvider> ReadNewProvider(base::ByteSpan body) {
  TS_ASSIGN_OR_RETURN(
      const json object,
      ParseControlBody(
          body, {"arn", "name", "description", "keyprovider", "current", "tenantId",
                 "arnFingerPrint", "createdAt", "promotedToCurrentAt", "demotedFromCurrentAt",
                 "multiRegion", "replicaKeys", "drCompliant", "complianceError", "aliasArn",
                 "validatedAt", "validation", "revokedAt", "attention"}));
  TS_ASSIGN_OR_RETURN(const auto name, TextField(object, "name", true));
  TS_ASSIGN_OR_RETURN(const auto arn, TextField(object, "arn", true));
  TS_ASSIGN_OR_RETURN(const auto kind, TextField(object, "keyprovider", true));
  if (*kind != "AWS-KMS") {
    return InvalidArgument("keyprovider", "The field keyprovider must be \"AWS-KMS\".");
  }
  TS_ASSIGN_OR_RETURN(const auto description, TextField(object, "description", false));
  return providers::KeyProviders::NewProvider{*arn, *name, description.value_or("")};
}

// One operation of a patch, applied to `change`; a later one wins.
Result<void> ReadOperation(const json& operation, const std::string& at,
                           providers::KeyProviders::Change& change) {
  if (!operation.is_object()) return InvalidArgument(at, "Each operation must be a JSON object.");
  for (const auto& [member, value] : operation.items()) {
    if (member != "op" && member != "path" && member != "value") {
      const std::string shown = Dump(member.substr(0, 64));
      return InvalidArgument(at + "/" + shown.substr(1, shown.size() - 2),
                             "An operation has the members op, path and value alone.");
    }
    if (member != "value" && !value.is_string()) {
      return InvalidArgument(at + "/" + member, "The member " + member + " must be a string.");
    }
  }
  if (operation.value("op", "") != "replace")
    return InvalidArgument(at + "/op", "The member op must be \"replace\".");
  const std::string path = operation.value("path", "");
  if (path != "/name" && path != "/description") {
    return InvalidArgument(at + "/path", Dump(path.substr(0, 64)) +
                                             " cannot be changed: the member path must be "
                                             "\"/name\" or \"/description\".");
  }
  const auto value = operation.find("value");
  if (value == operation.end() || !value->is_string())
    return InvalidArgument(at + "/value", "The member value must be a string.");
  (path == "/name" ? change.name : change.description) = value->get<std::string>();
  return {};
}

Result<providers::KeyProviders::Change> ReadPatch(base::ByteSpan body) {
  TS_ASSIGN_OR_RETURN(const json operations, ParseControlJson(body));
  if (!operations.is_array() || operations.empty() || operations.size() > kPatchOperationsMax) {
    return InvalidArgument("body", "The body must be an array of 1 to " +
                                       std::to_string(kPatchOperationsMax) +
                                       " operations (RFC 6902).");
  }
  providers::KeyProviders::Change change;
  for (std::size_t i = 0; i < operations.size(); ++i)
    TS_RETURN_IF_ERROR(ReadOperation(operations[i], std::to_string(i), change));
  return change;
}

}  // namespace

Result<providers::KeyProviders::NewProvider> ParseNewProvider(base::ByteSpan body) {
  auto provider = ReadNewProvider(body);
  if (!provider) return AsInvalidRequest(provider.error());
  return provider;
}

Result<providers::KeyProviders::Change> ParseProviderPatch(base::ByteSpan body) {
  auto change = ReadPatch(body);
  if (!change) return AsInvalidRequest(change.error());
  return change;
}

}  // namespace tenantseal::api
