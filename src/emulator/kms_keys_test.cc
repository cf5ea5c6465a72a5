#include "emulator/kms_test_ground.h"

namespace tenantseal::emulator {
namespace {

class KmsKeys : public KmsGround {
 protected:
  std::string NewMultiRegionKey() {
    const std::string key = NewKey({{"MultiRegion", true}});
    const Answered made = Do("ReplicateKey", {{"KeyId", key}, {"ReplicaRegion", kWest}});
    EXPECT_TRUE(made.ok()) << made.message;
    return key;
  }
};

TEST_F(KmsKeys, CreatesAndDescribes) {
  const Answered made =
      Do("CreateKey", {{"Description", "d"}, {"Tags", {{{"TagKey", "k"}, {"TagValue", "v"}}}}});
  ASSERT_TRUE(made.ok());
  const json& told = made.body["KeyMetadata"];
  EXPECT_EQ(told["KeyId"].get<std::string>().size(), 36u);
  EXPECT_EQ(told["Enabled"], true);
  EXPECT_EQ(told["KeyManager"], "CUSTOMER");
  EXPECT_FALSE(told.contains("MultiRegionConfiguration"));
  EXPECT_FALSE(told.contains("DeletionDate"));
  EXPECT_EQ(told["CreationDate"].get<double>(), 1'700'000'000.0);
  EXPECT_FALSE(made.note.read_only);
  EXPECT_NE(made.note.response_elements_json.find("\"aWSAccountId\":\"111122223333\""),
            std::string::npos);
  EXPECT_NE(made.note.response_elements_json.find("\"creationDate\":\"Nov 14, 2023, 10:13:20 PM\""),
            std::string::npos)
      << made.note.response_elements_json;
  const std::string arn = told["Arn"];
  EXPECT_EQ(Do("ListResourceTags", {{"KeyId", arn}}).body["Tags"][0]["TagValue"], "v");
  EXPECT_EQ(Do("ListKeyPolicies", {{"KeyId", arn}}).body["PolicyNames"], json::array({"default"}));
  EXPECT_EQ(As(Nobody(), kEast, "CreateKey", std::string("{}")).code, "AccessDeniedException");
  EXPECT_EQ(As(Admin(), kEast, "CreateKey", std::string("")).code, "");
  EXPECT_EQ(Do("CreateKey", {{"KeySpec", "AES"}}).code, "ValidationException");
}

TEST_F(KmsKeys, AnswersWithoutOutputAreEmpty) {
  const std::string key = NewKey();
  EXPECT_EQ(Do("DisableKey", {{"KeyId", key}}).text, "");
  EXPECT_EQ(State(key), "Disabled");
  EXPECT_EQ(Do("EnableKey", {{"KeyId", key}}).text, "");
  EXPECT_EQ(State(key), "Enabled");
}

TEST_F(KmsKeys, ListsInPages) {
  for (int i = 0; i < 5; ++i) NewKey();
  std::set<std::string> seen;
  json request{{"Limit", 2}};
  int pages = 0;
  while (true) {
    const Answered page = Do("ListKeys", request);
    ASSERT_TRUE(page.ok());
    for (const json& key : page.body["Keys"]) seen.insert(key["KeyArn"].get<std::string>());
    ++pages;
    if (!page.body["Truncated"].get<bool>()) break;
    request["Marker"] = page.body["NextMarker"];
  }
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(Do("ListKeys", {{"Marker", "%%"}}).code, "InvalidMarkerException");
  EXPECT_EQ(Do("ListKeys", {{"Limit", 1001}}).code, "ValidationException");
  EXPECT_EQ(Do("ListKeys", json::object(), kWest).body["Keys"].size(), 0u);
}

TEST_F(KmsKeys, DeletionWaitsForItsWindow) {
  const std::string key = NewKey();
  const std::string blob = Encrypted(key);
  ASSERT_TRUE(Do("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", key}}).ok());
  EXPECT_EQ(Do("ScheduleKeyDeletion", {{"KeyId", key}, {"PendingWindowInDays", 6}}).code,
            "ValidationException");
  const Answered told = Do("ScheduleKeyDeletion", {{"KeyId", key}, {"PendingWindowInDays", 7}});
  ASSERT_TRUE(told.ok());
  EXPECT_EQ(told.body["DeletionDate"].get<double>(), 1'700'000'000.0 + 7 * 86'400);
  clock_.Advance(std::chrono::days(7) - std::chrono::seconds(1));
  EXPECT_EQ(State(key), "PendingDeletion");
  ASSERT_TRUE(Do("CancelKeyDeletion", {{"KeyId", key}}).ok());
  EXPECT_EQ(State(key), "Disabled");
  ASSERT_TRUE(Do("ScheduleKeyDeletion", {{"KeyId", key}, {"PendingWindowInDays", 7}}).ok());
  clock_.Advance(std::chrono::days(7));
  EXPECT_EQ(State(key), "NotFoundException");
  EXPECT_EQ(Do("Decrypt", {{"CiphertextBlob", blob}}).code, "AccessDeniedException");
  EXPECT_EQ(Do("ListAliases", json::object()).body["Aliases"].size(), 0u);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].name, "DeleteKey");
}

