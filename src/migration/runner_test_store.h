// The stores that tests of migrations run on: in memory, and SQLite in a file of its own.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "store/memory/faulty_store.h"
#include "store/memory/memory_store.h"
#include "store/row_mac.h"
#include "store/sqlite/sqlite_store.h"

namespace tenantseal::migration {

enum class StoreKind { kMemory, kSqlite };

inline std::string NameOf(StoreKind kind) {
  return kind == StoreKind::kMemory ? "Memory" : "Sqlite";
}

// A directory that is gone afterwards, in memory where that can be: what is tested is not the disk.
class TestDirectory {
 public:
  TestDirectory() {
    const std::filesystem::path memory = "/dev/shm";
    const auto where =
        access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
    std::string pattern = where / "tenantseal-migration-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  std::string File(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// One store of either kind, empty at first.
class StoreUnderTest {
 public:
  explicit StoreUnderTest(StoreKind kind, int busy_timeout_ms = 5000) {
    if (kind == StoreKind::kMemory) {
      store_ = std::make_unique<store::MemoryStore>();
    } else {
      directory_ = std::make_unique<TestDirectory>();
      store_ = Open(busy_timeout_ms);
    }
  }
  store::Store& operator*() const { return *store_; }
  // The same as another process has it: by connections of its own, where there are any.
  store::Store& OfAnother() {
    if (directory_ == nullptr) return *store_;
    if (of_another_ == nullptr) of_another_ = Open(5000);
    return *of_another_;
  }
  std::string path() const { return directory_->File("test.db"); }

 private:
  std::unique_ptr<store::Store> Open(int busy_timeout_ms) const {
    auto opened = store::SqliteStore::Open(path(), store::RowMac(base::Secret256()),
                                           {.busy_timeout_ms = busy_timeout_ms});
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return std::move(*opened);
  }

  std::unique_ptr<TestDirectory> directory_;  // Of SQLite.
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::Store> of_another_;
};

// What the processes see of the store. Lets time pass when somebody waits long for a process that
// does not answer.
class WaitedStore final : public store::FaultyStore {
 public:
  WaitedStore(store::Store& inner, base::FakeClock& clock) : FaultyStore(inner), clock_(clock) {}
  Result<std::vector<model::ProcessId>> LaggingProcesses(std::uint64_t epoch) const override {
    auto lagging = FaultyStore::LaggingProcesses(epoch);
    if (!lagging || lagging->empty()) {
      asked_ = 0;
    } else if (++asked_ > 50) {
      clock_.Advance(std::chrono::milliseconds(100));
    }
    return lagging;
  }

 private:
  base::FakeClock& clock_;
  mutable std::atomic<int> asked_{0};  // In a row.
};

}  // namespace tenantseal::migration
