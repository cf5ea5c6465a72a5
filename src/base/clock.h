// Time. Everything that waits, expires or stamps takes a Clock, so that tests need not sleep.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"

namespace tenantseal::base {

using Duration = std::chrono::nanoseconds;

// UTC wall time in milliseconds: for stamps that people and other machines read. It may jump.
using UtcTime = std::chrono::sys_time<std::chrono::milliseconds>;

// Time since boot, CLOCK_BOOTTIME: never jumps and goes on while the machine is suspended, so a
// lease cannot outlive a suspend. For every deadline, lease and timeout.
class BootTime {
 public:
  constexpr BootTime() = default;
  constexpr explicit BootTime(Duration since_boot) : since_boot_(since_boot) {}
  constexpr Duration since_boot() const { return since_boot_; }
  constexpr auto operator<=>(const BootTime&) const = default;
  constexpr BootTime operator+(Duration d) const { return BootTime(since_boot_ + d); }
  constexpr BootTime operator-(Duration d) const { return BootTime(since_boot_ - d); }
  constexpr Duration operator-(BootTime other) const { return since_boot_ - other.since_boot_; }

 private:
  Duration since_boot_{};
};

using Deadline = BootTime;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual UtcTime Utc() const = 0;
  virtual BootTime Boot() const = 0;
};

// The machine's clocks.
class SystemClock final : public Clock {
 public:
  UtcTime Utc() const override;
  BootTime Boot() const override;
};

// A clock that moves only when told to. Thread-safe.
class FakeClock final : public Clock {
 public:
  UtcTime Utc() const override;
  BootTime Boot() const override;
  void Advance(Duration d);  // Both clocks.
  void JumpUtc(Duration d);  // The wall clock alone, as NTP or an operator would.

 private:
  mutable Mutex mutex_;
  UtcTime utc_ TS_GUARDED_BY(mutex_){std::chrono::milliseconds(1'700'000'000'000)};
  BootTime boot_ TS_GUARDED_BY(mutex_){std::chrono::hours(1)};
};

// RFC 3339 in UTC with milliseconds, e.g. "2026-11-24T07:06:00.123Z".
std::string FormatUtc(UtcTime time);
// RFC 3339 in UTC with seconds, e.g. "2026-11-24T07:06:00Z".
std::string FormatUtcSeconds(UtcTime time);
// Reads both forms; only "Z" is taken as zone.
Result<UtcTime> ParseUtc(std::string_view text);

}  // namespace tenantseal::base
