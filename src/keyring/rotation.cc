#include "keyring/rotation.h"

#include <future>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/limits.h"
#include "base/log.h"
#include "events/event.h"
#include "formats/envelope.h"
#include "keyring/rewrap_batch.h"

namespace tenantseal::keyring {
namespace {

Error Wrong(std::string what) { return {ErrorCode::kConflict, std::move(what)}; }

Result<void> CheckIdle(const store::Store& store, const model::TenantId& tenant) {
  TS_ASSIGN_OR_RETURN(const std::optional<model::RewrapJob> job, store.LoadRewrapJob(tenant));
  if (job && job->state == model::RewrapState::kRunning)
    return Wrong("The data keys are still being rewrapped.");
  return {};
}

// Whether every managed data key is wrapped by the version that its column names: a column that
// somebody has raised would hide a key from the rewrapping, and its version would seem unneeded.
Result<void> CheckLabels(const store::Store& store, const model::TenantId& tenant) {
  std::uint64_t after = 0;
  while (true) {
    TS_ASSIGN_OR_RETURN(
        const std::vector<store::StoredDataKey> rows,
        store.ScanDataKeys(tenant, after, store::kAnyVersion, Rotation::kBatchItems));
    if (rows.empty()) return {};
    for (const store::StoredDataKey& row : rows) {
      const auto label = formats::ParseWrappedKey(row.key.wrapped);
      if (label && label->version == row.key.version) continue;
      return IntegrityError("The row " + row.key.id.text() +
                            " of table data_keys does not name the version that wraps it. Find out "
                            "who changed the database, then restore a backup or delete the key.");
    }
    after = rows.back().position;
  }
}

// Runs the batch's cryptography beside the caller, or at once where there is no thread to be had.
std::future<Result<void>> RunBeside(std::function<Result<void>()> work) {
  try {
    return std::async(std::launch::async, work);
  } catch (const std::system_error&) {
    return std::async(std::launch::deferred, work);
  }
}

}  // namespace

Rotation::Rotation(Keyring& keyring, store::Store& store, StoreLease& lease,
                   const base::Clock& clock, const base::Random& random)
    : keyring_(keyring), store_(store), lease_(lease), clock_(clock), random_(random) {}

Result<model::RewrapJob> Rotation::Start(const model::TenantId& tenant, const std::string& actor,
                                         base::Deadline deadline) {
  TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(tenant));
  if (state.tenant.status != model::TenantStatus::kActive)
    return Wrong("The tenant is not active.");
  TS_RETURN_IF_ERROR(CheckIdle(store_, tenant));
  if (state.keys.size() >= base::kTenantKeyVersionsMax) {
    return Wrong("The tenant has " + std::to_string(state.keys.size()) +
                 " key versions; retire some first.");
  }
  const model::KeyProvider* provider = state.FindProvider(state.tenant.current_provider);
  if (provider == nullptr) return IntegrityError("the tenant's current provider is not there");
  const std::uint32_t active = state.tenant.active_version;
  TS_ASSIGN_OR_RETURN(const Keyring::MintedKey minted,
                      keyring_.Mint(tenant, *provider, active + 1, deadline));
  model::RewrapJob job;
  job.tenant = tenant;
  job.id = model::NewUuid(random_);
  job.to_version = active + 1;
  job.started_by = actor;
  job.started_at = clock_.Utc();
  const model::NewEvent event =
      events::MakeEvent(clock_, random_, model::Scope::Of(tenant), events::kTenantKeyRotated, actor,
                        {{"tenantId", tenant.text()},
                         {"arnFingerPrint", provider->fingerprint.text()},
                         {"fromVersion", active},
                         {"toVersion", active + 1},
                         {"jobId", job.id}});
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch,
                      store_.ActivateTenantKey(minted.key, {&minted.wrap, 1}, active, job, event));
  TS_RETURN_IF_ERROR(lease_.AwaitObeyed(epoch));
  TS_ASSIGN_OR_RETURN(std::optional<model::RewrapJob> started, store_.LoadRewrapJob(tenant));
  if (!started) return IntegrityError("the rewrap job is not there");
  return std::move(*started);
}

Result<void> Rotation::Retire(const model::TenantId& tenant, std::uint32_t version,
                              const std::string& actor) {
  TS_RETURN_IF_ERROR(CheckIdle(store_, tenant));
  TS_RETURN_IF_ERROR(CheckLabels(store_, tenant));
  const model::NewEvent event = events::MakeEvent(
      clock_, random_, model::Scope::Of(tenant), events::kTenantKeyRetired, actor,
      {{"tenantId", tenant.text()},
       {"version", version},
       {"consequence",
        "Values and detached data keys under this version cannot be opened any more."}});
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch, store_.RetireTenantKey(tenant, version, event));
  return lease_.AwaitObeyed(epoch);
}

Result<std::optional<model::RewrapJob>> Rotation::Job(const model::TenantId& tenant) const {
  return store_.LoadRewrapJob(tenant);
}

