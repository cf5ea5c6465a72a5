// kms/ talks to key management services: the internal one (internal/) and AWS KMS (aws/).
//
// A KMS keeps a provider key that never leaves it and wraps tenant keys with it. Every call carries
// the encryption context {"TenantId": id}, nothing else, so that one tenant's wrapped key never
// unwraps in the name of another. The provider is called per tenant key, never per data key or
// request. Callers treat replies as hostile: they check key ARN and length themselves.
//
// Errors, classed by what the caller does next (DESIGN: revoked, ours, integrity, unavailable):
//   kKeyRevoked      the owner of the key refuses: stop using what it protects, at once
//   kServiceFault    our own credentials fail: alarm, otherwise as unavailable
//   kIntegrity       the ciphertext is not the key's: alarm, never retry
//   kKeyUnavailable  no answer: retry later
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "model/tenant.h"

namespace tenantseal::kms {

// Names a provider key. For the internal KMS `arn` is empty and the tenant names the key.
struct KmsKey {
  model::ProviderKind kind = model::ProviderKind::kInternal;
  std::string arn;
  std::string replica_arn = {};  // The related key in the backup region; empty: there is none.
  bool primary_refuses = false;  // The primary's last word was a refusal: the replica may not
                                 // stand in for it.
};

enum class CallPurpose : std::uint8_t {
  kDemand,        // A request waits for it.
  kLeaseRenewal,  // Has a reserved share of the provider's budget.
};

// How long a call may take, and what for it is made.
struct CallLimits {
  CallLimits(base::Deadline until, CallPurpose why = CallPurpose::kDemand)  // NOLINT: a deadline is
      : deadline(until), purpose(why) {}                                    // enough.
  base::Deadline deadline;
  CallPurpose purpose;
};

struct KmsCiphertext {
  base::Bytes blob;     // Opaque; at most kCiphertextBytesMax.
  std::string key_arn;  // The key that the service says it used.
};

struct KmsPlaintext {
  base::SecretBytes plaintext;
  std::string key_arn;
};

struct KmsGenerated {
  base::SecretBytes plaintext;
  KmsCiphertext wrapped;
};

inline constexpr std::size_t kPlaintextBytesMax = 4096;   // AWS KMS API: Plaintext.
inline constexpr std::size_t kCiphertextBytesMax = 6144;  // AWS KMS API: CiphertextBlob.

// Thread-safe. Every method blocks, at most until the deadline.
class KmsClient {
 public:
  virtual ~KmsClient() = default;
  // Makes 32 random bytes and wraps them.
  virtual Result<KmsGenerated> GenerateDataKey(const KmsKey& key, const model::TenantId& tenant,
                                               CallLimits limits) const = 0;
  virtual Result<KmsCiphertext> Encrypt(const KmsKey& key, const model::TenantId& tenant,
                                        base::ByteSpan plaintext, CallLimits limits) const = 0;
  virtual Result<KmsPlaintext> Decrypt(const KmsKey& key, const model::TenantId& tenant,
                                       base::ByteSpan ciphertext, CallLimits limits) const = 0;
};

// Makes and destroys the provider keys of the internal KMS. Thread-safe, durable on return.
class InternalKeys {
 public:
  virtual ~InternalKeys() = default;
  // Makes a random provider key for the tenant. Does nothing if there is one.
  virtual Result<void> CreateKey(const model::TenantId& tenant) = 0;
  // Destroys the tenant's provider key for good. Does nothing if there is none.
  virtual Result<void> DestroyKey(const model::TenantId& tenant) = 0;
};

}  // namespace tenantseal::kms
