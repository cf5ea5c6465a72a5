#include "emulator/kms_fault.h"

namespace tenantseal::emulator {

Fault OtherFault(std::string code, std::string message) {
  return {400, std::move(code), std::move(message)};
}
Fault AccessDenied(std::string message) {
  return OtherFault("AccessDeniedException", std::move(message));
}
Fault NotFoundFault(std::string message) {
  return OtherFault("NotFoundException", std::move(message));
}
Fault AliasNotFound(const std::string& alias_arn) {
  return NotFoundFault("Alias " + alias_arn + " is not found.");
}
Fault KeyNotFound(const std::string& arn) {
  return NotFoundFault("Key '" + arn + "' does not exist");
}
Fault KeyDisabled(const std::string& arn) {
  return OtherFault("DisabledException", arn + " is disabled.");
}
Fault InvalidState(std::string message) {
  return OtherFault("KMSInvalidStateException", std::move(message));
}
Fault InvalidCiphertext() { return OtherFault("InvalidCiphertextException", ""); }
Fault IncorrectKey() {
  return OtherFault("IncorrectKeyException",
                    "The key ID in the request does not identify a CMK that can perform this "
                    "operation.");
}
Fault InvalidKeyUsage(std::string message) {
  return OtherFault("InvalidKeyUsageException", std::move(message));
}
Fault Unsupported(std::string message) {
  return OtherFault("UnsupportedOperationException", std::move(message));
}
Fault Validation(std::string message) {
  return OtherFault("ValidationException", std::move(message));
}
Fault LimitExceeded(std::string message) {
  return OtherFault("LimitExceededException", std::move(message));
}
Fault MalformedPolicy(std::string message) {
  return OtherFault("MalformedPolicyDocumentException", std::move(message));
}
Fault DryRun() {
  return OtherFault("DryRunOperationException",
                    "The request would have succeeded, but the DryRun option is set.");
}
Fault KmsInternal() {
  return {500, "KMSInternalException",
          "The request was rejected because an internal exception "
          "occurred. The request can be retried."};
}

}  // namespace tenantseal::emulator
