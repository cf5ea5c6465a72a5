// The OpenID Connect provider of a running service, if one is configured.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "identity/oidc_bearer.h"
#include "identity/oidc_sign_in.h"
#include "net/http_client.h"
#include "server/settings.h"
#include "store/session_store.h"
#include "store/store.h"

namespace tenantseal::server {

// What it stands on outlives it.
struct OidcGround {
  const store::Store& store;
  store::SessionStore& sessions;
  const base::Clock& clock;
  const base::Random& random;
  const base::Secret256& pepper;
};

// Members in layer order; neither copied nor moved, since they refer to each other.
struct Oidc {
  // Null when no issuer is configured. `client_secret` may be null: a public client.
  static std::unique_ptr<Oidc> Make(const SignInSettings& settings, const OidcGround& ground,
                                    const base::SecretBytes* client_secret);
  Oidc(const SignInSettings& settings, const OidcGround& ground,
       identity::OidcSignInOptions options);

  const std::unique_ptr<net::HttpClient> http;
  identity::OidcProvider provider;
  identity::OidcSignIn sign_in;
  identity::OidcBearer bearer;
};

// The client secret: of the variable TENANTSEAL_OIDC_CLIENT_SECRET, which is removed so that no
// child inherits it, else of the file. Empty: there is none. Call while there is one thread.
Result<base::SecretBytes> OidcClientSecret(const SignInSettings& settings);

// A variable of the environment, removed from it. Empty: it is not set.
base::SecretBytes TakeSecretVariable(const char* name);

// What the provider is called on the page that offers it.
std::string OidcName(const SignInSettings& settings);

}  // namespace tenantseal::server
