#include "events/kms_call_doubts.h"

#include <gtest/gtest.h>

#include "events/kms_call_log.h"

namespace tenantseal::events {
namespace {

using Reason = KmsCallDoubt::Reason;
using std::chrono::seconds;

constexpr base::UtcTime kNow{std::chrono::milliseconds(1'790'000'000'000)};
constexpr base::Duration kRetention = std::chrono::hours(24);
const auto kProcess = model::ProcessId::Parse(std::string(16, 'p')).value();

base::UtcTime Ago(std::int64_t s) { return kNow - seconds(s); }

std::vector<KmsCallDoubt> Doubts(store::KmsCallLogs logs, base::UtcTime from = Ago(3600),
                                 base::UtcTime until = kNow) {
  if (!logs.begun) logs.begun = Ago(100'000);
  return KmsCallDoubts(logs, from, until, kNow, kRetention);
}

TEST(KmsCallDoubts, AnEndedLogLeavesNone) {
  EXPECT_TRUE(Doubts({{{kProcess, Ago(3000), Ago(2000), true}}, {}, {}}).empty());
}

TEST(KmsCallDoubts, AKilledProcessMayHaveCalledUntilItsSilenceIsNoticed) {
  const auto doubts = Doubts({{{kProcess, Ago(3000), Ago(2000), false}}, {}, {}});
  ASSERT_EQ(doubts.size(), 1U);
  EXPECT_EQ(doubts[0], (KmsCallDoubt{Reason::kKilled, Ago(2010), Ago(1910), kProcess}));
  EXPECT_TRUE(Doubts({{{kProcess, Ago(9000), Ago(8000), false}}, {}, {}}).empty());
  EXPECT_TRUE(
      Doubts({{{kProcess, Ago(3000), Ago(2000), false}}, {}, {}}, Ago(3600), Ago(2011)).empty());
}

TEST(KmsCallDoubts, ARunningProcessHasYetToWrite) {
  const auto doubts = Doubts({{{kProcess, Ago(3), Ago(3), false}}, {}, {}});
  ASSERT_EQ(doubts.size(), 1U);
  EXPECT_EQ(doubts[0], (KmsCallDoubt{Reason::kNotWritten, Ago(3), kNow, kProcess}));
  EXPECT_TRUE(Doubts({{{kProcess, Ago(3), Ago(3), false}}, {}, {}}, Ago(3600), Ago(900)).empty());
}

TEST(KmsCallDoubts, GapsAreToldWithTheirCalls) {
  const auto doubts = Doubts({{}, {{kProcess, Ago(500), Ago(400), 7}}, {}});
  ASSERT_EQ(doubts.size(), 1U);
  EXPECT_EQ(doubts[0], (KmsCallDoubt{Reason::kNotKept, Ago(500), Ago(400), kProcess, 7}));
}

TEST(KmsCallDoubts, NothingIsKnownOfWhatWasBeforeTheFirstLogOrIsForgotten) {
  auto doubts = Doubts({{}, {}, Ago(1000)});
  ASSERT_EQ(doubts.size(), 1U);
  EXPECT_EQ(doubts[0], (KmsCallDoubt{Reason::kNoLog, Ago(3600), Ago(1000)}));
  doubts = KmsCallDoubts({}, Ago(3600), kNow, kNow, kRetention);
  ASSERT_EQ(doubts.size(), 1U);
  EXPECT_EQ(doubts[0], (KmsCallDoubt{Reason::kNoLog, Ago(3600), kNow}));
  doubts = Doubts({}, Ago(90'000));
  ASSERT_EQ(doubts.size(), 1U);
  EXPECT_EQ(doubts[0], (KmsCallDoubt{Reason::kForgotten, Ago(90'000), Ago(86'400)}));
}

}  // namespace
}  // namespace tenantseal::events
