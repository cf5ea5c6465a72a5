#include "cli/progress.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>

namespace tenantseal::cli {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void OnSignal(int) { interrupted = true; }

std::string Format(const char* format, double value) {
  char out[32];
  std::snprintf(out, sizeof(out), format, value);
  return out;
}

}  // namespace

std::string FormatBytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(kUnits); ++unit) bytes /= 1024;
  return Format(unit == 0 ? "%.0f " : "%.1f ", bytes) + kUnits[unit];
}

std::string FormatSeconds(std::uint64_t seconds) {
  char out[48];
  const std::uint64_t h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;
  if (h > 0) {
    std::snprintf(out, sizeof(out), "%llu:%02llu:%02llu", static_cast<unsigned long long>(h),
                  static_cast<unsigned long long>(m), static_cast<unsigned long long>(s));
  } else {
    std::snprintf(out, sizeof(out), "%llu:%02llu", static_cast<unsigned long long>(m),
                  static_cast<unsigned long long>(s));
  }
  return out;
}

std::string ProgressLine(const std::string& label, ProgressBar::Unit unit, std::uint64_t done,
                         std::uint64_t total, double seconds) {
  const auto amount = [unit](double value) {
    return unit == ProgressBar::Unit::kBytes ? FormatBytes(value) : Format("%.0f", value);
  };
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string line = label + "  " + amount(static_cast<double>(done));
  if (total > 0) {
    line += " of " + amount(static_cast<double>(total)) + "  " +
            Format("%.0f%%", 100 * static_cast<double>(done) / static_cast<double>(total));
  }
  line += "  " + amount(rate) + "/s";
  if (total > done && rate > 0) {
    line +=
        "  " +
        FormatSeconds(static_cast<std::uint64_t>(static_cast<double>(total - done) / rate + 0.5)) +
        " left";
  }
  return line;
}

ProgressBar::ProgressBar(std::string label, Unit unit)
    : label_(std::move(label)),
      unit_(unit),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      last_(start_) {}

ProgressBar::~ProgressBar() {
  if (!drawn_) return;
  if (pending_) Draw(Clock::now());
  std::fputc('\n', stderr);
}

bool ProgressBar::Update(std::uint64_t done, std::uint64_t total) {
  if (Interrupted()) return false;
  if (!terminal_) return true;
  done_ = done;
  total_ = total;
  pending_ = true;
  const auto now = Clock::now();
  const bool last = total > 0 && done >= total;
  const bool at_once = drawn_ ? last : total > 0 && !last;
  if (at_once || now - last_ >= std::chrono::milliseconds(100)) Draw(now);
  return true;
}

void ProgressBar::Draw(Clock::time_point now) {
  const std::string line = ProgressLine(label_, unit_, done_, total_,
                                        std::chrono::duration<double>(now - start_).count());
  std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
  std::fflush(stderr);
  last_ = now;
  drawn_ = true;
  pending_ = false;
}

void CatchInterrupts() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // No SA_RESTART: a blocked read returns.
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool Interrupted() { return interrupted; }

}  // namespace tenantseal::cli
