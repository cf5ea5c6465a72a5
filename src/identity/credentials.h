// The check of an API key, shared by everything that takes one.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/secret.h"
#include "store/store.h"

namespace tenantseal::identity {

// The one answer to every API key that is not good, whatever is wrong with it.
Error UnknownApiKey();
// The same for a session or access token.
Error UnknownSession();

// What whoever shows a foreign token is told of kUnauthenticated or kPermissionDenied.
Error RefusedToken(ErrorCode code);

// The key of `token`, when it is there and has not expired at `now`. UnknownApiKey() otherwise; the
// store's errors.
Result<model::ApiKey> FindApiKey(const store::Store& store, const base::Secret256& pepper,
                                 std::string_view token, base::UtcTime now);

}  // namespace tenantseal::identity
