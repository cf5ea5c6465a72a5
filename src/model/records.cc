#include "model/records.h"

namespace tenantseal::model {

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kPlatformOperator:
      return "PlatformOperator";
    case Role::kTenantAdmin:
      return "TenantAdmin";
    case Role::kContentService:
      return "ContentService";
    case Role::kAuditor:
      return "Auditor";
  }
  return "unknown";
}

std::optional<Role> ParseRole(std::string_view name) {
  for (Role role :
       {Role::kPlatformOperator, Role::kTenantAdmin, Role::kContentService, Role::kAuditor}) {
    if (RoleName(role) == name) return role;
  }
  return std::nullopt;
}

}  // namespace tenantseal::model
