// The contract suite of KmsCallStore, on every implementation.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "store/memory/memory_store.h"
#include "store/row_mac.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {
namespace {

using model::KmsCall;
using model::KmsCallGap;
using model::KmsCallLogMark;
using model::ProcessId;
using samples::After;

const std::string kKey = "arn:aws:kms:us-east-1:111122223333:key/mrk-a";
const std::string kReplica = "arn:aws:kms:us-east-2:111122223333:key/mrk-a";
const std::string kAlias = "arn:aws:kms:us-east-1:111122223333:alias/payroll";
const std::string kAliases = "arn:aws:kms:us-east-1:111122223333:alias/";
const std::string kTenant(32, 't');
const ProcessId kOne = ProcessId::Parse(std::string(16, '1')).value();
const ProcessId kTwo = ProcessId::Parse(std::string(16, '2')).value();

// An empty store and whatever must live as long as it.
struct UnderTest {
  std::filesystem::path directory;
  std::unique_ptr<KmsCallStore> store;
  ~UnderTest() {
    store.reset();
    if (!directory.empty()) std::filesystem::remove_all(directory);
  }
};
struct Maker {
  const char* name;
  void (*make)(UnderTest&);
  friend void PrintTo(const Maker& maker, std::ostream* out) { *out << maker.name; }
};
void MakeMemory(UnderTest& out) { out.store = std::make_unique<MemoryStore>(); }
void MakeSqlite(UnderTest& out) {
  std::string pattern = std::filesystem::temp_directory_path() / "kms-call-contract-XXXXXX";
  out.directory = mkdtemp(pattern.data());
  out.store = SqliteStore::Open(out.directory / "test.db", RowMac(base::Secret256())).value();
}

class KmsCallContract : public testing::TestWithParam<Maker> {
 protected:
  KmsCallContract() { GetParam().make(under_test_); }
  KmsCallStore& store() { return *under_test_.store; }

