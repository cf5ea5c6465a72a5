// How soon the calling thread, and the threads that it starts, have a processor. Needs no
// privilege; where the system refuses, the thread stays as it is.
#pragma once

#include <chrono>
#include <cstdint>

namespace tenantseal::base {

// For threads that answer requests: short turns, so that one that awakes is sooner due than work
// whose turn is long. Linux before 6.12 has no such thing and ignores it.
void TakeShortTurns();

// For work that would keep a processor busy for minutes: niceness 10, a tenth of what others get.
// The less it is due, the sooner does a thread that awakes take the processor from it: Linux (from
// 6.6 on, EEVDF) lets nobody interrupt who has had more than its share. Not less than that, since
// it may hold a lock that others wait for, and would for long once they leave no processor idle. A
// thread that has less already keeps that. Short turns, too: whoever offers the processor loses a
// turn by it (6.18), which at this niceness others make up for in ten times as long.
void GiveWay();

// For whatever takes milliseconds and holds no lock, at any priority: called every 0.1 ms or so,
// lets a thread that has awoken run, which Linux might let wait for the next tick of its clock, up
// to 4 ms later. Never with a lock: Linux 6.18 has let one that gives way wait 150 ms for it.
void OfferProcessor();

// From construction to destruction, the calling thread holds a lock that all others may have to
// wait for. Of several at a time, only the last is known to OfferProcessorToHolder.
class WidelyAwaitedHold {
 public:
  WidelyAwaitedHold();
  ~WidelyAwaitedHold();
  WidelyAwaitedHold(const WidelyAwaitedHold&) = delete;
  WidelyAwaitedHold& operator=(const WidelyAwaitedHold&) = delete;
  std::chrono::nanoseconds duration() const;  // So far.

 private:
  const std::chrono::steady_clock::time_point since_;
};

// For threads that go from one piece of work to the next, between two of them: lets whoever has had
// such a hold for 0.5 ms run. Otherwise a holder that lost its processor to a thread that is busy
// waits for the next tick of the clock, each time, whatever its priority.
void OfferProcessorToHolder();

// How often a thread of this process has done so.
std::uint64_t OffersToHolders();

}  // namespace tenantseal::base
