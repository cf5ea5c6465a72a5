// The part of Rotation that works on jobs, in the background.
#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

#include "base/log.h"
#include "events/event.h"
#include "keyring/rewrap_batch.h"
#include "keyring/rotation.h"

namespace tenantseal::keyring {
namespace {

// A transaction is small, for those who wait for it; what a thread is started for is not. Between
// requests it is smaller, since to free all of it takes long, too.
constexpr std::size_t kPortionItems = 2000;
// Then the next job has its turn, so that a large tenant does not keep small ones waiting.
constexpr int kPortionsPerTurn = 5;
// Where the rate is limited, and a portion is one batch.
constexpr int kPacedBatchesPerTurn = 8;
constexpr double kBatchesPerSecond = 4;
// How long after a request others are expected, and how long a rest for them takes: as many times
// the work before it as requests came during that, within bounds, and at most.
constexpr base::Duration kRequestsLast = std::chrono::milliseconds(100);
constexpr double kRestsPerWorkMin = 1;
constexpr double kRestsPerWorkMax = 6;
constexpr base::Duration kRestMax = std::chrono::milliseconds(50);
constexpr auto kStopPoll = std::chrono::milliseconds(20);

// Runs cryptography beside the caller, or at once where there is no thread to be had.
std::future<Result<void>> RunBeside(std::function<Result<void>()> work) {
  try {
    return std::async(std::launch::async, work);
  } catch (const std::system_error&) {
    return std::async(std::launch::deferred, work);
  }
}

}  // namespace

void SleepUnlessStopped(base::Duration duration, const std::atomic<bool>& stop) {
  const auto until = std::chrono::steady_clock::now() + duration;
  for (auto left = duration; left > base::Duration::zero() && !stop.load();
       left = until - std::chrono::steady_clock::now()) {
    std::this_thread::sleep_for(std::min<base::Duration>(left, kStopPoll));
  }
}

void Rotation::LimitRate(double data_keys_per_second) {
  data_keys_per_second_ = data_keys_per_second > 0 ? std::max(data_keys_per_second, 1.0) : 0;
}

bool Rotation::IsRequested() const {
  return requested_at_ && clock_.Boot() - *requested_at_ <= kRequestsLast;
}

std::size_t Rotation::BatchItems() const {
  const std::size_t most = IsRequested() ? kBatchItemsBetweenRequests : kBatchItems;
  if (data_keys_per_second_ == 0) return most;
  const double items =
      std::clamp(data_keys_per_second_ / kBatchesPerSecond, 1.0, static_cast<double>(most));
  return static_cast<std::size_t>(items);
}

// Waits until the batches before have had their time, and reserves that of the next.
void Rotation::Pace(std::size_t items, const std::atomic<bool>& stop) {
  if (data_keys_per_second_ == 0) return;
  const base::BootTime now = clock_.Boot();
  if (paced_until_ > now) sleep_(paced_until_ - now, stop);
  paced_until_ = std::max(paced_until_, now) +
                 std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(
                     static_cast<double>(items) / data_keys_per_second_));
}

void Rotation::GiveWayTo(std::function<std::uint64_t()> requests) {
  requests_ = std::move(requests);
}

void Rotation::GiveWay(const std::atomic<bool>& stop) {
  if (!requests_) return;
  const base::BootTime now = clock_.Boot();
  const std::uint64_t requests = requests_();
  const auto arrived = static_cast<double>(requests - requests_seen_);
  if (arrived > 0) requested_at_ = now;
  if (IsRequested() && now > working_since_) {
    using Exactly = std::chrono::duration<double, base::Duration::period>;
    const Exactly worked = now - working_since_;
    const double meanwhile = arrived * (worked / (now - requests_seen_at_));
    const double rests = std::clamp(meanwhile, kRestsPerWorkMin, kRestsPerWorkMax);
    sleep_(std::min(std::chrono::duration_cast<base::Duration>(rests * worked), kRestMax), stop);
  }
  requests_seen_ = requests;
  requests_seen_at_ = now;
  working_since_ = clock_.Boot();
}

bool Rotation::MayTake(const model::RewrapJob& job) {
  Seen& seen = seen_[job.tenant];
  const bool fresh = seen.job != job.id;
  if (fresh) {
    seen = {};
    seen.job = job.id;
  }
  if (seen.own_fence == job.fence) return true;
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
  while (!stop.load() && RunTurn(stop)) {
  }
}

bool Rotation::RunTurn(const std::atomic<bool>& stop) {
  const auto jobs = store_.RunningRewrapJobs();
  if (!jobs) return false;  // The store is gone; others say so.
  ForgetEnded(*jobs);
  bool more = false, hindered = false;
  for (const model::RewrapJob& job : *jobs) {
    if (stop.load()) return false;
    if (!MayTake(job)) continue;
    const Result<bool> worked = TakeTurn(job, stop);
    Seen& seen = seen_[job.tenant];
    if (worked) {
      seen.trouble.clear();
      more = more || *worked;
      continue;
    }
    hindered = true;
    if (worked.error().message == seen.trouble) continue;
    seen.trouble = worked.error().message;
    base::LogWarning("a rewrap job waits",
                     {{"tenant", job.tenant.text()}, {"error", seen.trouble}});
  }
  return more && !hindered;
}

