#include "cli/reconcile.h"

#include <gtest/gtest.h>

namespace tenantseal::cli {
namespace {

using aws::TrailEvent;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kKey = "arn:aws:kms:us-east-1:111122223333:key/mrk-a";
const std::string kOwner = "111122223333";
const std::string kService = "338144066592";
const std::string kRole = "arn:aws:iam::338144066592:role/proxy";
constexpr base::UtcTime kNow{std::chrono::milliseconds(1'790'000'000'000)};

class ReconcileTest : public testing::Test {
 protected:
  ReconcileTest() {
    input_.key_account = kOwner;
    input_.caller_account = kService;
    input_.principals = {kRole};
    input_.from = kNow - std::chrono::hours(24);
    input_.to = input_.now = kNow;
    for (const std::string& account : {kOwner, kService}) {
      for (const char* region : {"us-east-1", "us-east-2"})
        input_.places.push_back({account, region});
    }
  }
  KeptCall& Keep(const std::string& id, minutes ago = minutes(60)) {
    KeptCall call;
    call.time = kNow - ago;
    call.key_arn = kKey;
    call.region = "us-east-1";
    call.operation = "Decrypt";
    call.outcome = "ok";
    call.request_id = id;
    return input_.calls.emplace_back(call);
  }
  TrailEvent& Trail(const std::string& id, minutes ago = minutes(60)) {
    TrailEvent event;
    event.event_id = "event-" + std::to_string(input_.events.size());
    event.request_id = id;
    event.time = kNow - ago;
    event.source = "kms.amazonaws.com";
    event.name = "Decrypt";
    event.region = "us-east-1";
    event.recipient = kService;
    event.principal_type = "AssumedRole";
    event.principal_arn = "arn:aws:sts::338144066592:assumed-role/proxy/tenantseal";
    event.role_arn = kRole;
    event.account = kService;
    return input_.events.emplace_back(event);
  }
  TrailEvent& Foreign(const std::string& id) {
    TrailEvent& event = Trail(id);
    event.principal_arn = "arn:aws:iam::111122223333:user/admin";
    event.role_arn = "";
    event.account = kOwner;
    return event;
  }
  // Leaves out the places of an account.
  void Without(const std::string& account) {
    std::erase_if(input_.places, [&](const TrailPlace& p) { return p.account == account; });
  }
  Reconciliation Run() { return Reconcile(input_); }

