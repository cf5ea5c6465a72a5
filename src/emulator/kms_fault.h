// AWS KMS's errors, in its words, and the type of an answer that may be one.
// The texts are those that the real service sends.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "emulator/call.h"

namespace tenantseal::emulator {

// A T, or the fault to answer with. TS_ASSIGN_OR_RETURN and TS_RETURN_IF_ERROR work on it.
template <typename T>
class [[nodiscard]] Answer : public std::expected<T, Fault> {
 public:
  using std::expected<T, Fault>::expected;
  Answer(Fault fault)  // NOLINT(google-explicit-constructor): `return SomeFault(...)` reads well.
      : std::expected<T, Fault>(std::unexpect, std::move(fault)) {}
};
using Body = base::SecretBytes;  // The text of a JSON answer; empty: no output.

Fault AccessDenied(std::string message);
Fault NotFoundFault(std::string message);
Fault AliasNotFound(const std::string& alias_arn);
Fault KeyNotFound(const std::string& arn);
Fault KeyDisabled(const std::string& arn);
Fault InvalidState(std::string message);  // KMSInvalidStateException.
Fault InvalidCiphertext();                // Its message is empty on the wire.
Fault IncorrectKey();
Fault InvalidKeyUsage(std::string message);
Fault Unsupported(std::string message);  // UnsupportedOperationException.
Fault Validation(std::string message);   // ValidationException.
Fault LimitExceeded(std::string message);
Fault MalformedPolicy(std::string message);
Fault DryRun();  // The request would have succeeded.
Fault KmsInternal();
Fault OtherFault(std::string code, std::string message);  // 400.

}  // namespace tenantseal::emulator
