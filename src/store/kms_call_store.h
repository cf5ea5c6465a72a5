// Where calls of AWS KMS are kept, apart from Store: they decide about nothing, are many, and are
// forgotten after a time. Rows have no MAC; CloudTrail is what they are compared with.
//
// Errors of every method: kUnavailable, kIntegrity. All methods block; all are thread-safe. Each is
// one transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/kms_call.h"

namespace tenantseal::store {

// What a process adds to its log. Adding the same again, because the answer was lost, changes
// nothing: a call is told by its process and sequence, a gap by its process and `from`.
struct KmsCallBatch {
  model::KmsCallLogMark mark;  // The log's new mark; `started_at` never changes.
  std::span<const model::KmsCall> calls = {};
  std::optional<model::KmsCallGap> gap = {};  // Of the same process.
};

// Where a call stands in a list. Opaque.
struct KmsCallPlace {
  base::UtcTime time;
  std::uint64_t log = 0;
  std::uint64_t sequence = 0;
  auto operator<=>(const KmsCallPlace&) const = default;
};

struct KeptKmsCall {
  model::KmsCall call;
  KmsCallPlace place;
  bool operator==(const KeptKmsCall&) const = default;
};

struct KmsCallQuery {
  std::vector<std::string> key_arns;  // Whose calls; at most kKmsCallKeysMax.
  // Besides, calls for this tenant that asked an alias beginning with one of these
  // ("arn:aws:kms:us-east-1:111122223333:alias/") and were not told which key it names.
  std::vector<std::string> alias_prefixes = {};
  std::string tenant = {};
  base::UtcTime from, until;               // Inclusive.
  std::optional<KmsCallPlace> after = {};  // Only those behind it.
  std::size_t limit = 100;
};

inline constexpr std::size_t kKmsCallKeysMax = 16;
inline constexpr std::size_t kKmsCallLogsMax = 1000;

struct KmsCallLogs {
  std::vector<model::KmsCallLogMark> marks;  // By start, latest first; at most kKmsCallLogsMax.
  std::vector<model::KmsCallGap> gaps;       // Latest first; at most kKmsCallLogsMax.
  std::optional<base::UtcTime> begun;        // The earliest start of any log; none: no log.
};

class KmsCallStore {
 public:
  virtual ~KmsCallStore() = default;

  virtual Result<void> AppendKmsCalls(const KmsCallBatch& batch) = 0;
  // By time.
  virtual Result<std::vector<KeptKmsCall>> ListKmsCalls(const KmsCallQuery& query) const = 0;
  // Logs that reach `from` and were begun by `until`, and gaps between the two. A log without end
  // mark counts as reaching any `from`.
  virtual Result<KmsCallLogs> ListKmsCallLogs(base::UtcTime from, base::UtcTime until) const = 0;
  // Forgets calls, gaps and ended logs of before then, a bounded number of them. Returns whether
  // there are more.
  virtual Result<bool> ForgetKmsCalls(base::UtcTime before) = 0;
};

}  // namespace tenantseal::store
