// HeadWriter signs the heads of the chains that have grown, and appends them to a file beside the
// database and to the log: after 100 events, or 60 s after the first one.
//
// It signs only what continues what it has signed before, this start or an earlier one. A chain
// that does not, or that does not verify, is reported as an error and left unsigned; the others go
// on. Several processes may append to one file.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "events/head.h"
#include "store/store.h"

namespace tenantseal::events {

// In the data directory: the heads, and the public key that they verify with.
std::string HeadsFile(const std::string& data_dir);
std::string HeadKeyFile(const std::string& data_dir);

// Not thread-safe: one thread calls it.
class HeadWriter {
 public:
  static constexpr std::uint64_t kEventsMax = 100;
  static constexpr base::Duration kDelayMax = std::chrono::seconds(60);

  // Reads the heads that the file holds and writes the public key. `store` and `clock` outlive it.
  static Result<std::unique_ptr<HeadWriter>> Open(const store::Store& store,
                                                  const base::Clock& clock, base::Secret256 seed,
                                                  std::string deployment,
                                                  const std::string& data_dir);
  // Signs when it is time. On failure nothing counts as signed, and the next call tries again.
  Result<void> SignDue();
  // Signs whatever has grown.
  Result<void> SignNow();

 private:
  HeadWriter(const store::Store& store, const base::Clock& clock, base::Secret256 seed,
             std::string deployment, std::string path)
      : store_(store),
        clock_(clock),
        seed_(std::move(seed)),
        deployment_(std::move(deployment)),
        path_(std::move(path)) {}
  Result<void> ReadSigned();
  // The chains whose end is not the one signed last.
  Result<std::vector<store::EventHead>> Changed() const;
  Result<void> Sign(const std::vector<store::EventHead>& changed);
  // The end of the chain, after walking from the head signed last. kIntegrity.
  Result<store::EventHead> WalkTo(const store::EventHead& head) const;
  void Alarm(const model::Scope& scope, const Error& error);

  const store::Store& store_;
  const base::Clock& clock_;
  const base::Secret256 seed_;
  const std::string deployment_;
  const std::string path_;
  std::map<model::Scope, store::EventHead> signed_;
  std::set<model::Scope> alarmed_;  // Each is reported once.
  std::optional<base::BootTime> waiting_since_;
};

}  // namespace tenantseal::events
