#include "model/migration.h"

namespace tenantseal::model {

std::string_view MigrationStateName(MigrationState state) {
  switch (state) {
    case MigrationState::kNew:
      return "New";
    case MigrationState::kInProgress:
      return "InProgress";
    case MigrationState::kCompleted:
      return "Completed";
    case MigrationState::kFailed:
      return "Failed";
    case MigrationState::kCancelled:
      return "Cancelled";
  }
  return "unknown";
}

std::string_view PauseName(Pause pause) {
  switch (pause) {
    case Pause::kNone:
      return "";
    case Pause::kOperator:
      return "operator";
    case Pause::kTargetRefuses:
      return "target-refuses";
    case Pause::kSourceRefuses:
      return "source-refuses";
    case Pause::kQuarantine:
      return "quarantine";
    case Pause::kTenantDeactivated:
      return "tenant-deactivated";
  }
  return "unknown";
}

std::string_view CheckOutcomeName(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::kPass:
      return "pass";
    case CheckOutcome::kWarn:
      return "warn";
    case CheckOutcome::kFail:
      return "fail";
  }
  return "unknown";
}

}  // namespace tenantseal::model
