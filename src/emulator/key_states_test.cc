// Every cell of the table of key states, written down here a second time from the guide.
#include <gtest/gtest.h>

#include <string_view>

#include "emulator/kms_request.h"

namespace tenantseal::emulator {
namespace {

constexpr KeyState kColumns[] = {
    KeyState::kEnabled,         KeyState::kDisabled,
    KeyState::kPendingDeletion, KeyState::kPendingReplicaDeletion,
    KeyState::kPendingImport,   KeyState::kUnavailable,
    KeyState::kCreating,        KeyState::kUpdating,
};
static_assert(std::size(kColumns) == kKeyStates);

struct Row {
  StateRule rule;
  const char* name;
  // One word for each column: "ok", or how it fails.
  std::string_view cells[kKeyStates];
};

// Columns: Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable,
// Creating, Updating. "AWS KMS Developer Guide", "Key states of AWS KMS keys".
constexpr Row kRows[] = {
    {StateRule::kCrypto,
     "Crypto",
     {"ok", "disabled", "deletion", "deletion", "import", "unavailable", "creating", "ok"}},
    {StateRule::kCancelDeletion,
     "CancelKeyDeletion",
     {"not deletion", "not deletion", "ok", "ok", "not deletion", "not deletion", "not deletion",
      "not deletion"}},
    {StateRule::kCreateAlias,
     "CreateAlias",
     {"ok", "ok", "deletion", "deletion", "ok", "ok", "ok", "ok"}},
    {StateRule::kCreateGrant,
     "CreateGrant",
     {"ok", "disabled", "deletion", "deletion", "import", "ok", "creating", "ok"}},
    {StateRule::kEnableDisable,
     "EnableKey",
     {"ok", "ok", "deletion", "deletion", "import", "ok", "creating", "updating"}},
    {StateRule::kRotation,
     "EnableKeyRotation",
     {"ok", "disabled", "deletion", "deletion", "origin", "origin", "creating", "ok"}},
    {StateRule::kRotationStatus,
     "GetKeyRotationStatus",
     {"ok", "ok", "ok", "ok", "origin", "origin", "ok", "ok"}},
    {StateRule::kReplicate,
     "ReplicateKey",
     {"ok", "disabled", "deletion", "deletion", "import", "unavailable", "creating", "updating"}},
    {StateRule::kUpdatePrimary,
     "UpdatePrimaryRegion",
     {"ok", "disabled", "deletion", "deletion", "import", "unavailable", "creating", "ok"}},
    {StateRule::kScheduleDeletion,
     "ScheduleKeyDeletion",
     {"ok", "ok", "deletion", "deletion", "ok", "ok", "ok", "updating"}},
    {StateRule::kTagOrDescribe,
     "TagResource",
     {"ok", "ok", "deletion", "deletion", "ok", "ok", "ok", "ok"}},
};

constexpr std::string_view kArn =
    "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

struct Wanted {
  std::string code, message;
};
Wanted WantedOf(std::string_view cell) {
  const std::string arn(kArn);
  const std::string invalid = "KMSInvalidStateException";
  if (cell == "disabled") return {"DisabledException", arn + " is disabled."};
  if (cell == "deletion") return {invalid, arn + " is pending deletion."};
  if (cell == "not deletion") return {invalid, arn + " is not pending deletion."};
  if (cell == "import") return {invalid, arn + " is pending import."};
  if (cell == "origin") {
    return {"UnsupportedOperationException",
            arn + " origin is EXTERNAL which is not valid for this operation."};
  }
  return {invalid, arn + " is " + std::string(cell) + "."};
}

TEST(KeyStates, EveryCellOfTheTable) {
  for (const Row& row : kRows) {
    for (std::size_t i = 0; i < kKeyStates; ++i) {
      SCOPED_TRACE(std::string(row.name) + " on " + std::string(KeyStateName(kColumns[i])));
      Key key;
      key.account = "111122223333";
      key.region = "us-east-1";
      key.id = "1234abcd-12ab-34cd-56ef-1234567890ab";
      key.origin = "EXTERNAL";
      key.state = kColumns[i];
      const std::optional<Fault> fault = RefusedByState(key, row.rule);
      if (row.cells[i] == "ok") {
        EXPECT_FALSE(fault) << fault->message;
        continue;
      }
      const Wanted wanted = WantedOf(row.cells[i]);
      ASSERT_TRUE(fault);
      EXPECT_EQ(fault->code, wanted.code);
      EXPECT_EQ(fault->message, wanted.message);
      EXPECT_EQ(fault->status, 400);  // As the service answers, whatever its reference says.
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
