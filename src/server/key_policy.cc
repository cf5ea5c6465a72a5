#include "server/key_policy.h"

#include "aws/key_policy.h"
#include "aws/region.h"

namespace tenantseal::server {

std::vector<std::string> PolicyPrincipals(const Settings& settings) {
  if (!settings.aws_policy_principals.empty() || settings.aws_role_arn.empty())
    return settings.aws_policy_principals;
  return {settings.aws_role_arn};
}

Result<std::string> KeyPolicyFor(const Settings& settings, const store::Store& store,
                                 const model::TenantId& tenant) {
  const std::vector<std::string> principals = PolicyPrincipals(settings);
  if (principals.empty()) {
    return Error{ErrorCode::kConflict,
                 "The service does not know which principal it uses keys as: its operator must set "
                 "--aws-policy-principal or --aws-role-arn."};
  }
  TS_ASSIGN_OR_RETURN(const auto state, store.LoadTenant(tenant));
  const auto partition = aws::PartitionOfRegion(state.tenant.region);
  auto statements =
      aws::KeyPolicyStatements({principals, {tenant.text()}}, partition.value_or("aws"));
  // The caller can mend neither the principals nor where its tenant is.
  if (!statements) return Error{ErrorCode::kConflict, statements.error().message};
  return statements;
}

}  // namespace tenantseal::server
