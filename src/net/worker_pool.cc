#include "net/worker_pool.h"

#include <utility>

#include "base/check.h"
#include "base/thread_priority.h"

namespace tenantseal::net {

WorkerPool::WorkerPool(WorkerPoolOptions options) : options_(options) {
  TS_CHECK(options_.threads > 0);
  threads_.reserve(options_.threads);
  for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { Run(); });
}

WorkerPool::~WorkerPool() { Stop(); }

bool WorkerPool::Submit(std::string_view key, Task task) {
  {
    base::MutexLock lock(mutex_);
    if (stopping_ || queued_ >= options_.queued_max) return false;
    auto it = queues_.find(key);
    if (it == queues_.end()) it = queues_.try_emplace(std::string(key)).first;
    if (it->second.tasks.size() >= options_.queued_per_key_max) {
      if (it->second.tasks.empty() && it->second.running == 0) queues_.erase(it);
      return false;
    }
    it->second.tasks.push_back(std::move(task));
    ++queued_;
    Enlist(*it);
  }
  work_.notify_one();
  return true;
}

void WorkerPool::Enlist(Queues::value_type& queue) {
  Queue& q = queue.second;
  const bool may_run =
      options_.running_per_key_max == 0 || q.running < options_.running_per_key_max;
  if (q.in_turn || q.tasks.empty() || !may_run) return;
  q.in_turn = true;
  turn_.push_back(&queue);
}

void WorkerPool::Run() {
  while (true) {
    Task task;
    Queues::value_type* queue = nullptr;
    {
      base::MutexLock lock(mutex_);
      while (turn_.empty() && !(stopping_ && queued_ == 0)) lock.Wait(work_);
      if (turn_.empty()) return;
      queue = turn_.front();
      turn_.pop_front();
      Queue& q = queue->second;
      q.in_turn = false;
      task = std::move(q.tasks.front());
      q.tasks.pop_front();
      --queued_;
      ++q.running;
      ++running_;
      Enlist(*queue);
    }
    task();
    task = nullptr;  // What it captured is gone before the key counts as idle.
    bool wake = false;
    {
      base::MutexLock lock(mutex_);
      Queue& q = queue->second;
      --q.running;
      --running_;
      Enlist(*queue);
      wake = !turn_.empty();
      if (q.running == 0 && q.tasks.empty()) queues_.erase(queues_.find(queue->first));
      if (stopping_ && queued_ == 0) work_.notify_all();
    }
    if (wake) work_.notify_one();
    base::OfferProcessorToHolder();
  }
}

void WorkerPool::Stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  base::MutexLock lock(join_mutex_);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::size_t WorkerPool::queued() const {
  base::MutexLock lock(mutex_);
  return queued_;
}

std::size_t WorkerPool::running() const {
  base::MutexLock lock(mutex_);
  return running_;
}

}  // namespace tenantseal::net
