// The calls of AWS KMS that the service kept, read from its API.
#pragma once

#include <string>
#include <vector>

#include "cli/api.h"
#include "cli/reconcile.h"

namespace tenantseal::cli {

struct KeptCalls {
  std::vector<std::string> key_arns;    // The key and its replica; empty: the internal KMS.
  std::vector<std::string> principals;  // Whom the service calls as; empty: it does not say.
  std::vector<KeptCall> calls;
  std::vector<LogDoubt> doubts;
};

// Of one key provider, sent from..to, inclusive. kInternal: the answer is not as described.
Result<KeptCalls> ReadKeptCalls(const Api& api, const std::string& fingerprint, base::UtcTime from,
                                base::UtcTime to);

}  // namespace tenantseal::cli
