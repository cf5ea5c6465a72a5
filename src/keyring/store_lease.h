// The store lease: how long this process may rely on what it has cached from the store.
//
// Rule: a process reads the epoch, drops everything that changed since the epoch it knew, and only
// then may rely on its caches, until the moment the *read was sent* plus the lease (2 s). Because
// any read sent after a change sees it, a change is obeyed by every process, however it fares, one
// lease after its commit at the latest; acknowledgements only make the wait shorter. No clocks are
// compared between machines.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "store/store.h"

namespace tenantseal::keyring {

inline constexpr base::Duration kStoreLease = std::chrono::seconds(2);

class StoreLease {
 public:
  // Called with the scopes that changed (or `everything`) before the lease is renewed. Must drop
  // what is cached of them. Runs on the thread that calls Refresh().
  using Listener = std::function<void(const store::Changes&)>;

  StoreLease(store::Store& store, const base::Clock& clock, model::ProcessId process);

  // Not thread-safe against Refresh(): add listeners before the first one.
  void AddListener(Listener listener);

  // Reads the epoch, informs the listeners, renews the lease, acknowledges. Called every 500 ms by
  // the server's background thread, and by whoever has just changed something. Thread-safe.
  Result<void> Refresh();
  // The same unless the store has been read after `moment`, so that many who want to know what has
  // changed until then share one read. Thread-safe.
  Result<void> RefreshSince(base::BootTime moment);

  // Refreshes until the lease lives by a clock that was read after the store answered, which a slow
  // store may never allow. Returns the moment at which it lived. kUnavailable, kIntegrity.
  Result<base::BootTime> EnsureLive();

  // Whether caches may be relied on now. Wait-free.
  bool Live() const;
  // How long they may be relied on from now; zero or less when not live.
  base::Duration Remaining() const;
  // The same for a caller that has read the clock already.
  base::Duration RemainingAt(base::BootTime now) const {
    return base::Duration(live_until_ns_.load(std::memory_order_acquire)) - now.since_boot();
  }
  // Whether a Refresh() has failed within the last second: then another is better not waited for.
  bool FailedLately(base::BootTime now) const {
    return now.since_boot() < base::Duration(failing_until_ns_.load(std::memory_order_relaxed));
  }
  // The epoch that this process obeys.
  std::uint64_t Epoch() const;
  const model::ProcessId& process() const { return process_; }

  // Blocks until every process obeys the change made at `epoch`: all have acknowledged it, or a
  // lease has passed since the call, which needs no store: without it nobody renews. Refreshes this
  // process first. A process that is silent for that long is removed, and not waited for again.
  Result<void> AwaitObeyed(std::uint64_t epoch);

  // Tells the others not to wait for this process any more. Call at shutdown; a Refresh() after it
  // joins again.
  void Leave();

 private:
  Result<void> RefreshLocked() TS_REQUIRES(refresh_mutex_);
  Result<void> RefreshAndNote() TS_REQUIRES(refresh_mutex_);

  store::Store& store_;
  const base::Clock& clock_;
  const model::ProcessId process_;
  std::vector<Listener> listeners_;
  mutable base::Mutex refresh_mutex_;
  std::uint64_t known_epoch_ TS_GUARDED_BY(refresh_mutex_) = 0;
  bool first_ TS_GUARDED_BY(refresh_mutex_) = true;
  base::BootTime read_at_ TS_GUARDED_BY(refresh_mutex_);  // When the last read was sent.
  std::atomic<std::int64_t> live_until_ns_{0};            // CLOCK_BOOTTIME.
  std::atomic<std::int64_t> failing_until_ns_{0};
};

}  // namespace tenantseal::keyring
