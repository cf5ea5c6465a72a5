#include "base/result.h"

namespace tenantseal {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid-argument";
    case ErrorCode::kUnauthenticated:
      return "unauthenticated";
    case ErrorCode::kPermissionDenied:
      return "permission-denied";
    case ErrorCode::kNotFound:
      return "not-found";
    case ErrorCode::kAlreadyExists:
      return "already-exists";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kTooLarge:
      return "too-large";
    case ErrorCode::kUnsupportedMediaType:
      return "unsupported-media-type";
    case ErrorCode::kDecryptFailed:
      return "decrypt-failed";
    case ErrorCode::kKeyRevoked:
      return "key-revoked";
    case ErrorCode::kKeyUnavailable:
      return "key-unavailable";
    case ErrorCode::kServiceFault:
      return "service-fault";
    case ErrorCode::kIntegrity:
      return "integrity";
    case ErrorCode::kRateLimited:
      return "rate-limited";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kDeadlineExceeded:
      return "deadline-exceeded";
    case ErrorCode::kWouldBlock:
      return "would-block";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace tenantseal
