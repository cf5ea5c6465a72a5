// Faults on command: which calls fail, how, and how often.
#pragma once

#include <atomic>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"

namespace tenantseal::emulator {

enum class FaultKind : std::uint8_t {
  kThrottle,      // ThrottlingException.
  kError,         // Any code and status.
  kRefuse,        // The connection is closed without an answer.
  kBlackHole,     // There is never an answer.
  kSlow,          // The answer is late.
  kTruncate,      // The answer is cut off.
  kOversize,      // The answer is much too long.
  kExpiredToken,  // ExpiredTokenException.
  kClockSkew,     // The service's clock is off when it verifies signatures.
  kCreating,      // Replicas stay in the state Creating.
  kRegionDown,    // As kRefuse, for every call to a region.
};

std::string_view FaultKindName(FaultKind kind);  // "black-hole".

struct FaultRule {
  std::string id;  // Given by the rules, "f1" ...
  FaultKind kind = FaultKind::kError;
  std::string region, service, operation;  // Empty: any. "kms", "sts", "cloudtrail"; "Decrypt".
  std::string principal;                   // Pattern of ARN with * and ?; empty: any.
  std::string code, message;               // kError.
  int status = 500;                        // kError.
  std::chrono::milliseconds delay{0};      // kSlow; of kClockSkew how far the clock is ahead.
  std::optional<std::uint64_t> count;      // How many calls yet; none: without end.
  double probability = 1;
  std::uint64_t hits = 0;
};

// What is about to be answered. `principal`: the caller's ARN, a session's role ARN is tried too.
struct FaultTarget {
  std::string_view region, service, operation, principal, role;
};

inline constexpr std::size_t kFaultRulesMax = 1000;

// Thread-safe. Without rules a question costs an atomic load.
class FaultRules {
 public:
  explicit FaultRules(const base::Random& random) : random_(random) {}

  // The first rule that applies to this call, counted as used.
  std::optional<FaultRule> Match(const FaultTarget& target);

  // kInvalidArgument: a member is unknown, wrong, missing or of another kind, or names what does
  // not exist (field: its JSON pointer), or there are too many rules.
  Result<std::vector<FaultRule>> Parse(const nlohmann::json& rules) const;
  Result<void> Add(std::vector<FaultRule> rules);
  std::size_t Remove(const std::vector<std::string>& ids);  // How many there were.
  void Clear();
  nlohmann::json List() const;
  // Where replicas shall stay Creating; an empty one: everywhere.
  std::vector<std::string> HeldRegions() const;

 private:
  const base::Random& random_;
  std::atomic<bool> any_{false};
  mutable base::Mutex mutex_;
  std::vector<FaultRule> rules_ TS_GUARDED_BY(mutex_);
  std::uint64_t made_ TS_GUARDED_BY(mutex_) = 0;
};

// Whether `text` matches a pattern of * and ?. Linear in the text but for backtracking over one *.
bool MatchesPattern(std::string_view pattern, std::string_view text);
// "1500ms", "30s", "5m", "2h", "7d"; at most a hundred years. kInvalidArgument otherwise.
Result<std::chrono::milliseconds> ParseSpan(std::string_view text);

}  // namespace tenantseal::emulator