bool Rotation::MayTake(const model::RewrapJob& job) {
  const auto [at, fresh] = seen_.try_emplace(job.tenant);
  Seen& seen = at->second;
  if (!fresh && seen.own_fence == job.fence) return true;
  if (job.fence == 0) return true;  // Nobody has taken it up yet.
  if (fresh || seen.fence != job.fence || seen.cursor != job.cursor) {
    seen.own_fence.reset();
    seen.fence = job.fence;
    seen.cursor = job.cursor;
    seen.since = clock_.Boot();
    return false;
  }
  return clock_.Boot() - seen.since >= kStaleAfter;
}

Result<model::RewrapJob> Rotation::Take(const model::RewrapJob& job) {
  Seen& seen = seen_[job.tenant];
  if (seen.own_fence == job.fence && seen.obeyed) return job;
  model::RewrapJob taken = job;
  if (seen.own_fence != job.fence) {
    TS_ASSIGN_OR_RETURN(taken, store_.ClaimRewrapJob(job.tenant));
    seen.own_fence = taken.fence;
    seen.obeyed = false;
  }
  // Every process must seal under the new version before the last old data key is looked for.
  TS_RETURN_IF_ERROR(lease_.Refresh());
  TS_RETURN_IF_ERROR(lease_.AwaitObeyed(lease_.Epoch()));
  seen.obeyed = true;
  return taken;
}

void Rotation::RunJobs(const std::atomic<bool>& stop) {
  const auto jobs = store_.RunningRewrapJobs();
  if (!jobs) return;  // The store is gone; others say so.
  std::erase_if(seen_, [&jobs](const auto& seen) {
    return std::none_of(jobs->begin(), jobs->end(),
                        [&seen](const auto& job) { return job.tenant == seen.first; });
  });
  for (const model::RewrapJob& job : *jobs) {
    if (stop.load()) return;
    if (!MayTake(job)) continue;
    Result<void> worked;
    if (auto taken = Take(job)) {
      worked = Work(std::move(*taken), stop);
    } else {
      worked = taken.error();
    }
    Seen& seen = seen_[job.tenant];
    if (worked) {
      seen.trouble.clear();
      continue;
    }
    if (worked.error().message == seen.trouble) continue;
    seen.trouble = worked.error().message;
    base::LogWarning("a rewrap job waits",
                     {{"tenant", job.tenant.text()}, {"error", seen.trouble}});
  }
}

Result<void> Rotation::Work(model::RewrapJob job, const std::atomic<bool>& stop) {
  const auto scan = [&](std::uint64_t after) {
    return store_.ScanDataKeys(job.tenant, after, job.to_version, kBatchItems);
  };
  // While the cryptography of one batch runs on another thread, this one commits the batch before
  // it and reads the one after it.
  RewrapBatch before, current;
  TS_ASSIGN_OR_RETURN(current.rows, scan(job.cursor));
  while (!current.rows.empty() && !stop.load()) {
    const std::uint64_t last = current.rows.back().position;
    std::future<Result<void>> crypto = RunBeside([this, &job, &current] {
      return RewrapRows(keyring_, job.tenant, job.to_version, clock_, random_, current);
    });
    RewrapBatch after;
    Result<void> stored = Commit(before, job);
    if (stored) {
      auto rows = scan(last);
      if (rows)
        after.rows = std::move(*rows);
      else
        stored = rows.error();
    }
    Result<void> rewrapped = crypto.get();
    if (!stored) return stored;
    if (!rewrapped) return rewrapped;
    before = std::move(current);
    current = std::move(after);
  }
  TS_RETURN_IF_ERROR(Commit(before, job));
  if (!current.rows.empty()) return {};  // Stopped; whoever comes next goes on from the cursor.
  return Finish(std::move(job));
}

Result<void> Rotation::Commit(RewrapBatch& batch, model::RewrapJob& job) {
  if (batch.rows.empty()) return {};
  model::RewrapJob next = job;
  next.cursor = batch.rows.back().position;
  next.done += batch.updates.size();
  next.failed += batch.failed;
  TS_RETURN_IF_ERROR(store_.CommitRewrapBatch(batch.updates, next));
  // Only these change; the other thread reads tenant and version meanwhile.
  job.cursor = next.cursor;
  job.done = next.done;
  job.failed = next.failed;
  return {};
}

Result<void> Rotation::Finish(model::RewrapJob job) {
  job.state = model::RewrapState::kDone;
  job.finished_at = clock_.Utc();
  const model::NewEvent event = events::MakeEvent(clock_, random_, model::Scope::Of(job.tenant),
                                                  events::kTenantKeyRewrapped, job.started_by,
                                                  {{"tenantId", job.tenant.text()},
                                                   {"jobId", job.id},
                                                   {"toVersion", job.to_version},
                                                   {"total", job.total},
                                                   {"done", job.done},
                                                   {"failed", job.failed}});
  TS_RETURN_IF_ERROR(store_.FinishRewrapJob(job, event));
  base::LogInfo("data keys were rewrapped", {{"tenant", job.tenant.text()},
                                             {"version", job.to_version},
                                             {"done", job.done},
                                             {"failed", job.failed}});
  return {};
}

}  // namespace tenantseal::keyring
