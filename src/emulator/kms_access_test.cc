#include "emulator/kms_test_ground.h"

namespace tenantseal::emulator {
namespace {

class KmsAccess : public KmsGround {
 protected:
  // The tenant's policy: the account itself, and the role under the tenant's id.
  static std::string TenantPolicy() {
    return R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},
       "Action":"kms:*","Resource":"*"},
      {"Sid":"Enable tenant","Effect":"Allow",
       "Principal":{"AWS":"arn:aws:iam::338144066592:role/proxy"},
       "Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey"],"Resource":"*",
       "Condition":{"StringEquals":{"kms:EncryptionContext:TenantId":"t1"}}},
      {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::338144066592:role/proxy"},
       "Action":"kms:DescribeKey","Resource":"*"}]})";
  }
};

TEST_F(KmsAccess, TheTenantsPolicyAdmitsTheRoleUnderItsContextOnly) {
  const std::string key = NewKey({{"Policy", TenantPolicy()}});
  auto encrypt = [&](const Caller& caller, const json& context) {
    return As(caller, kEast, "Encrypt",
              json{{"KeyId", key}, {"Plaintext", "aGk="}, {"EncryptionContext", context}});
  };
  const Answered made = encrypt(Session(), {{"TenantId", "t1"}});
  ASSERT_TRUE(made.ok()) << made.message;
  EXPECT_EQ(encrypt(Session(), {{"TenantId", "t2"}}).code, "AccessDeniedException");
  EXPECT_EQ(encrypt(Session(), json::object()).code, "AccessDeniedException");
  EXPECT_EQ(encrypt(Service(), {{"TenantId", "t1"}}).code, "AccessDeniedException");
  EXPECT_EQ(encrypt(Nobody(), {{"TenantId", "t1"}}).message,
            "User: arn:aws:iam::111122223333:user/nobody is not authorized to perform: kms:Encrypt "
            "on resource: " +
                key + " because no identity-based policy allows the kms:Encrypt action");
  EXPECT_TRUE(encrypt(Admin(), json::object()).ok());
  EXPECT_TRUE(As(Session(), kEast, "DescribeKey", json{{"KeyId", key}}).ok());
  // Without KeyId the key in the blob is asked.
  const json blob{{"CiphertextBlob", made.body["CiphertextBlob"]},
                  {"EncryptionContext", {{"TenantId", "t1"}}}};
  EXPECT_TRUE(As(Session(), kEast, "Decrypt", blob).ok());
  EXPECT_EQ(As(Service(), kEast, "Decrypt", blob).code, "AccessDeniedException");
  // A bare id or alias is of the caller's own account.
  const std::string id = key.substr(key.find("key/") + 4);
  EXPECT_FALSE(As(Session(), kEast, "DescribeKey", json{{"KeyId", id}}).ok());
}

TEST_F(KmsAccess, SomeOperationsWorkInTheOwnAccountOnly) {
  const std::string key = NewKey({{"Policy", R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]})"}});
  EXPECT_TRUE(As(Session(), kEast, "Encrypt", json{{"KeyId", key}, {"Plaintext", "aGk="}}).ok());
  for (const char* operation : {"GetKeyPolicy", "DisableKey", "EnableKeyRotation",
                                "ScheduleKeyDeletion", "ListResourceTags", "RotateKeyOnDemand"}) {
    EXPECT_EQ(As(Session(), kEast, operation, json{{"KeyId", key}}).code, "AccessDeniedException")
        << operation;
  }
  EXPECT_TRUE(As(Session(), kEast, "GetKeyRotationStatus", json{{"KeyId", key}}).ok());
  EXPECT_TRUE(As(Session(), kEast, "ListGrants", json{{"KeyId", key}}).ok());
}

TEST_F(KmsAccess, AnAliasIsAConditionKey) {
  const std::string key = NewKey({{"Policy", R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"},
      {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/nobody"},
       "Action":"kms:Encrypt","Resource":"*",
       "Condition":{"StringEquals":{"kms:RequestAlias":"alias/a"}}}]})"}});
  ASSERT_TRUE(Do("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", key}}).ok());
  const auto encrypt = [&](const std::string& id) {
    return As(Nobody(), kEast, "Encrypt", json{{"KeyId", id}, {"Plaintext", "aGk="}}).code;
  };
  EXPECT_EQ(encrypt("alias/a"), "");
  EXPECT_EQ(encrypt("arn:aws:kms:us-east-1:111122223333:alias/a"), "");
  EXPECT_EQ(encrypt(key), "AccessDeniedException");
}

