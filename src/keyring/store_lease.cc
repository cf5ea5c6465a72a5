#include "keyring/store_lease.h"

#include <thread>

#include "base/log.h"

namespace tenantseal::keyring {
namespace {

constexpr auto kEpochPoll = std::chrono::milliseconds(2);
constexpr int kReadsMax = 3;      // Of one refresh; the second comes when the first registered it.
constexpr int kRefreshesMax = 3;  // Of one caller that wants a live lease.

}  // namespace

StoreLease::StoreLease(store::Store& store, const base::Clock& clock, model::ProcessId process)
    : store_(store), clock_(clock), process_(std::move(process)) {}

void StoreLease::AddListener(Listener listener) { listeners_.push_back(std::move(listener)); }

Result<void> StoreLease::Refresh() {
  base::MutexLock lock(refresh_mutex_);
  return RefreshAndNote();
}

Result<void> StoreLease::RefreshSince(base::BootTime moment) {
  base::MutexLock lock(refresh_mutex_);
  if (read_at_ > moment) return {};
  return RefreshAndNote();
}

Result<void> StoreLease::RefreshAndNote() {
  Result<void> refreshed = RefreshLocked();
  const base::BootTime failing_until =
      refreshed ? base::BootTime() : clock_.Boot() + std::chrono::seconds(1);
  failing_until_ns_.store(failing_until.since_boot().count(), std::memory_order_relaxed);
  return refreshed;
}

Result<void> StoreLease::RefreshLocked() {
  for (int reads = 0; reads < kReadsMax; ++reads) {
    const base::BootTime sent = clock_.Boot();
    TS_ASSIGN_OR_RETURN(store::Changes changes, store_.ReadChanges(known_epoch_));
    // An epoch that went back means another database: nothing that is cached is of it.
    if (first_ || changes.epoch < known_epoch_) changes.everything = true;
    if (changes.everything || !changes.changed.empty()) {
      for (const Listener& listener : listeners_) listener(changes);
    }
    bool registered = true;
    // Acknowledged before the lease is renewed, never after: whoever has a live lease is registered
    // and has acknowledged what it obeys, which AwaitObeyed() relies on.
    if (first_ || changes.epoch != known_epoch_) {
      TS_ASSIGN_OR_RETURN(registered, store_.Acknowledge(process_, changes.epoch));
    }
    known_epoch_ = changes.epoch;
    read_at_ = sent;
    first_ = false;
    // Of a change between this read and the registration nobody would have waited for this process.
    if (!registered) continue;
    live_until_ns_.store((sent + kStoreLease).since_boot().count(), std::memory_order_release);
    return {};
  }
  return Error{ErrorCode::kUnavailable, "this process is taken for silent again and again", "", 2};
}

Result<base::BootTime> StoreLease::EnsureLive() {
  for (int refreshes = 0;; ++refreshes) {
    // Read anew each time: a refresh counts from when it was sent, so a slow one may be over
    // before it is back.
    const base::BootTime now = clock_.Boot();
    if (RemainingAt(now) > base::Duration::zero()) return now;
    if (refreshes == kRefreshesMax) {
      return Error{ErrorCode::kUnavailable, "its answers take longer than the store lease", "", 2};
    }
    TS_RETURN_IF_ERROR(Refresh());
  }
}

bool StoreLease::Live() const { return Remaining() > base::Duration::zero(); }

base::Duration StoreLease::Remaining() const { return RemainingAt(clock_.Boot()); }

std::uint64_t StoreLease::Epoch() const {
  base::MutexLock lock(refresh_mutex_);
  return known_epoch_;
}

Result<void> StoreLease::AwaitObeyed(std::uint64_t epoch) {
  // Whoever read before the change was committed relies on that for a lease at most, counted from
  // now, a moment after the commit.
  const base::BootTime obeyed_at = clock_.Boot() + kStoreLease;
  if (const auto refreshed = Refresh(); !refreshed) {
    base::LogWarning("cannot read the store after a change; waiting for all leases to run out",
                     {{"error", refreshed.error().message}});
  }
  while (true) {
    const auto lagging = store_.LaggingProcesses(epoch);
    if (lagging && lagging->empty()) return {};
    if (clock_.Boot() >= obeyed_at) break;
    std::this_thread::sleep_for(kEpochPoll);
  }
  // Whoever has not acknowledged by now has no live lease, and gets none before it does and so
  // registers anew. Until then nobody needs to wait for it.
  if (const auto removed = store_.RemoveLagging(epoch); !removed) {
    base::LogWarning("cannot remove silent processes", {{"error", removed.error().message}});
  }
  return {};
}

void StoreLease::Leave() {
  base::MutexLock lock(refresh_mutex_);
  first_ = true;
  live_until_ns_.store(0, std::memory_order_release);
  if (const auto left = store_.RemoveProcess(process_); !left) {
    base::LogWarning("cannot leave the store", {{"error", left.error().message}});
  }
}

}  // namespace tenantseal::keyring