  static KmsCall Call(std::int64_t at_ms, std::uint64_t sequence, const std::string& key = kKey) {
    KmsCall call;
    call.time = After(at_ms);
    call.tenant = kTenant;
    call.key_arn = key;
    call.operation = "Decrypt";
    call.request_id = "0b6f8a52-9f4e-4d8e-8b8f-" + std::to_string(100'000'000'000 + sequence);
    call.outcome = "ok";
    call.sequence = sequence;
    return call;
  }
  static KmsCallLogMark Mark(const ProcessId& process = kOne, std::int64_t until_ms = 1000,
                             bool stopped = false, std::int64_t started_ms = 0) {
    return {process, After(started_ms), After(until_ms), stopped};
  }
  void Add(std::vector<KmsCall> calls, const ProcessId& process = kOne) {
    EXPECT_DONE(store().AppendKmsCalls({Mark(process), calls}));
  }
  static KmsCallQuery Query() {
    return {.key_arns = {kKey, kReplica}, .from = After(-1'000'000), .until = After(1'000'000)};
  }
  // The sequences that a query finds.
  std::vector<std::uint64_t> Find(const KmsCallQuery& query) {
    std::vector<std::uint64_t> out;
    const auto calls = store().ListKmsCalls(query);
    EXPECT_TRUE(calls.ok()) << (calls ? "" : calls.error().message);
    for (const KeptKmsCall& kept : calls.value()) out.push_back(kept.call.sequence);
    return out;
  }

 private:
  UnderTest under_test_;
};
using Found = std::vector<std::uint64_t>;

TEST_P(KmsCallContract, KeepsEveryFieldOfACall) {
  std::vector<KmsCall> calls = {Call(1, 1), Call(2, 2), Call(3, 3), Call(4, 4, kReplica)};
  calls[1].request_id = "";
  calls[1].outcome = "timeout";
  calls[1].attempt = 3;
  calls[1].tenant = "";
  calls[2].request_id = "0B6F8A52-9F4E-4D8E-8B8F-100000000000";  // Not as AWS writes it.
  calls[3].operation = "GenerateDataKey";
  calls[3].request_id = "no UUID";
  Add(calls);
  const auto found = store().ListKmsCalls(Query()).value();
  ASSERT_EQ(found.size(), calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(found[i].call, calls[i]) << i << " " << found[i].call.request_id;
    EXPECT_EQ(found[i].place.time, calls[i].time);
  }
}

TEST_P(KmsCallContract, AddingTwiceChangesNothing) {
  const std::vector<KmsCall> calls = {Call(1, 1), Call(1, 2)};
  const KmsCallBatch batch{Mark(), calls, KmsCallGap{kOne, After(5), After(6), 7}};
  EXPECT_DONE(store().AppendKmsCalls(batch));
  EXPECT_DONE(store().AppendKmsCalls(batch));
  EXPECT_EQ(Find(Query()), (Found{1, 2}));
  EXPECT_EQ(store().ListKmsCallLogs(After(0), After(10)).value().gaps.size(), 1U);
  EXPECT_EQ(store().ListKmsCallLogs(After(0), After(10)).value().marks.size(), 1U);
}

TEST_P(KmsCallContract, FindsByKeyAndTime) {
  Add({Call(10, 1), Call(20, 2, kReplica), Call(30, 3), Call(40, 4, kReplica + "b")});
  EXPECT_EQ(Find(Query()), (Found{1, 2, 3}));
  KmsCallQuery query = Query();
  query.key_arns = {kReplica};
  EXPECT_EQ(Find(query), Found{2});
  query = Query();
  query.from = After(20);
  EXPECT_EQ(Find(query), (Found{2, 3}));
  query.until = After(20);
  EXPECT_EQ(Find(query), Found{2});
  query.from = After(21);
  EXPECT_EQ(Find(query), Found{});
  query.key_arns = {};
  EXPECT_EQ(Find(query), Found{});
}

TEST_P(KmsCallContract, FindsRefusedAliasesOfTheTenantAlone) {
  KmsCall foreign = Call(2, 2, kAlias);
  foreign.tenant = std::string(32, 'x');
  Add({Call(1, 1, kAlias), foreign, Call(3, 3, "arn:aws:kms:us-east-1:444455556666:alias/payroll"),
       Call(4, 4)});
  EXPECT_EQ(Find(Query()), Found{4});
  KmsCallQuery query = Query();
  query.alias_prefixes = {kAliases};
  query.tenant = kTenant;
  EXPECT_EQ(Find(query), (Found{1, 4}));
  query.tenant = std::string(32, 'y');
  EXPECT_EQ(Find(query), Found{4});
}

TEST_P(KmsCallContract, PagesInOrderWithoutGapsOrRepeats) {
  std::vector<KmsCall> mine, theirs;
  for (std::uint64_t i = 1; i <= 10; ++i) {
    // Several at one time, of both keys and both processes.
    mine.push_back(Call(static_cast<std::int64_t>(i / 4), i, i % 2 == 0 ? kKey : kReplica));
    theirs.push_back(Call(static_cast<std::int64_t>(i / 3), 100 + i, i % 2 == 0 ? kReplica : kKey));
  }
  Add(mine);
  Add(theirs, kTwo);
  KmsCallQuery query = Query();
  const auto all = store().ListKmsCalls(query).value();
  ASSERT_EQ(all.size(), 20U);
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, &KeptKmsCall::place));
  for (const std::size_t limit : {1U, 3U, 7U, 20U}) {
    std::vector<KeptKmsCall> paged;
    query.limit = limit;
    query.after = {};
    for (int pages = 0; pages < 30; ++pages) {
      const auto page = store().ListKmsCalls(query).value();
      EXPECT_LE(page.size(), limit);
      if (page.empty()) break;
      paged.insert(paged.end(), page.begin(), page.end());
      query.after = page.back().place;
    }
    EXPECT_EQ(paged, all) << limit;
  }
}

