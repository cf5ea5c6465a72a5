#include "identity/oidc_bearer.h"

namespace tenantseal::identity {
Result<TokenVerifier::Verified> OidcBearer::Verify(std::string_view token) const {
  TS_ASSIGN_OR_RETURN(const nlohmann::json claims, provider_.Verify(token));
  TS_ASSIGN_OR_RETURN(const base::UtcTime expires, CheckBearer(claims, rules_, clock_.Utc()));
  TS_ASSIGN_OR_RETURN(const Identity who, ReadIdentity(claims, rules_));
  if (who.tenant) {
    auto state = store_.LoadTenant(*who.tenant);
    const bool unknown = !state && state.error().code == ErrorCode::kNotFound;
    if (!state && !unknown) return std::move(state).error();
    if (unknown || state->tenant.status != model::TenantStatus::kActive) {
      return Error{ErrorCode::kPermissionDenied,
                   "the tenant " + who.tenant->text() + " is not there or not active"};
    }
  }
  return Verified{{who.principal, who.role, who.tenant}, expires + kClockSkew};
}

}  // namespace tenantseal::identity
