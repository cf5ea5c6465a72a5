#include "cli/key_provider_views.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/report_text.h"
#include "cli/table.h"

namespace tenantseal::cli {
namespace {

using nlohmann::json;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kNever = "0001-01-01T00:00:00Z";  // What the API says for "not yet".

std::string Field(const json& object, const char* name) {
  const std::string text = object.is_object() ? Text(object, name) : "";
  return text == kNever ? "" : text;
}

void Add(Fields& fields, const json& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (std::string text = Field(object, name); !text.empty()) fields.emplace_back(name, text);
  }
}

// An object in lists and an array of it elsewhere; "" when all is well.
std::string ComplianceProblem(const json& provider) {
  const auto found = provider.find("complianceError");
  if (found == provider.end()) return "";
  const json& problem = found->is_array() && !found->empty() ? found->front() : *found;
  const std::string code = Field(problem, "code"), message = Field(problem, "message");
  return code.empty() && message.empty() ? "" : message + (code.empty() ? "" : " (" + code + ")");
}

std::string Replicas(const json& provider) {
  std::string out;
  const auto found = provider.find("replicaKeys");
  if (found == provider.end() || !found->is_array()) return out;
  for (const json& replica : *found) out += (out.empty() ? "" : " ") + Field(replica, "arn");
  return out;
}

void PrintKeyProvider(const json& provider) {
  Fields fields;
  Add(fields, provider,
      {"arnFingerPrint", "name", "description", "keyprovider", "current", "arn", "aliasArn"});
  if (std::string replicas = Replicas(provider); !replicas.empty())
    fields.emplace_back("replicaKeys", replicas);
  Add(fields, provider,
      {"multiRegion", "drCompliant", "createdAt", "promotedToCurrentAt", "demotedFromCurrentAt",
       "validatedAt", "validation", "revokedAt"});
  if (std::string problem = ComplianceProblem(provider); !problem.empty())
    fields.emplace_back("complianceError", problem);
  Add(fields, provider, {"attention"});
  PrintFields(fields);
}

void PrintKeyProviders(const json& providers) {
  std::vector<std::vector<std::string>> rows = {
      {"", "FINGERPRINT", "NAME", "PROVIDER", "VALIDATION", "ARN"}};
  for (const json& provider : providers) {
    std::string state = Field(provider, "validation");
    if (!Field(provider, "revokedAt").empty()) state = "revoked";
    rows.push_back({Field(provider, "current") == "true" ? "*" : "",
                    Field(provider, "arnFingerPrint"), Field(provider, "name"),
                    Field(provider, "keyprovider"), state.empty() ? "-" : state,
                    Field(provider, "arn")});
  }
  PrintTable(rows);
}

void PrintUsage(const json& usage) {
  Fields fields;
  Add(fields, usage,
      {"tenantKeys", "dataKeys", "quarantined", "otherTenants", "safeToDelete", "keepKeyUntil"});
  PrintFields(fields);
}

void PrintValidation(const json& report) {
  const auto checks = report.find("checks");
  if (checks != report.end() && checks->empty()) {
    std::printf("There was nothing to check: the internal KMS needs no validation.\n");
    return;
  }
  std::printf("%s%s\n", ReportText(report).c_str(), ReportOutcome(report).c_str());
}

void PrintMigration(const json& migration) {
  if (!migration.contains("state")) {
    std::printf("%s\n", Printable(Field(migration, "message")).c_str());
    return;
  }
  Fields fields;
  Add(fields, migration,
      {"id", "state", "substate", "pausedBecause", "detail", "progress", "total", "done",
       "quarantined", "migratingFrom", "migratingTo", "migratingToFingerprint", "initiatedAt",
       "completedAt"});
  PrintFields(fields);
}

void PrintPlan(const json& plan) {
  Fields fields;
  Add(fields, plan,
      {"migratingFrom", "migratingTo", "migratingToFingerprint", "tenantKeyVersions", "dataKeys",
       "kmsCalls", "seconds"});
  if (const auto usd = plan.find("usd"); usd != plan.end() && usd->is_number()) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.6f", usd->get<double>());
    fields.emplace_back("usd", text.data());
  }
  PrintFields(fields);
  if (const auto report = plan.find("validation"); report != plan.end()) {
    std::printf("\n");
    PrintValidation(*report);
  }
}

void PrintQuarantine(const json& page) {
  const auto items = page.find("data");
  if (items == page.end() || items->empty()) {
    std::printf("No data key is quarantined.\n");
    return;
  }
  std::vector<std::vector<std::string>> rows = {{"ID", "TENANT KEY", "SINCE", "REASON"}};
  for (const json& item : *items) {
    rows.push_back({Field(item, "id"), Field(item, "tenantKeyVersion"), Field(item, "since"),
                    Field(item, "reason")});
  }
  PrintTable(rows);
}

}  // namespace

const View kKeyProvider = {"arnFingerPrint", PrintKeyProvider};
const View kKeyProviders = {"arnFingerPrint", PrintKeyProviders};
const View kKeyUsage = {"dataKeys", PrintUsage};
const View kValidation = {"outcome", PrintValidation};
const View kMigration = {"id", PrintMigration};
const View kMigrationPlan = {"migratingToFingerprint", PrintPlan};
const View kQuarantine = {"id", PrintQuarantine};

std::string MigrationLine(const json& migration) {
  std::string out = Field(migration, "state");
  if (const std::string progress = Field(migration, "progress"); !progress.empty())
    out += " " + progress + " %";
  const std::string total = Field(migration, "total");
  if (!total.empty() && total != "0")
    out += ", " + Field(migration, "done") + " of " + total + " data keys";
  const std::string quarantined = Field(migration, "quarantined");
  if (!quarantined.empty() && quarantined != "0") out += ", " + quarantined + " quarantined";
  if (const std::string reason = Field(migration, "pausedBecause"); !reason.empty())
    out += "; paused: " + reason;
  return Printable(out);
}

}  // namespace tenantseal::cli
