// Credentials for AWS: where they come from, and that they are fresh.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace tenantseal::aws {

struct Credentials {
  std::string access_key_id;
  base::SecretBytes secret_access_key;
  std::string session_token;             // Empty for a user's own key. A bearer secret: never log.
  std::optional<base::UtcTime> expires;  // None: they do not.
  std::string source;                    // "environment", "profile NAME", "assume-role ARN" ...
};

// Thread-safe. Get blocks at most until the deadline; one refresh is in flight, others wait for it
// or use what is still valid. Errors are kServiceFault (the source refuses, is missing or is
// malformed; names it) or kKeyUnavailable (it cannot be reached).
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;
  // `region`: where the caller is about to work; STS is asked there first.
  virtual Result<std::shared_ptr<const Credentials>> Get(std::string_view region,
                                                         base::Deadline deadline) = 0;
  // These were refused as expired: the next Get fetches anew.
  virtual void Refused(const Credentials& credentials) = 0;
};

}  // namespace tenantseal::aws
