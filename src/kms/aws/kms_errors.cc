#include "kms/aws/kms_errors.h"

#include <algorithm>
#include <array>

namespace tenantseal::kms {
namespace {

constexpr Verdict kTransientVerdict{.retry = true, .region = true};

enum class Meaning : std::uint8_t {
  kDenied,    // Perhaps by the owner, perhaps because our own role is broken.
  kRevoked,   // The owner's.
  kKeyState,  // The message tells the state of the key.
  kNotFound,  // The message tells what is not there.
  kOurs,
  kExpired,    // Ours, and new credentials may help.
  kSignature,  // Ours, and perhaps the clock's.
  kIntegrity,
  kThrottled,
  kKeyAway,  // The service cannot reach this key.
  kServiceAway,
};

struct Known {
  std::string_view code;
  Meaning meaning;
};
constexpr std::array<Known, 41> kKnown = {{
    {"AccessDeniedException", Meaning::kDenied},
    {"AccessDenied", Meaning::kDenied},
    {"DisabledException", Meaning::kRevoked},
    {"KMSInvalidStateException", Meaning::kKeyState},
    {"NotFoundException", Meaning::kNotFound},
    {"UnrecognizedClientException", Meaning::kOurs},
    {"InvalidClientTokenId", Meaning::kOurs},
    {"IncompleteSignatureException", Meaning::kOurs},
    {"IncompleteSignature", Meaning::kOurs},
    {"MissingAuthenticationTokenException", Meaning::kOurs},
    {"MissingAuthenticationToken", Meaning::kOurs},
    {"OptInRequired", Meaning::kOurs},
    {"ExpiredTokenException", Meaning::kExpired},
    {"ExpiredToken", Meaning::kExpired},
    {"InvalidSignatureException", Meaning::kSignature},
    {"SignatureDoesNotMatch", Meaning::kSignature},
    {"RequestExpired", Meaning::kSignature},
    {"RequestTimeTooSkewed", Meaning::kSignature},
    {"InvalidCiphertextException", Meaning::kIntegrity},
    {"IncorrectKeyException", Meaning::kIntegrity},
    {"Throttling", Meaning::kThrottled},
    {"ThrottlingException", Meaning::kThrottled},
    {"ThrottledException", Meaning::kThrottled},
    {"RequestThrottled", Meaning::kThrottled},
    {"RequestThrottledException", Meaning::kThrottled},
    {"TooManyRequestsException", Meaning::kThrottled},
    {"RequestLimitExceeded", Meaning::kThrottled},
    {"BandwidthLimitExceeded", Meaning::kThrottled},
    {"SlowDown", Meaning::kThrottled},
    {"PriorRequestNotComplete", Meaning::kThrottled},
    {"LimitExceededException", Meaning::kOurs},
    {"KeyUnavailableException", Meaning::kKeyAway},
    {"DependencyTimeoutException", Meaning::kServiceAway},
    {"KMSInternalException", Meaning::kServiceAway},
    {"InternalFailure", Meaning::kServiceAway},
    {"InternalServerError", Meaning::kServiceAway},
    {"InternalException", Meaning::kServiceAway},
    {"ServiceUnavailable", Meaning::kServiceAway},
    {"ServiceUnavailableException", Meaning::kServiceAway},
    {"RequestTimeout", Meaning::kServiceAway},
    {"RequestTimeoutException", Meaning::kServiceAway},
}};

// "ARN is pending deletion." and so on. A state that we do not know is no proof of a refusal.
Verdict OfKeyState(std::string_view message) {
  for (const std::string_view state :
       {"is disabled", "is pending deletion", "is pending replica deletion", "is pending import"}) {
    if (message.find(state) != message.npos) return {.fault = FaultClass::kRevoked};
  }
  for (const std::string_view state : {"is creating", "is updating"}) {
    if (message.find(state) != message.npos) return {.retry = true};
  }
  return {};
}

// "Invalid arn REGION": the key lies in another region than the one that was called.
Verdict OfNotFound(std::string_view message) {
  if (message.starts_with("Invalid arn")) return {.fault = FaultClass::kOurs};
  return {.fault = FaultClass::kRevoked};
}

Verdict OfSignature(std::string_view code, std::string_view message) {
  const bool clock = code == "RequestExpired" || code == "RequestTimeTooSkewed" ||
                     message.starts_with("Signature expired") ||
                     message.starts_with("Signature not yet current");
  return {.fault = FaultClass::kOurs, .clock = clock};
}

Verdict OfMeaning(const Known& known, std::string_view message) {
  switch (known.meaning) {
    case Meaning::kDenied:
      return {.fault = FaultClass::kRevoked, .denied = true};
    case Meaning::kRevoked:
      return {.fault = FaultClass::kRevoked};
    case Meaning::kKeyState:
      return OfKeyState(message);
    case Meaning::kNotFound:
      return OfNotFound(message);
    case Meaning::kOurs:
      return {.fault = FaultClass::kOurs};
    case Meaning::kExpired:
      return {.fault = FaultClass::kOurs, .expired = true};
    case Meaning::kSignature:
      return OfSignature(known.code, message);
    case Meaning::kIntegrity:
      return {.fault = FaultClass::kIntegrity};
    case Meaning::kThrottled:
      return {.retry = true, .throttled = true, .region = true};
    case Meaning::kKeyAway:
      return {.retry = true};
    case Meaning::kServiceAway:
      return kTransientVerdict;
  }
  return {};
}

}  // namespace

Verdict ClassifyFault(int http_status, std::string_view code, std::string_view message) {
  const auto* known = std::ranges::find(kKnown, code, &Known::code);
  if (known != kKnown.end()) return OfMeaning(*known, message);
  if (http_status == 429) return {.retry = true, .throttled = true, .region = true};
  // A success that could not be read is an answer cut off on its way.
  if (http_status == 408 || http_status >= 500 || http_status < 300) return kTransientVerdict;
  return {.fault = FaultClass::kOurs};  // What we ask for is wrong, or who answers is not KMS.
}

Verdict ClassifyTransport(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:  // Our request was not well-formed.
      return {.fault = FaultClass::kOurs};
    case ErrorCode::kDeadlineExceeded:
      return {.retry = true, .timeout = true, .region = true};
    default:
      return kTransientVerdict;
  }
}

ErrorCode CodeOf(FaultClass fault) {
  switch (fault) {
    case FaultClass::kRevoked:
      return ErrorCode::kKeyRevoked;
    case FaultClass::kOurs:
      return ErrorCode::kServiceFault;
    case FaultClass::kIntegrity:
      return ErrorCode::kIntegrity;
    case FaultClass::kUnavailable:
      return ErrorCode::kKeyUnavailable;
  }
  return ErrorCode::kInternal;
}

std::string_view FaultName(FaultClass fault) {
  switch (fault) {
    case FaultClass::kRevoked:
      return "revoked";
    case FaultClass::kOurs:
      return "ours";
    case FaultClass::kIntegrity:
      return "integrity";
    case FaultClass::kUnavailable:
      return "unavailable";
  }
  return "unavailable";
}

}  // namespace tenantseal::kms
