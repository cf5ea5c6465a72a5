#include "emulator/ciphertext.h"
#include "emulator/kms_test_ground.h"

namespace tenantseal::emulator {
namespace {

class KmsCrypto : public KmsGround {};

TEST_F(KmsCrypto, EncryptsAndDecryptsUnderItsContext) {
  const std::string key = NewKey();
  const std::string blob = Encrypted(key, {{"TenantId", "a"}, {"x", "y"}});
  const Answered opened = Do("Decrypt", {{"CiphertextBlob", blob},
                                         {"EncryptionContext", {{"x", "y"}, {"TenantId", "a"}}}});
  ASSERT_TRUE(opened.ok()) << opened.message;
  EXPECT_EQ(opened.body["Plaintext"], "aGVsbG8=");
  EXPECT_EQ(opened.body["KeyId"], key);
  EXPECT_EQ(opened.body["KeyMaterialId"].get<std::string>().size(), 64u);
  for (const json& wrong : {json::object(), json{{"TenantId", "b"}, {"x", "y"}},
                            json{{"TenantId", "a"}}, json{{"tenantid", "a"}, {"x", "y"}}}) {
    const Answered refused =
        Do("Decrypt", {{"CiphertextBlob", blob}, {"EncryptionContext", wrong}});
    EXPECT_EQ(refused.code, "InvalidCiphertextException");
    EXPECT_EQ(refused.message, "");
  }
}

TEST_F(KmsCrypto, ContextsThatConcatenateAlikeDiffer) {
  const std::string key = NewKey();
  const std::string blob = Encrypted(key, {{"a", "bc"}});
  EXPECT_EQ(Do("Decrypt", {{"CiphertextBlob", blob}, {"EncryptionContext", {{"ab", "c"}}}}).code,
            "InvalidCiphertextException");
}

TEST_F(KmsCrypto, GeneratesDataKeys) {
  const std::string key = NewKey();
  const Answered made = Do("GenerateDataKey", {{"KeyId", key}, {"KeySpec", "AES_256"}});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(base::Base64Decode(made.body["Plaintext"].get<std::string>())->size(), 32u);
  const Answered opened = Do("Decrypt", {{"CiphertextBlob", made.body["CiphertextBlob"]}});
  EXPECT_EQ(opened.body["Plaintext"], made.body["Plaintext"]);
  const Answered bare =
      Do("GenerateDataKeyWithoutPlaintext", {{"KeyId", key}, {"NumberOfBytes", 24}});
  ASSERT_TRUE(bare.ok());
  EXPECT_FALSE(bare.body.contains("Plaintext"));
  EXPECT_EQ(Do("GenerateDataKey", {{"KeyId", key}}).code, "ValidationException");
  EXPECT_EQ(
      Do("GenerateDataKey", {{"KeyId", key}, {"KeySpec", "AES_256"}, {"NumberOfBytes", 5}}).code,
      "ValidationException");
  EXPECT_EQ(Do("GenerateDataKey", {{"KeyId", key}, {"NumberOfBytes", 1025}}).message,
            "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy "
            "constraint: Member must have value less than or equal to 1024");
}

TEST_F(KmsCrypto, GeneratesRandom) {
  const Answered made = Do("GenerateRandom", {{"NumberOfBytes", 32}});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(base::Base64Decode(made.body["Plaintext"].get<std::string>())->size(), 32u);
  EXPECT_EQ(As(Nobody(), kEast, "GenerateRandom", json{{"NumberOfBytes", 32}}).code,
            "AccessDeniedException");
}

// Numbers and booleans stand for their text, and count as it.
TEST_F(KmsCrypto, ContextsAreBoundedWhateverTheirValues) {
  const std::string key = NewKey();
  json context = json::object();
  for (int i = 0; i < 500; ++i) context["k" + std::to_string(i)] = 1'000'000'000;
  const auto code = [&] {
    return Do("Encrypt", {{"KeyId", key}, {"Plaintext", "aGk="}, {"EncryptionContext", context}})
        .code;
  };
  EXPECT_EQ(code(), "");
  for (int i = 500; i < 600; ++i) context["k" + std::to_string(i)] = 1'000'000'000;
  EXPECT_EQ(code(), "ValidationException");
}

TEST_F(KmsCrypto, ReEncryptsBetweenKeysAndContexts) {
  const std::string from = NewKey();
  const std::string to = NewKey();
  const std::string blob = Encrypted(from, {{"t", "1"}});
  const Answered moved = Do("ReEncrypt", {{"CiphertextBlob", blob},
                                          {"SourceEncryptionContext", {{"t", "1"}}},
                                          {"DestinationKeyId", to},
                                          {"DestinationEncryptionContext", {{"t", "2"}}}});
  ASSERT_TRUE(moved.ok()) << moved.message;
  EXPECT_EQ(moved.body["SourceKeyId"], from);
  EXPECT_EQ(moved.body["KeyId"], to);
  EXPECT_EQ(moved.note.key_arns, (std::vector<std::string>{from, to}));
  const Answered opened = Do("Decrypt", {{"CiphertextBlob", moved.body["CiphertextBlob"]},
                                         {"KeyId", to},
                                         {"EncryptionContext", {{"t", "2"}}}});
  EXPECT_EQ(opened.body["Plaintext"], "aGVsbG8=");
}

TEST_F(KmsCrypto, RefusesWhatAwsRefuses) {
  const std::string key = NewKey();
  const std::string other = NewKey();
  const std::string blob = Encrypted(key);
  const std::string big = base::Base64Encode(base::Bytes(4097));
  EXPECT_EQ(Do("Encrypt", {{"KeyId", key}, {"Plaintext", big}}).message,
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
            "Member must have length less than or equal to 4096");
  EXPECT_EQ(Do("Encrypt", {{"Plaintext", "aGk="}}).message,
            "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: "
            "Member must not be null");
  EXPECT_EQ(Do("Encrypt", {{"KeyId", key},
                           {"Plaintext", "aGk="},
                           {"EncryptionContext", {{"k", std::string(9000, 'x')}}}})
                .code,
            "ValidationException");
  EXPECT_EQ(Do("Encrypt", {{"KeyId", 5}, {"Plaintext", "aGk="}}).code, "SerializationException");
  EXPECT_EQ(As(Admin(), kEast, "Encrypt", std::string("{\"KeyId\":")).code,
            "SerializationException");
  EXPECT_EQ(Do("Encrypt", {{"KeyId", key}, {"Plaintext", "a"}}).code, "SerializationException");
  EXPECT_EQ(Do("Decrypt", {{"CiphertextBlob", blob}, {"KeyId", other}}).code,
            "IncorrectKeyException");
  EXPECT_EQ(Do("Decrypt", {{"CiphertextBlob", "AAAA"}}).code, "InvalidCiphertextException");
  EXPECT_EQ(Do("Decrypt", {{"CiphertextBlob", blob}}, kWest).code, "AccessDeniedException");
  EXPECT_EQ(Do("Nonsense", json::object()).code, "UnknownOperationException");
  const std::string signing = NewKey({{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "SIGN_VERIFY"}});
  EXPECT_EQ(Do("Encrypt", {{"KeyId", signing}, {"Plaintext", "aGk="}}).message,
            signing + " key usage is SIGN_VERIFY which is not valid for Encrypt.");
  EXPECT_EQ(Do("Encrypt",
               {{"KeyId", key}, {"Plaintext", "aGk="}, {"EncryptionAlgorithm", "RSAES_OAEP_SHA_1"}})
                .message,
            "Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT.");
}

TEST_F(KmsCrypto, DryRunSucceedsWithItsOwnFault) {
  const std::string key = NewKey();
  const Answered told = Do("Encrypt", {{"KeyId", key}, {"Plaintext", "aGk="}, {"DryRun", true}});
  EXPECT_EQ(told.code, "DryRunOperationException");
  EXPECT_EQ(told.message, "The request would have succeeded, but the DryRun option is set.");
  EXPECT_EQ(
      As(Nobody(), kEast, "Encrypt", json{{"KeyId", key}, {"Plaintext", "aGk="}, {"DryRun", true}})
          .code,
      "AccessDeniedException");
}

TEST_F(KmsCrypto, EveryByteOfABlobCounts) {
  const std::string key = NewKey();
  const base::Bytes blob = *base::Base64Decode(Encrypted(key, {{"t", "1"}}));
  for (std::size_t i = 0; i < blob.size(); ++i) {
    base::Bytes bent = blob;
    bent[i] ^= 1;
    const Answered refused = Do("Decrypt", {{"CiphertextBlob", base::Base64Encode(bent)},
                                            {"KeyId", key},
                                            {"EncryptionContext", {{"t", "1"}}}});
    EXPECT_FALSE(refused.ok()) << i;
    base::Bytes cut(blob.begin(), blob.begin() + static_cast<long>(i));
    if (!cut.empty()) {
      EXPECT_FALSE(Do("Decrypt", {{"CiphertextBlob", base::Base64Encode(cut)},
                                  {"KeyId", key},
                                  {"EncryptionContext", {{"t", "1"}}}})
                       .ok());
    }
  }
}

TEST_F(KmsCrypto, RotationKeepsOldCiphertextsOpening) {
  const std::string key = NewKey();
  const std::string before = Encrypted(key);
  ASSERT_TRUE(Do("RotateKeyOnDemand", {{"KeyId", key}}).ok());
  const std::string after = Encrypted(key);
  const Answered old = Do("Decrypt", {{"CiphertextBlob", before}});
  const Answered fresh = Do("Decrypt", {{"CiphertextBlob", after}});
  ASSERT_TRUE(old.ok() && fresh.ok());
  EXPECT_NE(old.body["KeyMaterialId"], fresh.body["KeyMaterialId"]);
}

TEST_F(KmsCrypto, TheTrailHearsTheContextAndNoPlaintext) {
  const std::string key = NewKey();
  const Answered made = Do(
      "Encrypt",
      {{"KeyId", key}, {"Plaintext", "aGVsbG8="}, {"EncryptionContext", {{"TenantId", "a\"b"}}}});
  const json told = json::parse(made.note.request_parameters_json);
  EXPECT_EQ(told, (json{{"keyId", key},
                        {"encryptionAlgorithm", "SYMMETRIC_DEFAULT"},
                        {"encryptionContext", {{"TenantId", "a\"b"}}}}));
  EXPECT_TRUE(made.note.read_only);
  EXPECT_EQ(made.note.response_elements_json, "");
  EXPECT_EQ(made.note.key_arns, std::vector<std::string>{key});
  const Answered bare = Do("Encrypt", {{"KeyId", key}, {"Plaintext", "aGVsbG8="}});
  EXPECT_EQ(bare.note.request_parameters_json.find("encryptionContext"), std::string::npos);
  const Answered denied =
      As(Nobody(), kEast, "Encrypt", json{{"KeyId", key}, {"Plaintext", "aGVsbG8="}});
  EXPECT_EQ(denied.note.request_parameters_json, "");
}

}  // namespace
}  // namespace tenantseal::emulator
