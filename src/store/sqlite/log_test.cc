// The write-ahead log of a SqliteStore: kept short while it is written, and how long writes hold
// the database.
#include <sqlite3.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <numeric>
#include <thread>

#include "base/thread_priority.h"
#include "store/sqlite/faulty_test_disk.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {
namespace {

using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

constexpr std::size_t kBatch = 1000;
constexpr int kBatches = 30;                       // Some 500 pages each: 60 MiB in all.
constexpr std::uintmax_t kLogBytesMax = 24 << 20;  // Some batches beyond what begins it anew.

class SqliteLog : public testing::Test {
 protected:
  SqliteLog() {
    std::string pattern = std::filesystem::temp_directory_path() / "store-log-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    Open();
  }
  void SetUp() override { EXPECT_DONE(store_->CreateTenant(state_, EventOf(state_.tenant.id))); }
  ~SqliteLog() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string path() const { return directory_ / "test.db"; }
  void Open() {
    store_.reset();
    SqliteOptions options;
    options.log_pages_max = 4000;
    store_ = SqliteStore::Open(path(), RowMac(base::Secret256()), options).value();
  }
  void Insert() { EXPECT_DONE(store_->InsertDataKeys(DataKeysOf(state_.tenant.id, kBatch))); }
  std::uintmax_t LogBytes() const { return std::filesystem::file_size(path() + "-wal"); }
  // What the log's header counts (sqlite.org/fileformat2.html, 4.1).
  std::uint32_t TimesBegunAnew() const {
    std::ifstream log(path() + "-wal", std::ios::binary);
    std::array<std::uint8_t, 16> header{};
    EXPECT_TRUE(log.read(reinterpret_cast<char*>(header.data()), header.size()));
    return std::accumulate(header.begin() + 12, header.end(), std::uint32_t{0},
                           [](std::uint32_t high, std::uint8_t low) { return high << 8 | low; });
  }
  std::uint64_t Count() const { return store_->CountDataKeys(state_.tenant.id, 1).value(); }

  const model::TenantState state_ = NewTenant();
  std::filesystem::path directory_;
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(SqliteLog, StaysShortHoweverMuchIsWritten) {
  for (int i = 0; i < kBatches; ++i) {
    Insert();
    ASSERT_LT(LogBytes(), kLogBytesMax) << i;
  }
  Open();
  EXPECT_EQ(Count(), kBatch * kBatches);
}

// Others wait while it does.
TEST_F(SqliteLog, BeginsAnewOnlyOnceItIsLong) {
  const std::uint32_t before = TimesBegunAnew();
  for (int i = 0; i < 2 * kBatches; ++i) Insert();
  EXPECT_LE(TimesBegunAnew() - before, 5u);  // At each shortening it would be a dozen.
}

TEST_F(SqliteLog, StaysShortWhileSeveralWrite) {
  {
    std::vector<std::jthread> writers;
    for (int thread = 0; thread < 3; ++thread) {
      writers.emplace_back([this] {
        for (int i = 0; i < kBatches / 3; ++i) Insert();
      });
    }
  }
  EXPECT_LT(LogBytes(), kLogBytesMax * 2);  // Two may write while the third shortens.
  Open();
  EXPECT_EQ(Count(), kBatch * kBatches);
}

TEST_F(SqliteLog, WhoeverReadsAnOldStateKeepsItAndHoldsUpNobody) {
  sqlite3* reader = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &reader), SQLITE_OK);
  const auto count = [reader] {
    sqlite3_stmt* row = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(reader, "SELECT count(*) FROM data_keys", -1, &row, nullptr),
              SQLITE_OK);
    EXPECT_EQ(sqlite3_step(row), SQLITE_ROW);
    const sqlite3_int64 rows = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return rows;
  };
  Insert();
  EXPECT_EQ(sqlite3_exec(reader, "BEGIN", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(count(), sqlite3_int64{kBatch});
  for (int i = 0; i < kBatches; ++i) Insert();
  EXPECT_EQ(count(), sqlite3_int64{kBatch});
  sqlite3_close(reader);
  // Nothing is in the way any more: what is written from now on finds room in the log that is
  // there.
  for (int i = 0; i < kBatches; ++i) Insert();
  const std::uintmax_t bytes = LogBytes();
  for (int i = 0; i < kBatches; ++i) Insert();
  EXPECT_LE(LogBytes(), bytes);
  EXPECT_EQ(Count(), kBatch * (3 * kBatches + 1));
}

TEST_F(SqliteLog, TheLongestWriteIsKnown) {
  Open();
  EXPECT_EQ(store_->LongestWrite().count(), 0);
  EXPECT_EQ(Count(), 0u);
  EXPECT_EQ(store_->LongestWrite().count(), 0);  // Reads hold nobody up.
  Insert();
  const auto longest = store_->LongestWrite();
  EXPECT_GT(longest.count(), 0);
  Insert();
  EXPECT_GE(store_->LongestWrite(), longest);
}

TEST_F(SqliteLog, WhoeverHoldsItForLongIsOfferedTheProcessor) {
  const std::uint64_t before = base::OffersToHolders();
  const auto is_offered = [&] { return base::OffersToHolders() > before; };
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    while (!stop) base::OfferProcessorToHolder();
  });
  for (int i = 0; i < kBatches && !is_offered(); ++i) Insert();
  stop = true;
  busy.join();
  EXPECT_TRUE(is_offered());
}

