// Rotation: a new tenant key version with the same provider, then every managed data key rewrapped
// to it; and retirement of versions that nothing needs.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "keyring/keyring.h"
#include "model/records.h"

namespace tenantseal::keyring {

struct RewrapBatch;  // rewrap_batch.h
class Rewrapper;     // rewrap_batch.h

// Waits, or less when `stop` is set meanwhile.
using Sleep = std::function<void(base::Duration, const std::atomic<bool>& stop)>;
void SleepUnlessStopped(base::Duration duration, const std::atomic<bool>& stop);

class Rotation {
 public:
  Rotation(Keyring& keyring, store::Store& store, StoreLease& lease, const base::Clock& clock,
           const base::Random& random);
  ~Rotation();

  // Makes version n+1, activates it, waits until every process obeys, starts the rewrap job and
  // returns it. `actor` stands in the event. kConflict while a job or a migration is unfinished, or
  // when not active.
  Result<model::RewrapJob> Start(const model::TenantId& tenant, const std::string& actor,
                                 base::Deadline deadline);

  // Removes `version` (not the active one). Detached keys and values sealed under it cannot be
  // opened afterwards; the event says so. kConflict while managed data keys need it, or a job or a
  // migration is unfinished.
  Result<void> Retire(const model::TenantId& tenant, std::uint32_t version,
                      const std::string& actor);

  // The latest job, if there ever was one.
  Result<std::optional<model::RewrapJob>> Job(const model::TenantId& tenant) const;

  // What a batch leads to besides, in its transaction: `before` and `after` are the job's figures.
  // Called by RunJobs(); set it before the first.
  using BatchListener = std::function<std::optional<model::NewEvent>(
      const model::RewrapJob& before, const model::RewrapJob& after)>;
  void OnBatch(BatchListener listener) { on_batch_ = std::move(listener); }

  // Moves at most so many data keys a second, all jobs of this process together: batches become
  // small and are spread. 0: no limit; else 1 at least. Set it before the first RunJobs().
  void LimitRate(double data_keys_per_second);

  // While the figure that `requests` returns rises, batches are of kBatchItemsBetweenRequests, and
  // after each read and each write of one it rests as long as that took, up to six times as
  // long when so many requests came meanwhile: they find the processor and the store free most of
  // the time. Set it before the first RunJobs().
  void GiveWayTo(std::function<std::uint64_t()> requests);

  // How it waits for both; SleepUnlessStopped() when not set.
  void WaitBy(Sleep sleep) { sleep_ = std::move(sleep); }

  // Takes up running jobs and works on them in turns until they are done or `stop` is set: batches
  // of at most kBatchItems with a checkpoint each, a data key that does not authenticate is tried
  // three times, then set aside and counted. A job that somebody pauses or cancels is left alone.
  // Runs on one background thread at a time; killed at any point, any process resumes it: at once
  // when nobody has taken the job up, else when its progress has not moved for kStaleAfter.
  void RunJobs(const std::atomic<bool>& stop);

  // The data key wrapped by the active version; nothing is stored. For what was set aside.
  // DecryptFailed() when it still does not authenticate; errors as of Keyring::Version().
  Result<model::DataKey> RewrapOne(const model::DataKey& key, base::Deadline deadline);

  // Starts a rotation for tenants whose active version is older, with the actor "age-limit". Each
  // call looks at the next page of kAgedPageItems tenants; one that is not active, or has a job or
  // a migration, is left alone. On one thread at a time. 0: no limit.
  void RotateAged(base::Duration age_max);

  static constexpr base::Duration kStaleAfter = std::chrono::seconds(10);
  // Of one transaction, which others wait for: some 0.5 ms.
  static constexpr std::size_t kBatchItems = 100;
  static constexpr std::size_t kBatchItemsBetweenRequests = 25;  // Some 0.2 ms.
  // Of what is read before any of it is written, as long as requests arrive.
  static constexpr std::size_t kPortionItemsBetweenRequests = 250;
  static constexpr std::size_t kAgedPageItems = 20;

 private:
  // What this process knows of an unfinished job: whether it is its own, or how it moved when last
  // seen.
  struct Seen {
    std::string job;
    std::optional<std::uint64_t> own_fence;
    bool obeyed = false;  // Under own_fence: every process seals under the new version.
    std::uint64_t fence = 0;
    std::uint64_t cursor = 0;
    base::BootTime since;
    std::string trouble;  // Logged once.
  };
  // One turn of each running job; true when one has more to do and nothing hinders it.
  bool RunTurn(const std::atomic<bool>& stop);
  void ForgetEnded(std::span<const model::RewrapJob> running);
  bool MayTake(const model::RewrapJob& job);
  Result<model::RewrapJob> Take(const model::RewrapJob& job);
  // True when it was stopped by the end of its turn only.
  Result<bool> TakeTurn(const model::RewrapJob& job, const std::atomic<bool>& stop);
  Result<bool> Work(model::RewrapJob job, const std::atomic<bool>& stop);
  Result<std::vector<RewrapBatch>> Scan(const model::RewrapJob& job, std::uint64_t after,
                                        const std::atomic<bool>& stop);
  Result<void> Commit(std::vector<RewrapBatch>& batches, model::RewrapJob& job,
                      const std::atomic<bool>& stop);
  Result<void> CommitOne(RewrapBatch& batch, model::RewrapJob& job);
  Result<void> Finish(model::RewrapJob job);
  // Whether the job may not be worked on any more, which is why something was refused.
  bool IsOver(const model::RewrapJob& job) const;
  // Whether requests arrive.
  bool IsRequested() const;
  std::size_t BatchItems() const;
  void Pace(std::size_t items, const std::atomic<bool>& stop);
  void GiveWay(const std::atomic<bool>& stop);
  bool IsAged(const model::TenantId& tenant, base::Duration age_max) const;

  Keyring& keyring_;
  store::Store& store_;
  StoreLease& lease_;
  const base::Clock& clock_;
  const base::Random& random_;
  const std::unique_ptr<Rewrapper> rewrapper_;
  BatchListener on_batch_;
  double data_keys_per_second_ = 0;
  Sleep sleep_ = SleepUnlessStopped;
  std::function<std::uint64_t()> requests_;
  std::string aged_after_;  // Touched by RotateAged() only.
  // All that follows is touched by RunJobs() only.
  base::BootTime paced_until_;
  base::BootTime working_since_;
  std::uint64_t requests_seen_ = 0;
  base::BootTime requests_seen_at_;
  std::optional<base::BootTime> requested_at_;  // When it last rose.
  std::map<model::TenantId, Seen> seen_;
};

}  // namespace tenantseal::keyring
