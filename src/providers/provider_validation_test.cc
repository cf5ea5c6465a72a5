#include <algorithm>

#include "providers/key_providers_test_ground.h"

namespace tenantseal::providers {
namespace {

using json = nlohmann::json;
using namespace std::chrono_literals;

class ProviderValidationTest : public KeyProvidersGround {
 protected:
  std::size_t CountEvents(std::string_view type) const {
    const auto events = Events();
    return static_cast<std::size_t>(std::ranges::count_if(
        events, [&](const model::Event& event) { return event.content.type == type; }));
  }
  // Calls that probe for isolation: with no context, or that of a tenant that there never was.
  std::size_t Probes() const {
    const auto calls = keys_.calls();
    return static_cast<std::size_t>(std::ranges::count_if(calls, [&](const auto& call) {
      return call.action == "GenerateDataKey" &&
             (!call.tenant || !tenants_.contains(call.tenant->text()));
    }));
  }
  static std::vector<std::string> NamesOf(const json& checks) {
    std::vector<std::string> names;
    for (const json& check : checks) names.push_back(check["name"]);
    return names;
  }
  const std::atomic<bool> running_{false};  // Nothing stops it.
};

TEST_F(ProviderValidationTest, StoresTheReportAndTellsOfIt) {
  const model::Fingerprint first = Registered(kFirst);
  clock_.Advance(1h);
  const auto tested = Test(first);
  ASSERT_TRUE(tested.ok()) << tested.error().message;
  EXPECT_EQ(tested->report->outcome(), CheckOutcome::kPass);
  EXPECT_EQ(Validation(first)->at, clock_.Utc());
  EXPECT_EQ(Validation(first)->report, ReportText(*tested->report));
  json event = LastEvent(events::kKeyProviderValidated);
  EXPECT_EQ(event["arnFingerPrint"], first.text());
  EXPECT_EQ(event["outcome"], "pass");
  EXPECT_EQ(event["checks"], json::array());

  keys_.at(kFirst).policy = FakeInspector::Without("Decrypt", Admitting());
  const auto failed = Test(first);
  ASSERT_TRUE(failed.ok());
  EXPECT_EQ(failed->report->outcome(), CheckOutcome::kFail);
  EXPECT_EQ(Validation(first)->outcome, CheckOutcome::kFail);
  event = LastEvent(events::kKeyProviderValidationFailed);
  EXPECT_EQ(event["outcome"], "fail");
  EXPECT_EQ(NamesOf(event["checks"]), std::vector<std::string>{"round-trip"});
  EXPECT_EQ(event["checks"][0]["code"], "Encryption-88");
  EXPECT_FALSE(event["checks"][0]["detail"].get<std::string>().empty());
  // A person is told each time.
  const std::size_t events = Events().size();
  ASSERT_TRUE(Test(first).ok());
  EXPECT_EQ(Events().size(), events + 1);
}

TEST_F(ProviderValidationTest, ProbesForIsolationWhenAskedTo) {
  const model::Fingerprint first = Registered(kFirst);
  const std::size_t probes = Probes();
  ASSERT_TRUE(Test(first, "admin", false).ok());
  EXPECT_EQ(Probes(), probes);
  ASSERT_TRUE(Test(first, "admin", true).ok());
  EXPECT_GT(Probes(), probes);
}

TEST_F(ProviderValidationTest, TheScheduleTellsOfChangesOnly) {
  const model::Fingerprint first = Registered(kFirst);
  ASSERT_TRUE(Test(first, "schedule", false).ok());
  EXPECT_EQ(CountEvents(events::kKeyProviderValidated), 0u);
  keys_.SetState(kFirst, "Disabled");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Test(first, "schedule", false).ok());
  EXPECT_EQ(CountEvents(events::kKeyProviderValidationFailed), 1u);
  keys_.SetState(kFirst, "Enabled");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Test(first, "schedule", false).ok());
  EXPECT_EQ(CountEvents(events::kKeyProviderValidated), 1u);
}

