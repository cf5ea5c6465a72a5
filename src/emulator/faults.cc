#include "emulator/faults.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace tenantseal::emulator {
namespace {

using Json = nlohmann::json;

bool Fits(const FaultRule& rule, const FaultTarget& target) {
  if (rule.kind == FaultKind::kCreating || rule.count == 0U) return false;
  if (!rule.region.empty() && rule.region != target.region) return false;
  if (!rule.service.empty() && rule.service != target.service) return false;
  if (!rule.operation.empty() && rule.operation != target.operation) return false;
  return rule.principal.empty() || MatchesPattern(rule.principal, target.principal) ||
         (!target.role.empty() && MatchesPattern(rule.principal, target.role));
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
              {"kind", FaultKindName(rule.kind)},
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
