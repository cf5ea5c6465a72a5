// Whether a key may hold a tenant's keys.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "aws/region.h"
#include "base/clock.h"
#include "base/random.h"
#include "kms/key_inspector.h"
#include "model/tenant.h"
#include "providers/report.h"

namespace tenantseal::providers {

struct ValidatorOptions {
  aws::BackupRegions backup_regions = {};
  std::vector<std::string> policy_principals = {};  // For the mended policy; may be empty.
  bool shared_keys_refused = false;                 // The operator's switch.
};

// Thread-safe.
class Validator {
 public:
  Validator(const kms::KeyInspector& inspector, const base::Clock& clock,
            const base::Random& random, ValidatorOptions options);

  struct Ask {
    const model::Tenant& tenant;
    std::string arn;              // Key ARN or alias ARN as given.
    std::string pinned_arn = {};  // The key that an alias was resolved to at registration.
    bool isolation = true;        // With the probes of another tenant's context.
    // How many other tenants use the key of an ARN. Asked once it is known which key it is.
    std::function<Result<std::uint64_t>(const std::string& key_arn)> count_others = {};
  };
  // Asks the key in the order of the checks and stops at the first failure that makes the rest
  // meaningless. Until GenerateDataKey with the tenant's context is authorised, every failure is
  // one kActionNotAllowed without details of the key, so that nobody learns about another's.
  // Errors: those of count_others, else only our own (kServiceFault) and kKeyUnavailable of the
  // primary's region.
  Result<Report> Validate(const Ask& ask, base::Deadline deadline) const;

 private:
  const kms::KeyInspector& inspector_;
  const base::Clock& clock_;
  const base::Random& random_;
  const ValidatorOptions options_;
};

}  // namespace tenantseal::providers
