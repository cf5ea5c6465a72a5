#include <chrono>
#include <set>

#include "emulator/kms_test_ground.h"

namespace tenantseal::emulator {
namespace {

using std::chrono::days;

class KmsRotation : public KmsGround {
 protected:
  json Status(const std::string& key, const std::string& region = kEast) {
    return Do("GetKeyRotationStatus", {{"KeyId", key}}, region).body;
  }
  json Rotations(const std::string& key) {
    return Do("ListKeyRotations", {{"KeyId", key}}).body["Rotations"];
  }
  std::string Material(const std::string& key) {
    return Do("DescribeKey", {{"KeyId", key}}).body["KeyMetadata"]["CurrentKeyMaterialId"];
  }
};

TEST_F(KmsRotation, ThePeriodIsBetween90And2560Days) {
  const std::string key = NewKey();
  EXPECT_EQ(Status(key)["KeyRotationEnabled"], false);
  EXPECT_FALSE(Status(key).contains("NextRotationDate"));
  for (const int wrong : {0, 89, 2561}) {
    const Answered refused =
        Do("EnableKeyRotation", {{"KeyId", key}, {"RotationPeriodInDays", wrong}});
    EXPECT_EQ(refused.code, "ValidationException");
    EXPECT_NE(refused.message.find("'rotationPeriodInDays'"), std::string::npos);
  }
  EXPECT_EQ(Status(key)["KeyRotationEnabled"], false);
  for (const int right : {90, 2560}) {
    const Answered done =
        Do("EnableKeyRotation", {{"KeyId", key}, {"RotationPeriodInDays", right}});
    EXPECT_EQ(done.code, "");
    EXPECT_EQ(done.text, "");
    EXPECT_EQ(Status(key)["RotationPeriodInDays"], right);
    EXPECT_EQ(Status(key)["NextRotationDate"].get<double>(), 1'700'000'000.0 + right * 86400.0);
  }
  ASSERT_TRUE(Do("EnableKeyRotation", {{"KeyId", key}}).ok());
  EXPECT_EQ(Status(key)["RotationPeriodInDays"], 365);
  ASSERT_TRUE(Do("DisableKeyRotation", {{"KeyId", key}}).ok());
  EXPECT_EQ(Status(key)["KeyRotationEnabled"], false);
}

TEST_F(KmsRotation, RotatesWhenItsTimeHasComeAndOldCiphertextsOpen) {
  const std::string key = NewKey();
  const std::string blob = Encrypted(key);
  const std::string first = Material(key);
  ASSERT_TRUE(Do("EnableKeyRotation", {{"KeyId", key}, {"RotationPeriodInDays", 90}}).ok());
  clock_.Advance(days(89));
  EXPECT_EQ(Material(key), first);
  clock_.Advance(days(1));
  EXPECT_NE(Material(key), first);
  ASSERT_EQ(Rotations(key).size(), 1u);
  EXPECT_EQ(Rotations(key)[0]["RotationType"], "AUTOMATIC");
  EXPECT_EQ(Rotations(key)[0]["KeyMaterialId"], Material(key));
  const Answered opened = Do("Decrypt", {{"CiphertextBlob", blob}});
  EXPECT_EQ(opened.body["KeyMaterialId"], first);
  ASSERT_TRUE(Do("DisableKeyRotation", {{"KeyId", key}}).ok());
  clock_.Advance(days(900));
  EXPECT_EQ(Rotations(key).size(), 1u);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].name, "RotateKey");
  EXPECT_EQ(events_[0].key_arn, key);
}

TEST_F(KmsRotation, AJumpOfTheClockMakesUpForEveryRotation) {
  const std::string key = NewKey({{"MultiRegion", true}});
  ASSERT_TRUE(Do("ReplicateKey", {{"KeyId", key}, {"ReplicaRegion", kWest}}).ok());
  ASSERT_TRUE(Do("EnableKeyRotation", {{"KeyId", key}, {"RotationPeriodInDays", 100}}).ok());
  const base::UtcTime begun = clock_.Utc();
  clock_.Advance(days(36'500));
  const std::string latest = Material(key);
  ASSERT_EQ(events_.size(), 2 * 365u);
  for (int i = 0; i < 365; ++i) {
    EXPECT_EQ(events_[2 * i].name, "RotateKey");
    EXPECT_EQ(events_[2 * i].time, begun + (i + 1) * days(100));
    // The replica gets the material of its primary, which is what the record is about.
    EXPECT_EQ(events_[2 * i + 1].name, "SynchronizeMultiRegionKey");
    EXPECT_EQ(events_[2 * i + 1].key_arn, key);
  }
  EXPECT_EQ(events_[2 * 364].key_material_id, latest);
}

TEST_F(KmsRotation, ImportedMaterialDoesNotRotate) {
  const std::string key = NewKey({{"Origin", "EXTERNAL"}});
  ASSERT_TRUE(Do("ScheduleKeyDeletion", {{"KeyId", key}}).ok());
  ASSERT_EQ(State(key), "PendingDeletion");
  for (const char* operation :
       {"GetKeyRotationStatus", "EnableKeyRotation", "RotateKeyOnDemand", "ListKeyRotations"}) {
    const Answered refused = Do(operation, {{"KeyId", key}});
    EXPECT_EQ(refused.code, "UnsupportedOperationException") << operation;
    EXPECT_EQ(refused.message, key + " origin is EXTERNAL which is not valid for this operation.");
  }
}

TEST_F(KmsRotation, OnDemandAtMost25TimesAndListedInPages) {
  const std::string key = NewKey();
  const std::string blob = Encrypted(key);
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(Do("RotateKeyOnDemand", {{"KeyId", key}}).ok());
  const std::string last = Material(key);
  EXPECT_EQ(Do("RotateKeyOnDemand", {{"KeyId", key}}).code, "LimitExceededException");
  EXPECT_EQ(Material(key), last);
  EXPECT_EQ(Do("Decrypt", {{"CiphertextBlob", blob}}).body["Plaintext"], "aGVsbG8=");
  std::set<std::string> seen;
  json request{{"KeyId", key}, {"Limit", 10}};
  std::vector<std::size_t> pages;
  for (bool more = true; more && pages.size() < 5;) {
    const Answered page = Do("ListKeyRotations", request);
    ASSERT_TRUE(page.ok()) << page.message;
    pages.push_back(page.body["Rotations"].size());
    for (const json& one : page.body["Rotations"]) {
      EXPECT_EQ(one["RotationType"], "ON_DEMAND");
      seen.insert(one["KeyMaterialId"].get<std::string>());
    }
    more = page.body["Truncated"].get<bool>();
    if (more) request["Marker"] = page.body["NextMarker"];
  }
  EXPECT_EQ(pages, (std::vector<std::size_t>{10, 10, 5}));
  EXPECT_EQ(seen.size(), 25u);
  request["Marker"] = "?";
  EXPECT_EQ(Do("ListKeyRotations", request).code, "InvalidMarkerException");
  request["Limit"] = 1001;
  EXPECT_EQ(Do("ListKeyRotations", request).code, "ValidationException");
}

TEST_F(KmsRotation, RelatedKeysRotateThroughTheirPrimary) {
  const std::string key = NewKey({{"MultiRegion", true}});
  ASSERT_TRUE(Do("ReplicateKey", {{"KeyId", key}, {"ReplicaRegion", kWest}}).ok());
  const std::string replica = InRegion(key, kWest);
  for (const char* operation : {"EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"}) {
    const Answered refused = Do(operation, {{"KeyId", replica}}, kWest);
    EXPECT_EQ(refused.code, "UnsupportedOperationException") << operation;
    EXPECT_EQ(refused.message, replica + " is not a multi-region primary key.");
  }
  ASSERT_TRUE(Do("EnableKeyRotation", {{"KeyId", key}}).ok());
  EXPECT_EQ(Status(replica, kWest)["KeyRotationEnabled"], true);
  ASSERT_TRUE(Do("RotateKeyOnDemand", {{"KeyId", key}}).ok());
  const std::string blob = Encrypted(key);  // The new material is in the other region too.
  EXPECT_EQ(Do("Decrypt", {{"CiphertextBlob", blob}}, kWest).body["Plaintext"], "aGVsbG8=");
  // A later replica has all versions.
  ASSERT_TRUE(Do("ReplicateKey", {{"KeyId", key}, {"ReplicaRegion", "eu-west-1"}}).ok());
  EXPECT_EQ(Do("Decrypt", {{"CiphertextBlob", blob}}, "eu-west-1").body["KeyId"],
            InRegion(key, "eu-west-1"));
}

TEST_F(KmsRotation, RefusesStatesSpecsAndCallers) {
  const std::string key = NewKey();
  EXPECT_EQ(As(Nobody(), kEast, "EnableKeyRotation", json{{"KeyId", key}}).code,
            "AccessDeniedException");
  EXPECT_EQ(Do("EnableKeyRotation", {{"KeyId", "alias/x"}}).code, "NotFoundException");
  ASSERT_TRUE(Do("DisableKey", {{"KeyId", key}}).ok());
  EXPECT_EQ(Do("EnableKeyRotation", {{"KeyId", key}}).code, "DisabledException");
  EXPECT_EQ(Do("GetKeyRotationStatus", {{"KeyId", key}}).code, "");
  ASSERT_TRUE(Do("ScheduleKeyDeletion", {{"KeyId", key}}).ok());
  EXPECT_EQ(Do("RotateKeyOnDemand", {{"KeyId", key}}).message, key + " is pending deletion.");
  const std::string rsa = NewKey({{"KeySpec", "RSA_2048"}});
  EXPECT_EQ(Do("EnableKeyRotation", {{"KeyId", rsa}}).code, "UnsupportedOperationException");
}

}  // namespace
}  // namespace tenantseal::emulator