TEST_F(KmsKeys, RelatedKeysOpenOneAnothersCiphertexts) {
  const std::string key = NewMultiRegionKey();
  const std::string replica = InRegion(key, kWest);
  const std::string blob = Encrypted(key, {{"t", "1"}});
  const Answered opened =
      Do("Decrypt", {{"CiphertextBlob", blob}, {"EncryptionContext", {{"t", "1"}}}}, kWest);
  ASSERT_TRUE(opened.ok()) << opened.message;
  EXPECT_EQ(opened.body["KeyId"], replica);
  ASSERT_TRUE(Do("RotateKeyOnDemand", {{"KeyId", key}}).ok());
  const std::string there = Encrypted(replica, json::object(), kWest);
  EXPECT_TRUE(Do("Decrypt", {{"CiphertextBlob", there}}).ok());
  // States and policies are their own.
  ASSERT_TRUE(Do("DisableKey", {{"KeyId", key}}).ok());
  EXPECT_EQ(State(replica, kWest), "Enabled");
  const json config = Do("DescribeKey", {{"KeyId", replica}}, kWest)
                          .body["KeyMetadata"]["MultiRegionConfiguration"];
  EXPECT_EQ(config["MultiRegionKeyType"], "REPLICA");
  EXPECT_EQ(config["PrimaryKey"]["Arn"], key);
  EXPECT_EQ(config["ReplicaKeys"][0]["Arn"], replica);
}

TEST_F(KmsKeys, AnUnreplicatedPrimaryHasAnEmptyListOfReplicas) {
  const std::string key = NewKey({{"MultiRegion", true}});
  EXPECT_EQ(key.substr(key.find("key/") + 4).size(), 36u);
  EXPECT_EQ(Do("DescribeKey", {{"KeyId", key}})
                .body["KeyMetadata"]["MultiRegionConfiguration"]["ReplicaKeys"],
            json::array());
}

TEST_F(KmsKeys, OnlyPrimariesReplicate) {
  const std::string key = NewMultiRegionKey();
  const std::string replica = InRegion(key, kWest);
  EXPECT_EQ(Do("ReplicateKey", {{"KeyId", replica}, {"ReplicaRegion", "eu-west-1"}}, kWest).message,
            replica + " is not a multi-region primary key.");
  const std::string single = NewKey();
  EXPECT_EQ(Do("ReplicateKey", {{"KeyId", single}, {"ReplicaRegion", kWest}}).code,
            "UnsupportedOperationException");
  EXPECT_EQ(Do("ReplicateKey", {{"KeyId", key}, {"ReplicaRegion", kWest}}).code,
            "AlreadyExistsException");
  EXPECT_EQ(Do("ReplicateKey", {{"KeyId", key}, {"ReplicaRegion", "us-gov-west-1"}}).code,
            "ValidationException");
  EXPECT_EQ(Do("ReplicateKey", {{"KeyId", key}, {"ReplicaRegion", "x"}}).code,
            "ValidationException");
  EXPECT_EQ(Do("EnableKeyRotation", {{"KeyId", replica}}, kWest).code,
            "UnsupportedOperationException");
}

TEST_F(KmsKeys, ReplicasAreCreatingForAWhile) {
  ASSERT_TRUE(world_->SetDelays(std::chrono::seconds(5), std::chrono::seconds(3)));
  const std::string key = NewMultiRegionKey();
  const std::string replica = InRegion(key, kWest);
  EXPECT_EQ(State(replica, kWest), "Creating");
  EXPECT_EQ(Do("Encrypt", {{"KeyId", replica}, {"Plaintext", "aGk="}}, kWest).message,
            replica + " is creating.");
  clock_.Advance(std::chrono::seconds(5));
  EXPECT_EQ(State(replica, kWest), "Enabled");
  EXPECT_EQ(Do("UpdatePrimaryRegion", {{"KeyId", key}, {"PrimaryRegion", "eu-west-1"}}).code,
            "NotFoundException");
  ASSERT_TRUE(Do("UpdatePrimaryRegion", {{"KeyId", key}, {"PrimaryRegion", kWest}}).ok());
  EXPECT_EQ(State(key), "Updating");
  EXPECT_NE(Encrypted(key), "");
  clock_.Advance(std::chrono::seconds(3));
  EXPECT_EQ(State(key), "Enabled");
  EXPECT_TRUE(Do("EnableKeyRotation", {{"KeyId", replica}}, kWest).ok());
  EXPECT_FALSE(Do("EnableKeyRotation", {{"KeyId", key}}).ok());
}

