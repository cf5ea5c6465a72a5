// Paths of the encryption API.
#pragma once

#include <string>

#include "aws/quote.h"
#include "base/result.h"

namespace tenantseal::cli {

inline constexpr const char* kKeyProvidersPath = "/api/v1/encryption/keyproviders";
inline constexpr const char* kMigrationPath = "/api/v1/encryption/keyproviders/migration";

// Of one key provider. kInvalidArgument for what cannot be a fingerprint.
inline Result<std::string> KeyProviderPath(const std::string& fingerprint) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  if (!fingerprint.empty() && fingerprint.find_first_not_of(kAllowed) == std::string::npos)
    return std::string(kKeyProvidersPath) + "/" + fingerprint;
  return InvalidArgument("arnFingerPrint",
                         aws::Quote(fingerprint) +
                             " is no fingerprint: it has letters, digits, _ and - alone; "
                             "`tenantseal encryption keyprovider list` shows them.");
}

}  // namespace tenantseal::cli
