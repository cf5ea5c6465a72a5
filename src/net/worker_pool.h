// A bounded pool of threads with one queue per key, served in turn.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"

namespace tenantseal::net {

struct WorkerPoolOptions {
  std::size_t threads = 8;
  std::size_t queued_max = 1024;         // Waiting tasks of all keys together.
  std::size_t queued_per_key_max = 128;  // Waiting tasks of one key.
  std::size_t running_per_key_max = 0;   // Tasks of one key that run at once; 0: no bound.
};

// Keys with waiting tasks take turns, one task each, so that a key with a thousand tasks delays
// another key's first by at most one task of every other key. Tasks of one key start in order.
// A key without waiting or running tasks takes no memory. Thread-safe.
class WorkerPool {
 public:
  using Task = std::move_only_function<void()>;

  explicit WorkerPool(WorkerPoolOptions options);
  ~WorkerPool();  // Stops.
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Queues `task`. Returns false, without having kept it, when the pool, or the key's share of
  // it, is full or the pool is stopped. A task must not throw.
  bool Submit(std::string_view key, Task task);

  // Takes no more tasks, runs those that wait, and joins the threads. Idempotent. Must not be
  // called by a task.
  void Stop();

  std::size_t queued() const;   // Waiting tasks.
  std::size_t running() const;  // Tasks that run now.

 private:
  struct Queue;
  struct KeyHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Queues = std::unordered_map<std::string, Queue, KeyHash, std::equal_to<>>;
  struct Queue {
    std::deque<Task> tasks;
    std::size_t running = 0;
    bool in_turn = false;  // Stands in turn_.
  };

  void Run();
  // Puts the queue at the end of the turn if it has a task that may start.
  void Enlist(Queues::value_type& queue) TS_REQUIRES(mutex_);

  const WorkerPoolOptions options_;
  mutable base::Mutex mutex_;
  std::condition_variable work_;
  Queues queues_ TS_GUARDED_BY(mutex_);
  std::deque<Queues::value_type*> turn_ TS_GUARDED_BY(mutex_);  // Elements of a map do not move.
  std::size_t queued_ TS_GUARDED_BY(mutex_) = 0;
  std::size_t running_ TS_GUARDED_BY(mutex_) = 0;
  bool stopping_ TS_GUARDED_BY(mutex_) = false;
  base::Mutex join_mutex_;
  std::vector<std::thread> threads_ TS_GUARDED_BY(join_mutex_);
};

}  // namespace tenantseal::net
