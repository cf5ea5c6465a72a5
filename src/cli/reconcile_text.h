// What a reconciliation found, for people and for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/reconcile.h"

namespace tenantseal::cli {

struct ReconcileReport {
  std::string fingerprint;
  std::vector<std::string> key_arns;
  ReconcileInput input;
  Reconciliation found;
  std::vector<std::string> missing;  // Accounts that could not be read at all, and why: sentences.
  std::string replicas_unknown;      // Why further regions of the key are not known: a sentence.
  std::size_t unreadable = 0;        // Events that are not as CloudTrail describes them.
};

nlohmann::json ReconcileJson(const ReconcileReport& report);
void PrintReconciliation(const ReconcileReport& report);

}  // namespace tenantseal::cli
