// TrailService answers CloudTrail's LookupEvents from the Trail.
// Rules: AWS CloudTrail API Reference, "LookupEvents".
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "emulator/trail.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

// Thread-safe.
class TrailService {
 public:
  // `clock` is the machine's; what is asked about is judged by the World's.
  TrailService(World& world, Trail& trail, const base::Clock& clock, const base::Random& random)
      : world_(world), trail_(trail), clock_(clock), token_key_(random.Key()) {}

  Reply Handle(const Call& call, std::string_view body_json, TrailNote& note);

  // How long a record takes to be found. AWS says about five minutes; here none unless set.
  void SetDelay(std::chrono::milliseconds delay) { delay_ms_ = delay.count(); }
  // Whether more than two look-ups a second in one account and region are throttled, as by AWS.
  void SetThrottle(bool on) { throttle_ = on; }
  std::chrono::milliseconds delay() const { return std::chrono::milliseconds(delay_ms_.load()); }
  bool throttle() const { return throttle_; }

 private:
  bool Admit(const std::string& account, const std::string& region);

  World& world_;
  Trail& trail_;
  const base::Clock& clock_;
  const base::Secret256 token_key_;
  std::atomic<std::int64_t> delay_ms_{0};
  std::atomic<bool> throttle_{false};
  struct Window {
    base::BootTime begun;
    int used = 0;
  };
  base::Mutex mutex_;
  std::map<std::string, Window> windows_ TS_GUARDED_BY(mutex_);  // Bounded.
};

}  // namespace tenantseal::emulator
