// The admin path, /_emulator/...: faults, clock, settings, reset, snapshot, health.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "emulator/faults.h"
#include "emulator/trail.h"
#include "emulator/trail_file.h"
#include "emulator/trail_service.h"
#include "emulator/world.h"
#include "net/message.h"

namespace tenantseal::emulator {

// Thread-safe.
class Admin {
 public:
  // `clock` is the machine's. `seed` fills an empty world, as at the start. `file` may be null.
  Admin(World& world, FaultRules& faults, Trail& trail, TrailService& trail_service,
        TrailFile* file, const base::Clock& clock, std::function<Result<void>()> seed)
      : world_(world),
        faults_(faults),
        trail_(trail),
        trail_service_(trail_service),
        file_(file),
        clock_(clock),
        seed_(std::move(seed)) {}

  // Any method on a path under /_emulator. Answers JSON; errors are {"error","field"}.
  net::Response Handle(net::Request& request);

  // Holds replicas in Creating that a fault of that kind names, and lets others go: after any
  // change of the faults or of the World as a whole.
  Result<void> SettleReplicas();

 private:
  net::Response Failure(const Error& error) const;
  Result<std::string> Route(std::string_view method, std::string_view name, std::string_view body);
  Result<std::string> Faults(const nlohmann::json& input);
  Result<std::string> Clock(const nlohmann::json& input);
  Result<std::string> Settings(const nlohmann::json& input);
  Result<void> Reset();
  std::string ClockJson() const;
  std::string SettingsJson() const;

  World& world_;
  FaultRules& faults_;
  Trail& trail_;
  TrailService& trail_service_;
  TrailFile* const file_;
  const base::Clock& clock_;
  const std::function<Result<void>()> seed_;
  base::Mutex mutex_;  // One change at a time.
};

}  // namespace tenantseal::emulator
