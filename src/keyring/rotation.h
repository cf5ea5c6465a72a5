// Rotation: a new tenant key version with the same provider, then every managed data key rewrapped
// to it; and retirement of versions that nothing needs.
#pragma once

#include <atomic>
#include <string>

#include "keyring/keyring.h"
#include "model/records.h"

namespace tenantseal::keyring {

class Rotation {
 public:
  Rotation(Keyring& keyring, store::Store& store, StoreLease& lease, const base::Clock& clock,
           const base::Random& random);

  // Makes version n+1, activates it, waits until every process obeys, starts the rewrap job and
  // returns it. `actor` stands in the event. kConflict while a job runs or when not active.
  Result<model::RewrapJob> Start(const model::TenantId& tenant, const std::string& actor, base::Deadline deadline);

  // Removes `version` (not the active one). Detached keys and values sealed under it cannot be
  // opened afterwards; the event says so. kConflict while managed data keys need it, or a job runs.
  Result<void> Retire(const model::TenantId& tenant, std::uint32_t version, const std::string& actor);

  // The latest job, if there ever was one.
  Result<std::optional<model::RewrapJob>> Job(const model::TenantId& tenant) const;

  // Takes up running jobs and works on them until they are done or `stop` is set: batches of
  // 10,000 with a checkpoint each, a data key that does not authenticate is set aside and counted.
  // Runs on the server's background thread; killed at any point, any process resumes it.
  void RunJobs(const std::atomic<bool>& stop);

 private:
  Keyring& keyring_;
  store::Store& store_;
  StoreLease& lease_;
  const base::Clock& clock_;
  const base::Random& random_;
};

}  // namespace tenantseal::keyring
