// Migrations on a disk that is full, broken or locked: whatever write fails, what was sealed opens,
// and the migration goes on once the disk is well again.
#include "migration/faults_test_world.h"
#include "store/sqlite/faulty_test_disk.h"

namespace tenantseal::migration {
namespace {

using store::FaultyDisk;

class DiskFaultsTest : public testing::TestWithParam<FaultyDisk::Fault> {
 protected:
  // Another process's lock is not waited for: what is tested is what comes of it.
  static constexpr int kBusyTimeoutMs = 0;

  // How many operations of this kind a migration takes.
  static std::uint64_t CallsOfOne() {
    const FaultyDisk disk;
    World world(StoreKind::kSqlite, kBusyTimeoutMs);
    const std::uint64_t before = disk.calls(GetParam());
    for (int i = 0; i < 5; ++i) world.Live(1s);
    const std::uint64_t calls = disk.calls(GetParam()) - before;
    world.ExpectCompleted();
    return calls;
  }
};

TEST_P(DiskFaultsTest, OneOperationFails) {
  const std::uint64_t calls = CallsOfOne();
  ASSERT_GT(calls, 5u);
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    FaultyDisk disk;
    World world(StoreKind::kSqlite, kBusyTimeoutMs);
    disk.FailCall(GetParam(), nth);
    world.Run();
    world.ExpectCompleted();
    EXPECT_EQ(world.CountEvents(events::kMigrationProgressed), 1u);
  }
}

// From some moment on nothing can be written, for a while.
TEST_P(DiskFaultsTest, ItStaysForAWhile) {
  const std::uint64_t calls = CallsOfOne();
  for (std::uint64_t nth = 1; nth <= calls && !HasFailure(); nth += 1 + calls / 50) {
    SCOPED_TRACE("from operation " + std::to_string(nth));
    FaultyDisk disk;
    World world(StoreKind::kSqlite, kBusyTimeoutMs);
    disk.FailCall(GetParam(), nth, 1'000'000);
    for (int i = 0; i < 30; ++i) {
      world.Live(1s);
      const auto code = world.Open(*world.one_, world.sealed_.front());
      EXPECT_TRUE(!code || *code == ErrorCode::kUnavailable) << ErrorCodeName(*code);
    }
    const std::uint64_t failed = disk.calls(GetParam());
    disk.FailNothing();
    world.Run();
    EXPECT_GT(disk.calls(GetParam()), failed);
    world.ExpectCompleted();
  }
}

std::string FaultName(const testing::TestParamInfo<FaultyDisk::Fault>& fault) {
  switch (fault.param) {
    case FaultyDisk::Fault::kFull:
      return "Full";
    case FaultyDisk::Fault::kBroken:
      return "Broken";
    case FaultyDisk::Fault::kNoSync:
      return "NoSync";
    case FaultyDisk::Fault::kBusy:
      return "Busy";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Faults, DiskFaultsTest,
                         testing::Values(FaultyDisk::Fault::kFull, FaultyDisk::Fault::kBroken,
                                         FaultyDisk::Fault::kNoSync, FaultyDisk::Fault::kBusy),
                         FaultName);

}  // namespace
}  // namespace tenantseal::migration