// Whoever writes without a pause does not keep others from it.
TEST_F(SqliteLog, WritersHaveTheirTurns) {
  constexpr int kWrites = 20;
  const auto write = [this] {
    EXPECT_DONE(store_->InsertDataKeys(DataKeysOf(state_.tenant.id, 1)));
  };
  std::atomic<int> others{0};
  int waited_for = 0;
  {
    const std::jthread other([&](const std::stop_token& stop) {
      for (; !stop.stop_requested(); ++others) write();
    });
    while (others == 0) std::this_thread::yield();
    for (int i = 0; i < kWrites; ++i) {
      const int before = others;
      write();
      waited_for += others - before;
    }
  }
  EXPECT_LE(waited_for, 2 * kWrites + 2) << "the one that is under way, and one that has its turn";
}

// Every write waits for the disk, but for batches that only move data keys: those become durable
// with the next write that is.
TEST_F(SqliteLog, OnlyBatchesThatMoveDataKeysDoNotWaitForTheDisk) {
  const FaultyDisk disk;  // Counts; nothing fails.
  Open();
  const auto lasts = [&disk](const auto& write) {
    EXPECT_TRUE(write().ok());
    return disk.unsynced() == 0;
  };
  const model::TenantId& id = state_.tenant.id;
  EXPECT_TRUE(lasts([&] { return store_->InsertDataKeys(DataKeysOf(id, 3)); }));
  const auto provider = model::Fingerprint::Parse(id.text()).value();
  const std::vector wraps = {WrapOf(id, 2, provider)};
  EXPECT_DONE(store_->ActivateTenantKey(KeyOf(id, 2), wraps, 1, JobOf(id, 2), EventOf(id)));
  const model::RewrapJob job = store_->ClaimRewrapJob(id).value();
  const auto rows = store_->ScanDataKeys(id, 0, kAnyVersion, 3).value();
  const auto commit = [&](std::size_t row, bool aside, bool with_event) {
    const DataKeyUpdate update{rows[row].position, 1, 2, rows[row].key.wrapped};
    const model::QuarantinedDataKey quarantined{id, rows[row].key.id, 1, kNow, "why"};
    return lasts([&] {
      return store_->CommitRewrapBatch({&update, aside ? 0u : 1u}, {&quarantined, aside ? 1u : 0u},
                                       job, with_event ? std::optional(EventOf(id)) : std::nullopt);
    });
  };
  EXPECT_FALSE(commit(0, false, false));
  EXPECT_TRUE(commit(1, false, true));
  EXPECT_FALSE(commit(0, false, false));
  EXPECT_TRUE(commit(2, true, false));
  EXPECT_FALSE(commit(0, false, false));
  EXPECT_TRUE(lasts([&] { return store_->ListEventHeads("", 10); })) << "they will be signed";
  EXPECT_FALSE(commit(0, false, false));
  EXPECT_TRUE(lasts([&] { return store_->FinishRewrapJob(job, EventOf(id)); }));
  store_.reset();  // Before the disk.
}

// The disk may take long, and nobody else has to wait for it.
TEST_F(SqliteLog, DataKeysWaitForTheDiskBesideOtherWrites) {
  FaultyDisk disk;
  Open();
  const model::TenantId& id = state_.tenant.id;
  EXPECT_DONE(store_->InsertDataKeys(DataKeysOf(id, 2)));  // Begins the log, which waits, too.
  std::atomic<int> syncs{0};
  std::future<Result<void>> other;
  disk.OnSync([&] {
    if (syncs++ > 0) return;
    const std::vector<model::UsageCount> counts = {{1, model::Scope::Of(id), "p", "seal", "ok", 1}};
    other = std::async(std::launch::async, [this, counts] { return store_->AddUsage(counts); });
    const auto committed = [&] { return store_->ListUsage(counts[0].scope, 1, 1)->size() == 1; };
    for (int waits = 0; waits < 1000 && !committed(); ++waits)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_TRUE(committed());
    EXPECT_EQ(Count(), 5u) << "what waits for the disk can be seen";
  });
  EXPECT_DONE(store_->InsertDataKeys(DataKeysOf(id, 3)));
  EXPECT_DONE(other.get());
  store_.reset();  // Before the disk.
}

// When a sync fails, the system may drop what it could not write, and call the next sync a success.
TEST_F(SqliteLog, WhatAFailedSyncMayHaveLostIsWrittenAgain) {
  FaultyDisk disk;
  Open();
  const model::TenantId& id = state_.tenant.id;
  const auto insert = [&] { return store_->InsertDataKeys(DataKeysOf(id, 2)).ok(); };
  EXPECT_TRUE(insert());
  const std::vector<model::UsageCount> counts = {{1, model::Scope::Of(id), "p", "seal", "ok", 1}};
  disk.FailCall(FaultyDisk::Fault::kNoSync, 1);
  EXPECT_FALSE(insert());
  EXPECT_TRUE(disk.lost());
  EXPECT_FALSE(store_->ListEventHeads("", 10).ok()) << "which would be signed";
  disk.FailCall(FaultyDisk::Fault::kNoSync, 1);
  EXPECT_FALSE(insert()) << "the log cannot be mended yet";
  EXPECT_TRUE(disk.lost());
  EXPECT_TRUE(insert());
  EXPECT_FALSE(disk.lost());
  EXPECT_TRUE(store_->ListEventHeads("", 10).ok());

  disk.FailCall(FaultyDisk::Fault::kNoSync, 1);
  EXPECT_TRUE(store_->AddUsage(counts).ok()) << "not worth an error";
  EXPECT_TRUE(disk.lost());
  const model::TenantState other = NewTenant();
  EXPECT_DONE(store_->CreateTenant(other, EventOf(other.tenant.id)));
  EXPECT_FALSE(disk.lost()) << "whatever is written next";
  store_.reset();  // Before the disk.
}

}  // namespace
}  // namespace tenantseal::store
