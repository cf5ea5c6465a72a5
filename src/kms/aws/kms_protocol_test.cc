#include "kms/aws/kms_protocol.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "kms/aws/reply_scan.h"

namespace tenantseal::kms {
namespace {

const std::string kArn = "arn:aws:kms:us-east-1:111122223333:key/mrk-" + std::string(32, 'a');
const std::string kOther = "arn:aws:kms:us-east-1:111122223333:key/mrk-" + std::string(32, 'b');
const std::string kTenant(32, 't');
const base::Bytes kKey(32, 0xa5);

std::string Text(const base::SecretBytes& body) { return std::string(body.RevealText()); }
std::string Generated(const std::string& arn, std::size_t key_bytes = 32) {
  return R"({"CiphertextBlob":"AQID","KeyId":")" + arn + R"(","KeyMaterialId":"x","Plaintext":")" +
         base::Base64Encode(base::Bytes(key_bytes, 0xa5)) + R"(","New":[1,{"a":null}]})";
}
base::ByteSpan Body(const std::string& text) { return base::AsBytes(text); }

TEST(KmsRequests, CarryTheContextOfTheTenantAlone) {
  EXPECT_EQ(Text(GenerateDataKeyBody(kArn, kTenant)),
            R"({"KeyId":")" + kArn + R"(","KeySpec":"AES_256","EncryptionContext":{"TenantId":")" +
                kTenant + R"("}})");
  EXPECT_EQ(Text(EncryptBody("A", "T", Body("abc"))),
            R"({"KeyId":"A","Plaintext":"YWJj","EncryptionContext":{"TenantId":"T"}})");
  EXPECT_EQ(Text(DecryptBody("A", "T", Body("abc"))),
            R"({"KeyId":"A","CiphertextBlob":"YWJj","EncryptionContext":{"TenantId":"T"}})");
  EXPECT_EQ(Text(ReEncryptBody("A", "B", "T", Body("abc"))),
            R"({"SourceKeyId":"A","DestinationKeyId":"B","CiphertextBlob":"YWJj",)"
            R"("SourceEncryptionContext":{"TenantId":"T"},)"
            R"("DestinationEncryptionContext":{"TenantId":"T"}})");
  EXPECT_EQ(Text(DescribeKeyBody("A")), R"({"KeyId":"A"})");
  EXPECT_EQ(Text(GenerateDataKeyBody("A", "")), R"({"KeyId":"A","KeySpec":"AES_256"})");
}

TEST(KmsReplies, AreReadWhateverElseTheyHold) {
  const auto made = ParseGenerateDataKey(Body(Generated(kArn)), kArn);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->plaintext, base::SecretBytes::CopyOf(kKey));
  EXPECT_EQ(made->wrapped.blob, (base::Bytes{1, 2, 3}));
  EXPECT_EQ(made->wrapped.key_arn, kArn);
  EXPECT_TRUE(ParseDecrypt(Body(Generated(kArn)), kArn));
  EXPECT_TRUE(ParseEncrypt(Body(" " + Generated(kArn) + "\n"), kArn));
}

TEST(KmsReplies, CutOffAnywhereAreUnavailableAndNeverTaken) {
  const std::string whole = Generated(kArn);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto made = ParseGenerateDataKey(Body(whole.substr(0, size)), kArn);
    ASSERT_FALSE(made) << size;
    EXPECT_EQ(made.error().code, ErrorCode::kKeyUnavailable) << size;
  }
}

TEST(KmsReplies, OfAnotherKeyOrLengthAreIntegrity) {
  const auto code = [](const auto& result) {
    return result ? ErrorCode::kInternal : result.error().code;
  };
  EXPECT_EQ(code(ParseGenerateDataKey(Body(Generated(kOther)), kArn)), ErrorCode::kIntegrity);
  EXPECT_EQ(code(ParseDecrypt(Body(Generated("")), kArn)), ErrorCode::kIntegrity);
  for (const std::size_t size : {0, 1, 16, 31, 33, 64}) {
    EXPECT_EQ(code(ParseDecrypt(Body(Generated(kArn, size)), kArn)), ErrorCode::kIntegrity) << size;
  }
  const std::string start = R"({"KeyId":")" + kArn + R"(",)";
  for (const char* rest :
       {R"("Plaintext":null})", R"("Plaintext":7})", R"("Plaintxt":""})", R"("Plaintext":"!"})",
        R"("Plaintext":"paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaX="})",
        R"("Plaintext":"paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpa\/="})"}) {
    EXPECT_EQ(code(ParseDecrypt(Body(start + rest), kArn)), ErrorCode::kIntegrity) << rest;
  }
  EXPECT_EQ(code(ParseEncrypt(Body(start + R"("CiphertextBlob":""})"), kArn)),
            ErrorCode::kIntegrity);
  const std::string great = base::Base64Encode(base::Bytes(kCiphertextBytesMax + 1));
  EXPECT_EQ(code(ParseEncrypt(Body(start + R"("CiphertextBlob":")" + great + "\"}"), kArn)),
            ErrorCode::kIntegrity);
}

