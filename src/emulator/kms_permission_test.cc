// Who may use which key in the cryptographic operations, where the answer is easily wrong.
#include <gmock/gmock.h>

#include "emulator/kms_test_ground.h"

namespace tenantseal::emulator {
namespace {

using ::testing::HasSubstr;

class KmsPermission : public KmsGround {
 protected:
  // Keys that only admit the customer's administrators to manage, and the role to do `action`
  // for a tenant.
  std::string KeyFor(const std::string& action, const std::string& tenant) {
    return NewKey({{"Policy", R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},
       "Action":"kms:*","Resource":"*"},
      {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::338144066592:role/proxy"},
       "Action":"kms:)" + action + R"(","Resource":"*",
       "Condition":{"StringEquals":{"kms:EncryptionContext:TenantId":")" +
                                  tenant + R"("}}}]})"}});
  }
};

TEST_F(KmsPermission, ReEncryptAsksBothKeysEachUnderItsOwnContext) {
  const std::string from = KeyFor("ReEncryptFrom", "a");
  const std::string to = KeyFor("ReEncryptTo", "b");
  json body{{"CiphertextBlob", Encrypted(from, {{"TenantId", "a"}})},
            {"SourceEncryptionContext", {{"TenantId", "a"}}},
            {"DestinationEncryptionContext", {{"TenantId", "b"}}},
            {"DestinationKeyId", to}};
  const Answered moved = As(Session(), kEast, "ReEncrypt", body);
  ASSERT_TRUE(moved.ok()) << moved.message;
  json bad = body;
  bad["DestinationEncryptionContext"] = {{"TenantId", "a"}};
  EXPECT_THAT(As(Session(), kEast, "ReEncrypt", bad).message, HasSubstr("kms:ReEncryptTo "));
  bad = body;
  bad["SourceEncryptionContext"] = {{"TenantId", "b"}};
  EXPECT_THAT(As(Session(), kEast, "ReEncrypt", bad).message, HasSubstr("kms:ReEncryptFrom "));
  // The right to one key is no right to the other.
  bad = {{"CiphertextBlob", Encrypted(to, {{"TenantId", "b"}})},
         {"SourceEncryptionContext", {{"TenantId", "b"}}},
         {"DestinationEncryptionContext", {{"TenantId", "a"}}},
         {"DestinationKeyId", from}};
  EXPECT_EQ(As(Session(), kEast, "ReEncrypt", bad).code, "AccessDeniedException");
  body["SourceKeyId"] = to;
  EXPECT_EQ(Do("ReEncrypt", body).code, "IncorrectKeyException");
}

TEST_F(KmsPermission, ReEncryptAsksBothKeysForTheirState) {
  const std::string from = NewKey();
  const std::string to = NewKey();
  const json body{{"CiphertextBlob", Encrypted(from)}, {"DestinationKeyId", to}};
  for (const std::string& key : {from, to}) {
    Force(key, KeyState::kDisabled);
    EXPECT_EQ(Do("ReEncrypt", body).message, key + " is disabled.");
    Force(key, KeyState::kEnabled);
  }
  EXPECT_TRUE(Do("ReEncrypt", body).ok());
}

TEST_F(KmsPermission, FromAbroadAMissingKeyLooksLikeOneThatRefuses) {
  const std::string key = NewKey();
  const std::string missing =
      "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
  const std::pair<const char*, json> requests[] = {
      {"Encrypt", json{{"Plaintext", "aGk="}}},
      {"Decrypt", json{{"CiphertextBlob", Encrypted(key)}}},
      {"GenerateDataKey", json{{"KeySpec", "AES_256"}}},
      {"DescribeKey", json::object()},
      {"DisableKey", json::object()},
  };
  for (const auto& [operation, input] : requests) {
    SCOPED_TRACE(operation);
    json body = input;
    body["KeyId"] = key;
    const Answered refused = As(Service(), kEast, operation, body);
    EXPECT_EQ(refused.code, "AccessDeniedException");
    body["KeyId"] = missing;
    const Answered absent = As(Service(), kEast, operation, body);
    EXPECT_EQ(absent.code, refused.code);
    EXPECT_EQ(absent.message, refused.message);
  }
  json body{{"CiphertextBlob", Encrypted(key)}, {"DestinationKeyId", key}, {"SourceKeyId", key}};
  const Answered refused = As(Service(), kEast, "ReEncrypt", body);
  body["SourceKeyId"] = missing;
  EXPECT_EQ(As(Service(), kEast, "ReEncrypt", body).message, refused.message);
  body["SourceKeyId"] = key;
  body["DestinationKeyId"] = missing;
  EXPECT_EQ(As(Service(), kEast, "ReEncrypt", body).message, refused.message);
  // Nor does the right to the source tell whether the destination is there.
  const std::string from = KeyFor("ReEncryptFrom", "a");
  body = {{"CiphertextBlob", Encrypted(from, {{"TenantId", "a"}})},
          {"SourceEncryptionContext", {{"TenantId", "a"}}},
          {"DestinationKeyId", key}};
  const Answered no_use = As(Session(), kEast, "ReEncrypt", body);
  EXPECT_THAT(no_use.message, HasSubstr("kms:ReEncryptTo "));
  body["DestinationKeyId"] = missing;
  EXPECT_EQ(As(Session(), kEast, "ReEncrypt", body).message, no_use.message);
}

