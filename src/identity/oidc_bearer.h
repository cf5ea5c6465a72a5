// Bearer tokens that the OpenID Connect provider has signed.
#pragma once

#include "identity/authenticator.h"
#include "identity/claims.h"
#include "identity/oidc_provider.h"

namespace tenantseal::identity {

// Thread-safe.
class OidcBearer final : public TokenVerifier {
 public:
  OidcBearer(OidcProvider& provider, const store::Store& store, const base::Clock& clock,
             ClaimRules rules)
      : provider_(provider), store_(store), clock_(clock), rules_(std::move(rules)) {}

  bool Claims(std::string_view token) const override { return LooksLikeJwt(token); }
  Result<Verified> Verify(std::string_view token) const override;

 private:
  OidcProvider& provider_;
  const store::Store& store_;
  const base::Clock& clock_;
  const ClaimRules rules_;
};

}  // namespace tenantseal::identity
