// Migrations with the threads that the service gives them.
//
//   migration_bench million DIR [KEYS]             one tenant; default 1,000,000 data keys
//   migration_bench crowd DIR [TENANTS [KEYS]]     default 10,000 tenants of 100 data keys each
//
// `million` prints `migrate N` (data keys a second, from the request to the completion), `loop N`
// (of the plain loop of rewrap_ground.h, on a copy), `resident PERCENT MIB` while it runs,
// `kms_calls N`, and `versions N`: the tenant key versions there are then.
// `crowd` prints `seconds N`, `resident MIB` (the peak), and `slowest_over_mean N`: the time of the
// slowest tenant over the mean.
#include <sqlite3.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/log.h"
#include "events/event.h"
#include "migration/runner.h"
#include "rewrap_ground.h"

namespace tenantseal::bench {
namespace {

namespace fs = std::filesystem;
using Seconds = std::chrono::duration<double>;
using std::chrono::milliseconds;

// Calls again and again, `interval` after each return, until destroyed.
class Periodic {
 public:
  Periodic(base::Duration interval, std::function<void(const std::atomic<bool>&)> work)
      : thread_([this, interval, work = std::move(work)] {
          while (!stopping_) {
            work(stopping_);
            keyring::SleepUnlessStopped(interval, stopping_);
          }
        }) {}
  ~Periodic() { stopping_ = true; }

 private:
  std::atomic<bool> stopping_{false};
  std::jthread thread_;  // Joined first.
};

// What a service does in the background for migrations, at the same intervals.
class Background {
 public:
  explicit Background(Setup& setup, store::Store& store, Process& process,
                      std::function<void(const model::RewrapJob&)> on_batch = {})
      : runner_(store, process.keyring, process.lease, setup.clock, setup.random) {
    process.rotation.OnBatch([this, on_batch = std::move(on_batch)](const model::RewrapJob& before,
                                                                    const model::RewrapJob& after) {
      if (on_batch) on_batch(after);
      return runner_.ProgressEvent(before, after);
    });
    const auto every = [this](milliseconds interval, auto work) {
      threads_.push_back(std::make_unique<Periodic>(interval, work));
    };
    every(milliseconds(500), [&](const std::atomic<bool>&) { Must(process.lease.Refresh()); });
    every(milliseconds(250), [&](const std::atomic<bool>&) { process.keyring.Tick(); });
    every(milliseconds(250),
          [&](const std::atomic<bool>& stop) { process.rotation.RunJobs(stop); });
    every(milliseconds(250), [&](const std::atomic<bool>& stop) { runner_.RunSteps(stop); });
  }
  ~Background() {
    while (!threads_.empty()) threads_.pop_back();
  }

