// The threads on which tenant key leases are renewed and refusing providers asked again.
#pragma once

#include <atomic>
#include <utility>

#include "keyring/executor.h"
#include "net/worker_pool.h"

namespace tenantseal::server {

// Thread-safe. kInFlightMax calls at once, and no more than kInFlightPerDomainMax of one domain, so
// that a region that does not answer leaves places to the others.
class RenewalPool final : public keyring::Executor {
 public:
  static constexpr std::size_t kInFlightMax = 16;
  static constexpr std::size_t kInFlightPerDomainMax = 8;
  // Few, since the keyring offers the most urgent first, and again what found no place.
  static constexpr std::size_t kWaitingMax = 512;
  static constexpr std::size_t kWaitingPerDomainMax = 128;

  RenewalPool()
      : pool_({.threads = kInFlightMax,
               .queued_max = kWaitingMax,
               .queued_per_key_max = kWaitingPerDomainMax,
               .running_per_key_max = kInFlightPerDomainMax}) {}
  ~RenewalPool() override { Stop(); }

  bool Submit(std::string_view domain, Task task) override {
    return pool_.Submit(domain, [this, work = std::move(task)]() mutable {
      if (!stopping_) work();
    });
  }

  // Waits for the tasks that run and drops those that wait. Idempotent.
  void Stop() {
    stopping_ = true;
    pool_.Stop();
  }

 private:
  std::atomic<bool> stopping_{false};
  net::WorkerPool pool_;
};

}  // namespace tenantseal::server
