// Compares the calls of AWS KMS that the service kept with CloudTrail's events: a pure function.
//
// They are matched by AWS's request id. CloudTrail has a call in the caller's account, and a
// success in the key owner's too; it is up to 15 minutes late; it does not have what was refused
// before AWS knew who called. What cannot be decided for such a reason is counted, never reported
// as known to one side only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "aws/cloudtrail.h"
#include "base/clock.h"

namespace tenantseal::cli {

inline constexpr std::chrono::minutes kTrailLag{15};

// A call as the service kept it.
struct KeptCall {
  base::UtcTime time;
  std::string key_arn, region, operation, outcome, request_id, tenant;
  std::uint64_t attempt = 1;
  bool by_alias = false;  // It asked an alias, and no answer said which key that names.
  bool operator==(const KeptCall&) const = default;
};

// From then until then the service may not have kept a call.
struct LogDoubt {
  std::string reason, process;
  base::UtcTime from, to;
  std::optional<std::uint64_t> calls = {};
  bool operator==(const LogDoubt&) const = default;
};

// One account's trail in one region.
struct TrailPlace {
  std::string account, region;
  std::string failure = {};  // Why it was not read to the end; empty: it was.
};

struct ReconcileInput {
  std::vector<KeptCall> calls;  // More than the span's is better: clocks differ.
  std::vector<LogDoubt> doubts;
  std::vector<aws::TrailEvent> events;  // The same; of all accounts and regions, in any order.
  std::vector<TrailPlace> places;
  std::string key_account;
  std::string caller_account;           // The service's; empty: unknown.
  std::vector<std::string> principals;  // Users or roles that the service calls as.
  bool denials_unread = false;  // Denials whose events name no key have not been looked for.
  base::UtcTime from, to, now;  // The span, inclusive.
};

struct Reconciliation {
  std::size_t calls = 0;    // Kept ones of the span.
  std::size_t agreed = 0;   // Those of them that CloudTrail has by their request id.
  std::size_t fitting = 0;  // Those without a request id that an event fits.

  // Known to one side only.
  std::vector<KeptCall> only_kept;
  std::vector<aws::TrailEvent> only_trail;
  // The same request id, and another operation.
  struct Differing {
    KeptCall call;
    aws::TrailEvent event;
  };
  std::vector<Differing> differing;

  // Not verified.
  struct InDoubt {
    aws::TrailEvent event;
    LogDoubt doubt;
  };
  std::vector<InDoubt> in_doubt;  // CloudTrail alone has them, at a time when none may be kept.
  std::size_t recent = 0;         // Kept less than kTrailLag ago.
  std::size_t without_id = 0;     // No answer came, and no event fits.
  std::size_t never_logged = 0;   // CloudTrail has no such refusals.
  std::size_t by_alias = 0;
  std::size_t unread = 0;  // Where CloudTrail was not read.

  std::map<std::string, std::size_t> others;  // Calls of the key's other users, by principal.
  std::size_t by_aws = 0;                     // What AWS itself did.

  bool agrees() const { return only_kept.empty() && only_trail.empty() && differing.empty(); }
};

Reconciliation Reconcile(const ReconcileInput& input);

}  // namespace tenantseal::cli
