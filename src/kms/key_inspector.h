// What a validation asks of a key before anything depends on it. Apart from KmsClient, since these
// calls are meant to be refused at times: no refusal is remembered, no replica stands in, nothing
// is retried beyond the protocol's own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kms/kms_client.h"

namespace tenantseal::kms {

// What DescribeKey tells.
struct KeyDescription {
  std::string arn, account, key_state, key_usage, key_spec, origin, manager;
  bool enabled = false;
  bool multi_region = false;
  std::string multi_region_type;  // "PRIMARY", "REPLICA" or empty.
  std::string primary_arn;
  std::vector<std::string> replica_arns;
};

// The owner's answer: `refusal` is empty, or the service's code for it ("AccessDeniedException",
// "DisabledException", "NotFoundException", ...), and `value` is there when it is empty.
template <typename T>
struct Answered {
  std::string refusal;
  std::optional<T> value;
};

// Thread-safe; blocks, at most until the deadline. Errors: kServiceFault (our own credentials, told
// apart by the control key), kKeyUnavailable, kIntegrity, kInvalidArgument (no ARN of a key).
class KeyInspector {
 public:
  virtual ~KeyInspector() = default;
  // `arn` is a key ARN or alias ARN; its region alone is asked.
  virtual Result<Answered<KeyDescription>> Describe(const std::string& arn,
                                                    CallLimits limits) const = 0;
  // Without `tenant` the call has no encryption context.
  virtual Result<Answered<KmsGenerated>> Generate(const std::string& arn,
                                                  const std::optional<model::TenantId>& tenant,
                                                  CallLimits limits) const = 0;
  virtual Result<Answered<KmsCiphertext>> Encrypt(const std::string& arn,
                                                  const std::optional<model::TenantId>& tenant,
                                                  base::ByteSpan plaintext,
                                                  CallLimits limits) const = 0;
  virtual Result<Answered<KmsPlaintext>> Decrypt(const std::string& arn,
                                                 const model::TenantId& tenant,
                                                 base::ByteSpan ciphertext,
                                                 CallLimits limits) const = 0;
};

}  // namespace tenantseal::kms
