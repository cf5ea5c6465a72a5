// The running emulator: the parts, wired in order, and their listeners.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"

namespace tenantseal::emulator {

struct ListenAddress {
  std::string address;  // Numeric.
  std::uint16_t port = 0;
  std::string region;  // Bound to it; empty: every region.
  std::string url() const;
};
// "127.0.0.1:4599" or "[::1]:4599"; with `with_region`, "REGION=" comes first. kInvalidArgument
// (field: `flag`).
Result<ListenAddress> ParseListenAddress(const std::string& text, const std::string& flag,
                                         bool with_region);

struct EmulatorOptions {
  std::vector<ListenAddress> listeners;
  std::string state_file;  // Empty: in memory.
  std::string seed_file;   // Empty: the default world.
  bool allow_unsigned = false;
  std::string account = "111122223333";  // Whose root user unsigned callers are.
  bool admin_anywhere = false;           // The admin path on listeners beyond loopback.
  bool demo = false;
  std::size_t threads = 1;  // I/O threads of each listener.
};

class Emulator {
 public:
  // Both arguments outlive it.
  Emulator(const base::Clock& clock, const base::Random& random);
  ~Emulator();  // Stops at once.

  // kInvalidArgument names the flag or, in a seed, the JSON pointer. Call once.
  Result<void> Start(const EmulatorOptions& options);
  // The first listener, with the port that it got.
  std::string url() const;
  // Answers what is in flight, for a few seconds at most, and writes what is to be kept.
  void Stop();

 private:
  struct Parts;
  const base::Clock& clock_;
  const base::Random& random_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace tenantseal::emulator
