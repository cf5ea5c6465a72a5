// The JSON in which programs, containers and instances are given credentials. Private to aws/.
#pragma once

#include <string>
#include <string_view>

#include "aws/credentials.h"

namespace tenantseal::aws {

enum class CredentialsJson : std::uint8_t {
  kProcess,   // "Version": 1 and "SessionToken".
  kEndpoint,  // "Token"; "Expiration" is required.
};

// `origin` becomes the credentials' source and begins the message of an error, kServiceFault,
// which quotes no value.
Result<Credentials> ParseCredentialsJson(std::string_view json, CredentialsJson form,
                                         const std::string& origin);

}  // namespace tenantseal::aws
