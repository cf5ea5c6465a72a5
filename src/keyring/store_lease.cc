#include "keyring/store_lease.h"

#include <algorithm>
#include <thread>

#include "base/log.h"

namespace tenantseal::keyring {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(2);
constexpr int kRefreshesMax = 3;  // Of one caller that wants a live lease.

}  // namespace

StoreLease::StoreLease(store::Store& store, const base::Clock& clock, model::ProcessId process)
    : store_(store), clock_(clock), process_(std::move(process)) {}

void StoreLease::AddListener(Listener listener) { listeners_.push_back(std::move(listener)); }

Result<void> StoreLease::Refresh() {
  base::MutexLock lock(refresh_mutex_);
  Result<void> refreshed = RefreshLocked();
  const base::BootTime failing_until =
      refreshed ? base::BootTime() : clock_.Boot() + std::chrono::seconds(1);
  failing_until_ns_.store(failing_until.since_boot().count(), std::memory_order_relaxed);
  return refreshed;
}

Result<void> StoreLease::RefreshLocked() {
  const base::BootTime sent = clock_.Boot();
  TS_ASSIGN_OR_RETURN(store::Changes changes, store_.ReadChanges(known_epoch_));
  // An epoch that went back means another database: nothing that is cached is of it.
  if (first_ || changes.epoch < known_epoch_) changes.everything = true;
  if (changes.everything || !changes.changed.empty()) {
    for (const Listener& listener : listeners_) listener(changes);
  }
  // Acknowledged before the lease is renewed, never after: whoever has a live lease is registered
  // and has acknowledged what it obeys, which AwaitObeyed() relies on.
  if (first_ || changes.epoch != known_epoch_) {
    TS_RETURN_IF_ERROR(store_.Acknowledge(process_, changes.epoch));
  }
  known_epoch_ = changes.epoch;
  first_ = false;
  live_until_ns_.store((sent + kStoreLease).since_boot().count(), std::memory_order_release);
  return {};
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
    if (lagging && NoneMatters(*lagging)) return {};
    if (clock_.Boot() >= obeyed_at) {
      if (lagging) RememberSilent(*lagging, epoch);
      return {};
    }
    std::this_thread::sleep_for(kPoll);
  }
}

bool StoreLease::NoneMatters(const std::vector<model::ProcessId>& lagging) {
  base::MutexLock lock(silent_mutex_);
  return std::all_of(lagging.begin(), lagging.end(), [this](const model::ProcessId& process) {
    const auto known = silent_.find(process);
    if (known == silent_.end()) return false;
    const auto still = store_.LaggingProcesses(known->second);
    if (still && std::find(still->begin(), still->end(), process) != still->end()) return true;
    silent_.erase(known);  // It is back.
    return false;
  });
}

void StoreLease::RememberSilent(const std::vector<model::ProcessId>& lagging, std::uint64_t epoch) {
  base::MutexLock lock(silent_mutex_);
  for (const model::ProcessId& process : lagging) {
    if (silent_.size() < kSilentMax) silent_.try_emplace(process, epoch);
  }
}

void StoreLease::Leave() {
  live_until_ns_.store(0, std::memory_order_release);
  if (const auto left = store_.RemoveProcess(process_); !left) {
    base::LogWarning("cannot leave the store", {{"error", left.error().message}});
  }
}

}  // namespace tenantseal::keyring
