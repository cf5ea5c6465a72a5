#include <algorithm>
#include <set>

#include "emulator/kms_test_ground.h"

namespace tenantseal::emulator {
namespace {

constexpr char kRole[] = "arn:aws:iam::338144066592:role/proxy";

class KmsGrants : public KmsGround {
 protected:
  json Wanted(json operations, json constraints = nullptr) {
    json out{{"KeyId", key}, {"GranteePrincipal", kRole}, {"Operations", std::move(operations)}};
    if (!constraints.is_null()) out["Constraints"] = std::move(constraints);
    return out;
  }
  std::string Encrypt(const json& context) {
    return As(Session(), kEast, "Encrypt",
              json{{"KeyId", key}, {"Plaintext", "aGk="}, {"EncryptionContext", context}})
        .code;
  }
  json Listed(const json& more = json::object()) {
    json request = more;
    request["KeyId"] = key;
    return Do("ListGrants", request).body["Grants"];
  }

  const std::string key = NewKey();
};

TEST_F(KmsGrants, EqualsWantsTheWholeContextAndSubsetAPart) {
  EXPECT_EQ(Encrypt({{"a", "1"}}), "AccessDeniedException");
  const Answered equals =
      Do("CreateGrant", Wanted({"Encrypt"}, {{"EncryptionContextEquals", {{"a", "1"}}}}));
  ASSERT_TRUE(equals.ok()) << equals.message;
  EXPECT_EQ(Encrypt({{"a", "1"}}), "");
  EXPECT_EQ(Encrypt({{"a", "2"}}), "AccessDeniedException");
  EXPECT_EQ(Encrypt({{"A", "1"}}), "AccessDeniedException");
  EXPECT_EQ(Encrypt({{"a", "1"}, {"b", "2"}}), "AccessDeniedException");
  EXPECT_EQ(Encrypt(json::object()), "AccessDeniedException");
  ASSERT_TRUE(
      Do("CreateGrant", Wanted({"Encrypt"}, {{"EncryptionContextSubset", {{"b", "2"}}}})).ok());
  EXPECT_EQ(Encrypt({{"a", "1"}, {"b", "2"}}), "");
  EXPECT_EQ(Encrypt({{"c", "1"}}), "AccessDeniedException");
  const std::string blob = Encrypted(key, {{"a", "1"}});  // The grant is not for Decrypt.
  EXPECT_EQ(As(Session(), kEast, "Decrypt",
               json{{"CiphertextBlob", blob}, {"EncryptionContext", {{"a", "1"}}}})
                .code,
            "AccessDeniedException");
  ASSERT_TRUE(Do("RevokeGrant", {{"KeyId", key}, {"GrantId", equals.body["GrantId"]}}).ok());
  EXPECT_EQ(Encrypt({{"a", "1"}}), "AccessDeniedException");
}

TEST_F(KmsGrants, InputsAreChecked) {
  EXPECT_EQ(Do("CreateGrant", Wanted({"Fly"})).code, "ValidationException");
  EXPECT_EQ(Do("CreateGrant", Wanted(json::array())).code, "ValidationException");
  EXPECT_EQ(Do("CreateGrant", {{"KeyId", key}, {"Operations", {"Encrypt"}}}).code,
            "ValidationException");
  EXPECT_EQ(Do("CreateGrant", Wanted({"Sign"}, {{"EncryptionContextEquals", {{"a", "1"}}}})).code,
            "ValidationException");
  json wrong = Wanted({"Encrypt"});
  wrong["GranteePrincipal"] = "somebody";
  EXPECT_EQ(Do("CreateGrant", wrong).code, "InvalidArnException");
  json trial = Wanted({"Encrypt"});
  trial["DryRun"] = true;
  EXPECT_EQ(Do("CreateGrant", trial).code, "DryRunOperationException");
  EXPECT_EQ(As(Nobody(), kEast, "CreateGrant", Wanted({"Encrypt"})).code, "AccessDeniedException");
  ASSERT_TRUE(Listed().empty());
  ASSERT_TRUE(Do("DisableKey", {{"KeyId", key}}).ok());
  EXPECT_EQ(Do("CreateGrant", Wanted({"Encrypt"})).code, "DisabledException");
}

// Who may grant only by a grant hands out no more than that grant allows.
TEST_F(KmsGrants, AGrantOfCreateGrantCoversTheChild) {
  const json a{{"a", "1"}}, a_and_b{{"a", "1"}, {"b", "2"}};
  const auto by_grantee = [&](json operations, json constraints = nullptr) {
    return As(Session(), kEast, "CreateGrant", Wanted(std::move(operations), constraints)).code;
  };
  const auto parent = [&](json operations, json constraints = nullptr) {
    for (const json& grant : Listed())
      Do("RevokeGrant", {{"KeyId", key}, {"GrantId", grant["GrantId"]}});
    EXPECT_TRUE(Do("CreateGrant", Wanted(std::move(operations), std::move(constraints))).ok());
  };
  EXPECT_EQ(by_grantee({"Encrypt"}), "AccessDeniedException");
  parent({"Encrypt", "CreateGrant"});
  EXPECT_EQ(by_grantee({"Decrypt"}), "AccessDeniedException");
  EXPECT_EQ(by_grantee({"Encrypt", "Decrypt"}), "AccessDeniedException");
  EXPECT_EQ(by_grantee({"Encrypt"}), "");
  EXPECT_EQ(by_grantee({"Encrypt", "CreateGrant"}, {{"EncryptionContextEquals", a}}), "");
  parent({"Encrypt", "CreateGrant"}, {{"EncryptionContextSubset", a}});
  EXPECT_EQ(by_grantee({"Encrypt"}), "AccessDeniedException");
  EXPECT_EQ(by_grantee({"Encrypt"}, {{"EncryptionContextSubset", {{"a", "2"}}}}),
            "AccessDeniedException");
  EXPECT_EQ(by_grantee({"Encrypt"}, {{"EncryptionContextSubset", a_and_b}}), "");
  EXPECT_EQ(by_grantee({"Encrypt"}, {{"EncryptionContextEquals", a_and_b}}), "");
  parent({"Encrypt", "CreateGrant"}, {{"EncryptionContextEquals", a}});
  EXPECT_EQ(by_grantee({"Encrypt"}, {{"EncryptionContextSubset", a}}), "AccessDeniedException");
  EXPECT_EQ(by_grantee({"Encrypt"}, {{"EncryptionContextEquals", a_and_b}}),
            "AccessDeniedException");
  EXPECT_EQ(by_grantee({"Encrypt"}, {{"EncryptionContextEquals", a}}), "");
  // Who may by the key's policy is not bound by grants.
  EXPECT_TRUE(Do("CreateGrant", Wanted({"Decrypt"})).ok());
}

TEST_F(KmsGrants, OnlyWhatTheKeyCanDoIsGranted) {
  const auto grant_on = [&](const std::string& arn, const char* operation) {
    json wanted = Wanted({operation});
    wanted["KeyId"] = arn;
    return Do("CreateGrant", wanted).code;
  };
  const std::string rsa = NewKey({{"KeySpec", "RSA_2048"}, {"KeyUsage", "ENCRYPT_DECRYPT"}});
  const std::string signing = NewKey({{"KeySpec", "RSA_2048"}, {"KeyUsage", "SIGN_VERIFY"}});
  for (const char* wrong : {"Sign", "GenerateMac", "GetPublicKey", "DeriveSharedSecret"})
    EXPECT_EQ(grant_on(key, wrong), "ValidationException") << wrong;
  for (const char* right : {"GenerateDataKey", "GenerateDataKeyPair", "DescribeKey"})
    EXPECT_EQ(grant_on(key, right), "") << right;
  EXPECT_EQ(grant_on(rsa, "GenerateDataKey"), "ValidationException");
  EXPECT_EQ(grant_on(rsa, "Decrypt"), "");
  EXPECT_EQ(grant_on(signing, "Decrypt"), "ValidationException");
  EXPECT_EQ(grant_on(signing, "Sign"), "");
  EXPECT_EQ(grant_on(signing, "GetPublicKey"), "");
}

TEST_F(KmsGrants, TokensAreThoseOfGrants) {
  const json made = Do("CreateGrant", Wanted({"Encrypt"})).body;
  const auto with = [&](const std::string& operation, json tokens) {
    json body{{"KeyId", key}, {"GrantTokens", std::move(tokens)}};
    if (operation == "Encrypt") body["Plaintext"] = "aGk=";
    if (operation == "GenerateDataKey") body["KeySpec"] = "AES_256";
    if (operation == "CreateGrant") body.update(Wanted({"Encrypt"}));
    return Do(operation, body).code;
  };
  for (const char* operation : {"Encrypt", "GenerateDataKey", "DescribeKey", "CreateGrant"}) {
    EXPECT_EQ(with(operation, {"bogus"}), "InvalidGrantTokenException") << operation;
    EXPECT_EQ(with(operation, {made["GrantToken"], "bogus"}), "InvalidGrantTokenException");
    EXPECT_EQ(with(operation, {made["GrantToken"]}), "") << operation;
    EXPECT_EQ(with(operation, json::array()), "") << operation;
  }
}

TEST_F(KmsGrants, ANameMakesTheCallRepeatable) {
  json named = Wanted({"Encrypt"});
  named["Name"] = "g";
  const std::string first = Do("CreateGrant", named).body["GrantId"];
  EXPECT_EQ(Do("CreateGrant", named).body["GrantId"], first);
  named["Operations"] = {"Decrypt"};
  EXPECT_NE(Do("CreateGrant", named).body["GrantId"], first);
  EXPECT_EQ(Listed().size(), 2u);
  EXPECT_NE(Do("CreateGrant", Wanted({"Encrypt"})).body["GrantId"],
            Do("CreateGrant", Wanted({"Encrypt"})).body["GrantId"]);
}

TEST_F(KmsGrants, ListsInPagesAndByFilter) {
  std::set<std::string> made, seen;
  for (int i = 0; i < 7; ++i)
    made.insert(Do("CreateGrant", Wanted({"Encrypt"})).body["GrantId"].get<std::string>());
  json request{{"KeyId", key}, {"Limit", 3}};
  std::vector<std::size_t> pages;
  for (bool more = true; more && pages.size() < 5;) {
    const Answered page = Do("ListGrants", request);
    pages.push_back(page.body["Grants"].size());
    for (const json& grant : page.body["Grants"]) seen.insert(grant["GrantId"].get<std::string>());
    more = page.body["Truncated"].get<bool>();
    if (more) request["Marker"] = page.body["NextMarker"];
  }
  EXPECT_EQ(pages, (std::vector<std::size_t>{3, 3, 1}));
  EXPECT_EQ(seen, made);
  const json one = Listed({{"GrantId", *made.begin()}});
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0]["IssuingAccount"], "arn:aws:iam::111122223333:root");
  EXPECT_EQ(one[0]["KeyId"], key);
  EXPECT_FALSE(one[0].contains("GrantToken"));
  EXPECT_EQ(Listed({{"GranteePrincipal", "arn:aws:iam::338144066592:role/other"}}).size(), 0u);
}

