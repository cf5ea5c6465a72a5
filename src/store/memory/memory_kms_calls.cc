// Calls of AWS KMS.
#include <algorithm>

#include "store/memory/memory_store.h"

namespace tenantseal::store {
namespace {

using base::MutexLock;
using model::KmsCall;

bool Asked(const KmsCallQuery& query, const KmsCall& call) {
  if (std::ranges::find(query.key_arns, call.key_arn) != query.key_arns.end()) return true;
  return call.tenant == query.tenant &&
         std::ranges::any_of(query.alias_prefixes, [&](const std::string& prefix) {
           return call.key_arn.starts_with(prefix);
         });
}

}  // namespace

Result<void> MemoryStore::AppendKmsCalls(const KmsCallBatch& batch) {
  MutexLock lock(mutex_);
  const auto known = std::ranges::find_if(kms_call_logs_, [&](const auto& entry) {
    return entry.second.process == batch.mark.process;
  });
  const bool is_new = known == kms_call_logs_.end();
  const std::uint64_t number = is_new ? ++last_kms_call_log_ : known->first;
  model::KmsCallLogMark& mark = kms_call_logs_.try_emplace(number, batch.mark).first->second;
  mark.complete_until = batch.mark.complete_until;
  mark.stopped = batch.mark.stopped;
  for (const KmsCall& call : batch.calls)
    kms_calls_.try_emplace({call.time, number, call.sequence}, call);
  if (batch.gap) kms_call_gaps_.insert_or_assign({batch.gap->from, number}, *batch.gap);
  return {};
}

Result<std::vector<KeptKmsCall>> MemoryStore::ListKmsCalls(const KmsCallQuery& query) const {
  MutexLock lock(mutex_);
  std::vector<KeptKmsCall> out;
  for (const auto& [place, call] : kms_calls_) {
    if (out.size() == query.limit) break;
    if (place.time < query.from || place.time > query.until) continue;
    if (query.after && place <= *query.after) continue;
    if (Asked(query, call)) out.push_back({call, place});
  }
  return out;
}

Result<KmsCallLogs> MemoryStore::ListKmsCallLogs(base::UtcTime from, base::UtcTime until) const {
  MutexLock lock(mutex_);
  KmsCallLogs out;
  for (const auto& [number, mark] : kms_call_logs_) {
    out.begun = std::min(out.begun.value_or(mark.started_at), mark.started_at);
    if (mark.started_at <= until && (!mark.stopped || mark.complete_until >= from))
      out.marks.push_back(mark);
  }
  std::ranges::stable_sort(out.marks, std::greater(), &model::KmsCallLogMark::started_at);
  for (auto gap = kms_call_gaps_.rbegin(); gap != kms_call_gaps_.rend(); ++gap) {
    if (gap->second.from <= until && gap->second.until >= from) out.gaps.push_back(gap->second);
  }
  out.marks.resize(std::min(out.marks.size(), kKmsCallLogsMax));
  out.gaps.resize(std::min(out.gaps.size(), kKmsCallLogsMax));
  return out;
}

Result<bool> MemoryStore::ForgetKmsCalls(base::UtcTime before) {
  MutexLock lock(mutex_);
  std::erase_if(kms_calls_, [&](const auto& entry) { return entry.first.time < before; });
  std::erase_if(kms_call_gaps_, [&](const auto& entry) { return entry.second.until < before; });
  std::erase_if(kms_call_logs_,
                [&](const auto& entry) { return entry.second.complete_until < before; });
  return false;
}

}  // namespace tenantseal::store
