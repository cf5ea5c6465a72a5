// What an OpenID Connect provider says of itself (OpenID Connect Discovery 1.0).
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace tenantseal::identity {

// How a client with a secret shows it at the token endpoint.
enum class ClientSecretIn : std::uint8_t { kBasic, kBody };

struct OidcMetadata {
  std::string issuer;
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string jwks_uri;
  std::string end_session_endpoint;  // Empty: there is none.
  ClientSecretIn client_secret_in = ClientSecretIn::kBasic;
  bool names_issuer_in_callback = false;  // RFC 9207.
};

// Where the document of `issuer` is.
std::string MetadataUrl(std::string_view issuer);

// Reads it. Every endpoint must be https; where the issuer itself is http, which is for tests on
// one machine, http on this machine. kUnavailable, with what is wrong, for the log.
Result<OidcMetadata> ParseOidcMetadata(base::ByteSpan text, std::string_view issuer);

// Whether a URL is well-formed, without user, fragment or control characters, and of a scheme that
// may be used beside `issuer`.
bool IsEndpoint(std::string_view url, std::string_view issuer);

}  // namespace tenantseal::identity
