#include "emulator/kms_test_ground.h"

namespace tenantseal::emulator {
namespace {

class KmsPolicies : public KmsGround {
 protected:
  KmsPolicies() : key_(NewKey()) {}

  static std::string Statement(const std::string& principal, const std::string& more = "") {
    return R"({"Effect":"Allow","Principal":)" + principal + R"(,"Action":"kms:*","Resource":"*")" +
           more + "}";
  }
  // The account itself, so that nobody is locked out, and `more`.
  static std::string Policy(const std::string& more = "") {
    return R"({"Version":"2012-10-17","Statement":[)" + Statement(R"({"AWS":"111122223333"})") +
           (more.empty() ? "" : "," + more) + "]}";
  }
  Answered Put(const std::string& policy, bool bypass = false) {
    return Do("PutKeyPolicy",
              {{"KeyId", key_}, {"Policy", policy}, {"BypassPolicyLockoutSafetyCheck", bypass}});
  }
  std::string Stored() { return Do("GetKeyPolicy", {{"KeyId", key_}}).body.value("Policy", ""); }

  std::string key_;
};

TEST_F(KmsPolicies, AreKeptByteForByte) {
  const std::string policy = "\t\r\n " + Policy() + "\n";
  const Answered put = Put(policy);
  ASSERT_TRUE(put.ok()) << put.message;
  EXPECT_EQ(put.text, "");
  const Answered got = Do("GetKeyPolicy", {{"KeyId", key_}, {"PolicyName", "default"}});
  EXPECT_EQ(got.body, (json{{"Policy", policy}, {"PolicyName", "default"}}));
  EXPECT_EQ(got.note.response_elements_json, "");  // CloudTrail leaves policies out.
}

TEST_F(KmsPolicies, TheDefaultPolicyDelegatesToTheAccount) {
  const json policy = json::parse(Stored());
  ASSERT_EQ(policy["Statement"].size(), 1u);
  EXPECT_EQ(policy["Statement"][0]["Principal"]["AWS"], "arn:aws:iam::111122223333:root");
  EXPECT_EQ(As(Nobody(), kEast, "GetKeyPolicy", json{{"KeyId", key_}}).code,
            "AccessDeniedException");
}

TEST_F(KmsPolicies, OnlyTheDefaultNameExists) {
  EXPECT_EQ(Do("GetKeyPolicy", {{"KeyId", key_}, {"PolicyName", "other"}}).code,
            "NotFoundException");
  EXPECT_EQ(
      Do("PutKeyPolicy", {{"KeyId", key_}, {"PolicyName", "other"}, {"Policy", Policy()}}).code,
      "NotFoundException");
}

TEST_F(KmsPolicies, TheQuotaCountsEveryByte) {
  std::string policy = Policy();
  policy.append(32'768 - policy.size(), ' ');
  EXPECT_TRUE(Put(policy).ok());
  EXPECT_EQ(Put(policy + " ").code, "LimitExceededException");
  policy.append(131'072 - policy.size(), ' ');
  EXPECT_EQ(Put(policy).code, "LimitExceededException");
  const Answered more = Put(policy + " ");
  EXPECT_EQ(more.message,
            "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member "
            "must have length less than or equal to 131072");
  EXPECT_EQ(Do("CreateKey", {{"Policy", policy}}).code, "LimitExceededException");
}

TEST_F(KmsPolicies, CharactersBeyondLatin1AreRefused) {
  const auto sid = [](const std::string& text) {
    return Policy(Statement("\"*\"", ",\"Sid\":\"" + text + "\""));
  };
  EXPECT_EQ(Put(sid("\xc4\x80")).code, "ValidationException");          // U+0100.
  EXPECT_EQ(Put(sid("\xf0\x9f\x98\x80")).code, "ValidationException");  // U+1F600.
  EXPECT_EQ(Put(sid("\x01")).code, "ValidationException");
}

TEST_F(KmsPolicies, WhatIsRefusedChangesNothing) {
  const std::string before = Stored();
  const char* const kMalformed[] = {"{", "[]", "null", "{}x", R"({"Version":"2012-10-18"})"};
  for (const char* policy : kMalformed)
    EXPECT_EQ(Put(policy).code, "MalformedPolicyDocumentException") << policy;
  const std::string whole = Policy();
  for (std::size_t size = 1; size < whole.size(); ++size)
    EXPECT_EQ(Put(whole.substr(0, size)).code, "MalformedPolicyDocumentException") << size;
  EXPECT_EQ(Do("PutKeyPolicy", {{"KeyId", key_}}).code, "ValidationException");
  EXPECT_EQ(Stored(), before);
  const std::size_t keys = Do("ListKeys", json::object()).body["Keys"].size();
  EXPECT_EQ(Do("CreateKey", {{"Policy", "{"}}).code, "MalformedPolicyDocumentException");
  EXPECT_EQ(Do("ListKeys", json::object()).body["Keys"].size(), keys);
}

TEST_F(KmsPolicies, PrincipalsMustExistWhereTheEmulatorKnowsTheAccount) {
  const auto code = [&](const std::string& arn) {
    const Answered put = Put(Policy(Statement("{\"AWS\":\"" + arn + "\"}")));
    EXPECT_TRUE(put.ok() ||
                put.message == "Policy contains a statement with one or more invalid principals.")
        << put.message;
    return put.code;
  };
  const std::string kRefused = "MalformedPolicyDocumentException";
  EXPECT_EQ(code("arn:aws:iam::338144066592:role/proxy"), "");
  EXPECT_EQ(code("arn:aws:iam::338144066592:role/ghost"), kRefused);
  EXPECT_EQ(code("arn:aws:iam::111122223333:user/nobody"), "");
  EXPECT_EQ(code("arn:aws:iam::111122223333:user/Nobody"), kRefused);
  EXPECT_EQ(code("arn:aws:sts::338144066592:assumed-role/proxy/any"), "");
  EXPECT_EQ(code("arn:aws:sts::338144066592:assumed-role/ghost/any"), kRefused);
  EXPECT_EQ(code("arn:aws:iam::338144066592:root"), "");
  EXPECT_EQ(code("arn:aws:iam::999988887777:role/foreign"), "");
  EXPECT_EQ(code("arn:aws:iam::111122223333:group/all"), kRefused);
}

TEST_F(KmsPolicies, TheCallerMayNotLockItselfOut) {
  const std::string kLockedOut =
      "The new key policy will not allow you to update the key policy in the future.";
  const std::string deny =
      R"({"Effect":"Deny","Principal":"*","Action":"kms:PutKeyPolicy","Resource":"*"})";
  EXPECT_EQ(Put(Policy(deny)).message, kLockedOut);
  const std::string others = R"({"Version":"2012-10-17","Statement":[)" +
                             Statement(R"({"AWS":"arn:aws:iam::111122223333:user/nobody"})") + "]}";
  EXPECT_EQ(Put(others).message, kLockedOut);
  EXPECT_EQ(Do("CreateKey", {{"Policy", others}}).message, kLockedOut);
  EXPECT_TRUE(Put(others, true).ok());
  EXPECT_EQ(Put(Policy()).code, "AccessDeniedException");
  EXPECT_TRUE(As(Nobody(), kEast, "PutKeyPolicy",
                 json{{"KeyId", key_}, {"Policy", Policy(Statement("\"*\""))}})
                  .ok());
}

TEST_F(KmsPolicies, ForAllValuesOnASingleValuedKeyIsRefused) {
  const auto with = [](const std::string& key) {
    return Statement("\"*\"",
                     R"(,"Condition":{"ForAllValues:StringEquals":{")" + key + R"(":"a"}})");
  };
  EXPECT_EQ(Put(Policy(with("kms:EncryptionContext:T"))).message,
            "OverlyPermissiveCondition:EncryptionContext: Using the ForAllValues set operator with "
            "a single-valued condition key matches requests without the specified encryption "
            "context or with an unspecified encryption context. To fix, remove ForAllValues.");
  EXPECT_EQ(Put(Policy(with("aws:RequestTag/T"))).code, "MalformedPolicyDocumentException");
  EXPECT_TRUE(Put(Policy(with("kms:EncryptionContextKeys"))).ok());
}

TEST_F(KmsPolicies, AChangeCountsAtOnceAndInItsRegionOnly) {
  const std::string body = json{{"KeyId", key_}, {"Plaintext", "aGk="}}.dump();
  EXPECT_EQ(As(Session(), kEast, "Encrypt", body).code, "AccessDeniedException");
  ASSERT_TRUE(Put(Policy(Statement(R"({"AWS":"arn:aws:iam::338144066592:role/proxy"})"))).ok());
  EXPECT_TRUE(As(Session(), kEast, "Encrypt", body).ok());
  EXPECT_EQ(As(Session(), kEast, "PutKeyPolicy", json{{"KeyId", key_}, {"Policy", Policy()}}).code,
            "AccessDeniedException");  // Never from another account.
  ASSERT_TRUE(Put(Policy()).ok());
  EXPECT_EQ(As(Session(), kEast, "Encrypt", body).code, "AccessDeniedException");
}

}  // namespace
}  // namespace tenantseal::emulator
