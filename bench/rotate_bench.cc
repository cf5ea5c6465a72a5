// Rotation against a plain loop: how fast every managed data key is moved to a new tenant key.
//
//   rotate_bench DIR [KEYS]      default 1,000,000 keys
//
// Prints `rotate N` (data keys a second of the service's job) and `loop N` (of a single-threaded
// loop over the same rows with the same pragmas and the same cryptography: select, unwrap, wrap,
// unwrap, update, 10,000 to a transaction), then their ratio. Both work on copies of one database.
#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "formats/envelope.h"
#include "keyring/data_keys.h"
#include "keyring/rotation.h"
#include "keyring/tenants.h"
#include "kms/fake_kms.h"
#include "store/sqlite/sqlite_store.h"

namespace tenantseal {
namespace {

namespace fs = std::filesystem;

template <typename T>
T Must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "rotate_bench: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Setup {
  base::SystemClock clock;
  base::SystemRandom random;
  kms::FakeKms kms{random};
  base::Secret256 mac_key = random.Key();
  model::TenantId tenant;
  std::optional<model::EncryptionContext> context;

  base::Deadline Soon() const { return clock.Boot() + std::chrono::hours(1); }
  std::unique_ptr<store::SqliteStore> Open(const std::string& path) const {
    return Must(store::SqliteStore::Open(path, store::RowMac(mac_key.Copy())));
  }
};

struct Parts {
  Parts(Setup& setup, store::Store& store)
      : lease(store, setup.clock, model::ProcessId::New(setup.random)),
        keyring(store, setup.kms, lease, setup.clock, setup.random, {}),
        rotation(keyring, store, lease, setup.clock, setup.random) {
    Must(lease.Refresh());
  }
  keyring::StoreLease lease;
  keyring::Keyring keyring;
  keyring::Rotation rotation;
};

void Fill(Setup& setup, const std::string& path, std::size_t count) {
  const auto store = setup.Open(path);
  Parts parts(setup, *store);
  keyring::Tenants tenants(parts.keyring, *store, parts.lease, setup.kms, setup.clock, setup.random,
                           std::chrono::hours(1));
  setup.tenant = Must(tenants.Create("Bench", "us-east-1", "bench", setup.Soon())).id;
  setup.context = Must(model::EncryptionContext::Make(setup.tenant, {{"purpose", "bench"}}));
  keyring::DataKeys keys(parts.keyring, *store, setup.clock, setup.random);
  for (std::size_t done = 0; done < count; done += 1000) {
    Must(parts.lease.Refresh());
    Must(keys.Mint(setup.tenant, *setup.context, true, std::min<std::size_t>(1000, count - done),
                   keyring::Wait::kAllowed, setup.Soon()));
  }
  parts.lease.Leave();
}

// Seconds of the job, the new version's making apart.
double TimeRotation(Setup& setup, const std::string& path, std::size_t count) {
  const auto store = setup.Open(path);
  Parts parts(setup, *store);
  Must(parts.rotation.Start(setup.tenant, "bench", setup.Soon()));
  const std::atomic<bool> stop{false};
  const auto start = std::chrono::steady_clock::now();
  parts.rotation.RunJobs(stop);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const auto job = Must(parts.rotation.Job(setup.tenant));
  if (!job || job->state != model::RewrapState::kDone || job->done != count || job->failed != 0) {
    std::fprintf(stderr, "rotate_bench: the job did not move every key\n");
    std::exit(1);
  }
  return took.count();
}

void Sql(sqlite3* db, const char* sql) {
  if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return;
  std::fprintf(stderr, "rotate_bench: %s: %s\n", sql, sqlite3_errmsg(db));
  std::exit(1);
}

std::string_view Text(sqlite3_stmt* row, int column) {
  return {reinterpret_cast<const char*>(sqlite3_column_text(row, column)),
          static_cast<std::size_t>(sqlite3_column_bytes(row, column))};
}

struct LoopRow {
  std::int64_t position;
  std::string id, wrapped;
  base::Bytes context;
};

// One batch of the plain loop. Returns the last position, 0 when there was none.
std::int64_t LoopBatch(Setup& setup, sqlite3* db, sqlite3_stmt* select, sqlite3_stmt* update,
                       std::int64_t after, const base::Secret256& from, const base::Secret256& to,
                       std::size_t* done) {
  const model::Fingerprint label = Must(model::Fingerprint::Parse(setup.tenant.text()));
  Sql(db, "BEGIN IMMEDIATE");
  std::vector<LoopRow> rows;
  sqlite3_reset(select);
  sqlite3_bind_int64(select, 1, after);
  while (sqlite3_step(select) == SQLITE_ROW) {
    const std::string_view context = Text(select, 2);
    rows.push_back({sqlite3_column_int64(select, 0), std::string(Text(select, 1)),
                    std::string(Text(select, 3)), base::ToBytes(base::AsBytes(context))});
  }
  for (const LoopRow& row : rows) {
    const auto id = Must(model::DataKeyId::Parse(row.id));
    const auto context = Must(model::EncryptionContext::Parse(row.context));
    const auto plain = Must(formats::UnwrapDataKey(from, setup.tenant, context, &id, row.wrapped));
    const std::string wrapped =
        formats::WrapDataKey(to, 2, {setup.tenant, label, context}, &id, plain, setup.random);
    const auto again = Must(formats::UnwrapDataKey(to, setup.tenant, context, &id, wrapped));
    if (!(again == plain)) std::exit(1);
    sqlite3_reset(update);
    sqlite3_bind_int64(update, 1, (1 << 24) + 2);
    sqlite3_bind_text(update, 2, wrapped.data(), static_cast<int>(wrapped.size()), SQLITE_STATIC);
    sqlite3_bind_int64(update, 3, row.position);
    if (sqlite3_step(update) != SQLITE_DONE) std::exit(1);
    ++*done;
  }
  Sql(db, "COMMIT");
  return rows.empty() ? 0 : rows.back().position;
}

double TimeLoop(Setup& setup, const std::string& path, std::size_t count) {
  base::Secret256 from;
  {
    const auto store = setup.Open(path);
    const auto state = Must(store->LoadTenant(setup.tenant));
    const auto key =
        Must(setup.kms.Decrypt({}, setup.tenant, state.wraps.front().wrapped, base::Deadline{}));
    from = base::Secret256(key.plaintext.Reveal().first<32>());
  }
  const base::Secret256 to = setup.random.Key();
  sqlite3* db = nullptr;
  if (sqlite3_open(path.c_str(), &db) != SQLITE_OK) std::exit(1);
  Sql(db,
      "PRAGMA cell_size_check=ON; PRAGMA secure_delete=ON; PRAGMA cache_size=-2048;"
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;"
      "PRAGMA journal_size_limit=33554432;");
  sqlite3_stmt* select = nullptr;
  sqlite3_stmt* update = nullptr;
  sqlite3_prepare_v2(db,
                     "SELECT position, id, context, wrapped FROM data_keys WHERE position > ?"
                     " ORDER BY position LIMIT 10000",
                     -1, &select, nullptr);
  sqlite3_prepare_v2(db, "UPDATE data_keys SET version=?, wrapped=? WHERE position=?", -1, &update,
                     nullptr);
  std::size_t done = 0;
  const auto start = std::chrono::steady_clock::now();
  for (std::int64_t after = 0;;) {
    after = LoopBatch(setup, db, select, update, after, from, to, &done);
    if (after == 0) break;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  sqlite3_finalize(select);
  sqlite3_finalize(update);
  sqlite3_close(db);
  if (done != count) std::exit(1);
  return took.count();
}

int Run(const std::string& directory, std::size_t count) {
  Setup setup;
  const std::string full = directory + "/rotate.db", copy = directory + "/rotate-copy.db";
  for (const std::string& path : {full, copy}) fs::remove(path);
  Fill(setup, full, count);
  double best = 0;
  for (int round = 0; round < 2; ++round) {
    double seconds[2];
    for (int which : {round % 2, 1 - round % 2}) {  // Each goes first once.
      for (const char* tail : {"", "-wal", "-shm"}) fs::remove(copy + tail);
      fs::copy_file(full, copy);
      seconds[which] = which == 0 ? TimeRotation(setup, copy, count) : TimeLoop(setup, copy, count);
    }
    const auto number = static_cast<double>(count);
    std::printf("rotate %.0f\nloop %.0f\n", number / seconds[0], number / seconds[1]);
    std::fflush(stdout);
    best += seconds[1] / seconds[0] / 2;
  }
  std::printf("ratio %.2f\n", best);
  for (const char* tail : {"", "-wal", "-shm"}) fs::remove(copy + tail), fs::remove(full + tail);
  return 0;
}

}  // namespace
}  // namespace tenantseal

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: rotate_bench DIR [KEYS]\n");
    return 2;
  }
  return tenantseal::Run(argv[1], argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000);
}
