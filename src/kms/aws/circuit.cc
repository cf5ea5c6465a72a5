#include "kms/aws/circuit.h"

namespace tenantseal::kms {

bool Circuits::Open(const std::string& region) const {
  base::MutexLock lock(mutex_);
  return open_.contains(region);
}

bool Circuits::Failed(const std::string& region) {
  base::MutexLock lock(mutex_);
  if (open_.size() >= kRegionsMax && !open_.contains(region)) return false;
  const auto [at, fresh] = open_.try_emplace(region);
  at->second = {clock_.Boot() + probe_interval_, false};
  return fresh;
}

bool Circuits::Answered(const std::string& region) {
  base::MutexLock lock(mutex_);
  return open_.erase(region) > 0;
}

bool Circuits::TakeProbe(const std::string& region) {
  base::MutexLock lock(mutex_);
  const auto found = open_.find(region);
  if (found == open_.end() || found->second.probing || clock_.Boot() < found->second.next_probe) {
    return false;
  }
  found->second.probing = true;
  return true;
}

std::vector<std::string> Circuits::open() const {
  base::MutexLock lock(mutex_);
  std::vector<std::string> regions;
  regions.reserve(open_.size());
  for (const auto& [region, state] : open_) regions.push_back(region);
  return regions;
}

}  // namespace tenantseal::kms
