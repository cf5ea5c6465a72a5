// A thread for probes of regions that do not answer. Private to kms/aws.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>

#include "base/mutex.h"

namespace tenantseal::kms {

// Runs jobs one after another on a thread that starts with the first job; the destructor waits for
// the job under way and drops the others. A job beyond kWaitingMax is dropped, which a circuit
// outlives: whoever gives the same job again is served. Thread-safe.
class ProbeThread {
 public:
  static constexpr std::size_t kWaitingMax = 64;

  ~ProbeThread() {
    {
      base::MutexLock lock(mutex_);
      ending_ = true;
    }
    given_.notify_all();
    if (thread_.joinable()) thread_.join();  // Nobody starts one any more.
  }

  // False: the job was dropped.
  bool Run(std::function<void()> job) {
    base::MutexLock lock(mutex_);
    if (ending_ || jobs_.size() >= kWaitingMax) return false;
    jobs_.push_back(std::move(job));
    if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
    given_.notify_one();
    return true;
  }

 private:
  void Work() {
    for (;;) {
      std::function<void()> job;
      {
        base::MutexLock lock(mutex_);
        while (!ending_ && jobs_.empty()) lock.Wait(given_);
        if (ending_) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      job();
    }
  }

  base::Mutex mutex_;
  std::condition_variable given_;
  std::deque<std::function<void()>> jobs_ TS_GUARDED_BY(mutex_);
  bool ending_ TS_GUARDED_BY(mutex_) = false;
  std::thread thread_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::kms
