#include "rewrap_ground.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

#include "formats/envelope.h"

namespace tenantseal::bench {
namespace {

constexpr std::int64_t kStoredVersion = (1 << 24) + 1000;  // As the store writes version 1000.

void Sql(sqlite3* db, const char* sql) {
  if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return;
  std::fprintf(stderr, "benchmark: %s: %s\n", sql, sqlite3_errmsg(db));
  std::exit(1);
}

std::string_view Text(sqlite3_stmt* row, int column) {
  return {reinterpret_cast<const char*>(sqlite3_column_text(row, column)),
          static_cast<std::size_t>(sqlite3_column_bytes(row, column))};
}

struct LoopRow {
  std::int64_t position;
  std::uint32_t version;
  std::string id, wrapped;
  base::Bytes context;
};

// The loop's database and keys.
class Loop {
 public:
  Loop(Setup& setup, const std::string& path, const model::TenantId& tenant)
      : setup_(setup), tenant_(tenant) {
    LoadKeys(path);
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) std::exit(1);
    Sql(db_,
        "PRAGMA cell_size_check=ON; PRAGMA secure_delete=ON; PRAGMA cache_size=-2048;"
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;"
        "PRAGMA journal_size_limit=33554432;");
    sqlite3_prepare_v2(db_,
                       "SELECT position, id, context, wrapped, version FROM data_keys"
                       " WHERE position > ? ORDER BY position LIMIT 10000",
                       -1, &select_, nullptr);
    sqlite3_prepare_v2(db_, "UPDATE data_keys SET version=?, wrapped=? WHERE position=?", -1,
                       &update_, nullptr);
  }
  ~Loop() {
    sqlite3_finalize(select_);
    sqlite3_finalize(update_);
    sqlite3_close(db_);
  }

  // One transaction. False when no rows are left.
  bool Batch() {
    Sql(db_, "BEGIN IMMEDIATE");
    const std::vector<LoopRow> rows = Select();
    for (const LoopRow& row : rows) Move(row);
    Sql(db_, "COMMIT");
    if (rows.empty()) return false;
    after_ = rows.back().position;
    return true;
  }
  std::size_t done() const { return done_; }

 private:
  void LoadKeys(const std::string& path) {
    const auto store = setup_.Open(path);
    const auto state = Must(store->LoadTenant(tenant_));
    for (const auto& wrap : state.wraps) {
      const auto key = Must(setup_.kms.Decrypt({}, tenant_, wrap.wrapped, base::Deadline{}));
      from_.emplace(wrap.version, base::Secret256(key.plaintext.Reveal().first<32>()));
    }
  }
  std::vector<LoopRow> Select() {
    std::vector<LoopRow> rows;
    sqlite3_reset(select_);
    sqlite3_bind_int64(select_, 1, after_);
    while (sqlite3_step(select_) == SQLITE_ROW) {
      rows.push_back({sqlite3_column_int64(select_, 0),
                      static_cast<std::uint32_t>(sqlite3_column_int64(select_, 4) - (1 << 24)),
                      std::string(Text(select_, 1)), std::string(Text(select_, 3)),
                      base::ToBytes(base::AsBytes(Text(select_, 2)))});
    }
    return rows;
  }
  void Move(const LoopRow& row) {
    const auto id = Must(model::DataKeyId::Parse(row.id));
    const auto context = Must(model::EncryptionContext::Parse(row.context));
    const base::Secret256& from = from_.at(row.version);
    const auto plain = Must(formats::UnwrapDataKey(from, tenant_, context, &id, row.wrapped));
    const std::string wrapped =
        formats::WrapDataKey(to_, 1000, {tenant_, label_, context}, &id, plain, setup_.random);
    const auto again = Must(formats::UnwrapDataKey(to_, tenant_, context, &id, wrapped));
    if (!(again == plain)) std::exit(1);
    sqlite3_reset(update_);
    sqlite3_bind_int64(update_, 1, kStoredVersion);
    sqlite3_bind_text(update_, 2, wrapped.data(), static_cast<int>(wrapped.size()), SQLITE_STATIC);
    sqlite3_bind_int64(update_, 3, row.position);
    if (sqlite3_step(update_) != SQLITE_DONE) std::exit(1);
    ++done_;
  }

  Setup& setup_;
  const model::TenantId& tenant_;
  const model::Fingerprint label_ = Must(model::Fingerprint::Parse(tenant_.text()));
  std::map<std::uint32_t, base::Secret256> from_;  // By version.
  const base::Secret256 to_ = setup_.random.Key();
  sqlite3* db_ = nullptr;
  sqlite3_stmt* select_ = nullptr;
  sqlite3_stmt* update_ = nullptr;
  std::int64_t after_ = 0;
  std::size_t done_ = 0;
};

}  // namespace

model::EncryptionContext ContextOf(const model::TenantId& tenant) {
  return Must(model::EncryptionContext::Make(tenant, {{"purpose", "bench"}}));
}

void MintDataKeys(Setup& setup, Process& process, const model::TenantId& tenant,
                  std::size_t count) {
  const model::EncryptionContext context = ContextOf(tenant);
  for (std::size_t done = 0; done < count; done += 1000) {
    Must(process.lease.Refresh());
    Must(process.data_keys.Mint(tenant, context, true, std::min<std::size_t>(1000, count - done),
                                keyring::Wait::kAllowed, setup.Soon()));
  }
}

double TimeLoop(Setup& setup, const std::string& path, const model::TenantId& tenant,
                std::size_t count) {
  Loop loop(setup, path, tenant);
  const auto start = std::chrono::steady_clock::now();
  while (loop.Batch()) {
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (loop.done() == count) return took.count();
  std::fprintf(stderr, "benchmark: the loop moved %zu data keys of %zu\n", loop.done(), count);
  std::exit(1);
}

void RemoveDatabase(const std::string& path) {
  for (const char* tail : {"", "-wal", "-shm"}) std::filesystem::remove(path + tail);
}

double ResidentMib() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace tenantseal::bench
