#include <chrono>

#include "emulator/kms_test_ground.h"

namespace tenantseal::emulator {
namespace {

class KmsMultiRegion : public KmsGround {
 protected:
  std::string NewPrimary() { return NewKey({{"MultiRegion", true}, {"Description", "first"}}); }
  Answered Replicate(const std::string& key, json more = json::object(),
                     const std::string& region = kEast) {
    more["KeyId"] = key;
    if (!more.contains("ReplicaRegion")) more["ReplicaRegion"] = kWest;
    return Do("ReplicateKey", more, region);
  }
  Answered Primary(const std::string& key, const std::string& to,
                   const std::string& region = kEast) {
    return Do("UpdatePrimaryRegion", {{"KeyId", key}, {"PrimaryRegion", to}}, region);
  }
  // A user whose identity policy is this one statement.
  Caller Limited(const std::string& statement) {
    AddUser(kCustomer, "limited", R"({"Version":"2012-10-17","Statement":[)" + statement + "]}");
    return Who("AKIAlimited");
  }
};

TEST_F(KmsMultiRegion, AReplicaHasItsOwnPolicyTagsAndDescription) {
  const std::string key = NewPrimary();
  const std::string policy = R"({"Version":"2012-10-17","Statement":[{"Sid":"mine","Effect":"Allow",
      "Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]})";
  const Answered made = Replicate(key, {{"Policy", policy},
                                        {"Description", "second"},
                                        {"Tags", {{{"TagKey", "k"}, {"TagValue", "v"}}}}});
  ASSERT_TRUE(made.ok()) << made.message;
  const json& told = made.body["ReplicaKeyMetadata"];
  const std::string replica = InRegion(key, kWest);
  EXPECT_EQ(told["Arn"], replica);
  EXPECT_EQ(told["Description"], "second");
  EXPECT_EQ(made.body["ReplicaPolicy"], policy);
  EXPECT_EQ(made.body["ReplicaTags"], (json::array({{{"TagKey", "k"}, {"TagValue", "v"}}})));
  const json& shape = told["MultiRegionConfiguration"];
  EXPECT_EQ(shape["MultiRegionKeyType"], "REPLICA");
  EXPECT_EQ(shape["PrimaryKey"], (json{{"Arn", key}, {"Region", kEast}}));
  EXPECT_EQ(shape["ReplicaKeys"], (json::array({{{"Arn", replica}, {"Region", kWest}}})));

  EXPECT_EQ(Do("GetKeyPolicy", {{"KeyId", replica}}, kWest).body["Policy"], policy);
  EXPECT_NE(Do("GetKeyPolicy", {{"KeyId", key}}).body["Policy"], policy);
  EXPECT_TRUE(Do("ListResourceTags", {{"KeyId", key}}).body["Tags"].empty());
  EXPECT_EQ(Do("DescribeKey", {{"KeyId", key}}).body["KeyMetadata"]["Description"], "first");
  ASSERT_TRUE(Do("DisableKey", {{"KeyId", key}}).ok());
  EXPECT_EQ(State(replica, kWest), "Enabled");
}

TEST_F(KmsMultiRegion, TheTrailTellsOfTheReplicaInTheOddWayOfAws) {
  const std::string key = NewPrimary();
  const Answered made = Replicate(key);
  EXPECT_FALSE(made.note.read_only);
  EXPECT_EQ(made.note.key_arns, std::vector<std::string>{key});
  EXPECT_EQ(json::parse(made.note.request_parameters_json),
            (json{{"keyId", key}, {"replicaRegion", kWest}}));
  const json told = json::parse(made.note.response_elements_json)["replicaKeyMetadata"];
  EXPECT_EQ(told["aWSAccountId"], kCustomer);
  EXPECT_EQ(told["arn"], InRegion(key, kWest));
  EXPECT_EQ(told["creationDate"], "Nov 14, 2023, 10:13:20 PM");
}

TEST_F(KmsMultiRegion, RefusesInAwssWords) {
  const std::string key = NewPrimary();
  const std::string single = NewKey();
  EXPECT_EQ(Replicate(single).message, single + " is not a multi-region primary key.");
  EXPECT_EQ(Replicate(single).code, "UnsupportedOperationException");
  EXPECT_EQ(Replicate(key, {{"ReplicaRegion", kEast}}).code, "AlreadyExistsException");
  EXPECT_EQ(Replicate(key, {{"ReplicaRegion", "US East"}}).code, "ValidationException");
  EXPECT_EQ(Replicate(key, {{"ReplicaRegion", "us-gov-west-1"}}).code, "ValidationException");
  EXPECT_EQ(Replicate(key, {{"Policy", "{"}}).code, "MalformedPolicyDocumentException");
  EXPECT_EQ(State(key, kWest), "NotFoundException");  // Nothing was made.
  EXPECT_EQ(Replicate(key, {}, kWest).message, "Invalid arn us-east-1");
  ASSERT_TRUE(Replicate(key).ok());
  EXPECT_EQ(Replicate(key).code, "AlreadyExistsException");
  const std::string replica = InRegion(key, kWest);
  EXPECT_EQ(Replicate(replica, {{"ReplicaRegion", "eu-west-1"}}, kWest).message,
            replica + " is not a multi-region primary key.");
  ASSERT_TRUE(Do("ScheduleKeyDeletion", {{"KeyId", replica}}, kWest).ok());
  EXPECT_EQ(Replicate(key).code, "KMSInvalidStateException");
}

TEST_F(KmsMultiRegion, NeedsCreateKeyInTheRegionOfTheReplica) {
  const std::string key = NewPrimary();
  const Caller limited = Limited(
      R"({"Effect":"Allow","Action":"kms:ReplicateKey","Resource":"*"},
         {"Effect":"Allow","Action":"kms:CreateKey","Resource":"*",
          "Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}})");
  const Answered refused =
      As(limited, kEast, "ReplicateKey", json{{"KeyId", key}, {"ReplicaRegion", kWest}});
  EXPECT_EQ(refused.code, "AccessDeniedException");
  EXPECT_NE(refused.message.find("kms:CreateKey"), std::string::npos) << refused.message;
  json body{{"KeyId", key}, {"ReplicaRegion", "eu-west-1"}};
  body["Tags"] = {{{"TagKey", "k"}, {"TagValue", "v"}}};
  EXPECT_EQ(As(limited, kEast, "ReplicateKey", body).code, "AccessDeniedException");  // Tags too.
  body.erase("Tags");
  EXPECT_EQ(As(limited, kEast, "ReplicateKey", body).code, "");
}

TEST_F(KmsMultiRegion, ThePrimaryMovesThroughUpdating) {
  const std::string key = NewPrimary();
  const std::string replica = InRegion(key, kWest);
  ASSERT_TRUE(Replicate(key).ok());
  ASSERT_TRUE(Replicate(key, {{"ReplicaRegion", "eu-west-1"}}).ok());
  ASSERT_TRUE(world_->SetDelays(base::Duration::zero(), std::chrono::seconds(5)));
  EXPECT_EQ(Primary(key, "ap-south-1").code, "NotFoundException");
  EXPECT_EQ(Primary(key, kEast).code, "NotFoundException");
  EXPECT_EQ(Primary(replica, kEast, kWest).code, "UnsupportedOperationException");
  ASSERT_EQ(Primary(key, kWest).code, "");
  EXPECT_EQ(State(key), "Updating");
  EXPECT_EQ(State(replica, kWest), "Updating");
  EXPECT_EQ(State(InRegion(key, "eu-west-1"), "eu-west-1"), "Enabled");
  EXPECT_NE(Encrypted(key), "");  // Cryptography goes on, management waits.
  EXPECT_EQ(Do("DisableKey", {{"KeyId", key}}).message, key + " is updating.");
  EXPECT_EQ(Replicate(replica, {{"ReplicaRegion", "ap-south-1"}}, kWest).code,
            "KMSInvalidStateException");
  clock_.Advance(std::chrono::seconds(5));
  EXPECT_EQ(State(key), "Enabled");
  EXPECT_EQ(Replicate(key, {{"ReplicaRegion", "ap-south-1"}}).code,
            "UnsupportedOperationException");
  EXPECT_EQ(Replicate(replica, {{"ReplicaRegion", "ap-south-1"}}, kWest).code, "");
  const json told = Do("DescribeKey", {{"KeyId", InRegion(key, "eu-west-1")}}, "eu-west-1")
                        .body["KeyMetadata"]["MultiRegionConfiguration"];
  EXPECT_EQ(told["PrimaryKey"]["Region"], kWest);
  EXPECT_EQ(told["ReplicaKeys"].size(), 3u);
}

TEST_F(KmsMultiRegion, ReplicasAreHeldWhereItIsWanted) {
  const std::string key = NewPrimary();
  ASSERT_TRUE(world_->SetDelays(std::chrono::seconds(5), base::Duration::zero()));
  world_->HoldReplicas({kWest});
  EXPECT_EQ(Replicate(key).body["ReplicaKeyMetadata"]["KeyState"], "Creating");
  ASSERT_TRUE(Replicate(key, {{"ReplicaRegion", "eu-west-1"}}).ok());
  clock_.Advance(std::chrono::days(36'500));
  EXPECT_EQ(State(InRegion(key, kWest), kWest), "Creating");
  EXPECT_EQ(State(InRegion(key, "eu-west-1"), "eu-west-1"), "Enabled");
  world_->HoldReplicas({""});
  EXPECT_EQ(Replicate(key, {{"ReplicaRegion", "eu-west-2"}}).body["ReplicaKeyMetadata"]["KeyState"],
            "Creating");
  world_->HoldReplicas({});
  ASSERT_TRUE(Replicate(key, {{"ReplicaRegion", "eu-west-3"}}).ok());
  clock_.Advance(std::chrono::seconds(5));
  EXPECT_EQ(State(InRegion(key, "eu-west-3"), "eu-west-3"), "Enabled");
}

TEST_F(KmsMultiRegion, MovingThePrimaryNeedsBothKeysPolicies) {
  const std::string key = NewPrimary();
  const std::string replica = InRegion(key, kWest);
  ASSERT_TRUE(Replicate(key).ok());
  const auto only = [&](const std::string& region) {
    return As(
        Limited(R"({"Effect":"Allow","Action":"kms:UpdatePrimaryRegion","Resource":"arn:aws:kms:)" +
                region + R"(:*:key/*"})"),
        kEast, "UpdatePrimaryRegion", json{{"KeyId", key}, {"PrimaryRegion", kWest}});
  };
  const Answered refused = only(kEast);
  EXPECT_EQ(refused.code, "AccessDeniedException");
  EXPECT_NE(refused.message.find(replica), std::string::npos) << refused.message;
  EXPECT_EQ(Do("DescribeKey", {{"KeyId", key}})
                .body["KeyMetadata"]["MultiRegionConfiguration"]["MultiRegionKeyType"],
            "PRIMARY");
  ASSERT_TRUE(Do("DisableKey", {{"KeyId", replica}}, kWest).ok());
  EXPECT_EQ(Primary(key, kWest).message, replica + " is disabled.");
}

}  // namespace
}  // namespace tenantseal::emulator