TEST_F(KmsGrants, RetiringIsForTheRetiringPrincipalAndRevokingForTheKeysOwner) {
  json wanted = Wanted({"Encrypt"});
  wanted["RetiringPrincipal"] = kRole;
  const json made = Do("CreateGrant", wanted).body;
  const json plain = Do("CreateGrant", Wanted({"Encrypt"})).body;
  const json by_id{{"KeyId", key}, {"GrantId", made["GrantId"]}};
  EXPECT_EQ(As(Nobody(), kEast, "RetireGrant", by_id).code, "AccessDeniedException");
  EXPECT_EQ(As(Session(), kEast, "RevokeGrant", by_id).code, "AccessDeniedException");
  EXPECT_EQ(As(Session(), kEast, "RetireGrant", json{{"GrantToken", plain["GrantToken"]}}).code,
            "AccessDeniedException");
  EXPECT_EQ(As(Session(), kEast, "RetireGrant", json{{"GrantToken", "none"}}).code,
            "InvalidGrantTokenException");
  EXPECT_EQ(As(Session(), kEast, "RetireGrant", json::object()).code, "ValidationException");
  const json mine{{"RetiringPrincipal", kRole}};
  EXPECT_EQ(As(Session(), kEast, "ListRetirableGrants", mine).body["Grants"].size(), 1u);
  EXPECT_EQ(Do("ListRetirableGrants", mine).code, "AccessDeniedException");  // Another account's.
  const Answered retired = As(Session(), kEast, "RetireGrant", by_id);
  EXPECT_EQ(retired.code, "");
  EXPECT_EQ(retired.note.key_arns, std::vector<std::string>{key});
  EXPECT_EQ(As(Session(), kEast, "RetireGrant", by_id).code, "NotFoundException");
  ASSERT_EQ(Listed().size(), 1u);
  EXPECT_EQ(Listed()[0]["GrantId"], plain["GrantId"]);
}

}  // namespace
}  // namespace tenantseal::emulator