TEST_P(KmsCallContract, MarksSayHowFarALogReaches) {
  EXPECT_EQ(store().ListKmsCallLogs(After(0), After(100)).value().begun, std::nullopt);
  EXPECT_DONE(store().AppendKmsCalls({Mark(kOne, 10, false, 1)}));
  EXPECT_DONE(store().AppendKmsCalls({Mark(kOne, 20, true, 5)}));
  EXPECT_DONE(store().AppendKmsCalls({Mark(kTwo, 15, false, 12)}));
  auto logs = store().ListKmsCallLogs(After(0), After(100)).value();
  ASSERT_EQ(logs.marks.size(), 2U);
  EXPECT_EQ(logs.marks[0], Mark(kTwo, 15, false, 12));
  EXPECT_EQ(logs.marks[1], Mark(kOne, 20, true, 1)) << "the start stays";
  logs = store().ListKmsCallLogs(After(21), After(100)).value();
  ASSERT_EQ(logs.marks.size(), 1U) << "one ended before; the other has no end";
  EXPECT_EQ(logs.marks[0].process, kTwo);
  EXPECT_EQ(store().ListKmsCallLogs(After(0), After(11)).value().marks.size(), 1U);
  EXPECT_TRUE(store().ListKmsCallLogs(After(0), After(0)).value().marks.empty());
  EXPECT_EQ(store().ListKmsCallLogs(After(21), After(100)).value().begun, After(1));
}

TEST_P(KmsCallContract, GapsLieWhereCallsWereNotKept) {
  EXPECT_DONE(store().AppendKmsCalls({Mark(), {}, KmsCallGap{kOne, After(10), After(20), 3}}));
  EXPECT_DONE(store().AppendKmsCalls({Mark(), {}, KmsCallGap{kOne, After(30), After(30), 1}}));
  EXPECT_DONE(store().AppendKmsCalls({Mark(kTwo), {}, KmsCallGap{kTwo, After(10), After(40), 2}}));
  const auto gaps = store().ListKmsCallLogs(After(0), After(100)).value().gaps;
  ASSERT_EQ(gaps.size(), 3U);
  EXPECT_EQ(gaps[0], (KmsCallGap{kOne, After(30), After(30), 1}));
  EXPECT_EQ(store().ListKmsCallLogs(After(20), After(29)).value().gaps.size(), 2U);
  EXPECT_EQ(store().ListKmsCallLogs(After(41), After(99)).value().gaps.size(), 0U);
}

TEST_P(KmsCallContract, ForgetsWhatIsOlderAndNothingElse) {
  constexpr std::int64_t kDay = 86'400'000;
  Add({Call(0, 1), Call(1, 2, kReplica), Call(3 * kDay, 3), Call(3 * kDay, 4, kReplica)});
  EXPECT_DONE(
      store().AppendKmsCalls({Mark(kTwo, 5, true), {}, KmsCallGap{kTwo, After(2), After(4), 1}}));
  KmsCallQuery query = Query();
  query.until = After(10 * kDay);
  while (store().ForgetKmsCalls(After(1)).value()) {
  }
  EXPECT_EQ(Find(query), (Found{2, 3, 4}));
  while (store().ForgetKmsCalls(After(2 * kDay)).value()) {
  }
  EXPECT_EQ(Find(query), (Found{3, 4}));
  const auto logs = store().ListKmsCallLogs(After(0), After(10 * kDay)).value();
  EXPECT_TRUE(logs.gaps.empty());
  EXPECT_TRUE(logs.marks.empty()) << "both logs are older";
  // What is left is whole, and the log goes on.
  EXPECT_EQ(store().ListKmsCalls(query).value()[0].call, Call(3 * kDay, 3));
  Add({Call(4 * kDay, 5)});
  EXPECT_EQ(Find(query), (Found{3, 4, 5}));
}

TEST_P(KmsCallContract, ForgettingMuchTakesSeveralTurns) {
  std::vector<KmsCall> calls;
  for (std::uint64_t i = 1; i <= 30'000; ++i)
    calls.push_back(Call(static_cast<std::int64_t>(i) * 10'000, i));
  EXPECT_DONE(store().AppendKmsCalls({Mark(), calls}));
  int turns = 1;
  while (store().ForgetKmsCalls(After(400'000'000)).value()) ++turns;
  EXPECT_LE(turns, 10);
  KmsCallQuery query = Query();
  query.until = After(400'000'000);
  EXPECT_EQ(Find(query), Found{});
}

std::string NameOf(const testing::TestParamInfo<Maker>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(All, KmsCallContract,
                         testing::Values(Maker{"memory", &MakeMemory},
                                         Maker{"sqlite", &MakeSqlite}),
                         NameOf);

}  // namespace
}  // namespace tenantseal::store
