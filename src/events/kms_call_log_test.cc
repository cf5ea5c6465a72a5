#include "events/kms_call_log.h"

#include <gtest/gtest.h>

#include <functional>

#include "store/memory/memory_store.h"

namespace tenantseal::events {
namespace {

using model::KmsCall;

const std::string kKey = "arn:aws:kms:us-east-1:111122223333:key/k";
constexpr base::UtcTime kEver{std::chrono::hours(24 * 365 * 200)};

// Fails when told to, before or after the call has had its effect.
class FaultyCalls final : public store::KmsCallStore {
 public:
  Result<void> AppendKmsCalls(const store::KmsCallBatch& batch) override {
    ++appends;
    if (meanwhile) meanwhile();
    if (fail_before) return Error{ErrorCode::kUnavailable, "gone"};
    auto done = inner.AppendKmsCalls(batch);
    if (fail_after) return Error{ErrorCode::kUnavailable, "answer lost"};
    return done;
  }
  Result<std::vector<store::KeptKmsCall>> ListKmsCalls(
      const store::KmsCallQuery& query) const override {
    return inner.ListKmsCalls(query);
  }
  Result<store::KmsCallLogs> ListKmsCallLogs(base::UtcTime from,
                                             base::UtcTime until) const override {
    return inner.ListKmsCallLogs(from, until);
  }
  Result<bool> ForgetKmsCalls(base::UtcTime before) override {
    ++forgets;
    forgot_before = before;
    return more_to_forget;
  }