TEST_F(KmsPermission, ContextKeysThatDifferInCaseOnlyAreTwoValues) {
  const std::string key = KeyFor("Encrypt", "a");
  const auto encrypt = [&](const json& context) {
    return As(Session(), kEast, "Encrypt",
              json{{"KeyId", key}, {"Plaintext", "aGk="}, {"EncryptionContext", context}});
  };
  EXPECT_TRUE(encrypt({{"TenantId", "a"}}).ok());
  // Names of condition keys are not case-sensitive, so a policy cannot tell these two apart.
  EXPECT_TRUE(encrypt({{"tenantid", "a"}}).ok());
  // A value beside the one that is wanted must not let the other in unseen.
  EXPECT_EQ(encrypt({{"TenantId", "b"}, {"tenantid", "a"}}).code, "AccessDeniedException");
  EXPECT_EQ(encrypt({{"TenantId", "a"}, {"tenantid", "b"}}).code, "AccessDeniedException");
}

TEST_F(KmsPermission, DecryptOfABlobWhoseKeyIsElsewhere) {
  const std::string key = NewKey();
  const json body{{"CiphertextBlob", Encrypted(key)}};
  EXPECT_EQ(Do("Decrypt", body, kWest).message,
            "User: arn:aws:iam::111122223333:user/admin is not authorized to perform: kms:Decrypt "
            "on this resource because the resource does not exist in this Region, no "
            "resource-based policies allow access, or a resource-based policy explicitly denies "
            "access");
  const json named{{"CiphertextBlob", body["CiphertextBlob"]}, {"KeyId", key}};
  EXPECT_EQ(Do("Decrypt", named, kWest).message, "Invalid arn us-east-1");
}

TEST_F(KmsPermission, DryRunTellsWhatWouldHaveFailed) {
  const std::string key = NewKey();
  const json body{{"KeyId", key}, {"Plaintext", "aGk="}, {"DryRun", true}};
  Force(key, KeyState::kDisabled);
  EXPECT_EQ(Do("Encrypt", body).code, "DisabledException");
  EXPECT_EQ(As(Service(), kEast, "Encrypt", body).code, "AccessDeniedException");
}

// Whatever condition key a policy reads is there, in key policies and identity policies alike.
TEST_F(KmsPermission, ConditionsSeeTheCallAndTheKey) {
  const std::string everyone = R"({"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*",
                                   "Resource":"*"})";
  const std::pair<const char*, const char*> conditions[] = {
      {"aws:SourceIp", "127.0.0.1"},        {"aws:RequestedRegion", kEast},
      {"aws:SecureTransport", "false"},     {"aws:ResourceTag/team", "keys"},
      {"kms:KeySpec", "SYMMETRIC_DEFAULT"}, {"kms:KeyUsage", "ENCRYPT_DECRYPT"},
      {"kms:KeyOrigin", "AWS_KMS"},         {"kms:MultiRegion", "false"},
      {"kms:EncryptionContext:a", "b"},     {"kms:CallerAccount", kCustomer},
      {"aws:PrincipalAccount", kCustomer}};
  for (const auto& [key_name, value] : conditions) {
    for (const bool holds : {true, false}) {
      SCOPED_TRACE(std::string(key_name) + (holds ? " as it is" : " as another"));
      const std::string condition = std::string(R"("Condition":{"StringEquals":{")") + key_name +
                                    "\":\"" + (holds ? value : "another") + "\"}}";
      const json body{{"Plaintext", "aGk="}, {"EncryptionContext", {{"a", "b"}}}};
      const json tags = {{{"TagKey", "team"}, {"TagValue", "keys"}}};

      json by_key = body;
      by_key["KeyId"] = NewKey(
          {{"Tags", tags},
           {"Policy", R"({"Version":"2012-10-17","Statement":[)" + everyone +
                          R"(,{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"kms:Encrypt",
                               "Resource":"*",)" +
                          condition + "}]}"}});
      EXPECT_EQ(Do("Encrypt", by_key).code, holds ? "AccessDeniedException" : "");

      const std::string user = std::string(holds ? "with-" : "without-") + value + key_name;
      std::string name = "u";
      for (const char c : user) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '-';
      AddUser(kCustomer, name,
              R"({"Version":"2012-10-17","Statement":[
                  {"Effect":"Allow","Action":"kms:*","Resource":"*",)" +
                  condition + "}]}");
      json by_user = body;
      by_user["KeyId"] = NewKey({{"Tags", tags}});
      EXPECT_EQ(As(Who("AKIA" + name), kEast, "Encrypt", by_user).code,
                holds ? "" : "AccessDeniedException");
    }
  }
}

}  // namespace
}  // namespace tenantseal::emulator