TEST_F(ProviderValidationTest, WhatOnlyProbesTellStaysWhereNoneAreMade) {
  const model::Fingerprint first = Registered(kFirst);
  keys_.at(kFirst).policy = [](std::string_view, const FakeInspector::Tenant&) { return true; };
  ASSERT_TRUE(Test(first).ok());
  ASSERT_EQ(Validation(first)->outcome, CheckOutcome::kWarn);
  const auto isolation = [&] {
    const json report = json::parse(Validation(first)->report);
    json found = json::array();
    for (const json& check : report["checks"])
      if (check["name"] == "isolation") found.push_back(check);
    return found;
  };
  const json warned = isolation();
  const std::size_t events = Events().size();
  keys_.at(kFirst).policy = Admitting();  // Mended; but without probes nobody can tell.
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Test(first, "schedule", false).ok());
    EXPECT_EQ(Validation(first)->outcome, CheckOutcome::kWarn);
    EXPECT_EQ(isolation(), warned);
  }
  EXPECT_EQ(Events().size(), events);
  ASSERT_TRUE(Test(first).ok());
  EXPECT_EQ(Validation(first)->outcome, CheckOutcome::kPass);
  EXPECT_NE(isolation(), warned);
}

TEST_F(ProviderValidationTest, FollowsTheReplica) {
  const model::Fingerprint first = Registered(kFirst);
  const std::string replica = kBackup + kFirstId;
  // Denied: nothing is known of the replica, which may have to stand in.
  keys_.at(kFirst).policy = Denying();
  ASSERT_TRUE(Test(first).ok());
  EXPECT_EQ(Stored(first).replica_arn, replica);
  keys_.at(kFirst).policy = Admitting();
  // Silence may pass; a refusal stands until it has passed a validation.
  keys_.Fail("us-east-2", ErrorCode::kKeyUnavailable);
  ASSERT_TRUE(Test(first).ok());
  EXPECT_EQ(Stored(first).replica_arn, replica);
  keys_.Fail("us-east-2", {});
  keys_.at(replica).policy = Denying();
  ASSERT_TRUE(Test(first).ok());
  EXPECT_EQ(Stored(first).replica_arn, "");
  keys_.at(replica).policy = Admitting();
  ASSERT_TRUE(Test(first).ok());
  EXPECT_EQ(Stored(first).replica_arn, replica);

  keys_.at(kFirst).description.replica_arns = {};
  const auto gone = Test(first);
  ASSERT_TRUE(gone.ok());
  EXPECT_EQ(gone->provider.replica_arn, "");
  EXPECT_EQ(Stored(first).replica_arn, "");
  EXPECT_EQ(LastEvent(events::kKeyProviderUpdated)["updates"],
            json::array({{{"path", "/replicaKeys"},
                          {"before", json::array({{{"arn", replica}, {"region", "us-east-2"}}})},
                          {"after", json::array()}}}));

  keys_.at(kFirst).description.replica_arns = {replica};
  keys_.at(replica).policy = Denying();  // One that cannot stand in is not taken over.
  ASSERT_TRUE(Test(first).ok());
  EXPECT_EQ(Stored(first).replica_arn, "");
  keys_.at(replica).policy = Admitting();
  // LoadTenant, LoadValidation twice, CountTenantsUsing, SaveValidation, then ChangeProvider.
  faulty_.FailCall(6, {ErrorCode::kConflict, "renamed meanwhile"});
  const auto back = Test(first);
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(Stored(first).replica_arn, replica);
  EXPECT_EQ(CountEvents(events::kKeyProviderUpdated), 4u);
}

TEST_F(ProviderValidationTest, StaysWithTheKeyOfAnAliasThatNamesAnotherNow) {
  ASSERT_TRUE(Create(kFirstAlias).ok());
  const model::Fingerprint first = FingerprintOf(tenant_, kFirst);
  keys_.Alias(kFirstAlias, kSecond);
  for (int i = 0; i < 2; ++i) {  // The second report knows of the alias from the first.
    const auto tested = Test(first);
    ASSERT_TRUE(tested.ok());
    EXPECT_EQ(tested->report->key_arn, kFirst);
    EXPECT_EQ(tested->report->outcome(), CheckOutcome::kWarn);
    EXPECT_EQ(NamesOf(LastEvent(events::kKeyProviderValidated)["checks"]),
              std::vector<std::string>{"alias"});
  }
  EXPECT_EQ(Stored(first).arn, kFirst);
}

TEST_F(ProviderValidationTest, HasNothingToAskOfTheInternalKms) {
  const Snapshot before = Now();
  const auto tested = providers_.Test(tenant_, tenant_.text(), true, "admin", Soon());
  ASSERT_TRUE(tested.ok());
  EXPECT_TRUE(tested->current);
  EXPECT_EQ(tested->report->outcome(), CheckOutcome::kPass);
  EXPECT_TRUE(tested->report->checks.empty());
  EXPECT_EQ(Now(), before);
  EXPECT_TRUE(keys_.calls().empty());
}

