// kms/aws/ is the client of AWS KMS: the requests and hostile replies of its JSON protocol, retries
// under one deadline, budgets per account and region, and the way to the replica of a multi-region
// key when the primary's region does not answer.
//
// It promises that every failure ends in one of the four classes of kms_client.h, within the
// deadline; that a refusal by a key's owner is never retried nor evaded through the replica; that
// AWS's request id goes with every call; that no key material is in a log. It stores nothing and
// never decides what a class means for a tenant.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aws/credentials.h"
#include "aws/region.h"
#include "base/clock.h"
#include "base/random.h"
#include "kms/key_inspector.h"
#include "kms/kms_client.h"
#include "net/http_client.h"

namespace tenantseal::kms {

struct AwsKmsOptions {
  aws::EndpointOptions endpoints = {};
  aws::BackupRegions backup_regions = {};
  // An operator-owned key that tells our own failing credentials from a customer's refusal; empty:
  // there is none, and a denial is taken for the owner's.
  std::string control_key_arn = {};
  base::Duration attempt_timeout = std::chrono::milliseconds(1500);  // Of one HTTP exchange.
  // The same where a replica can stand in: with the session's own failover below 2 s in all.
  base::Duration attempt_timeout_with_replica = std::chrono::milliseconds(1000);
  int attempts_max = 3;            // Of one call in one region.
  double calls_per_second = 1000;  // Per (account, region), all tenants together.
  double renewal_share = 0.5;      // Of it, kept free for lease renewals.
  base::Duration probe_interval = std::chrono::seconds(5);  // Of an open circuit.
  // For tests. Waits that long; empty: the thread sleeps.
  std::function<void(base::Duration)> sleep = {};
  // For tests. Runs a probe of a region that calls are led away from; empty: on a thread of its
  // own, so that no caller waits for it.
  std::function<void(std::function<void()>)> run_aside = {};
};

// What became of one exchange with AWS, for the record that every KMS call leaves.
struct AwsCall {
  std::string tenant;     // Empty for calls without one (DescribeKey of a control key).
  std::string operation;  // "Decrypt".
  // The key that was asked; for a success that asked an alias, the key that it names.
  std::string key_arn;
  std::string region;
  std::string request_id;  // AWS's; empty when there was no answer.
  // "ok", AWS's error code, or "timeout", "connect", "malformed", "request", "HTTP 502".
  std::string outcome;
  std::string fault;  // "revoked", "ours", "integrity" or "unavailable"; empty when ok.
  int http_status = 0;
  int attempt = 1;     // Of the same call in the same region.
  base::UtcTime time;  // Before it was sent.
  base::Duration took{};
};

struct AwsKmsStats {
  std::map<std::string, std::uint64_t> calls;  // By "REGION OPERATION OUTCOME"; bounded.
  std::vector<std::string> open_circuits;      // Regions that calls are led away from.
  std::uint64_t failovers = 0;                 // Calls answered by a backup region.
  std::uint64_t throttled_here = 0;  // Calls that waited for, or were refused by, a budget.
};

// Thread-safe. Every method blocks, at most until the deadline.
class AwsKms final : public KmsClient {
 public:
  // Everything passed by reference outlives it. `on_call` is told of every exchange, on the
  // calling thread; it must not block.
  AwsKms(const net::HttpClient& http, aws::CredentialsProvider& credentials,
         const base::Clock& clock, const base::Random& random, AwsKmsOptions options,
         std::function<void(const AwsCall&)> on_call = {});
  ~AwsKms() override;

  Result<KmsGenerated> GenerateDataKey(const KmsKey& key, const model::TenantId& tenant,
                                       CallLimits limits) const override;
  Result<KmsCiphertext> Encrypt(const KmsKey& key, const model::TenantId& tenant,
                                base::ByteSpan plaintext, CallLimits limits) const override;
  Result<KmsPlaintext> Decrypt(const KmsKey& key, const model::TenantId& tenant,
                               base::ByteSpan ciphertext, CallLimits limits) const override;

  // Both keys lie in one region, which alone is asked. Wrapped stays wrapped throughout.
  Result<KmsCiphertext> ReEncrypt(const KmsKey& from, const KmsKey& to,
                                  const model::TenantId& tenant, base::ByteSpan ciphertext,
                                  CallLimits limits) const;
  // Lives as long as this.
  const KeyInspector& inspector() const;

  AwsKmsStats stats() const;

 private:
  class Core;
  class Inspector;
  std::unique_ptr<Core> core_;
  std::unique_ptr<Inspector> inspector_;
};

}  // namespace tenantseal::kms
