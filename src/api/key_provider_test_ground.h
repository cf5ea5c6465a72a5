// For tests of key provider and migration routes: a tenant's admin and a good key.
#pragma once

#include <string>

#include "api/api_test_ground.h"

namespace tenantseal::api {

inline const std::string kMrk = "key/mrk-" + std::string(32, 'a');
inline const std::string kKey = "arn:aws:kms:us-east-1:111122223333:" + kMrk;
inline const std::string kReplica = "arn:aws:kms:us-east-2:111122223333:" + kMrk;
inline const std::string kAlias = "arn:aws:kms:us-east-1:111122223333:alias/payroll";
inline const std::string kPath = "/api/v1/encryption/keyproviders";
inline const std::string kMigration = kPath + "/migration";

class KeyProviderRoutesTest : public ApiTest {
 protected:
  KeyProviderRoutesTest() {
    AddKey(kKey, kReplica);
    rotation_.OnBatch([this](const model::RewrapJob& before, const model::RewrapJob& after) {
      return runner_.ProgressEvent(before, after);
    });
  }
  kms::FakeInspector::Policy Admitting() { return kms::FakeInspector::Admits({tenant_}); }
  void AddKey(const std::string& arn, const std::string& replica) {
    inspector_.Add(arn, Admitting());
    inspector_.AddReplica(replica, arn, Admitting());
    kms_.AddCustomerKey(arn, replica);
  }
  model::TenantId Id() { return model::TenantId::Parse(tenant_).value(); }
  Answer Get(const std::string& target) { return ApiTest::Call(Method::kGet, target, admin_); }
  Answer Act(const std::string& target) { return ApiTest::Call(Method::kPost, target, admin_); }
  Answer Delete(const std::string& target) {
    return ApiTest::Call(Method::kDelete, target, admin_);
  }
  static json Body(const std::string& arn = kKey) {
    return {{"name", "Payroll"}, {"arn", arn}, {"keyprovider", "AWS-KMS"}};
  }
  Answer Create(const std::string& arn = kKey) { return Post(kPath, admin_, Body(arn)); }
  // Registered; its fingerprint.
  std::string Registered(const std::string& arn = kKey) {
    const Answer made = Create(arn);
    EXPECT_EQ(made.status, 201) << made.body;
    return made.body.value("arnFingerPrint", "");
  }
  Answer Migrate(const std::string& fingerprint) {
    return Act(kPath + "/" + fingerprint + "/actions/migrate");
  }
  Answer Details() { return Get(kMigration + "/actions/details"); }
  // What the background threads do.
  void Work() {
    const std::atomic<bool> stop{false};
    for (int i = 0; i < 3; ++i) {
      runner_.RunSteps(stop);
      rotation_.RunJobs(stop);
    }
    EXPECT_TRUE(lease_.Refresh());
  }
  static void ExpectRefused(const Answer& answer, int status, const std::string& code) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(answer.code(), code) << answer.body;
  }
};

}  // namespace tenantseal::api
