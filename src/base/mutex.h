// A mutex that clang's -Wthread-safety understands.
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define TS_ATTRIBUTE(x) __attribute__((x))
#else
#define TS_ATTRIBUTE(x)
#endif
#define TS_CAPABILITY(x) TS_ATTRIBUTE(capability(x))
#define TS_SCOPED_CAPABILITY TS_ATTRIBUTE(scoped_lockable)
#define TS_GUARDED_BY(x) TS_ATTRIBUTE(guarded_by(x))
#define TS_REQUIRES(...) TS_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define TS_EXCLUDES(...) TS_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define TS_ACQUIRE(...) TS_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define TS_RELEASE(...) TS_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TS_NO_THREAD_SAFETY_ANALYSIS TS_ATTRIBUTE(no_thread_safety_analysis)

namespace tenantseal::base {

class TS_CAPABILITY("mutex") Mutex {
 public:
  void Lock() TS_ACQUIRE() { mutex_.lock(); }
  void Unlock() TS_RELEASE() { mutex_.unlock(); }

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

class TS_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TS_ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  ~MutexLock() TS_RELEASE() {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  // Waits on `condition`; spurious wakes happen, so loop on the state.
  void Wait(std::condition_variable& condition) { condition.wait(lock_); }
  // Returns false when `timeout` has passed without a wake.
  template <typename Rep, typename Period>
  bool WaitFor(std::condition_variable& condition, std::chrono::duration<Rep, Period> timeout) {
    return condition.wait_for(lock_, timeout) == std::cv_status::no_timeout;
  }

 private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace tenantseal::base
