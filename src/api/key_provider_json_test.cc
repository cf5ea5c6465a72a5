#include "api/key_provider_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tenantseal::api {
namespace {

using nlohmann::json;

const std::string kTenantText(32, 't');
const std::string kEuropeanId = "key/mrk-" + std::string(32, 'a');
const std::string kEuropeanKey = "arn:aws:kms:eu-west-1:111122223333:" + kEuropeanId;
const std::string kEuropeanReplica = "arn:aws:kms:eu-west-3:111122223333:" + kEuropeanId;
const base::UtcTime kTime = base::ParseUtc("2023-07-18T12:08:04.634Z").value();
const std::string kNever = "0001-01-01T00:00:00Z";

model::TenantId Tenant() { return model::TenantId::Parse(kTenantText).value(); }

providers::ProviderView CustomersKey() {
  providers::ProviderView view;
  view.provider.tenant = Tenant();
  view.provider.fingerprint = model::Fingerprint::Parse(std::string(32, '9')).value();
  view.provider.kind = model::ProviderKind::kAwsKms;
  view.provider.arn = kEuropeanKey;
  view.provider.replica_arn = kEuropeanReplica;
  view.provider.name = "Payroll";
  view.provider.created_at = kTime;
  view.report =
      providers::Report{kEuropeanKey, kEuropeanKey, kEuropeanReplica, true, {}, "", kTime};
  view.report->checks = {{"multi-region", model::CheckOutcome::kPass, "", "", "", {}},
                         {"replica-round-trip", model::CheckOutcome::kPass, "", "", "", {}}};
  return view;
}

TEST(KeyProviderJson, TheInternalKmsHasNoKeyOfItsOwn) {
  providers::ProviderView view;
  view.provider = model::InternalProvider(Tenant(), kTime);
  view.current = true;
  EXPECT_EQ(KeyProviderJson(view, Shown::kInList),
            json({{"arn", "#QLIK_MANAGED_KEY_PROVIDER#"},
                  {"name", "Internal KMS"},
                  {"description", "Default key management service"},
                  {"tenantId", kTenantText},
                  {"arnFingerPrint", kTenantText},
                  {"keyprovider", "Qlik"},
                  {"current", true},
                  {"createdAt", "Qlik managed"},
                  {"promotedToCurrentAt", "2023-07-18T12:08:04Z"},
                  {"demotedFromCurrentAt", kNever}}));
}

TEST(KeyProviderJson, AKeyInAListLeavesOutWhatIsEmptyOrFalse) {
  const json fine = {{"code", ""}, {"region", ""}, {"message", ""}};
  const json shown = KeyProviderJson(CustomersKey(), Shown::kInList);
  EXPECT_EQ(shown, json({{"arn", kEuropeanKey},
                         {"name", "Payroll"},
                         {"tenantId", kTenantText},
                         {"arnFingerPrint", std::string(32, '9')},
                         {"keyprovider", "AWS-KMS"},
                         {"createdAt", "2023-07-18T12:08:04Z"},
                         {"promotedToCurrentAt", kNever},
                         {"demotedFromCurrentAt", kNever},
                         {"multiRegion", true},
                         {"replicaKeys", {{{"arn", kEuropeanReplica}, {"region", "eu-west-3"}}}},
                         {"drCompliant", true},
                         {"complianceError", fine},
                         {"validatedAt", "2023-07-18T12:08:04Z"},
                         {"validation", "pass"}}));
}

TEST(KeyProviderJson, AKeyAloneSaysWhetherItIsCurrentAndHasAnArrayOfErrors) {
  const json fine = {{"code", ""}, {"region", ""}, {"message", ""}};
  const json shown = KeyProviderJson(CustomersKey(), Shown::kAlone);
  EXPECT_EQ(shown["current"], false);
  EXPECT_EQ(shown["complianceError"], json::array({fine}));
}

TEST(KeyProviderJson, AProblemIsShownByCodeRegionAndMessage) {
  providers::ProviderView view = CustomersKey();
  const std::string message =
      "The policy of the provided key does not allow the required action [eu-west-3] "
      "[GenerateDataKey].";
  view.report->checks.push_back({"replica-authorised", model::CheckOutcome::kFail, "eu-west-3",
                                 message, "Mend it.", model::EncryptionCode::kActionNotAllowed});
  const json shown = KeyProviderJson(view, Shown::kInList);
  EXPECT_EQ(shown["complianceError"],
            json({{"code", "Encryption-88"}, {"region", "eu-west-3"}, {"message", message}}));
  EXPECT_EQ(shown["drCompliant"], false);
  EXPECT_EQ(shown["validation"], "fail");
  EXPECT_EQ(shown["attention"], message);
}

TEST(KeyProviderJson, WhatNobodyValidatedIsNotCalledCompliant) {
  providers::ProviderView view = CustomersKey();
  view.report.reset();
  const json shown = KeyProviderJson(view, Shown::kInList);
  EXPECT_EQ(shown["multiRegion"], true);
  EXPECT_EQ(shown["drCompliant"], false);
  EXPECT_FALSE(shown.contains("validation"));
}

TEST(KeyProviderJson, ARefusalAndAnAliasAreTold) {
  providers::ProviderView view = CustomersKey();
  view.provider.replica_arn.clear();
  view.provider.revoked_at = kTime;
  view.report->given_arn = "arn:aws:kms:eu-west-1:111122223333:alias/payroll";
  const json shown = KeyProviderJson(view, Shown::kAlone);
  EXPECT_EQ(shown["replicaKeys"], json::array());
  EXPECT_EQ(shown["revokedAt"], "2023-07-18T12:08:04Z");
  EXPECT_EQ(shown["attention"], "The key provider refuses this tenant since 2023-07-18T12:08:04Z.");
  EXPECT_EQ(shown["arn"], kEuropeanKey);
  EXPECT_EQ(shown["aliasArn"], view.report->given_arn);
}

migration::MigrationView Moving() {
  migration::MigrationView view;
  view.migration.tenant = Tenant();
  view.migration.id = "c75088bc-cfba-410a-aeda-2a5dd797f528";
  view.migration.from = model::Fingerprint::Parse(kTenantText).value();
  view.migration.to = model::Fingerprint::Parse(std::string(32, '9')).value();
  view.migration.started_at = kTime;
  view.from_arn = "#QLIK_MANAGED_KEY_PROVIDER#";
  view.to_arn = kEuropeanKey;
  return view;
}

TEST(MigrationInformation, HasTheNamesOfSchemaAndExamples) {
  migration::MigrationView view = Moving();
  view.migration.state = model::MigrationState::kInProgress;
  view.total = 100;
  view.done = 41;
  view.quarantined = 1;
  const std::string to(32, '9');
  EXPECT_EQ(MigrationInformation(view), json({{"id", view.migration.id},
                                              {"migrationId", view.migration.id},
                                              {"tenantId", kTenantText},
                                              {"state", "InProgress"},
                                              {"progress", 42},
                                              {"initiatedAt", "2023-07-18T12:08:04.634Z"},
                                              {"completedAt", kNever},
                                              {"migratingFrom", "#QLIK_MANAGED_KEY_PROVIDER#"},
                                              {"migratingFromFingerprint", kTenantText},
                                              {"migratingTo", kEuropeanKey},
                                              {"migratingToFingerprint", to},
                                              {"migratingToFingerPrint", to},
                                              {"migratingToPrefix", "#BYOKv1#:" + to},
                                              {"total", 100},
                                              {"done", 41},
                                              {"quarantined", 1}}));
}

TEST(MigrationInformation, SaysWhyItWaitsAndHowItEnded) {
  migration::MigrationView view = Moving();
  view.migration.pause = model::Pause::kSourceRefuses;
  view.migration.detail = "It refuses.";
  json shown = MigrationInformation(view);
  EXPECT_EQ(shown["state"], "New");
  EXPECT_EQ(shown["substate"], "Paused");
  EXPECT_EQ(shown["pausedBecause"], "source-refuses");
  EXPECT_EQ(shown["detail"], "It refuses.");
  view.migration.pause = model::Pause::kNone;
  view.migration.finished_at = kTime;
  for (const auto& [state, name] : {std::pair(model::MigrationState::kCompleted, "Completed"),
                                    std::pair(model::MigrationState::kFailed, "Failed"),
                                    std::pair(model::MigrationState::kCancelled, "Cancelled")}) {
    view.migration.state = state;
    shown = MigrationInformation(view);
    EXPECT_EQ(shown["state"], name);
    EXPECT_EQ(shown["completedAt"], "2023-07-18T12:08:04.634Z");
    EXPECT_FALSE(shown.contains("substate"));
  }
}

std::string FaultyField(const std::string& patch) {
  const auto change = ParseProviderPatch(base::AsBytes(patch));
  if (change) return "accepted";
  EXPECT_EQ(change.error().encryption_code, 10) << patch;
  return change.error().field;
}

TEST(ProviderPatch, ReplacesNameAndDescriptionAlone) {
  const std::string both = R"([{"op":"replace","path":"/name","value":"n"},)"
                           R"({"op":"replace","path":"/description","value":""}])";
  const auto change = ParseProviderPatch(base::AsBytes(both)).value();
  EXPECT_EQ(change.name, "n");
  EXPECT_EQ(change.description, "");
  const auto one =
      ParseProviderPatch(base::AsBytes(R"([{"op":"replace","path":"/name","value":"n"}])"));
  EXPECT_EQ(one.value().description, std::nullopt);
}

TEST(ProviderPatch, NamesWhatIsWrong) {
  EXPECT_EQ(FaultyField(""), "body");
  EXPECT_EQ(FaultyField("{}"), "body");
  EXPECT_EQ(FaultyField("[]"), "body");
  EXPECT_EQ(FaultyField("[1"), "body");
  EXPECT_EQ(FaultyField("[1]"), "0");
  EXPECT_EQ(FaultyField(R"([{"op":"add","path":"/name","value":"n"}])"), "0/op");
  EXPECT_EQ(FaultyField(R"([{"op":1,"path":"/name","value":"n"}])"), "0/op");
  EXPECT_EQ(FaultyField(R"([{"path":"/name","value":"n"}])"), "0/op");
  EXPECT_EQ(FaultyField(R"([{"op":"replace","path":"/arn","value":"n"}])"), "0/path");
  EXPECT_EQ(FaultyField(R"([{"op":"replace","path":"name","value":"n"}])"), "0/path");
  EXPECT_EQ(FaultyField(R"([{"op":"replace","value":"n"}])"), "0/path");
  EXPECT_EQ(FaultyField(R"([{"op":"replace","path":"/name","value":7}])"), "0/value");
  EXPECT_EQ(FaultyField(R"([{"op":"replace","path":"/name"}])"), "0/value");
  EXPECT_EQ(FaultyField(R"([{"op":"replace","path":"/name","value":"n","from":"/x"}])"), "0/from");
  EXPECT_EQ(FaultyField(R"([{"op":"replace","path":"/name","value":"n","value":"m"}])"), "value");
  EXPECT_EQ(FaultyField(R"([{"op":"replace","path":"/name","value":"n"},{"op":"x"}])"), "1/op");
  const std::string one = R"({"op":"replace","path":"/name","value":"n"})";
  std::string many = one;
  for (int i = 0; i < 16; ++i) many += "," + one;
  EXPECT_EQ(FaultyField("[" + many + "]"), "body");
}

}  // namespace
}  // namespace tenantseal::api