TEST_F(KmsAccess, IdentifiersAreResolvedAsAwsDoes) {
  const std::string key = NewKey();
  const auto told = [&](const std::string& id, const std::string& operation = "DescribeKey",
                        const std::string& region = kEast) {
    const Answered answered = Do(operation, {{"KeyId", id}}, region);
    return answered.code + ": " + answered.message;
  };
  EXPECT_EQ(told("nonsense"), "NotFoundException: Invalid keyId 'nonsense'");
  EXPECT_EQ(told("1234abcd-12ab-34cd-56ef-1234567890ab"),
            "NotFoundException: Key 'arn:aws:kms:us-east-1:111122223333:key/"
            "1234abcd-12ab-34cd-56ef-1234567890ab' does not exist");
  EXPECT_EQ(told("alias/none"),
            "NotFoundException: Alias arn:aws:kms:us-east-1:111122223333:alias/none is not found.");
  EXPECT_EQ(told(key, "DescribeKey", kWest), "NotFoundException: Invalid arn us-east-1");
  ASSERT_TRUE(Do("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", key}}).ok());
  EXPECT_EQ(told("alias/a"), ": ");
  EXPECT_EQ(told("alias/a", "GetKeyPolicy"), "NotFoundException: Invalid keyId 'alias/a'");
}

TEST_F(KmsAccess, PoliciesAreChecked) {
  const std::string key = NewKey();
  const auto put = [&](const std::string& policy, bool bypass = false) {
    return Do("PutKeyPolicy",
              {{"KeyId", key}, {"Policy", policy}, {"BypassPolicyLockoutSafetyCheck", bypass}});
  };
  const std::string locked = R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow",
      "Principal":{"AWS":"arn:aws:iam::338144066592:root"},"Action":"kms:*","Resource":"*"}]})";
  EXPECT_EQ(put(locked).message,
            "The new key policy will not allow you to update the key policy in the future.");
  EXPECT_EQ(put("{").code, "MalformedPolicyDocumentException");
  EXPECT_EQ(put(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow",
      "Principal":{"AWS":"arn:aws:iam::111122223333:user/ghost"},
      "Action":"kms:*","Resource":"*"}]})")
                .message,
            "Policy contains a statement with one or more invalid principals.");
  EXPECT_TRUE(put(R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"},
      {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999988887777:role/foreign"},
       "Action":"kms:*","Resource":"*"}]})")
                  .ok());
  EXPECT_EQ(put(R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*",
       "Condition":{"ForAllValues:StringEquals":{"kms:EncryptionContext:TenantId":"a"}}}]})")
                .code,
            "MalformedPolicyDocumentException");
  EXPECT_EQ(put(std::string(32'769, ' ')).code, "LimitExceededException");
  EXPECT_TRUE(put(locked, true).ok());
  EXPECT_EQ(Do("GetKeyPolicy", {{"KeyId", key}}).code, "AccessDeniedException");
}

TEST_F(KmsAccess, GrantsAdmitUnderTheirConstraints) {
  const std::string key = NewKey();
  const std::string session_role = "arn:aws:iam::338144066592:role/proxy";
  const Answered made =
      Do("CreateGrant", {{"KeyId", key},
                         {"GranteePrincipal", session_role},
                         {"RetiringPrincipal", session_role},
                         {"Operations", {"Encrypt"}},
                         {"Constraints", {{"EncryptionContextSubset", {{"TenantId", "t1"}}}}},
                         {"Name", "g"}});
  ASSERT_TRUE(made.ok()) << made.message;
  const auto encrypt = [&](const json& context) {
    return As(Session(), kEast, "Encrypt",
              json{{"KeyId", key}, {"Plaintext", "aGk="}, {"EncryptionContext", context}})
        .ok();
  };
  EXPECT_TRUE(encrypt({{"TenantId", "t1"}, {"more", "x"}}));
  EXPECT_FALSE(encrypt({{"TenantId", "t2"}}));
  const Answered again =
      Do("CreateGrant", {{"KeyId", key},
                         {"GranteePrincipal", session_role},
                         {"RetiringPrincipal", session_role},
                         {"Operations", {"Encrypt"}},
                         {"Constraints", {{"EncryptionContextSubset", {{"TenantId", "t1"}}}}},
                         {"Name", "g"}});
  EXPECT_EQ(again.body["GrantId"], made.body["GrantId"]);
  EXPECT_EQ(Do("ListGrants", {{"KeyId", key}}).body["Grants"].size(), 1u);
  EXPECT_EQ(As(Session(), kEast, "ListRetirableGrants", json{{"RetiringPrincipal", session_role}})
                .body["Grants"]
                .size(),
            1u);
  EXPECT_EQ(Do("RevokeGrant", {{"KeyId", key}, {"GrantId", "none"}}).code, "NotFoundException");
  EXPECT_TRUE(
      As(Session(), kEast, "RetireGrant", json{{"GrantToken", made.body["GrantToken"]}}).ok());
  EXPECT_FALSE(encrypt({{"TenantId", "t1"}}));
}

}  // namespace
}  // namespace tenantseal::emulator