TEST(KmsReplies, TooLongTooDeepTwiceOrNoJsonAreRefused) {
  const std::string start = R"({"KeyId":")" + kArn + R"(","CiphertextBlob":"AQID")";
  ASSERT_TRUE(ParseEncrypt(Body(start + "}"), kArn));
  const std::string deep = start + ",\"a\":" + std::string(16, '[') + std::string(16, ']') + "}";
  for (const std::string& bad :
       {start + ",\"a\":\"" + std::string(kReplyBytesMax, 'a') + "\"}", deep, start + "}}",
        start + ",}", start + R"(,"CiphertextBlob":"AQID"})", start + ",\"a\":01}",
        start + ",\"a\":tru}", start + ",\"a\":\"\x01\"}", start + ",\"a\":\"\\x\"}",
        start + ",\"a\":\"\xff\"}", std::string("[]"), std::string("\"a\""), std::string("null"),
        std::string("<html>502</html>"), std::string("{}{}"), std::string(1, '\0')}) {
    const auto made = ParseEncrypt(Body(bad), kArn);
    ASSERT_FALSE(made) << bad.substr(0, 200);
    EXPECT_EQ(made.error().code, ErrorCode::kKeyUnavailable) << bad.substr(0, 200);
  }
}

TEST(KmsReplies, OfAnAliasNameAKeyOfItsAccountAndRegion) {
  const std::string alias = "arn:aws:kms:us-east-1:111122223333:alias/theirs";
  EXPECT_TRUE(ParseDecrypt(Body(Generated(kArn)), alias));
  for (const char* strange : {"arn:aws:kms:us-east-2:111122223333:key/mrk-",
                              "arn:aws:kms:us-east-1:444455556666:key/mrk-"}) {
    EXPECT_FALSE(ParseDecrypt(Body(Generated(strange + std::string(32, 'a'))), alias)) << strange;
  }
  EXPECT_FALSE(ParseDecrypt(Body(Generated("arn:aws:kms:us-east-1:111122223333:alias/o")), alias));
}

TEST(KmsReplies, OfReEncryptNameBothKeys) {
  const std::string reply =
      R"({"KeyId":")" + kOther + R"(","SourceKeyId":")" + kArn + R"(","CiphertextBlob":"AQID"})";
  EXPECT_TRUE(ParseReEncrypt(Body(reply), kArn, kOther));
  EXPECT_FALSE(ParseReEncrypt(Body(reply), kOther, kOther));
  EXPECT_FALSE(ParseReEncrypt(Body(reply), kArn, kArn));
}

TEST(KmsReplies, DescribeAKey) {
  const auto key = ParseDescribeKey(
      Body(R"({"KeyMetadata":{"AWSAccountId":"111122223333","Arn":")" + kArn +
           R"(","CreationDate":1.69E9,"Enabled":true,"KeyUsage":"ENCRYPT_DECRYPT","KeyState":)"
           R"("Enabled","Origin":"AWS_KMS","KeyManager":"CUSTOMER","KeySpec":"SYMMETRIC_DEFAULT",)"
           R"("MultiRegion":true,"MultiRegionConfiguration":{"MultiRegionKeyType":"PRIMARY",)"
           R"("PrimaryKey":{"Arn":"p","Region":"us-east-1"},"ReplicaKeys":[{"Arn":"r"}]}}})"),
      kArn);
  ASSERT_TRUE(key);
  EXPECT_TRUE(key->enabled && key->multi_region);
  EXPECT_EQ(key->key_state, "Enabled");
  EXPECT_EQ(key->multi_region_type, "PRIMARY");
  EXPECT_EQ(key->replica_arns, std::vector<std::string>{"r"});
  EXPECT_FALSE(ParseDescribeKey(Body(R"({"KeyMetadata":[]})"), kArn));
  EXPECT_FALSE(ParseDescribeKey(Body(R"({"KeyMetadata":{"Arn":")" + kOther + "\"}}"), kArn));
}

TEST(KmsReplies, TellErrorsInEveryFormOfAws) {
  const auto code = [](const std::string& body, const char* header = "") {
    return ParseErrorReply(Body(body), header).code;
  };
  EXPECT_EQ(code(R"({"__type":"Foo"})"), "Foo");
  EXPECT_EQ(code(R"({"__type":"com.amazon.coral.service#Foo"})"), "Foo");
  EXPECT_EQ(code(R"({"__type":"Foo:http://internal.amazon.com/coral/"})"), "Foo");
  EXPECT_EQ(code("", "Foo:http://x/"), "Foo");
  EXPECT_EQ(code("<html>", ""), "");
  EXPECT_EQ(code(R"({"__type":"a b\n"})"), "");
  EXPECT_EQ(ParseErrorReply(Body(R"({"__type":"F","message":"m"})"), "").message, "m");
  EXPECT_EQ(ParseErrorReply(Body(R"({"__type":"F","Message":"M"})"), "").message, "M");
}

}  // namespace
}  // namespace tenantseal::kms
