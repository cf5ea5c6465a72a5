// Which regions calls are led away from, and when they are asked again. Private to kms/aws.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace tenantseal::kms {

// One circuit per region: closed, or open since the region failed. An open one is half-open while
// a probe is under way; it closes when the region answers, whatever it answers. Thread-safe.
class Circuits {
 public:
  Circuits(const base::Clock& clock, base::Duration probe_interval)
      : clock_(clock), probe_interval_(probe_interval) {}

  bool Open(const std::string& region) const;
  // The region does not answer. True when the circuit was closed before.
  bool Failed(const std::string& region);
  // The region has answered. True when the circuit was open before.
  bool Answered(const std::string& region);
  // Whether the caller is the one to probe the region now: its circuit is open, the interval has
  // passed since it opened or was last probed, and nobody else probes. The caller then tells
  // Failed or Answered.
  bool TakeProbe(const std::string& region);
  std::vector<std::string> open() const;

 private:
  struct State {
    base::BootTime next_probe;
    bool probing = false;
  };
  static constexpr std::size_t kRegionsMax = 256;

  const base::Clock& clock_;
  const base::Duration probe_interval_;
  mutable base::Mutex mutex_;
  std::map<std::string, State> open_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::kms
