// Rotation: a new tenant key version with the same provider, then every managed data key rewrapped
// to it; and retirement of versions that nothing needs.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "keyring/keyring.h"
#include "model/records.h"

namespace tenantseal::keyring {

struct RewrapBatch;  // rewrap_batch.h

class Rotation {
 public:
  Rotation(Keyring& keyring, store::Store& store, StoreLease& lease, const base::Clock& clock,
           const base::Random& random);

  // Makes version n+1, activates it, waits until every process obeys, starts the rewrap job and
  // returns it. `actor` stands in the event. kConflict while a job runs or when not active.
  Result<model::RewrapJob> Start(const model::TenantId& tenant, const std::string& actor,
                                 base::Deadline deadline);

  // Removes `version` (not the active one). Detached keys and values sealed under it cannot be
  // opened afterwards; the event says so. kConflict while managed data keys need it, or a job runs.
  Result<void> Retire(const model::TenantId& tenant, std::uint32_t version,
                      const std::string& actor);

  // The latest job, if there ever was one.
  Result<std::optional<model::RewrapJob>> Job(const model::TenantId& tenant) const;

  // What a batch leads to besides, in its transaction: `before` and `after` are the job's figures.
  // Called by RunJobs(); set it before the first.
  using BatchListener = std::function<std::optional<model::NewEvent>(
      const model::RewrapJob& before, const model::RewrapJob& after)>;
  void OnBatch(BatchListener listener) { on_batch_ = std::move(listener); }

  // Takes up running jobs and works on them until they are done or `stop` is set: batches of
  // 10,000 with a checkpoint each, a data key that does not authenticate is set aside and counted.
  // Runs on one background thread at a time; killed at any point, any process resumes it: at once
  // when nobody has taken the job up, else when its progress has not moved for kStaleAfter.
  void RunJobs(const std::atomic<bool>& stop);

  static constexpr base::Duration kStaleAfter = std::chrono::seconds(10);
  static constexpr std::size_t kBatchItems = 10'000;

 private:
  // What this process knows of a running job: whether it is its own, or how it moved when last
  // seen.
  struct Seen {
    std::optional<std::uint64_t> own_fence;
    bool obeyed = false;  // Under own_fence: every process seals under the new version.
    std::uint64_t fence = 0;
    std::uint64_t cursor = 0;
    base::BootTime since;
    std::string trouble;  // Logged once.
  };
  bool MayTake(const model::RewrapJob& job);
  Result<model::RewrapJob> Take(const model::RewrapJob& job);
  Result<void> Work(model::RewrapJob job, const std::atomic<bool>& stop);
  Result<void> Commit(RewrapBatch& batch, model::RewrapJob& job);
  Result<void> Finish(model::RewrapJob job);

  Keyring& keyring_;
  store::Store& store_;
  StoreLease& lease_;
  const base::Clock& clock_;
  const base::Random& random_;
  BatchListener on_batch_;
  std::map<model::TenantId, Seen> seen_;  // Of running jobs; touched by RunJobs() only.
};

}  // namespace tenantseal::keyring