TEST_F(KmsKeys, APrimaryIsDeletedAfterItsReplicas) {
  const std::string key = NewMultiRegionKey();
  const std::string replica = InRegion(key, kWest);
  const Answered told = Do("ScheduleKeyDeletion", {{"KeyId", key}, {"PendingWindowInDays", 7}});
  EXPECT_EQ(told.body["KeyState"], "PendingReplicaDeletion");
  EXPECT_FALSE(told.body.contains("DeletionDate"));
  clock_.Advance(std::chrono::days(100));
  EXPECT_EQ(State(key), "PendingReplicaDeletion");
  ASSERT_TRUE(
      Do("ScheduleKeyDeletion", {{"KeyId", replica}, {"PendingWindowInDays", 10}}, kWest).ok());
  clock_.Advance(std::chrono::days(10));
  EXPECT_EQ(State(key), "PendingDeletion");
  EXPECT_EQ(State(replica, kWest), "NotFoundException");
  clock_.Advance(std::chrono::days(7));
  EXPECT_EQ(State(key), "NotFoundException");
}

TEST_F(KmsKeys, RotatesByItselfAndOnDemand) {
  const std::string key = NewKey();
  EXPECT_EQ(Do("GetKeyRotationStatus", {{"KeyId", key}}).body["KeyRotationEnabled"], false);
  EXPECT_EQ(Do("EnableKeyRotation", {{"KeyId", key}, {"RotationPeriodInDays", 89}}).code,
            "ValidationException");
  ASSERT_TRUE(Do("EnableKeyRotation", {{"KeyId", key}, {"RotationPeriodInDays", 90}}).ok());
  const std::string blob = Encrypted(key);
  clock_.Advance(std::chrono::days(200));
  EXPECT_EQ(Do("ListKeyRotations", {{"KeyId", key}}).body["Rotations"].size(), 2u);
  EXPECT_TRUE(Do("Decrypt", {{"CiphertextBlob", blob}}).ok());
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(Do("RotateKeyOnDemand", {{"KeyId", key}}).ok());
  EXPECT_EQ(Do("RotateKeyOnDemand", {{"KeyId", key}}).code, "LimitExceededException");
  const Answered rotations = Do("ListKeyRotations", {{"KeyId", key}});
  EXPECT_EQ(rotations.body["Rotations"].size(), 27u);
  EXPECT_EQ(rotations.body["Rotations"][26]["RotationType"], "ON_DEMAND");
  ASSERT_TRUE(Do("DisableKeyRotation", {{"KeyId", key}}).ok());
  clock_.Advance(std::chrono::days(200));
  EXPECT_EQ(Do("ListKeyRotations", {{"KeyId", key}}).body["Rotations"].size(), 27u);
}

TEST_F(KmsKeys, AliasesNameOneKeyOfTheirRegion) {
  const std::string a = NewKey();
  const std::string b = NewKey();
  const auto create = [&](const std::string& name, const std::string& target) {
    return Do("CreateAlias", {{"AliasName", name}, {"TargetKeyId", target}});
  };
  EXPECT_EQ(create("a", a).message,
            "Alias must start with the prefix \"alias/\". Please see "
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html");
  EXPECT_EQ(create("alias/x y", a).code, "ValidationException");
  EXPECT_EQ(create("alias/aws/x", a).code, "NotAuthorizedException");
  ASSERT_TRUE(create("alias/x", a).ok());
  EXPECT_EQ(create("alias/x", b).code, "AlreadyExistsException");
  EXPECT_EQ(create("alias/y", "alias/x").code, "ValidationException");
  ASSERT_TRUE(Do("UpdateAlias", {{"AliasName", "alias/x"}, {"TargetKeyId", b}}).ok());
  EXPECT_EQ(Do("DescribeKey", {{"KeyId", "alias/x"}}).body["KeyMetadata"]["Arn"], b);
  EXPECT_EQ(Do("ListAliases", {{"KeyId", b}}).body["Aliases"].size(), 1u);
  EXPECT_EQ(Do("UpdateAlias", {{"AliasName", "alias/none"}, {"TargetKeyId", b}}).code,
            "NotFoundException");
  ASSERT_TRUE(Do("DeleteAlias", {{"AliasName", "alias/x"}}).ok());
  EXPECT_EQ(Do("DeleteAlias", {{"AliasName", "alias/x"}}).code, "NotFoundException");
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(create("alias/n" + std::to_string(i), a).ok());
  EXPECT_EQ(create("alias/n50", a).code, "LimitExceededException");
  EXPECT_EQ(As(Nobody(), kEast, "DeleteAlias", json{{"AliasName", "alias/n1"}}).code,
            "AccessDeniedException");
}

TEST_F(KmsKeys, Tags) {
  const std::string key = NewKey();
  const auto tag = [&](const std::string& name) {
    return Do("TagResource", {{"KeyId", key}, {"Tags", {{{"TagKey", name}, {"TagValue", "1"}}}}});
  };
  ASSERT_TRUE(tag("a").ok());
  ASSERT_TRUE(tag("b").ok());
  EXPECT_EQ(tag("aws:x").code, "TagException");
  ASSERT_TRUE(Do("UntagResource", {{"KeyId", key}, {"TagKeys", {"a"}}}).ok());
  const Answered listed = Do("ListResourceTags", {{"KeyId", key}});
  ASSERT_EQ(listed.body["Tags"].size(), 1u);
  EXPECT_EQ(listed.body["Tags"][0]["TagKey"], "b");
}

}  // namespace
}  // namespace tenantseal::emulator
