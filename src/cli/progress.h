// Progress on a terminal, and interruption.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tenantseal::cli {

// One line on standard error that is drawn anew, about ten times a second: done, total, rate and
// remaining time. Draws nothing where standard error is no terminal, nor for what is done at once:
// with its first update, or, where the total is unknown, within a tenth of a second. Of all else
// the last state is drawn, too. Not thread-safe.
class ProgressBar {
 public:
  enum class Unit { kBytes, kItems };
  ProgressBar(std::string label, Unit unit);
  ~ProgressBar();  // Ends the line.
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `total` 0: unknown. Returns whether to go on: false once a signal has arrived.
  bool Update(std::uint64_t done, std::uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;
  void Draw(Clock::time_point now);

  std::string label_;
  Unit unit_;
  bool terminal_;
  std::uint64_t done_ = 0, total_ = 0;
  bool drawn_ = false;    // Something.
  bool pending_ = false;  // The last update is not drawn yet.
  Clock::time_point start_, last_;
};

// "1.5 GiB"; "312 B" below 1 KiB.
std::string FormatBytes(double bytes);
// "0:07", "12:30", "3:02:11".
std::string FormatSeconds(std::uint64_t seconds);
// The line without the terminal's control characters.
std::string ProgressLine(const std::string& label, ProgressBar::Unit unit, std::uint64_t done,
                         std::uint64_t total, double seconds);

// From now on SIGINT and SIGTERM set a flag that work in progress looks at; a second one kills.
void CatchInterrupts();
bool Interrupted();

}  // namespace tenantseal::cli
