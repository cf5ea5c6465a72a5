#include "events/kms_call_doubts.h"

#include <algorithm>

#include "events/kms_call_log.h"

namespace tenantseal::events {
namespace {

using Reason = KmsCallDoubt::Reason;

// A call that is under way when a log is marked is told of when it ends; none takes this long.
constexpr std::chrono::seconds kUnderWay{10};

std::optional<KmsCallDoubt> DoubtOf(const model::KmsCallLogMark& mark, base::UtcTime now) {
  if (mark.stopped) return std::nullopt;
  const base::UtcTime from = std::max(mark.started_at, mark.complete_until - kUnderWay);
  const auto silent_after =
      std::chrono::duration_cast<std::chrono::milliseconds>(KmsCallLog::kSilentAfter);
  const base::UtcTime silent = mark.complete_until + silent_after;
  if (silent < now) return KmsCallDoubt{Reason::kKilled, from, silent, mark.process};
  return KmsCallDoubt{Reason::kNotWritten, from, std::max(from, now), mark.process};
}

}  // namespace

std::string_view KmsCallDoubtName(Reason reason) {
  switch (reason) {
    case Reason::kNotKept:
      return "not-kept";
    case Reason::kKilled:
      return "killed";
    case Reason::kNotWritten:
      return "not-written";
    case Reason::kNoLog:
      return "no-log";
    case Reason::kForgotten:
      return "forgotten";
  }
  return "";
}

std::vector<KmsCallDoubt> KmsCallDoubts(const store::KmsCallLogs& logs, base::UtcTime from,
                                        base::UtcTime until, base::UtcTime now,
                                        base::Duration retention) {
  std::vector<KmsCallDoubt> out;
  out.reserve(logs.gaps.size() + logs.marks.size());
  for (const model::KmsCallGap& gap : logs.gaps)
    out.push_back({Reason::kNotKept, gap.from, gap.until, gap.process, gap.calls});
  for (const model::KmsCallLogMark& mark : logs.marks) {
    if (const auto doubt = DoubtOf(mark, now)) out.push_back(*doubt);
  }
  const base::UtcTime kept_since =
      now - std::chrono::duration_cast<std::chrono::milliseconds>(retention);
  if (from < kept_since) out.push_back({Reason::kForgotten, from, kept_since});
  const base::UtcTime first = logs.begun.value_or(now);
  if (from < first && first > kept_since) out.push_back({Reason::kNoLog, from, first});
  std::erase_if(
      out, [&](const KmsCallDoubt& doubt) { return doubt.until < from || doubt.from > until; });
  std::ranges::stable_sort(out, {}, &KmsCallDoubt::from);
  return out;
}

}  // namespace tenantseal::events
