// Each way in which a database may have been changed, found by the audit.
#include "events/chain_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/row_mac.h"
#include "store/store_test_ground.h"

namespace tenantseal::events {
namespace {

using namespace store::samples;  // NOLINT
using testing::HasSubstr;

// The events with their hashes made anew, as whoever can write the database would.
std::vector<model::Event> Rechained(std::vector<model::Event> events) {
  std::array<std::uint8_t, 32> previous{};
  std::uint64_t sequence = 0;
  for (model::Event& event : events) {
    event.sequence = ++sequence;
    event.previous_hash = previous;
    event.hash = store::EventHash(previous, event.sequence, event.content);
    previous = event.hash;
  }
  return events;
}

class ChainAuditTest : public testing::Test {
 protected:
  ChainAuditTest() {
    const model::Scope scope = model::Scope::Deployment();
    for (int i = 0; i < 6; ++i)
      events_.push_back({EventOf(scope, "t" + std::to_string(i)), 0, {}, {}});
    events_ = Rechained(events_);
  }
  // A line of the checkpoint for the event of this sequence.
  std::string HeadOf(std::uint64_t sequence) const {
    const model::Event& event = events_[sequence - 1];
    return SerializeHead(
               SignHead(seed_, "dep-1", {event.content.scope, sequence, event.hash}, kNow)) +
           "\n";
  }
  AuditReport Audit(const std::vector<model::Event>& events, const std::string& heads) const {
    ChainAudit audit;
    EXPECT_TRUE(audit.AddHeads(heads, crypto::Ed25519Public(seed_), "dep-1").ok());
    for (const model::Event& event : events) audit.Add(event);
    return audit.Finish();
  }
  // The first finding, "" when there is none.
  static std::string First(const AuditReport& report) {
    return report.findings.empty()
               ? ""
               : std::to_string(report.findings[0].sequence) + " " + report.findings[0].what;
  }

  base::Secret256 seed_ = kRandom.Key();
  std::vector<model::Event> events_;
};

TEST_F(ChainAuditTest, FindsNothingInWhatIsAsItWas) {
  const AuditReport report = Audit(events_, HeadOf(2) + HeadOf(6));
  EXPECT_EQ(First(report), "");
  EXPECT_EQ(report.events, 6u);
  EXPECT_EQ(report.chains, 1u);
  EXPECT_EQ(report.heads, 2u);
}

TEST_F(ChainAuditTest, Alteration) {
  const auto unchanged = events_;
  events_[2].content.actor = "somebody else";
  EXPECT_THAT(First(Audit(events_, "")), HasSubstr("3 was altered"));
  // With every hash after it made anew, only the signed head tells.
  const auto rewritten = Rechained(events_);
  EXPECT_EQ(First(Audit(rewritten, "")), "");
  events_ = unchanged;
  EXPECT_THAT(First(Audit(rewritten, HeadOf(5))), HasSubstr("5 is not what was signed"));
  EXPECT_EQ(First(Audit(rewritten, HeadOf(2))), "") << "nothing before it has changed";
}

TEST_F(ChainAuditTest, EveryFieldIsUnderTheHash) {
  const auto altered = [this](auto change) {
    auto events = events_;
    change(events[3]);
    return First(Audit(events, ""));
  };
  EXPECT_THAT(altered([](auto& e) { e.content.id[0] ^= 1; }), HasSubstr("4 was altered"));
  EXPECT_THAT(altered([](auto& e) { e.content.time = After(9); }), HasSubstr("4 was altered"));
  EXPECT_THAT(altered([](auto& e) { e.content.type += "x"; }), HasSubstr("4 was altered"));
  EXPECT_THAT(altered([](auto& e) { e.content.source += "x"; }), HasSubstr("4 was altered"));
  EXPECT_THAT(altered([](auto& e) { e.content.data += " "; }), HasSubstr("4 was altered"));
  EXPECT_THAT(altered([](auto& e) { e.hash[0] ^= 1; }), HasSubstr("4 was altered"));
  EXPECT_THAT(altered([](auto& e) { e.previous_hash[0] ^= 1; }), HasSubstr("4 does not continue"));
}

TEST_F(ChainAuditTest, Reordering) {
  auto events = events_;
  std::swap(events[1].content, events[2].content);
  EXPECT_THAT(First(Audit(events, "")), HasSubstr("2 was altered"));
  EXPECT_EQ(First(Audit(Rechained(events), "")), "");
  EXPECT_THAT(First(Audit(Rechained(events), HeadOf(6))), HasSubstr("6 is not what was signed"));
}

TEST_F(ChainAuditTest, Removal) {
  auto events = events_;
  events.erase(events.begin() + 2);
  EXPECT_THAT(First(Audit(events, "")), HasSubstr("4 does not follow event 2"));
  EXPECT_THAT(First(Audit(Rechained(events), HeadOf(4))), HasSubstr("4 is not what was signed"));
}

TEST_F(ChainAuditTest, TruncationAndRollback) {
  const std::vector<model::Event> shorter(events_.begin(), events_.begin() + 4);
  EXPECT_EQ(First(Audit(shorter, "")), "") << "a chain alone does not know its length";
  EXPECT_THAT(
      First(Audit(shorter, HeadOf(3) + HeadOf(6))),
      HasSubstr("6 was signed and is gone: the chain was cut off or rolled back to event 4"));
  EXPECT_THAT(First(Audit({}, HeadOf(6))), HasSubstr("rolled back to event 0"));
  // Rolled back, then grown past the head that was signed.
  auto grown = shorter;
  for (int i = 0; i < 3; ++i)
    grown.push_back({EventOf(model::Scope::Deployment(), "new"), 0, {}, {}});
  EXPECT_THAT(First(Audit(Rechained(grown), HeadOf(6))), HasSubstr("6 is not what was signed"));
}

TEST_F(ChainAuditTest, TwoSignedHistories) {
  const std::string before = HeadOf(6);
  events_[5].content.actor = "after a rollback";
  events_ = Rechained(events_);
  EXPECT_THAT(First(Audit(events_, before + HeadOf(6))), HasSubstr("contradict each other"));
}

TEST_F(ChainAuditTest, ACheckpointMustBeSignedByTheKey) {
  const auto refused = [this](std::string lines, const std::string& deployment = "dep-1") {
    ChainAudit audit;
    const auto added = audit.AddHeads(lines, crypto::Ed25519Public(seed_), deployment);
    return added ? "" : added.error().message;
  };
  EXPECT_EQ(refused(HeadOf(1)), "");
  EXPECT_THAT(refused(HeadOf(1) + "{}\n"), HasSubstr("Line 2"));
  EXPECT_THAT(refused(HeadOf(1), "dep-2"), HasSubstr("another deployment"));
  std::string forged = HeadOf(2);
  forged.replace(forged.find("\"sequence\":2"), 12, "\"sequence\":3");
  EXPECT_THAT(refused(forged), HasSubstr("not signed by the key"));
  seed_ = kRandom.Key();
  const std::string by_other = HeadOf(1);
  seed_ = kRandom.Key();
  EXPECT_THAT(refused(by_other), HasSubstr("not signed by the key"));
}

TEST_F(ChainAuditTest, FindingsAreBounded) {
  std::vector<model::Event> many;
  for (int i = 0; i < 1000; ++i) {
    many.push_back(events_[0]);
    many.back().sequence = 5;
  }
  const AuditReport report = Audit(many, "");
  EXPECT_EQ(report.findings.size(), ChainAudit::kFindingsMax);
  EXPECT_GT(report.findings_total, 900u);
}

}  // namespace
}  // namespace tenantseal::events
