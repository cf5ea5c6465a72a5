#include "base/clock.h"

#include <time.h>

#include <cstdio>

namespace tenantseal::base {
namespace {

Duration ReadClock(clockid_t id) {
  timespec ts{};
  clock_gettime(id, &ts);
  return std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec);
}

bool Digits(std::string_view text, std::size_t at, std::size_t n, int* out) {
  *out = 0;
  if (at + n > text.size()) return false;
  for (char c : text.substr(at, n)) {
    if (c < '0' || c > '9') return false;
    *out = *out * 10 + (c - '0');
  }
  return true;
}

}  // namespace

UtcTime SystemClock::Utc() const {
  return UtcTime(std::chrono::duration_cast<std::chrono::milliseconds>(ReadClock(CLOCK_REALTIME)));
}

BootTime SystemClock::Boot() const { return BootTime(ReadClock(CLOCK_BOOTTIME)); }

UtcTime FakeClock::Utc() const {
  MutexLock lock(mutex_);
  return utc_;
}

BootTime FakeClock::Boot() const {
  MutexLock lock(mutex_);
  return boot_;
}

void FakeClock::Advance(Duration d) {
  MutexLock lock(mutex_);
  boot_ = boot_ + d;
  utc_ += std::chrono::duration_cast<std::chrono::milliseconds>(d);
}

void FakeClock::JumpUtc(Duration d) {
  MutexLock lock(mutex_);
  utc_ += std::chrono::duration_cast<std::chrono::milliseconds>(d);
}

std::string FormatUtcSeconds(UtcTime time) { return FormatUtc(time).erase(19, 4); }

std::string FormatUtc(UtcTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[40];
  std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

Result<UtcTime> ParseUtc(std::string_view text) {
  const Error bad = InvalidArgument("", "A time must look like 2026-01-31T23:59:59Z (UTC).");
  int year, month, day, hour, minute, second, milli = 0;
  if (!Digits(text, 0, 4, &year) || !Digits(text, 5, 2, &month) || !Digits(text, 8, 2, &day) ||
      !Digits(text, 11, 2, &hour) || !Digits(text, 14, 2, &minute) ||
      !Digits(text, 17, 2, &second)) {
    return bad;
  }
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':') {
    return bad;
  }
  std::string_view rest = text.substr(19);
  if (rest.size() == 5 && rest[0] == '.' && Digits(rest, 1, 3, &milli)) rest = rest.substr(4);
  if (rest != "Z" || hour > 23 || minute > 59 || second > 59) return bad;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok()) return bad;
  return UtcTime(std::chrono::sys_days(date) + std::chrono::hours(hour) +
                 std::chrono::minutes(minute) + std::chrono::seconds(second) +
                 std::chrono::milliseconds(milli));
}

}  // namespace tenantseal::base
