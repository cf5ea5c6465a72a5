// The table of "Key states of AWS KMS keys" (AWS KMS Developer Guide), row by row.
#include "emulator/kms_request.h"

namespace tenantseal::emulator {
namespace {

// What a cell says; the numbers are the guide's footnotes.
enum class Cell : std::uint8_t {
  kOk,
  k1,   // DisabledException.
  k3,   // KMSInvalidStateException: is pending deletion.
  k4,   // KMSInvalidStateException: is not pending deletion.
  k5,   // KMSInvalidStateException: is pending import.
  k6,   // UnsupportedOperationException: the origin.
  k11,  // KMSInvalidStateException: is unavailable.
  k14,  // KMSInvalidStateException: is creating.
  k15,  // KMSInvalidStateException: is updating.
};
using enum Cell;

// Columns in the order of KeyState: Creating, Enabled, Disabled, PendingDeletion,
// PendingReplicaDeletion, PendingImport, Unavailable, Updating. Rows in the order of StateRule.
// Where the guide leaves a choice between DisabledException and KMSInvalidStateException for keys
// that are pending deletion, it is the latter, as the service answers in practice.
constexpr Cell kTable[][kKeyStates] = {
    {k14, kOk, k1, k3, k3, k5, k11, kOk},    // kCrypto
    {k4, k4, k4, kOk, kOk, k4, k4, k4},      // kCancelDeletion
    {kOk, kOk, kOk, k3, k3, kOk, kOk, kOk},  // kCreateAlias
    {k14, kOk, k1, k3, k3, k5, kOk, kOk},    // kCreateGrant
    {k14, kOk, kOk, k3, k3, k5, kOk, k15},   // kEnableDisable
    {k14, kOk, k1, k3, k3, k6, k6, kOk},     // kRotation
    {kOk, kOk, kOk, kOk, kOk, k6, k6, kOk},  // kRotationStatus
    {k14, kOk, k1, k3, k3, k5, k11, k15},    // kReplicate
    {k14, kOk, k1, k3, k3, k5, k11, kOk},    // kUpdatePrimary
    {kOk, kOk, kOk, k3, k3, kOk, kOk, k15},  // kScheduleDeletion
    {kOk, kOk, kOk, k3, k3, kOk, kOk, kOk},  // kTagOrDescribe
};

}  // namespace

std::optional<Fault> RefusedByState(const Key& key, StateRule rule) {
  const Cell cell = kTable[static_cast<std::size_t>(rule)][static_cast<std::size_t>(key.state)];
  if (cell == kOk) return std::nullopt;
  const std::string arn = key.arn();
  switch (cell) {
    case kOk:
      break;
    case k1:
      return KeyDisabled(arn);
    case k3:
      return InvalidState(arn + " is pending deletion.");
    case k4:
      return InvalidState(arn + " is not pending deletion.");
    case k5:
      return InvalidState(arn + " is pending import.");
    case k6:
      return Unsupported(arn + " origin is " + key.origin +
                         " which is not valid for this operation.");
    case k11:
      return InvalidState(arn + " is unavailable.");
    case k14:
      return InvalidState(arn + " is creating.");
    case k15:
      return InvalidState(arn + " is updating.");
  }
  return KmsInternal();
}

}  // namespace tenantseal::emulator
