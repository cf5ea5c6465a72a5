#include "events/kms_call_log.h"

#include <algorithm>
#include <utility>

namespace tenantseal::events {
namespace {

constexpr base::Duration kForgetInterval = std::chrono::minutes(1);

}  // namespace

void KmsCallBuffer::Add(model::KmsCall call) {
  base::MutexLock lock(mutex_);
  call.sequence = ++last_sequence_;
  if (calls_.size() < kCallsMax) {
    calls_.push_back(std::move(call));
  } else {
    Drop({call.time, call.time, 1});
  }
}

void KmsCallBuffer::Drop(const Dropped& more) {
  if (!dropped_) dropped_ = Dropped{more.from, more.until, 0};
  dropped_->from = std::min(dropped_->from, more.from);
  dropped_->until = std::max(dropped_->until, more.until);
  dropped_->calls += more.calls;
}

void KmsCallBuffer::PutBack(std::vector<model::KmsCall> calls) {
  calls.insert(calls.end(), std::make_move_iterator(calls_.begin()),
               std::make_move_iterator(calls_.end()));
  for (; calls.size() > kCallsMax; calls.pop_back())
    Drop({calls.back().time, calls.back().time, 1});
  calls_ = std::move(calls);
}

std::uint64_t KmsCallBuffer::dropped() const {
  base::MutexLock lock(mutex_);
  return dropped_before_ + (dropped_ ? dropped_->calls : 0);
}

KmsCallLog::KmsCallLog(KmsCallBuffer& buffer, store::KmsCallStore& store, const base::Clock& clock,
                       model::ProcessId process, base::Duration retention)
    : buffer_(buffer),
      store_(store),
      clock_(clock),
      process_(std::move(process)),
      retention_(retention),
      started_at_(clock.Utc()) {}

Result<void> KmsCallLog::Flush() {
  TS_RETURN_IF_ERROR(Write(/*stopped=*/false));
  return Forget();
}

Result<void> KmsCallLog::Stop() { return Write(/*stopped=*/true); }

Result<void> KmsCallLog::Write(bool stopped) {
  std::vector<model::KmsCall> calls;
  std::optional<KmsCallBuffer::Dropped> dropped;
  store::KmsCallBatch batch;
  {
    base::MutexLock lock(buffer_.mutex_);
    calls.swap(buffer_.calls_);
    dropped = std::exchange(buffer_.dropped_, std::nullopt);
    batch.mark = {process_, started_at_, clock_.Utc(), stopped};
  }
  const base::BootTime now = clock_.Boot();
  const bool due = !marked_at_ || now - *marked_at_ >= kMarkInterval;
  if (calls.empty() && !dropped && !stopped && !due) return {};
  batch.calls = calls;
  if (dropped)
    batch.gap = model::KmsCallGap{process_, dropped->from, dropped->until, dropped->calls};
  const auto written = store_.AppendKmsCalls(batch);
  base::MutexLock lock(buffer_.mutex_);
  if (written) {
    marked_at_ = now;
    if (dropped) buffer_.dropped_before_ += dropped->calls;
  } else {
    buffer_.PutBack(std::move(calls));
    if (dropped) buffer_.Drop(*dropped);
  }
  return written;
}

// A batch a flush, so that a long backlog holds up nobody's write for long.
Result<void> KmsCallLog::Forget() {
  const base::BootTime now = clock_.Boot();
  if (forgot_at_ && now - *forgot_at_ < kForgetInterval) return {};
  const auto retention = std::chrono::duration_cast<std::chrono::milliseconds>(retention_);
  TS_ASSIGN_OR_RETURN(const bool more, store_.ForgetKmsCalls(clock_.Utc() - retention));
  if (!more) forgot_at_ = now;
  return {};
}

}  // namespace tenantseal::events