  store::MemoryStore inner;
  bool fail_before = false, fail_after = false, more_to_forget = false;
  int appends = 0, forgets = 0;
  std::function<void()> meanwhile;
  base::UtcTime forgot_before;
};

class KmsCallLogTest : public testing::Test {
 protected:
  void Add() {
    KmsCall call;
    call.time = clock_.Utc();
    call.key_arn = kKey;
    call.operation = "Decrypt";
    call.request_id = "r";
    call.outcome = "ok";
    buffer_.Add(std::move(call));
  }
  std::vector<std::uint64_t> Kept() {
    std::vector<std::uint64_t> out;
    const store::KmsCallQuery query{
        .key_arns = {kKey}, .from = {}, .until = kEver, .limit = 100'000};
    const auto calls = store_.ListKmsCalls(query).value();
    for (const auto& kept : calls) out.push_back(kept.call.sequence);
    return out;
  }
  store::KmsCallLogs Logs() { return store_.ListKmsCallLogs(base::UtcTime(), kEver).value(); }
  model::KmsCallLogMark Mark() { return Logs().marks.at(0); }

  base::FakeClock clock_;
  FaultyCalls store_;
  KmsCallBuffer buffer_;
  const model::ProcessId process_ = model::ProcessId::Parse(std::string(16, 'p')).value();
  KmsCallLog log_{buffer_, store_, clock_, process_, std::chrono::hours(24)};
};

TEST_F(KmsCallLogTest, TheFirstFlushMarksTheStart) {
  const base::UtcTime start = clock_.Utc();
  clock_.Advance(std::chrono::seconds(1));
  ASSERT_TRUE(log_.Flush().ok());
  EXPECT_EQ(Mark(), (model::KmsCallLogMark{process_, start, clock_.Utc(), false}));
  clock_.Advance(std::chrono::seconds(5));
  Add();
  ASSERT_TRUE(log_.Flush().ok());
  EXPECT_EQ(Mark().complete_until, clock_.Utc());
  EXPECT_EQ(Kept(), std::vector<std::uint64_t>{1});
  clock_.Advance(std::chrono::seconds(1));
  ASSERT_TRUE(log_.Stop().ok());
  EXPECT_EQ(Mark(), (model::KmsCallLogMark{process_, start, clock_.Utc(), true}));
}

TEST_F(KmsCallLogTest, AnIdleLogIsMarkedNowAndThen) {
  ASSERT_TRUE(log_.Flush().ok());
  clock_.Advance(KmsCallLog::kMarkInterval / 2);
  ASSERT_TRUE(log_.Flush().ok());
  EXPECT_EQ(store_.appends, 1);
  clock_.Advance(KmsCallLog::kMarkInterval / 2);
  ASSERT_TRUE(log_.Flush().ok());
  EXPECT_EQ(store_.appends, 2);
  EXPECT_EQ(Mark().complete_until, clock_.Utc());
}

TEST_F(KmsCallLogTest, AFailedFlushKeepsItsCallsAndItsMark) {
  ASSERT_TRUE(log_.Flush().ok());
  const base::UtcTime before = Mark().complete_until;
  Add();
  clock_.Advance(std::chrono::seconds(5));
  store_.fail_before = true;
  EXPECT_FALSE(log_.Flush().ok());
  Add();
  EXPECT_EQ(Mark().complete_until, before);
  store_.fail_before = false;
  store_.fail_after = true;
  EXPECT_FALSE(log_.Flush().ok()) << "stored, and not known to be";
  store_.fail_after = false;
  Add();
  ASSERT_TRUE(log_.Flush().ok());
  EXPECT_EQ(Kept(), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_TRUE(Logs().gaps.empty());
}

TEST_F(KmsCallLogTest, WhatDoesNotFitIsCounted) {
  for (std::size_t i = 0; i < KmsCallBuffer::kCallsMax; ++i) Add();
  clock_.Advance(std::chrono::seconds(1));
  const base::UtcTime first = clock_.Utc();
  Add();
  clock_.Advance(std::chrono::seconds(1));
  Add();
  EXPECT_EQ(buffer_.dropped(), 2U);
  store_.fail_before = true;
  EXPECT_FALSE(log_.Flush().ok());
  Add();  // The buffer is full of what came back.
  EXPECT_EQ(buffer_.dropped(), 3U);
  store_.fail_before = false;
  ASSERT_TRUE(log_.Flush().ok());
  EXPECT_EQ(Kept().size(), KmsCallBuffer::kCallsMax);
  ASSERT_EQ(Logs().gaps.size(), 1U);
  EXPECT_EQ(Logs().gaps[0], (model::KmsCallGap{process_, first, clock_.Utc(), 3}));
  EXPECT_EQ(buffer_.dropped(), 3U);
  ASSERT_TRUE(log_.Flush().ok());
  EXPECT_EQ(Logs().gaps.size(), 1U) << "told once";
}

// Calls that come while a flush that fails is under way go behind those that come back.
TEST_F(KmsCallLogTest, TheLatestIsWhatDoesNotFit) {
  for (std::size_t i = 0; i < KmsCallBuffer::kCallsMax - 1; ++i) Add();
  store_.fail_before = true;
  store_.meanwhile = [this] {
    Add();
    Add();
  };
  EXPECT_FALSE(log_.Flush().ok());
  store_.fail_before = false;
  store_.meanwhile = {};
  EXPECT_EQ(buffer_.dropped(), 1U);
  ASSERT_TRUE(log_.Flush().ok());
  const auto kept = Kept();
  ASSERT_EQ(kept.size(), KmsCallBuffer::kCallsMax);
  for (std::size_t i = 0; i < kept.size(); ++i) ASSERT_EQ(kept[i], i + 1);
}

TEST_F(KmsCallLogTest, ForgetsOnceAMinuteOrWhileThereIsMore) {
  store_.more_to_forget = true;
  ASSERT_TRUE(log_.Flush().ok());
  ASSERT_TRUE(log_.Flush().ok());
  EXPECT_EQ(store_.forgets, 2);
  EXPECT_EQ(store_.forgot_before, clock_.Utc() - std::chrono::hours(24));
  store_.more_to_forget = false;
  ASSERT_TRUE(log_.Flush().ok());
  ASSERT_TRUE(log_.Flush().ok());
  EXPECT_EQ(store_.forgets, 3);
  clock_.Advance(std::chrono::minutes(1));
  ASSERT_TRUE(log_.Flush().ok());
  EXPECT_EQ(store_.forgets, 4);
}

}  // namespace
}  // namespace tenantseal::events