TEST_F(ProviderValidationTest, ChangesNothingWhenItCannotAsk) {
  const model::Fingerprint first = Registered(kFirst);
  const Snapshot before = Now();
  keys_.Fail("us-east-1", ErrorCode::kKeyUnavailable);
  EXPECT_EQ(CodeOf(Test(first)), Code(EncryptionCode::kProviderTimeout));
  EXPECT_EQ(CodeOf(providers_.DryRun(tenant_, kFirst, Soon())),
            Code(EncryptionCode::kProviderTimeout));
  EXPECT_EQ(CodeOf(providers_.Test(tenant_, "nobody", true, "admin", Soon())),
            Code(EncryptionCode::kProviderNotFound));
  keys_.Fail("us-east-1", {});
  faulty_.FailCall(5, {ErrorCode::kNotFound, "deleted meanwhile"});
  EXPECT_EQ(CodeOf(Test(first)), Code(EncryptionCode::kProviderNotFound));
  EXPECT_EQ(Now(), before);
}

TEST_F(ProviderValidationTest, TriesAnArnWithoutRegisteringIt) {
  const Snapshot before = Now();
  const auto good = providers_.DryRun(tenant_, kFirstAlias, Soon());
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good->outcome(), CheckOutcome::kPass);
  EXPECT_EQ(good->key_arn, kFirst);
  EXPECT_GT(Probes(), 0u);
  const auto bad = providers_.DryRun(tenant_, "arn:nonsense", Soon());
  ASSERT_TRUE(bad.ok());
  EXPECT_EQ(bad->outcome(), CheckOutcome::kFail);
  EXPECT_EQ(Now(), before);
}

TEST_F(ProviderValidationTest, ValidatesCurrentProvidersWhoseReportIsOld) {
  const model::Fingerprint first = Registered(kFirst), second = Registered(kSecond);
  Migrate(first);
  const base::UtcTime made = clock_.Utc();
  const std::size_t calls = keys_.calls().size(), probes = Probes();
  clock_.Advance(1h - 1ms);
  providers_.ValidateScheduled(1h, running_);
  EXPECT_EQ(keys_.calls().size(), calls);
  clock_.Advance(1ms);
  providers_.ValidateScheduled(1h, running_);
  EXPECT_EQ(Validation(first)->at, clock_.Utc());
  EXPECT_EQ(Validation(second)->at, made);  // Not current.
  EXPECT_EQ(Probes(), probes);
  // A deactivated tenant's is left alone.
  ASSERT_TRUE(store_
                  .ChangeTenant(State().tenant, model::TenantStatus::kDeactivated, {},
                                samples::EventOf(tenant_))
                  .ok());
  clock_.Advance(2h);
  providers_.ValidateScheduled(1h, running_);
  EXPECT_EQ(Validation(first)->at, made + 1h);
}

TEST_F(ProviderValidationTest, TheScheduleOutlivesAWrongClock) {
  const model::Fingerprint first = Registered(kFirst);
  Migrate(first);
  clock_.JumpUtc(24h * 365);
  providers_.ValidateScheduled(1h, running_);
  EXPECT_EQ(Validation(first)->at, clock_.Utc());
  clock_.JumpUtc(-24h * 365);
  providers_.ValidateScheduled(1h, running_);
  EXPECT_EQ(Validation(first)->at, clock_.Utc());
  // Of two machines whose clocks differ a little, one does it.
  const std::size_t calls = keys_.calls().size();
  clock_.JumpUtc(-1min);
  providers_.ValidateScheduled(1h, running_);
  EXPECT_EQ(keys_.calls().size(), calls);
}

TEST_F(ProviderValidationTest, TheScheduleComesToEveryTenant) {
  // More than a page of them, the first of which cannot be asked.
  std::vector<model::TenantId> tenants;
  for (int i = 0; i < 130; ++i) {
    tenant_ = NewTenant();
    if (i % 10 != 0) continue;
    Migrate(Registered(kFirst));
    tenants.push_back(tenant_);
  }
  clock_.Advance(2h);
  faulty_.FailCall(2, {ErrorCode::kUnavailable, "locked"}, store::FaultyStore::When::kBefore, 20);
  providers_.ValidateScheduled(1h, running_);
  for (int i = 0; i < 3; ++i) providers_.ValidateScheduled(1h, running_);
  for (const model::TenantId& tenant : tenants) {
    tenant_ = tenant;
    EXPECT_EQ(Validation(FingerprintOf(tenant, kFirst))->at, clock_.Utc());
  }
}

}  // namespace
}  // namespace tenantseal::providers
