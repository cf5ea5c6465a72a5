#include "providers/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tenantseal::providers {
namespace {

using model::CheckOutcome;
using model::EncryptionCode;
using nlohmann::json;

constexpr std::size_t kTextBytesMax = 1 << 20;
constexpr std::size_t kChecksMax = 256;

bool ConcernsReplica(const Check& check) {
  return check.name.starts_with("replica-") || check.name == "multi-region";
}

Error Foreign() { return IntegrityError("The stored report of a validation cannot be read."); }

Result<std::string> Text(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return Foreign();
  return found->get<std::string>();
}

Result<CheckOutcome> ParseOutcome(std::string_view name) {
  for (const auto outcome : {CheckOutcome::kPass, CheckOutcome::kWarn, CheckOutcome::kFail}) {
    if (model::CheckOutcomeName(outcome) == name) return outcome;
  }
  return Foreign();
}

// "Encryption-88"; an absent one is no code.
Result<EncryptionCode> ParseCode(const json& object) {
  if (!object.contains("code")) return EncryptionCode{};
  TS_ASSIGN_OR_RETURN(const std::string text, Text(object, "code"));
  if (!text.starts_with(model::kCodePrefix)) return Foreign();
  const std::string_view digits = std::string_view(text).substr(model::kCodePrefix.size());
  const bool good = !digits.empty() && digits.size() <= 3 && digits.front() != '0' &&
                    std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (!good) return Foreign();
  int number = 0;
  for (const char c : digits) number = number * 10 + (c - '0');
  return static_cast<EncryptionCode>(number);
}

Result<Check> ParseCheck(const json& object) {
  if (!object.is_object()) return Foreign();
  Check check;
  TS_ASSIGN_OR_RETURN(check.name, Text(object, "name"));
  TS_ASSIGN_OR_RETURN(const std::string outcome, Text(object, "outcome"));
  TS_ASSIGN_OR_RETURN(check.outcome, ParseOutcome(outcome));
  TS_ASSIGN_OR_RETURN(check.region, Text(object, "region"));
  TS_ASSIGN_OR_RETURN(check.detail, Text(object, "detail"));
  TS_ASSIGN_OR_RETURN(check.fix, Text(object, "fix"));
  TS_ASSIGN_OR_RETURN(check.code, ParseCode(object));
  return check;
}

// Fits the status that the code has in api/error_table.cc.
ErrorCode GeneralCode(EncryptionCode code) {
  switch (code) {
    case EncryptionCode::kActionNotAllowed:
      return ErrorCode::kPermissionDenied;
    case EncryptionCode::kInvalidRequest:
    case EncryptionCode::kArnMalformed:
      return ErrorCode::kInvalidArgument;
    case EncryptionCode::kArnRegistered:
      return ErrorCode::kAlreadyExists;
    case EncryptionCode::kProviderTimeout:
      return ErrorCode::kKeyUnavailable;
    default:
      return ErrorCode::kConflict;
  }
}

// The sentence that is published for a denied action stands by itself.
std::string MessageOf(const Check& check) {
  if (check.code == EncryptionCode::kActionNotAllowed || check.fix.empty()) return check.detail;
  return check.detail + " " + check.fix;
}

}  // namespace

CheckOutcome Report::outcome() const {
  CheckOutcome worst = CheckOutcome::kPass;
  for (const Check& check : checks) worst = std::max(worst, check.outcome);
  return worst;
}

const Check* Report::first_failure() const {
  const auto failed = std::ranges::find(checks, CheckOutcome::kFail, &Check::outcome);
  return failed == checks.end() ? nullptr : &*failed;
}

const Check* Report::first_problem() const {
  if (const Check* failed = first_failure()) return failed;
  const auto warned = std::ranges::find_if(checks, [](const Check& check) {
    return check.outcome == CheckOutcome::kWarn && ConcernsReplica(check);
  });
  return warned == checks.end() ? nullptr : &*warned;
}

bool Report::dr_compliant() const {
  if (checks.empty()) return true;  // The internal KMS.
  bool known = false, opened = false;
  for (const Check& check : checks) {
    if (!ConcernsReplica(check)) continue;
    if (check.outcome != CheckOutcome::kPass) return false;
    known = true;
    opened = opened || check.name == "replica-round-trip";
  }
  return known && (opened || replica_arn.empty());
}

bool Report::replica_fails() const {
  return std::ranges::any_of(checks, [](const Check& check) {
    return check.name.starts_with("replica-") && check.outcome == CheckOutcome::kFail;
  });
}

json CheckJson(const Check& check) {
  json out{{"name", check.name},
           {"outcome", model::CheckOutcomeName(check.outcome)},
           {"region", check.region},
           {"detail", check.detail},
           {"fix", check.fix}};
  if (check.code != EncryptionCode{}) out["code"] = model::CodeText(check.code);
  return out;
}

json ReportJson(const Report& report) {
  json checks = json::array();
  for (const Check& check : report.checks) checks.push_back(CheckJson(check));
  return {{"at", base::FormatUtc(report.at)},
          {"outcome", model::CheckOutcomeName(report.outcome())},
          {"givenArn", report.given_arn},
          {"keyArn", report.key_arn},
          {"replicaArn", report.replica_arn},
          {"multiRegion", report.multi_region},
          {"mendedPolicy", report.mended_policy},
          {"checks", std::move(checks)}};
}

// A text of AWS that is no UTF-8 is shown as far as it can be.
std::string ReportText(const Report& report) {
  return ReportJson(report).dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Report> ParseReport(const std::string& text) {
  if (text.size() > kTextBytesMax) return Foreign();
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return Foreign();
  Report report;
  TS_ASSIGN_OR_RETURN(report.given_arn, Text(object, "givenArn"));
  TS_ASSIGN_OR_RETURN(report.key_arn, Text(object, "keyArn"));
  TS_ASSIGN_OR_RETURN(report.replica_arn, Text(object, "replicaArn"));
  TS_ASSIGN_OR_RETURN(report.mended_policy, Text(object, "mendedPolicy"));
  TS_ASSIGN_OR_RETURN(const std::string at, Text(object, "at"));
  const auto time = base::ParseUtc(at);
  const auto multi_region = object.find("multiRegion"), checks = object.find("checks");
  const bool good = time && multi_region != object.end() && multi_region->is_boolean() &&
                    checks != object.end() && checks->is_array() && checks->size() <= kChecksMax;
  if (!good) return Foreign();
  report.at = *time;
  report.multi_region = multi_region->get<bool>();
  for (const json& each : *checks) {
    TS_ASSIGN_OR_RETURN(Check check, ParseCheck(each));
    report.checks.push_back(std::move(check));
  }
  return report;
}

Error RefusalOf(const Report& report, std::optional<EncryptionCode> as) {
  const Check* const failed = report.first_failure();
  if (failed == nullptr) return Internal("A validation that passed was refused.");
  const EncryptionCode code = as.value_or(failed->code);
  return model::EncryptionError(code, GeneralCode(code), MessageOf(*failed), {},
                                ReportText(report));
}

}  // namespace tenantseal::providers
