// Rates of SqliteStore: inserts, scan and update of a rewrap, loads. Prints one line each.
//   store_bench [DATA_KEYS] [DIRECTORY]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/random.h"
#include "store/row_mac.h"
#include "store/sqlite/sqlite_store.h"

namespace tenantseal {
namespace {

using model::Scope;
using Seconds = std::chrono::duration<double>;

const base::SystemRandom kRandom;
constexpr base::UtcTime kNow{std::chrono::milliseconds(1'790'000'000'000)};
constexpr std::size_t kRewrapBatch = 10'000;

template <typename T>
T Must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "store_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}
void Must(const Result<void>& result) {
  if (result) return;
  std::fprintf(stderr, "store_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

template <typename Body>
double TimeOf(Body&& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return Seconds(std::chrono::steady_clock::now() - start).count();
}

void Print(const char* what, double count, double seconds) {
  std::printf("%-44s %12.0f/s  %10.2f us each\n", what, count / seconds, seconds / count * 1e6);
}

void PrintMemory(const char* what) {
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  statm >> pages >> pages;
  std::printf("%-44s %12.1f MiB\n", what, pages * 4096 / (1 << 20));
}

model::NewEvent EventOf(const model::TenantId& tenant) {
  return {
      Scope::Of(tenant), model::NewUuid(kRandom), kNow, "bench", "tenantseal/bench", "bench", "{}"};
}

model::TenantState NewTenant() {
  model::TenantState state;
  model::Tenant& tenant = state.tenant;
  tenant.id = model::TenantId::New(kRandom);
  tenant.name = "Acme";
  tenant.region = "us-east-1";
  tenant.created_at = kNow;
  state.providers = {model::InternalProvider(tenant.id, kNow)};
  tenant.current_provider = state.providers[0].fingerprint;
  tenant.active_version = 1;
  state.keys = {{tenant.id, 1, base::Bytes(32, 1), kNow}};
  state.wraps = {{tenant.id, 1, tenant.current_provider, base::Bytes(100, 1)}};
  return state;
}

std::vector<model::DataKey> NewDataKeys(const model::TenantId& tenant, std::size_t count) {
  std::vector<model::DataKey> keys(count);
  for (model::DataKey& key : keys) {
    key.id = model::NewDataKeyId(kRandom, kNow);
    key.tenant = tenant;
    key.version = 1;
    key.wrapped = "#BYOKv1#:" + tenant.text() + ":" + std::string(158, 'w');
    key.context = base::Bytes(60, 7);
    key.created_at = kNow;
  }
  return keys;
}

void MeasureInserts(store::Store& store, const model::TenantId& tenant, std::size_t total) {
  constexpr std::size_t kSingles = 500;
  const auto singles = NewDataKeys(tenant, kSingles);
  Print("insert data keys, one to a transaction", kSingles, TimeOf([&] {
          for (const auto& key : singles) Must(store.InsertDataKeys(std::span(&key, 1)));
        }));
  double seconds = 0;
  std::size_t done = kSingles;
  while (done < total) {
    const auto batch = NewDataKeys(tenant, std::min<std::size_t>(1000, total - done));
    seconds += TimeOf([&] { Must(store.InsertDataKeys(batch)); });
    done += batch.size();
  }
  Print("insert data keys, 1,000 to a transaction", static_cast<double>(total - kSingles), seconds);
}

void MeasureRewrap(store::Store& store, const model::TenantState& state) {
  const model::TenantId& tenant = state.tenant.id;
  model::RewrapJob job;
  job.tenant = tenant;
  job.id = model::NewUuid(kRandom);
  job.to_version = 2;
  const std::vector<model::TenantKeyWrap> wraps = {
      {tenant, 2, state.tenant.current_provider, base::Bytes(100, 2)}};
  Print("activate a version and count data keys", 1, TimeOf([&] {
          (void)Must(store.ActivateTenantKey({tenant, 2, base::Bytes(32, 2), kNow}, wraps, 1, job,
                                             EventOf(tenant)));
        }));
  job = Must(store.ClaimRewrapJob(tenant));
  double scan = 0;
  double update = 0;
  while (true) {
    std::vector<store::StoredDataKey> rows;
    scan += TimeOf([&] { rows = Must(store.ScanDataKeys(tenant, job.cursor, 2, kRewrapBatch)); });
    if (rows.empty()) break;
    std::vector<store::DataKeyUpdate> updates;
    for (auto& row : rows) {
      row.key.wrapped.back() = 'x';
      updates.push_back({row.position, 1, 2, std::move(row.key.wrapped)});
    }
    job.cursor = rows.back().position;
    job.done += rows.size();
    update += TimeOf([&] { Must(store.CommitRewrapBatch(updates, {}, job, std::nullopt)); });
  }
  const auto rows = static_cast<double>(job.done);
  Print("scan data keys, 10,000 at a time", rows, scan);
  Print("update data keys, 10,000 to a transaction", rows, update);
  std::printf("%-44s %12.1f ms\n", "scan and update of 10,000", (scan + update) / rows * 1e7);
  Must(store.FinishRewrapJob(job, EventOf(tenant)));
}

void MeasureLoads(store::Store& store, const model::TenantId& tenant) {
  constexpr int kRounds = 20'000;
  Print("load tenant (verified)", kRounds, TimeOf([&] {
          for (int i = 0; i < kRounds; ++i) (void)Must(store.LoadTenant(tenant));
        }));
  const auto key = NewDataKeys(tenant, 1)[0];
  model::DataKey stored = key;
  stored.version = 2;
  Must(store.InsertDataKeys(std::span(&stored, 1)));
  Print("load data key", kRounds, TimeOf([&] {
          for (int i = 0; i < kRounds; ++i) (void)Must(store.LoadDataKey(tenant, key.id));
        }));
  for (const int keys : {1, 10, 1000}) {
    model::ApiKey api_key;
    while (Must(store.ListApiKeys(Scope::Of(tenant))).size() < static_cast<std::size_t>(keys)) {
      api_key.id = model::ApiKeyId::New(kRandom);
      api_key.tenant = tenant;
      (void)Must(store.CreateApiKey(api_key, EventOf(tenant)));
    }
    const int rounds = keys > 100 ? 1000 : kRounds;
    const std::string what = "load API key, " + std::to_string(keys) + " in its scope";
    Print(what.c_str(), rounds, TimeOf([&] {
            for (int i = 0; i < rounds; ++i) (void)Must(store.LoadApiKey(api_key.id));
          }));
  }
  Print("read changes", kRounds, TimeOf([&] {
          const std::uint64_t epoch = Must(store.ReadChanges(0)).epoch;
          for (int i = 0; i < kRounds; ++i) (void)Must(store.ReadChanges(epoch));
        }));
}

int Main(int argc, char** argv) {
  const std::size_t total = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
  const std::filesystem::path parent =
      argc > 2 ? argv[2] : std::filesystem::temp_directory_path().c_str();
  std::string pattern = parent / "store-bench-XXXXXX";
  const std::filesystem::path directory = mkdtemp(pattern.data());
  {
    const auto store =
        Must(store::SqliteStore::Open(directory / "bench.db", store::RowMac(kRandom.Key())));
    const model::TenantState state = NewTenant();
    (void)Must(store->CreateTenant(state, EventOf(state.tenant.id)));
    (void)Must(store->LoadTenant(state.tenant.id));
    PrintMemory("resident with an open store");
    MeasureInserts(*store, state.tenant.id, total);
    MeasureRewrap(*store, state);
    MeasureLoads(*store, state.tenant.id);
    PrintMemory("resident after all this");
    std::printf(
        "%-44s %12.1f MiB\n", "database",
        static_cast<double>(std::filesystem::file_size(directory / "bench.db")) / (1 << 20));
  }
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace tenantseal

int main(int argc, char** argv) { return tenantseal::Main(argc, argv); }
