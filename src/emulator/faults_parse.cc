// Rules as the admin path takes them. What could never strike is refused.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/region.h"
#include "emulator/faults.h"
#include "emulator/kms_service.h"
#include "emulator/sts_service.h"

namespace tenantseal::emulator {
namespace {

using Json = nlohmann::json;

struct Kind {
  std::string_view name;
  FaultKind kind;
  std::vector<std::string_view> members;  // Beside those of every kind.
  bool strikes_calls = true;              // Else it has no members but "kind" and these.
};
const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {
      {"throttle", FaultKind::kThrottle, {}},
      {"error", FaultKind::kError, {"status", "code", "message"}},
      {"refuse", FaultKind::kRefuse, {}},
      {"black-hole", FaultKind::kBlackHole, {}},
      {"slow", FaultKind::kSlow, {"delay", "delayMs"}},
      {"truncate", FaultKind::kTruncate, {}},
      {"oversize", FaultKind::kOversize, {}},
      {"expired-token", FaultKind::kExpiredToken, {}},
      {"clock-skew", FaultKind::kClockSkew, {"delay", "delayMs"}},
      {"creating", FaultKind::kCreating, {"region"}, false},
      {"region-down", FaultKind::kRegionDown, {"region", "count", "probability"}, false},
  };
  return kinds;
}
constexpr std::string_view kOfEveryCall[] = {"region",    "service", "operation",
                                             "principal", "count",   "probability"};

Result<void> ReadKind(const Json& value, const std::string& at, FaultRule& rule) {
  std::string known;
  for (const Kind& kind : Kinds()) {
    if (value == std::string(kind.name)) {
      rule.kind = kind.kind;
      return {};
    }
    known.append(known.empty() ? "" : ", ").append(kind.name);
  }
  return InvalidArgument(at + "/kind", "The kind of a fault is one of " + known + ".");
}

Result<std::chrono::milliseconds> ReadDelay(const Json& value, const std::string& at) {
  if (value.is_string()) {
    auto span = ParseSpan(value.get<std::string>());
    if (!span) return InvalidArgument(at, span.error().message);
    return *span;
  }
  if (!value.is_number_integer() || value < -3'155'760'000'000 || value > 3'155'760'000'000)
    return InvalidArgument(at, "A time is a number of milliseconds, or text such as \"5m\".");
  return std::chrono::milliseconds(value.get<std::int64_t>());
}

Result<void> ReadText(const Json& value, const std::string& at, std::string& out) {
  if (!value.is_string() || value.get_ref<const std::string&>().size() > 2048)
    return InvalidArgument(at, "This is a string of at most 2048 characters.");
  out = value.get<std::string>();
  return {};
}

// A member that every kind may have, or one of its own.
Result<void> CheckMember(const Kind& kind, const std::string& name, const std::string& at) {
  std::vector<std::string_view> members = kind.members;
  if (kind.strikes_calls)
    members.insert(members.begin(), std::begin(kOfEveryCall), std::end(kOfEveryCall));
  if (name == "kind" || std::ranges::find(members, name) != members.end()) return {};
  std::string list = "kind";
  for (const std::string_view member : members) list.append(", ").append(member);
  return InvalidArgument(at + "/" + name, "A fault of the kind " + std::string(kind.name) +
                                              " has no such member; it has " + list + ".");
}

Result<void> ReadMember(const std::string& name, const Json& value, const std::string& at,
                        FaultRule& rule) {
  const std::string pointer = at + "/" + name;
  if (name == "region") return ReadText(value, pointer, rule.region);
  if (name == "service") return ReadText(value, pointer, rule.service);
  if (name == "operation") return ReadText(value, pointer, rule.operation);
  if (name == "principal") return ReadText(value, pointer, rule.principal);
  if (name == "code") return ReadText(value, pointer, rule.code);
  if (name == "message") return ReadText(value, pointer, rule.message);
  if (name == "status") {
    if (!value.is_number_integer() || value < 400 || value > 599)
      return InvalidArgument(pointer, "A status is a number from 400 to 599.");
    rule.status = value.get<int>();
  } else if (name == "delay" || name == "delayMs") {
    TS_ASSIGN_OR_RETURN(rule.delay, ReadDelay(value, pointer));
  } else if (name == "count") {
    if (!value.is_number_unsigned() || value == 0)
      return InvalidArgument(pointer, "A count is a whole number from 1.");
    rule.count = value.get<std::uint64_t>();
  } else if (name == "probability") {
    if (!value.is_number() || value < 0.0 || value > 1.0)
      return InvalidArgument(pointer, "A probability is a number from 0 to 1.");
    rule.probability = value.get<double>();
  }
  return {};
}

// The service that has the operation; empty when none has.
std::string_view ServiceOf(std::string_view operation) {
  if (KmsService::Knows(operation)) return "kms";
  if (StsService::Knows(operation)) return "sts";
  return operation == "LookupEvents" ? "cloudtrail" : "";
}

// What is struck exists.
Result<void> CheckTarget(const FaultRule& rule, const std::string& at) {
  if (!rule.region.empty() && !aws::PartitionOfRegion(rule.region)) {
    return InvalidArgument(at + "/region",
                           "'" + rule.region + "' is no region, such as \"us-east-1\".");
  }
  const bool known = rule.service == "kms" || rule.service == "sts" || rule.service == "cloudtrail";
  if (!rule.service.empty() && !known) {
    return InvalidArgument(at + "/service", "There is no service '" + rule.service +
                                                "'; there are kms, sts and cloudtrail.");
  }
  if (rule.operation.empty()) return {};
  const std::string_view service = ServiceOf(rule.operation);
  if (service.empty() || (known && service != rule.service)) {
    return InvalidArgument(at + "/operation",
                           (known ? "The service " + rule.service : std::string("No service")) +
                               " has " + (known ? "no" : "an") + " operation '" + rule.operation +
                               "' here; write it as AWS does, such as \"Decrypt\".");
  }
  return {};
}

Result<FaultRule> ReadRule(const Json& value, const std::string& at) {
  FaultRule rule;
  if (!value.is_object()) return InvalidArgument(at, "A fault is a JSON object.");
  TS_RETURN_IF_ERROR(ReadKind(value.value("kind", Json()), at, rule));
  const Kind& kind = *std::ranges::find(Kinds(), rule.kind, &Kind::kind);
  for (const auto& [name, member] : value.items()) {
    TS_RETURN_IF_ERROR(CheckMember(kind, name, at));
    TS_RETURN_IF_ERROR(ReadMember(name, member, at, rule));
  }
  TS_RETURN_IF_ERROR(CheckTarget(rule, at));
  const bool delayed = value.contains("delay") || value.contains("delayMs");
  if (rule.kind == FaultKind::kRegionDown && rule.region.empty())
    return InvalidArgument(at + "/region", "Name the region that is to be down.");
  if (rule.kind == FaultKind::kSlow && (!delayed || rule.delay.count() < 0))
    return InvalidArgument(at + "/delay", "Say how late the answer is, such as \"300ms\".");
  if (rule.kind == FaultKind::kClockSkew && !delayed) rule.delay = std::chrono::hours(1);
  if (rule.kind == FaultKind::kError && rule.code.empty())
    rule.code = rule.status == 503   ? "DependencyTimeoutException"
                : rule.status >= 500 ? "KMSInternalException"
                                     : "ValidationException";
  return rule;
}

}  // namespace

std::string_view FaultKindName(FaultKind kind) {
  return std::ranges::find(Kinds(), kind, &Kind::kind)->name;
}

Result<std::vector<FaultRule>> FaultRules::Parse(const Json& rules) const {
  if (!rules.is_array()) return InvalidArgument("/add", "\"add\" is a list of faults.");
  if (rules.size() > kFaultRulesMax)
    return InvalidArgument("/add", "There are at most 1000 faults at a time.");
  std::vector<FaultRule> out;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    TS_ASSIGN_OR_RETURN(FaultRule rule, ReadRule(rules[i], "/add/" + std::to_string(i)));
    out.push_back(std::move(rule));
  }
  return out;
}

}  // namespace tenantseal::emulator