  ReconcileInput input_;
};

TEST_F(ReconcileTest, AgreesByRequestId) {
  Keep("1");
  Keep("2").outcome = "DisabledException";
  Trail("2").error_code = "DisabledException";
  Trail("1").shared_event_id = "s";
  Trail("1").shared_event_id = "s";  // The owner's copy.
  const Reconciliation found = Run();
  EXPECT_TRUE(found.agrees());
  EXPECT_EQ(found.calls, 2U);
  EXPECT_EQ(found.agreed, 2U);
  EXPECT_TRUE(found.others.empty());
}

TEST_F(ReconcileTest, TellsWhatOneSideAloneKnows) {
  Keep("kept");
  Trail("trail").source_ip = "203.0.113.7";
  const Reconciliation found = Run();
  EXPECT_FALSE(found.agrees());
  ASSERT_EQ(found.only_kept.size(), 1U);
  EXPECT_EQ(found.only_kept[0].request_id, "kept");
  ASSERT_EQ(found.only_trail.size(), 1U);
  EXPECT_EQ(found.only_trail[0].request_id, "trail");
  EXPECT_EQ(found.agreed, 0U);
}

TEST_F(ReconcileTest, ACopyInTwoAccountsIsOneCall) {
  Trail("thief").shared_event_id = "s";
  Trail("thief").shared_event_id = "s";
  TrailEvent again = Trail("other");
  input_.events.push_back(again);  // Found by two ARNs.
  EXPECT_EQ(Run().only_trail.size(), 2U);
}

TEST_F(ReconcileTest, TheSameIdOfAnotherOperationDiffers) {
  Keep("1");
  Trail("1").name = "GenerateDataKey";
  const Reconciliation found = Run();
  EXPECT_FALSE(found.agrees());
  ASSERT_EQ(found.differing.size(), 1U);
  EXPECT_EQ(found.agreed, 0U);
  EXPECT_TRUE(found.only_kept.empty());
}

TEST_F(ReconcileTest, OthersOnTheOwnersKeyAreCounted) {
  Foreign("a");
  Foreign("b");
  TrailEvent& rotation = Foreign("");
  rotation.of_aws = true;
  rotation.name = "RotateKey";
  const Reconciliation found = Run();
  EXPECT_TRUE(found.agrees());
  EXPECT_EQ(found.others,
            (std::map<std::string, std::size_t>{{"arn:aws:iam::111122223333:user/admin", 2}}));
  EXPECT_EQ(found.by_aws, 1U);
}

TEST_F(ReconcileTest, WhoeverElseInTheServicesAccountIsNotAnOther) {
  TrailEvent& event = Trail("a");
  event.role_arn = "arn:aws:iam::338144066592:role/backdoor";
  event.error_code = "AccessDenied";
  EXPECT_EQ(Run().only_trail.size(), 1U);
  // In one account for both, only those that are known to be the service's.
  input_.key_account = kService;
  const Reconciliation found = Run();
  EXPECT_TRUE(found.agrees());
  EXPECT_EQ(found.others.size(), 1U);
}

TEST_F(ReconcileTest, LearnsWhoTheServiceIs) {
  input_.principals = {};
  input_.caller_account = "";
  Keep("1");
  Trail("1");
  Trail("thief");
  EXPECT_EQ(Run().only_trail.size(), 1U);
}

TEST_F(ReconcileTest, RecentCallsMayYetCome) {
  Keep("young", minutes(14));
  Keep("old", minutes(16));
  const Reconciliation found = Run();
  EXPECT_EQ(found.recent, 1U);
  ASSERT_EQ(found.only_kept.size(), 1U);
  EXPECT_EQ(found.only_kept[0].request_id, "old");
}

TEST_F(ReconcileTest, ACallWithoutIdFitsOneEvent) {
  Keep("").outcome = "timeout";
  Trail("a").time += seconds(10);
  Trail("b").time += seconds(10);
  Reconciliation found = Run();
  EXPECT_EQ(found.fitting, 1U);
  EXPECT_EQ(found.only_trail.size(), 1U) << "and not two";
  input_.events[0].time += seconds(10);
  input_.events[1].name = "Encrypt";
  found = Run();
  EXPECT_EQ(found.fitting, 0U);
  EXPECT_EQ(found.without_id, 1U);
  EXPECT_EQ(found.only_trail.size(), 2U);
}

TEST_F(ReconcileTest, WhatCannotBeInCloudTrailIsSaid) {
  Keep("1").outcome = "ExpiredTokenException";
  KeptCall& by_alias = Keep("2");
  by_alias.by_alias = true;
  by_alias.outcome = "AccessDeniedException";
  const Reconciliation found = Run();
  EXPECT_TRUE(found.agrees());
  EXPECT_EQ(found.never_logged, 1U);
  EXPECT_EQ(found.by_alias, 1U);
}

TEST_F(ReconcileTest, WithoutTheCallersAccountRefusalsAreUnread) {
  Without(kService);
  Keep("ok");
  Keep("denied").outcome = "AccessDeniedException";
  Reconciliation found = Run();
  EXPECT_EQ(found.unread, 1U);
  ASSERT_EQ(found.only_kept.size(), 1U);
  EXPECT_EQ(found.only_kept[0].request_id, "ok");
}

TEST_F(ReconcileTest, WithoutTheOwnersAccountTheCallersIsEnough) {
  Without(kOwner);
  Keep("ok");
  Keep("denied").outcome = "AccessDeniedException";
  EXPECT_EQ(Run().only_kept.size(), 2U);
  input_.denials_unread = true;
  EXPECT_EQ(Run().only_kept.size(), 1U);
  EXPECT_EQ(Run().unread, 1U);
}

TEST_F(ReconcileTest, ARegionThatWasNotReadToTheEndProvesNothing) {
  for (TrailPlace& place : input_.places) {
    if (place.region == "us-east-1") place.failure = "throttled";
  }
  Keep("1");
  Keep("2").region = "us-east-2";
  Trail("thief");
  const Reconciliation found = Run();
  EXPECT_EQ(found.unread, 1U);
  EXPECT_EQ(found.only_kept.size(), 1U);
  EXPECT_EQ(found.only_trail.size(), 1U) << "what was read still counts";
}

TEST_F(ReconcileTest, AKilledProcessMayNotHaveKeptIt) {
  const auto at = kNow - minutes(60);
  input_.doubts = {{"killed", "p", at - seconds(10), at + seconds(5)}};
  Trail("within");
  Trail("edge").time = at - seconds(11);  // Whole seconds: it may have been within.
  Trail("before").time = at - seconds(12);
  Trail("after").time = at + seconds(6);
  const Reconciliation found = Run();
  ASSERT_EQ(found.in_doubt.size(), 2U);
  EXPECT_EQ(found.in_doubt[0].doubt.process, "p");
  ASSERT_EQ(found.only_trail.size(), 2U);
  EXPECT_EQ(found.only_trail[0].request_id, "before");
}

TEST_F(ReconcileTest, WhatLiesOutsideTheSpanOnlyHelpsToMatch) {
  input_.from = kNow - minutes(60);
  input_.to = kNow - minutes(30);
  Keep("1", minutes(60));
  Trail("1", minutes(61));  // Another clock.
  Keep("2", minutes(29));
  Trail("2", minutes(30));
  Keep("early", minutes(61));
  Trail("late", minutes(29));
  const Reconciliation found = Run();
  EXPECT_TRUE(found.agrees());
  EXPECT_EQ(found.calls, 1U);
  EXPECT_EQ(found.agreed, 1U);
}

TEST_F(ReconcileTest, OnlyCallsOfKmsCount) {
  Trail("x").source = "s3.amazonaws.com";
  EXPECT_TRUE(Run().agrees());
}

}  // namespace
}  // namespace tenantseal::cli
