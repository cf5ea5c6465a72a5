#include "emulator/faults.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace tenantseal::emulator {
namespace {

using Json = nlohmann::json;

constexpr std::pair<std::string_view, FaultKind> kKinds[] = {
    {"throttle", FaultKind::kThrottle},
    {"error", FaultKind::kError},
    {"refuse", FaultKind::kRefuse},
    {"black-hole", FaultKind::kBlackHole},
    {"slow", FaultKind::kSlow},
    {"truncate", FaultKind::kTruncate},
    {"oversize", FaultKind::kOversize},
    {"expired-token", FaultKind::kExpiredToken},
    {"clock-skew", FaultKind::kClockSkew},
    {"creating", FaultKind::kCreating},
    {"region-down", FaultKind::kRegionDown},
};

std::string_view NameOf(FaultKind kind) {
  for (const auto& [name, value] : kKinds) {
    if (value == kind) return name;
  }
  return "";
}

bool Fits(const FaultRule& rule, const FaultTarget& target) {
  if (rule.kind == FaultKind::kCreating || rule.count == 0U) return false;
  if (!rule.region.empty() && rule.region != target.region) return false;
  if (!rule.service.empty() && rule.service != target.service) return false;
  if (!rule.operation.empty() && rule.operation != target.operation) return false;
  return rule.principal.empty() || MatchesPattern(rule.principal, target.principal) ||
         (!target.role.empty() && MatchesPattern(rule.principal, target.role));
}

Result<void> ReadKind(const Json& value, const std::string& at, FaultRule& rule) {
  std::string known;
  for (const auto& [name, kind] : kKinds) {
    if (value == std::string(name)) {
      rule.kind = kind;
      return {};
    }
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  return InvalidArgument(at + "/kind", "The kind of a fault is one of " + known + ".");
}

Result<std::chrono::milliseconds> ReadDelay(const Json& value, const std::string& at) {
  if (value.is_string()) {
    auto span = ParseSpan(value.get<std::string>());
    if (!span) return InvalidArgument(at, span.error().message);
    return *span;
  }
  if (!value.is_number_integer() || value.get<std::int64_t>() > 3'155'760'000'000)
    return InvalidArgument(at, "A time is a number of milliseconds, or text such as \"5m\".");
  return std::chrono::milliseconds(value.get<std::int64_t>());
}

Result<void> ReadText(const Json& value, const std::string& at, std::string& out) {
  if (!value.is_string() || value.get_ref<const std::string&>().size() > 2048)
    return InvalidArgument(at, "This is a string of at most 2048 characters.");
  out = value.get<std::string>();
  return {};
}

Result<void> ReadMember(const std::string& name, const Json& value, const std::string& at,
                        FaultRule& rule) {
  const std::string pointer = at + "/" + name;
  if (name == "kind") return ReadKind(value, at, rule);
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
    return {};
  }
  if (name == "delay" || name == "delayMs") {
    TS_ASSIGN_OR_RETURN(rule.delay, ReadDelay(value, pointer));
    return {};
  }
  if (name == "count") {
    if (!value.is_number_unsigned() || value == 0)
      return InvalidArgument(pointer, "A count is a whole number from 1.");
    rule.count = value.get<std::uint64_t>();
    return {};
  }
  if (name == "probability") {
    if (!value.is_number() || value < 0.0 || value > 1.0)
      return InvalidArgument(pointer, "A probability is a number from 0 to 1.");
    rule.probability = value.get<double>();
    return {};
  }
  return InvalidArgument(pointer,
                         "There is no such member: a fault has kind, region, service, operation, "
                         "principal, code, message, status, delay, count, probability.");
}

Result<FaultRule> ReadRule(const Json& value, const std::string& at) {
  FaultRule rule;
  if (!value.is_object()) return InvalidArgument(at, "A fault is a JSON object.");
  if (!value.contains("kind")) return ReadKind(Json(), at, rule).error();
  for (const auto& [name, member] : value.items())
    TS_RETURN_IF_ERROR(ReadMember(name, member, at, rule));
  if (rule.kind == FaultKind::kRegionDown && rule.region.empty())
    return InvalidArgument(at + "/region", "Name the region that is to be down.");
  if (rule.kind == FaultKind::kSlow && rule.delay.count() < 0)
    return InvalidArgument(at + "/delay", "A delay is not negative.");
  if (rule.kind == FaultKind::kError && rule.code.empty())
    rule.code = rule.status == 503   ? "DependencyTimeoutException"
                : rule.status >= 500 ? "KMSInternalException"
                                     : "ValidationException";
  if (rule.kind == FaultKind::kClockSkew && !value.contains("delay") && !value.contains("delayMs"))
    rule.delay = std::chrono::hours(1);
  return rule;
}

}  // namespace

