// Errors as values, shared by the SDK and the service.
//
// Every fallible function returns Result<T>: either a T or an Error. An Error carries a code,
// classed by what the caller should do next, and a message in words. Nothing in this project
// throws; exceptions of libraries are caught at the leaf that calls them.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace tenantseal {

// What the caller should do next decides the code, not where the error arose.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,       // The request is wrong: mend it. `field` names the culprit.
  kUnauthenticated,       // No valid credentials were given.
  kPermissionDenied,      // The credentials do not allow this.
  kNotFound,              // The named thing does not exist, or is not the caller's.
  kAlreadyExists,         // The thing to be created is there already.
  kConflict,              // The present state forbids this (deactivated tenant, key in use).
  kTooLarge,              // A size limit was passed; the message names it.
  kUnsupportedMediaType,  // The body is of a type that this route does not read.
  kDecryptFailed,         // It does not open. Deliberately says nothing more.
  kKeyRevoked,            // The provider refuses this tenant's key. Do not retry.
  kKeyUnavailable,        // The provider cannot be reached. Retry later.
  kServiceFault,          // Our own credentials at the provider fail. An operator must act.
  kIntegrity,             // Stored state or a provider's reply is not what was written. Alarm.
  kRateLimited,           // Too many requests. Retry after `retry_after_s`.
  kUnavailable,           // The store or a queue cannot take this now. Retry later.
  kDeadlineExceeded,      // Time ran out; the outcome is unknown.
  kWouldBlock,            // Internal: cannot be answered without I/O. Never leaves the server.
  kInternal,              // A defect.
};

// The code's name in lower case with dashes, e.g. "key-revoked".
std::string_view ErrorCodeName(ErrorCode code);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;                // A sentence for a person; never holds a secret.
  std::string field = {};             // JSON pointer or flag of the offending input, if any.
  std::uint32_t retry_after_s = 0;    // Seconds to wait, 0 when unknown.
  std::uint16_t encryption_code = 0;  // The n of "Encryption-n" in docs/errors.md; 0: none.
  std::string meta = {};              // More for the caller, as a JSON object; may be empty.
};

// A T or an Error. Derives from std::expected so that ignoring one is a compiler warning.
template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  Result(Error error)  // NOLINT(google-explicit-constructor): `return SomeError(...)` reads well.
      : std::expected<T, Error>(std::unexpect, std::move(error)) {}
  bool ok() const { return this->has_value(); }
};

inline Error InvalidArgument(std::string field, std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message), std::move(field)};
}
inline Error Internal(std::string message) { return {ErrorCode::kInternal, std::move(message)}; }
inline Error NotFound(std::string message) { return {ErrorCode::kNotFound, std::move(message)}; }
inline Error IntegrityError(std::string message) {
  return {ErrorCode::kIntegrity, std::move(message)};
}
// The one answer to everything that does not open, whatever the reason.
inline Error DecryptFailed() {
  return {ErrorCode::kDecryptFailed, "The ciphertext does not open with this tenant and context."};
}

}  // namespace tenantseal
