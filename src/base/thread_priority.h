// How soon the calling thread, and the threads that it starts, have a processor. Needs no
// privilege; where the system refuses, the thread stays as it is.
#pragma once

namespace tenantseal::base {

// For threads that answer requests: short turns, so that one that awakes is sooner due than work
// whose turn is long. Linux before 6.12 has no such thing and ignores it.
void AnswerSoon();

// For work that would keep a processor busy for minutes: niceness 5, a third of what others get.
// Not less, since it may hold a lock that others wait for.
void GiveWay();

// For whatever takes milliseconds and holds no lock, at any priority: called every 0.1 ms or so,
// lets a thread that has awoken run. By itself Linux (from 6.6 on, EEVDF) interrupts even work of
// the lowest priority at the next tick of its clock only, up to 4 ms later, when it holds that the
// one that awakes has had its share.
void OfferProcessor();

}  // namespace tenantseal::base