std::optional<FaultRule> FaultRules::Match(const FaultTarget& target) {
  if (!any_.load(std::memory_order_acquire)) return std::nullopt;
  base::MutexLock lock(mutex_);
  for (FaultRule& rule : rules_) {
    if (!Fits(rule, target)) continue;
    if (rule.probability < 1) {
      std::array<std::uint8_t, 4> bytes;
      random_.FillPublic(bytes);
      const double roll = static_cast<double>(base::ByteReader(bytes).U32()) / 4294967296.0;
      if (roll >= rule.probability) continue;
    }
    ++rule.hits;
    if (rule.count) --*rule.count;
    return rule;
  }
  return std::nullopt;
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

Result<void> FaultRules::Add(std::vector<FaultRule> rules) {
  base::MutexLock lock(mutex_);
  // Those that are used up make room.
  std::erase_if(rules_, [](const FaultRule& rule) { return rule.count == 0U; });
  if (rules_.size() + rules.size() > kFaultRulesMax)
    return InvalidArgument("/add", "There are at most 1000 faults at a time.");
  for (FaultRule& rule : rules) {
    rule.id = "f" + std::to_string(++made_);
    rules_.push_back(std::move(rule));
  }
  any_.store(!rules_.empty(), std::memory_order_release);
  return {};
}

std::size_t FaultRules::Remove(const std::vector<std::string>& ids) {
  base::MutexLock lock(mutex_);
  const std::size_t gone = std::erase_if(
      rules_, [&](const FaultRule& rule) { return std::ranges::find(ids, rule.id) != ids.end(); });
  any_.store(!rules_.empty(), std::memory_order_release);
  return gone;
}

void FaultRules::Clear() {
  base::MutexLock lock(mutex_);
  rules_.clear();
  any_.store(false, std::memory_order_release);
}

std::vector<std::string> FaultRules::HeldRegions() const {
  std::vector<std::string> regions;
  base::MutexLock lock(mutex_);
  for (const FaultRule& rule : rules_) {
    if (rule.kind == FaultKind::kCreating) regions.push_back(rule.region);
  }
  return regions;
}

Json FaultRules::List() const {
  Json list = Json::array();
  base::MutexLock lock(mutex_);
  for (const FaultRule& rule : rules_) {
    Json item{{"id", rule.id},
              {"kind", NameOf(rule.kind)},
              {"hits", rule.hits},
              {"probability", rule.probability}};
    for (const auto& [name, value] : {std::pair{"region", &rule.region},
                                      {"service", &rule.service},
                                      {"operation", &rule.operation},
                                      {"principal", &rule.principal},
                                      {"code", &rule.code},
                                      {"message", &rule.message}}) {
      if (!value->empty()) item[name] = *value;
    }
    if (rule.kind == FaultKind::kError) item["status"] = rule.status;
    if (rule.kind == FaultKind::kSlow || rule.kind == FaultKind::kClockSkew)
      item["delayMs"] = rule.delay.count();
    if (rule.count) item["countLeft"] = *rule.count;
    list.push_back(std::move(item));
  }
  return list;
}

bool MatchesPattern(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = pattern.npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<std::chrono::milliseconds> ParseSpan(std::string_view text) {
  const Error error = InvalidArgument(
      "",
      "A time is a whole number with ms, s, m, h or d, such as \"30s\" or \"7d\", and at most "
      "a hundred years.");
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc()) return error;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [name, ms] : {std::pair<std::string_view, std::int64_t>{"ms", 1},
                                 {"s", 1000},
                                 {"m", 60'000},
                                 {"h", 3'600'000},
                                 {"d", 86'400'000}}) {
    if (unit != name) continue;
    constexpr std::int64_t kMax = 36'525LL * 86'400'000;
    if (number > kMax / ms || number < -kMax / ms) return error;
    return std::chrono::milliseconds(number * ms);
  }
  return error;
}

}  // namespace tenantseal::emulator
