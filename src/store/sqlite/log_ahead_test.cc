// What of the write-ahead log is in memory. On a file system without a disk all of it always is.
#include "store/sqlite/log_ahead.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "store/sqlite/sqlite_store.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {
namespace {

using namespace std::chrono_literals;
using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

constexpr off_t kFrameBytes = 24 + 4096;

off_t OffsetOf(int frame) { return 32 + frame * kFrameBytes; }

class LogAheadTest : public testing::Test {
 protected:
  LogAheadTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "store-ahead-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~LogAheadTest() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ / "test.db"; }
  base::UniqueFd OpenLog() const {
    return base::UniqueFd(open((path() + "-wal").c_str(), O_RDWR | O_CREAT, 0600));
  }
  void WriteLog(int frames) const {
    const std::vector<char> block(static_cast<std::size_t>(OffsetOf(frames)), 'x');
    ASSERT_EQ(write(OpenLog().get(), block.data(), block.size()),
              static_cast<ssize_t>(block.size()));
  }
  // Leaves it on disk only.
  void Evict() const {
    const base::UniqueFd log = OpenLog();
    ASSERT_EQ(fsync(log.get()), 0);
    ASSERT_EQ(posix_fadvise(log.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  }
  bool InMemory(int first, int end) const {
    const base::UniqueFd log = OpenLog();
    const auto page = static_cast<off_t>(sysconf(_SC_PAGESIZE));
    const off_t from = OffsetOf(first) / page * page;
    const auto bytes = static_cast<std::size_t>(OffsetOf(end) - from);
    void* mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, log.get(), from);
    EXPECT_NE(mapped, MAP_FAILED);
    std::vector<unsigned char> pages((bytes + static_cast<std::size_t>(page) - 1) /
                                     static_cast<std::size_t>(page));
    EXPECT_EQ(mincore(mapped, bytes, pages.data()), 0);
    munmap(mapped, bytes);
    return std::all_of(pages.begin(), pages.end(), [](unsigned char p) { return (p & 1) != 0; });
  }
  // Nobody waits for what is read ahead.
  bool WillBeInMemory(int first, int end) const {
    for (int i = 0; i < 1000 && !InMemory(first, end); ++i) std::this_thread::sleep_for(10ms);
    return InMemory(first, end);
  }
  // How many frames there are since the log began anew: those that bear its header's salt.
  int FramesOfLog() const {
    const base::UniqueFd log = OpenLog();
    std::array<char, 8> salt{}, of_frame{};
    EXPECT_EQ(pread(log.get(), salt.data(), salt.size(), 16), 8);
    int frames = 0;
    while (pread(log.get(), of_frame.data(), of_frame.size(), OffsetOf(frames) + 8) == 8 &&
           of_frame == salt) {
      ++frames;
    }
    return frames;
  }

  std::filesystem::path directory_;
};

TEST_F(LogAheadTest, WhatIsWrittenNextIsReadAhead) {
  WriteLog(6000);
  Evict();
  LogAhead ahead(path());
  ahead.Reach(2000);
  EXPECT_TRUE(WillBeInMemory(2000, 3000));
  for (int frame = 2000; frame <= 3000; ++frame) ahead.Reach(frame);
  EXPECT_TRUE(WillBeInMemory(3000, 3500));
  ahead.Reach(0);  // It begins anew.
  EXPECT_TRUE(WillBeInMemory(0, 1000));
}

TEST_F(LogAheadTest, ALogThatIsShortOrNotThereIsLeftAlone) {
  LogAhead(path()).Reach(0);
  EXPECT_FALSE(std::filesystem::exists(path() + "-wal"));
  WriteLog(1);
  LogAhead(path()).Reach(5000);
  EXPECT_EQ(std::filesystem::file_size(path() + "-wal"), static_cast<std::uintmax_t>(OffsetOf(1)));
}

TEST_F(LogAheadTest, AStoreFindsItsLogInMemoryOnceItWritesOverIt) {
  SqliteOptions options;
  options.log_pages_max = 4000;
  const auto store = SqliteStore::Open(path(), RowMac(base::Secret256()), options).value();
  const model::TenantState tenant = NewTenant();
  EXPECT_DONE(store->CreateTenant(tenant, EventOf(tenant.tenant.id)));
  const auto insert = [&] {
    EXPECT_DONE(store->InsertDataKeys(DataKeysOf(tenant.tenant.id, 1000)));
  };
  for (int before = -1, now = 0; now > before; before = now, now = FramesOfLog()) insert();
  Evict();
  insert();
  insert();
  const int next = FramesOfLog();
  EXPECT_TRUE(WillBeInMemory(next, next + 400));
}

}  // namespace
}  // namespace tenantseal::store