 private:
  migration::Runner runner_;
  std::vector<std::unique_ptr<Periodic>> threads_;
};

constexpr const char* kArn = "arn:aws:kms:us-east-1:111122223333:key/mrk-bench";

model::NewEvent EventOf(const Setup& setup, const model::TenantId& tenant, std::string_view type) {
  return events::MakeEvent(setup.clock, setup.random, model::Scope::Of(tenant), type, "bench",
                           nlohmann::json::object());
}

// Registers the key for the tenant and returns its fingerprint.
model::Fingerprint AddKey(const Setup& setup, store::Store& store, const model::TenantId& tenant) {
  model::KeyProvider provider = model::InternalProvider(tenant, setup.clock.Utc());
  provider.fingerprint = Must(model::Fingerprint::Parse(std::string(32, 'a')));
  provider.kind = model::ProviderKind::kAwsKms;
  provider.arn = kArn;
  provider.promoted_at.reset();
  Must(store.AddProvider(provider, EventOf(setup, tenant, events::kKeyProviderCreated)));
  return provider.fingerprint;
}

// What a validated request to migrate records.
void Request(const Setup& setup, store::Store& store, const model::TenantId& tenant,
             const model::Fingerprint& to) {
  model::Migration migration;
  migration.tenant = tenant;
  migration.id = model::NewUuid(setup.random);
  migration.from = Must(store.LoadTenant(tenant)).tenant.current_provider;
  migration.to = to;
  migration.started_by = "bench";
  migration.started_at = setup.clock.Utc();
  Must(store.StartMigration(migration, EventOf(setup, tenant, events::kMigrationTriggered)));
}

void AwaitEnd(const store::Store& store, milliseconds poll) {
  while (!Must(store.UnfinishedMigrations()).empty()) std::this_thread::sleep_for(poll);
}

void CheckCompleted(const store::Store& store, const model::TenantId& tenant, std::size_t count) {
  const auto state = Must(store.LoadTenant(tenant));
  const bool completed =
      state.migration && state.migration->state == model::MigrationState::kCompleted;
  if (completed && Must(store.CountDataKeys(tenant, state.tenant.active_version)) == count) return;
  std::fprintf(stderr, "migration_bench: a migration did not move every key\n");
  std::exit(1);
}

double PeakMib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// --- One large tenant ---

// Two versions, a tenth of the data keys under the first: what is left of a rotation.
model::TenantId FillMillion(Setup& setup, const std::string& path, std::size_t count) {
  const auto store = setup.Open(path);
  Process process(setup, *store);
  const auto tenant = Must(process.tenants.Create("Bench", "us-east-1", "bench", setup.Soon())).id;
  MintDataKeys(setup, process, tenant, count / 10);
  const auto provider = Must(store->LoadTenant(tenant)).providers.front();
  const auto minted = Must(process.keyring.Mint(tenant, provider, 2, setup.Soon()));
  Must(store->ActivateTenantKey(minted.key, {&minted.wrap, 1}, 1, std::nullopt,
                                EventOf(setup, tenant, events::kTenantKeyRotated)));
  MintDataKeys(setup, process, tenant, count - count / 10);
  AddKey(setup, *store, tenant);
  return tenant;
}

// Seconds from the request to the completion.
double TimeMigration(Setup& setup, const std::string& path, const model::TenantId& tenant,
                     std::size_t count) {
  const auto store = setup.Open(path);
  Process process(setup, *store);
  const std::uint64_t calls = setup.kms.calls();
  std::vector<std::uint64_t> marks = {100, 50, 10};
  const Background background(setup, *store, process, [&](const model::RewrapJob& job) {
    if (marks.empty() || job.done * 100 < job.total * marks.back()) return;
    std::printf("resident %llu %.1f\n", static_cast<unsigned long long>(marks.back()),
                ResidentMib());
    marks.pop_back();
  });
  const auto start = std::chrono::steady_clock::now();
  Request(setup, *store, tenant, Must(model::Fingerprint::Parse(std::string(32, 'a'))));
  AwaitEnd(*store, milliseconds(10));
  const Seconds took = std::chrono::steady_clock::now() - start;
  CheckCompleted(*store, tenant, count);
  std::printf("kms_calls %llu\nversions %zu\n",
              static_cast<unsigned long long>(setup.kms.calls() - calls),
              Must(store->LoadTenant(tenant)).keys.size());
  return took.count();
}

int Million(const std::string& directory, std::size_t count) {
  Setup setup;
  setup.kms.AddCustomerKey(kArn);
  const std::string full = directory + "/migration.db", copy = directory + "/migration-copy.db";
  RemoveDatabase(full);
  const model::TenantId tenant = FillMillion(setup, full, count);
  for (int round = 0; round < 2; ++round) {
    for (int which : {round % 2, 1 - round % 2}) {  // Each goes first once.
      RemoveDatabase(copy);
      fs::copy_file(full, copy);
      const double seconds = which == 0 ? TimeMigration(setup, copy, tenant, count)
                                        : TimeLoop(setup, copy, tenant, count);
      std::printf("%s %.0f\n", which == 0 ? "migrate" : "loop",
                  static_cast<double>(count) / seconds);
      std::fflush(stdout);
    }
  }
  for (const std::string& path : {full, copy}) RemoveDatabase(path);
  return 0;
}

// --- A crowd ---

// When each migration of the database was completed, in order, milliseconds since 1970.
std::vector<double> Completions(const std::string& path) {
  sqlite3* db = nullptr;
  sqlite3_stmt* select = nullptr;
  sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr);
  sqlite3_prepare_v2(db, "SELECT finished_at FROM migrations WHERE state=3 ORDER BY finished_at",
                     -1, &select, nullptr);
  std::vector<double> out;
  while (sqlite3_step(select) == SQLITE_ROW) out.push_back(sqlite3_column_double(select, 0));
  sqlite3_finalize(select);
  sqlite3_close(db);
  return out;
}

// How long the last tenant took, in means: 1 when all end together, 2 when each waits for those
// before it.
double SlowestOverMean(const std::vector<double>& completions, double requested) {
  double sum = 0;
  for (const double at : completions) sum += at - requested;
  const double mean = sum / static_cast<double>(completions.size());
  return (completions.back() - requested) / mean;
}

int Crowd(const std::string& directory, std::size_t tenants, std::size_t keys) {
  Setup setup;
  setup.kms.AddCustomerKey(kArn);
  const std::string path = directory + "/crowd.db";
  RemoveDatabase(path);
  const auto store = setup.Open(path);
  std::vector<model::TenantId> ids;
  {
    Process process(setup, *store);
    for (std::size_t i = 0; i < tenants; ++i) {
      ids.push_back(Must(process.tenants.Create("Bench", "us-east-1", "bench", setup.Soon())).id);
      MintDataKeys(setup, process, ids.back(), keys);
      Request(setup, *store, ids.back(), AddKey(setup, *store, ids.back()));
    }
  }
  std::printf("resident_before %.1f\n", ResidentMib());
  std::fflush(stdout);
  Process process(setup, *store);
  const auto requested = static_cast<double>(setup.clock.Utc().time_since_epoch().count());
  const auto start = std::chrono::steady_clock::now();
  {
    const Background background(setup, *store, process);
    AwaitEnd(*store, milliseconds(500));
  }
  const Seconds took = std::chrono::steady_clock::now() - start;
  for (const model::TenantId& id : ids) CheckCompleted(*store, id, keys);
  const std::vector<double> completions = Completions(path);
  std::printf("seconds %.1f\nresident %.1f\nslowest_over_mean %.2f\n", took.count(), PeakMib(),
              SlowestOverMean(completions, requested));
  RemoveDatabase(path);
  return 0;
}

int Main(int argc, char** argv) {
  const std::string mode = argc > 2 ? argv[1] : "";
  const auto number = [&](int at, std::size_t otherwise) {
    return argc > at ? std::strtoull(argv[at], nullptr, 10) : otherwise;
  };
  base::SetLogLevel(base::LogLevel::kError);
  if (mode == "million") return Million(argv[2], number(3, 1'000'000));
  if (mode == "crowd") return Crowd(argv[2], number(3, 10'000), number(4, 100));
  std::fprintf(stderr, "usage: migration_bench million DIR [KEYS] | crowd DIR [TENANTS [KEYS]]\n");
  return 2;
}

}  // namespace
}  // namespace tenantseal::bench

int main(int argc, char** argv) { return tenantseal::bench::Main(argc, argv); }
