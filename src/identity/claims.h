// What the claims of a verified token say: whether it is meant for this service and still holds,
// and who it speaks of.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "identity/sessions.h"

namespace tenantseal::identity {

struct ClaimRules {
  std::string issuer;
  std::string client_id;
  std::vector<std::string> audiences;  // Of bearer tokens.
  // Names of claims; with slashes, where no claim has the whole name, a path: "realm_access/roles".
  std::string tenant_claim = "tenant";
  std::string role_claim = "role";
  // Value of the role claim to role; the first that fits counts. Empty: the values are the roles'
  // names, of which the first in the order of model::Role counts.
  std::vector<std::pair<std::string, model::Role>> role_map;
};

// How far the provider's clock may be from ours. Added to times that a token tells, which may be so
// far ahead that nanoseconds could not express them.
inline constexpr std::chrono::milliseconds kClockSkew = std::chrono::seconds(60);

// Both return when the token expires. kUnauthenticated; the message is for the log alone.
// OpenID Connect Core section 3.1.3.7.
Result<base::UtcTime> CheckIdToken(const nlohmann::json& claims, const ClaimRules& rules,
                                   std::string_view nonce, base::UtcTime now);
Result<base::UtcTime> CheckBearer(const nlohmann::json& claims, const ClaimRules& rules,
                                  base::UtcTime now);

// Who it speaks of. kUnauthenticated for a subject that cannot be one; kPermissionDenied, with the
// claim as `field`, when role or tenant are missing, unknown or misshapen: nobody gets a role by
// default. Whether there is such a tenant is for the caller to see.
Result<Identity> ReadIdentity(const nlohmann::json& claims, const ClaimRules& rules);

}  // namespace tenantseal::identity
