// The move of a tenant from one key provider to another, what a validation found, and data keys
// that are set aside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/ids.h"

namespace tenantseal::model {

enum class MigrationState : std::uint8_t {
  kNew = 1,         // Nothing is wrapped by the target yet.
  kInProgress = 2,  // Every version is wrapped by both; data keys move to the new version.
  kCompleted = 3,
  kFailed = 4,
  kCancelled = 5,
};
std::string_view MigrationStateName(MigrationState state);  // "New", "InProgress", ...

// Why a migration waits.
enum class Pause : std::uint8_t {
  kNone = 0,
  kOperator = 1,           // Somebody asked for it.
  kTargetRefuses = 2,      // The target is revoked or gone.
  kSourceRefuses = 3,      // Only a resume that accepts this goes on.
  kQuarantine = 4,         // Too many data keys do not authenticate.
  kTenantDeactivated = 5,  // Goes on by itself once the tenant is active.
};
std::string_view PauseName(Pause pause);  // "", "operator", "target-refuses", ...

// One per tenant: the latest. Its data keys are moved by the RewrapJob of the same id.
struct Migration {
  TenantId tenant;
  std::string id;  // UUID.
  Fingerprint from;
  Fingerprint to;
  MigrationState state = MigrationState::kNew;
  Pause pause = Pause::kNone;
  std::string detail = {};                // In words: why it waits, failed or was cancelled.
  std::uint32_t to_version = 0;           // The version made for it; 0 while kNew.
  std::uint64_t quarantine_accepted = 0;  // Data keys set aside that a resume has accepted.
  std::uint64_t fence = 0;  // Grows with every change and every owner; not under a MAC.
  ProcessId owner = {};     // Who works on it, empty before anybody does; not under a MAC.
  std::string started_by;
  base::UtcTime started_at;
  std::optional<base::UtcTime> finished_at = {};
  bool operator==(const Migration&) const = default;

  bool unfinished() const {
    return state == MigrationState::kNew || state == MigrationState::kInProgress;
  }
};

enum class CheckOutcome : std::uint8_t { kPass = 1, kWarn = 2, kFail = 3 };
std::string_view CheckOutcomeName(CheckOutcome outcome);  // "pass", "warn", "fail".

// What the last validation of a provider found.
struct ProviderValidation {
  TenantId tenant;
  Fingerprint provider;
  base::UtcTime at;
  CheckOutcome outcome = CheckOutcome::kPass;
  std::string report;  // JSON of providers/report.h.
  bool operator==(const ProviderValidation&) const = default;
};

// A managed data key that did not authenticate when it was to be rewrapped.
struct QuarantinedDataKey {
  TenantId tenant;
  DataKeyId id;
  std::uint32_t version = 0;
  base::UtcTime since;
  std::string reason;  // In words, without secrets.
  bool operator==(const QuarantinedDataKey&) const = default;
};

}  // namespace tenantseal::model
