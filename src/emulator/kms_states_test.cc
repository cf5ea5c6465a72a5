// Every cell of the table of key states, asked of the service itself.
#include <map>

#include "emulator/kms_test_ground.h"

namespace tenantseal::emulator {
namespace {

// Columns: Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable,
// Creating, Updating. "." is success; D is DisabledException; the others KMSInvalidStateException:
// d pending deletion, n not pending deletion, i pending import, u unavailable, c creating,
// p updating; o is UnsupportedOperationException for the origin.
constexpr KeyState kColumns[] = {KeyState::kEnabled,         KeyState::kDisabled,
                                 KeyState::kPendingDeletion, KeyState::kPendingReplicaDeletion,
                                 KeyState::kPendingImport,   KeyState::kUnavailable,
                                 KeyState::kCreating,        KeyState::kUpdating};
const std::map<std::string, std::string> kCells = {
    {"CancelKeyDeletion", "nn..nnnn"},
    {"CreateAlias", "..dd...."},
    {"DescribeKey", "........"},
    {"GetKeyPolicy", "........"},
    {"PutKeyPolicy", "........"},
    {"ListResourceTags", "........"},
    {"ListGrants", "........"},
    {"CreateGrant", ".Dddi.c."},
    {"Encrypt", ".Dddiuc."},
    {"GenerateDataKey", ".Dddiuc."},
    {"GenerateDataKeyWithoutPlaintext", ".Dddiuc."},
    {"Decrypt", ".Dddiuc."},
    {"ReEncrypt", ".Dddiuc."},
    {"EnableKey", "..ddi.cp"},
    {"DisableKey", "..ddi.cp"},
    {"EnableKeyRotation", ".Dddooc."},
    {"DisableKeyRotation", ".Dddooc."},
    {"RotateKeyOnDemand", ".Dddooc."},
    {"GetKeyRotationStatus", "....oo.."},
    {"ReplicateKey", ".Dddiucp"},
    {"UpdatePrimaryRegion", ".Dddiuc."},
    {"ScheduleKeyDeletion", "..dd...p"},
    {"TagResource", "..dd...."},
    {"UntagResource", "..dd...."},
    {"UpdateKeyDescription", "..dd...."},
    {"UpdateAlias", "..dd...."},
};

class KmsStates : public KmsGround {
 protected:
  std::string key_, blob_;

  json BodyFor(const std::string& operation) {
    json body{{"KeyId", key_}};
    if (operation == "CreateAlias" || operation == "UpdateAlias")
      return {{"AliasName", operation == "CreateAlias" ? "alias/new" : "alias/old"},
              {"TargetKeyId", key_}};
    if (operation == "Encrypt") body["Plaintext"] = "aGk=";
    if (operation.starts_with("GenerateDataKey")) body["KeySpec"] = "AES_256";
    if (operation == "Decrypt") body["CiphertextBlob"] = blob_;
    if (operation == "ReEncrypt") return {{"CiphertextBlob", blob_}, {"DestinationKeyId", key_}};
    if (operation == "PutKeyPolicy") {
      body["Policy"] = R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow",
          "Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}]})";
    }
    if (operation == "CreateGrant") {
      body["GranteePrincipal"] = "arn:aws:iam::111122223333:user/nobody";
      body["Operations"] = {"Encrypt"};
    }
    if (operation == "ReplicateKey") body["ReplicaRegion"] = "eu-west-1";
    if (operation == "UpdatePrimaryRegion") body["PrimaryRegion"] = kWest;
    if (operation == "TagResource") body["Tags"] = {{{"TagKey", "a"}, {"TagValue", "b"}}};
    if (operation == "UntagResource") body["TagKeys"] = {"a"};
    if (operation == "UpdateKeyDescription") body["Description"] = "d";
    return body;
  }

  std::string Expected(char cell, KeyState state) {
    switch (cell) {
      case '.':
        return "";
      case 'D':
        return "DisabledException " + key_ + " is disabled.";
      case 'o':
        return "UnsupportedOperationException " + key_ + " origin is " +
               (state == KeyState::kPendingImport ? "EXTERNAL" : "AWS_KMS") +
               " which is not valid for this operation.";
      default:
        break;
    }
    const std::map<char, std::string> says = {
        {'d', "pending deletion"}, {'n', "not pending deletion"},
        {'i', "pending import"},   {'u', "unavailable"},
        {'c', "creating"},         {'p', "updating"}};
    return "KMSInvalidStateException " + key_ + " is " + says.at(cell) + ".";
  }
};

TEST_F(KmsStates, EveryCellOfTheTable) {
  for (const auto& [operation, cells] : kCells) {
    for (std::size_t column = 0; column < std::size(kColumns); ++column) {
      SCOPED_TRACE(operation + " in " + std::string(KeyStateName(kColumns[column])));
      ASSERT_TRUE(world_->Reset());
      Open("");
      key_ = NewKey({{"MultiRegion", true}});
      ASSERT_TRUE(Do("ReplicateKey", {{"KeyId", key_}, {"ReplicaRegion", kWest}}).ok());
      ASSERT_TRUE(Do("CreateAlias", {{"AliasName", "alias/old"}, {"TargetKeyId", key_}}).ok());
      blob_ = Encrypted(key_);
      Force(key_, kColumns[column]);
      const Answered answered = Do(operation, BodyFor(operation));
      EXPECT_EQ(answered.ok() ? "" : answered.code + " " + answered.message,
                Expected(cells[column], kColumns[column]));
      EXPECT_EQ(answered.status, answered.ok() ? 200 : 400);
    }
  }
}

TEST(KeyStates, NamesGoThereAndBack) {
  for (const KeyState state : kColumns) EXPECT_EQ(KeyStateOf(KeyStateName(state)), state);
  EXPECT_FALSE(KeyStateOf("enabled"));
  EXPECT_FALSE(KeyStateOf(""));
}

}  // namespace
}  // namespace tenantseal::emulator