// What is known of a paused job stays, so that whoever worked on it goes on at once.
void Rotation::ForgetEnded(std::span<const model::RewrapJob> running) {
  std::erase_if(seen_, [&](const auto& seen) {
    const model::TenantId& tenant = seen.first;
    if (std::any_of(running.begin(), running.end(),
                    [&](const model::RewrapJob& job) { return job.tenant == tenant; })) {
      return false;
    }
    const auto job = store_.LoadRewrapJob(tenant);
    return job && (!*job || (*job)->state != model::RewrapState::kPaused);
  });
}

Result<bool> Rotation::TakeTurn(const model::RewrapJob& job, const std::atomic<bool>& stop) {
  auto taken = Take(job);
  Result<bool> worked = taken ? Work(std::move(*taken), stop) : Result<bool>(taken.error());
  if (!worked && worked.error().code == ErrorCode::kConflict && IsOver(job)) return false;
  return worked;
}

bool Rotation::IsOver(const model::RewrapJob& job) const {
  const auto stored = store_.LoadRewrapJob(job.tenant);
  if (!stored) return false;
  return !*stored || (*stored)->id != job.id || (*stored)->state != model::RewrapState::kRunning;
}

Result<bool> Rotation::Work(model::RewrapJob job, const std::atomic<bool>& stop) {
  // While the cryptography of some batches runs on another thread, this one commits the batches
  // before them and reads those after.
  working_since_ = clock_.Boot();
  std::vector<RewrapBatch> before;
  TS_ASSIGN_OR_RETURN(std::vector<RewrapBatch> current, Scan(job, job.cursor, stop));
  const int portions_max = data_keys_per_second_ == 0 ? kPortionsPerTurn : kPacedBatchesPerTurn;
  for (int portions = 0; portions < portions_max && !current.empty(); ++portions) {
    Pace(current.front().rows.size(), stop);
    if (stop.load()) break;
    const std::uint64_t last = current.back().rows.back().position;
    std::future<Result<void>> crypto = RunBeside([this, &job, &current]() -> Result<void> {
      for (RewrapBatch& batch : current)
        TS_RETURN_IF_ERROR(rewrapper_->Rewrap(job.tenant, job.to_version, batch));
      return {};
    });
    Result<void> stored = Commit(before, job, stop);
    auto after = stored ? Scan(job, last, stop) : Result<std::vector<RewrapBatch>>(stored.error());
    Result<void> rewrapped = crypto.get();
    if (!after) return after.error();
    if (!rewrapped) return rewrapped.error();
    before = std::move(current);
    current = std::move(*after);
  }
  TS_RETURN_IF_ERROR(Commit(before, job, stop));
  if (!current.empty()) return !stop.load();  // Whoever comes next goes on from the cursor.
  TS_RETURN_IF_ERROR(Finish(std::move(job)));
  return false;
}

// The batches past a position, as many as are worked on at a time; none at the end.
Result<std::vector<RewrapBatch>> Rotation::Scan(const model::RewrapJob& job, std::uint64_t after,
                                                const std::atomic<bool>& stop) {
  const std::size_t items_max = data_keys_per_second_ != 0 ? 1
                                : IsRequested()            ? kPortionItemsBetweenRequests
                                                           : kPortionItems;
  std::vector<RewrapBatch> out;
  for (std::size_t items = 0; items < items_max; items += out.back().rows.size()) {
    RewrapBatch batch;
    TS_ASSIGN_OR_RETURN(batch.rows,
                        store_.ScanDataKeys(job.tenant, after, job.to_version, BatchItems()));
    if (batch.rows.empty()) break;
    after = batch.rows.back().position;
    out.push_back(std::move(batch));
    GiveWay(stop);
  }
  return out;
}

Result<void> Rotation::Commit(std::vector<RewrapBatch>& batches, model::RewrapJob& job,
                              const std::atomic<bool>& stop) {
  for (RewrapBatch& batch : batches) {
    TS_RETURN_IF_ERROR(CommitOne(batch, job));
    GiveWay(stop);
  }
  return {};
}

Result<void> Rotation::CommitOne(RewrapBatch& batch, model::RewrapJob& job) {
  model::RewrapJob next = job;
  next.cursor = batch.rows.back().position;
  next.done += batch.updates.size();
  next.failed += batch.quarantined.size();
  std::optional<model::NewEvent> event;
  if (on_batch_) event = on_batch_(job, next);
  TS_RETURN_IF_ERROR(store_.CommitRewrapBatch(batch.updates, batch.quarantined, next, event));
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
