// AWS Signature Version 4: the pure steps of signing, used to sign and to verify.
// Rules: AWS IAM User Guide, "Create a signed AWS API request".
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace tenantseal::aws {

// What is signed. Header names in any case; "host" is among them.
struct SignableRequest {
  std::string_view method;  // "POST".
  std::string_view path;    // As on the request line, without the query.
  std::string_view query;   // As on the request line, without '?'.
  std::span<const std::pair<std::string_view, std::string_view>> headers;
  base::ByteSpan body;
};

// The credential scope: "20150830/us-east-1/kms/aws4_request".
struct Scope {
  std::string date;  // YYYYMMDD, UTC.
  std::string region;
  std::string service;
  std::string text() const;
  bool operator==(const Scope&) const = default;
};

// The Authorization header, taken apart.
struct Authorization {
  std::string access_key_id;
  Scope scope;
  std::vector<std::string> signed_headers;  // Lower case, sorted.
  std::string signature;                    // 64 lower-case hexadecimal digits.
};

// "YYYYMMDDTHHMMSSZ", and back.
std::string AmzDate(base::UtcTime time);
Result<base::UtcTime> ParseAmzDate(std::string_view text);

// `signed_headers`: lower case, sorted. `payload_hash`: hexadecimal SHA-256 of the body. For every
// service but S3: the path is normalised and encoded once more. A signed header that the request
// lacks counts as empty.
std::string CanonicalRequest(const SignableRequest& request,
                             std::span<const std::string> signed_headers,
                             std::string_view payload_hash);
std::string StringToSign(std::string_view amz_date, const Scope& scope,
                         std::string_view canonical_request);
base::Secret256 SigningKey(const base::SecretBytes& secret_access_key, const Scope& scope);
std::string Signature(const base::Secret256& signing_key, std::string_view string_to_sign);

// The headers to add to `request`, which holds "host" and whatever else is to be signed:
// X-Amz-Date, X-Amz-Security-Token when `session_token` is not empty, Authorization.
std::vector<std::pair<std::string, std::string>> Sign(const SignableRequest& request,
                                                      std::string_view access_key_id,
                                                      const base::SecretBytes& secret_access_key,
                                                      std::string_view session_token,
                                                      std::string_view region,
                                                      std::string_view service, base::UtcTime now);

// Takes an Authorization header apart; bounded and strict. Errors carry the words that AWS uses
// for IncompleteSignatureException.
Result<Authorization> ParseAuthorization(std::string_view header);

// Why a signature is not accepted; the codes are AWS's.
enum class SignatureFault : std::uint8_t {
  kNone,
  kMissingToken,   // MissingAuthenticationTokenException: no Authorization header.
  kIncomplete,     // IncompleteSignatureException: malformed, or a required header is not signed.
  kInvalid,        // InvalidSignatureException: it does not match, or the scope is another.
  kExpired,        // InvalidSignatureException "Signature expired ...": over 15 minutes off.
  kNotYetCurrent,  // InvalidSignatureException "Signature not yet current ...".
};
struct SignatureVerdict {
  SignatureFault fault = SignatureFault::kNone;
  std::string message;  // AWS's words.
};
// Verifies against the signing key of authorization.scope. `service` is the one that was called,
// `region` too; an empty `region` takes that of the scope, for a server that routes by it. Signed
// must be: host, every x-amz-* header, and content-type if it is there; the time of signing is in
// X-Amz-Date. Compares in constant time.
SignatureVerdict VerifySignature(const SignableRequest& request, const Authorization& authorization,
                                 const base::Secret256& signing_key, std::string_view service,
                                 base::UtcTime now, std::string_view region = {});

}  // namespace tenantseal::aws
