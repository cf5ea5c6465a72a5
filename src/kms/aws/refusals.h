// Which keys' owners refused a tenant when they were last asked. Private to kms/aws.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>

#include "base/mutex.h"

namespace tenantseal::kms {

// While a primary's last word to a tenant is a refusal, its replica may not stand in for it. Kept
// per operation: that Encrypt succeeds does not take back the refusal of Decrypt. A Decrypt, which
// every lease renewal is, takes back all of them. Bounded: the
// oldest is forgotten, and whoever stores KmsKey::primary_refuses remembers it still. Thread-safe.
class Refusals {
 public:
  using Name = std::pair<std::string, std::string>;  // Tenant, key ARN.
  static constexpr std::size_t kNamesMax = 100'000;
  static constexpr unsigned kDecrypt = 4;  // Of the bits of operations.

  bool Any(const Name& name) const {
    base::MutexLock lock(mutex_);
    return refused_.contains(name);
  }
  void Refused(const Name& name, unsigned operation) {
    base::MutexLock lock(mutex_);
    const auto [at, fresh] = refused_.try_emplace(name, 0U);
    at->second |= operation;
    if (!fresh) return;
    order_.push_back(name);
    while (order_.size() > kNamesMax) {
      refused_.erase(order_.front());
      order_.pop_front();
    }
  }
  void Granted(const Name& name, unsigned operation) {
    if (operation == kDecrypt) operation = ~0U;
    base::MutexLock lock(mutex_);
    const auto found = refused_.find(name);
    if (found == refused_.end()) return;
    found->second &= ~operation;
    if (found->second != 0) return;
    refused_.erase(found);
    std::erase(order_, name);
  }

 private:
  mutable base::Mutex mutex_;
  std::map<Name, unsigned> refused_ TS_GUARDED_BY(mutex_);  // Bits of operations.
  std::deque<Name> order_ TS_GUARDED_BY(mutex_);            // Oldest first.
};

}  // namespace tenantseal::kms
