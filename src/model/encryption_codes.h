// The n of "Encryption-n", the codes that key provider routes answer with. One status each, see the
// table in api/error_table.cc and docs/errors.md. Only 88 is published by the API that this follows
// (https://qlik.dev/apis/rest/encryption); the others are ours.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tenantseal::model {

enum class EncryptionCode : std::uint16_t {
  kInvalidRequest = 10,       // 400: body, field or patch.
  kProviderNotFound = 11,     // 404
  kFingerprintTooLong = 12,   // 414
  kArnMalformed = 20,         // 417
  kArnRegistered = 21,        // 409: by this tenant, under this ARN or an alias of it.
  kWrongRegion = 22,          // 406
  kKeyUnsuitable = 23,        // 406: asymmetric, another usage or origin.
  kKeyNotEnabled = 24,        // 406
  kReplicaMissing = 25,       // 406: not multi-region, or its partner is not in the backup region.
  kRoundTripFailed = 26,      // 406: what it wrapped does not unwrap.
  kProviderTimeout = 27,      // 408
  kTooManyProviders = 28,     // 409
  kKeyShared = 29,            // 406: another tenant has it and the operator forbids that.
  kProviderInUse = 40,        // 424: current, or source or target of a migration.
  kTargetInvalid = 41,        // 424: its validation failed.
  kSourceRefuses = 42,        // 424
  kSourceUnreachable = 43,    // 412
  kMigrationOngoing = 44,     // 428
  kResetWhileMigrating = 45,  // 406
  kNoMigration = 46,          // 404
  kMigrationEnded = 47,       // 409: nothing to pause, resume or cancel.
  kAlreadyCurrent = 48,       // 424
  kResumeNotAccepted = 49,    // 409: name what is to be accepted.
  kActionNotAllowed = 88,     // 403: the key's policy.
};

inline constexpr std::string_view kCodePrefix = "Encryption-";
// "Encryption-88"; empty for no code.
inline std::string CodeText(EncryptionCode code) {
  if (code == EncryptionCode{}) return "";
  return std::string(kCodePrefix) + std::to_string(static_cast<unsigned>(code));
}

// `meta` is a JSON object or empty.
inline Error EncryptionError(EncryptionCode code, ErrorCode general, std::string message,
                             std::string field = {}, std::string meta = {}) {
  return {general,        std::move(message), std::move(field), 0, static_cast<std::uint16_t>(code),
          std::move(meta)};
}

}  // namespace tenantseal::model
