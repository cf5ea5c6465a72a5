// providers/ is the life of a tenant's key providers: registered, validated, renamed, deleted. It
// decides what a key must be; it moves no key material, which is migration/.
//
// This file: what a validation found, check by check, in the order in which they are made.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/encryption_codes.h"
#include "model/migration.h"

namespace tenantseal::providers {

struct Check {
  std::string name;  // "arn", "region", "authorised", "describe", "enabled", "symmetric", "usage",
                     // "origin", "multi-region", "round-trip", "replica-authorised",
                     // "replica-round-trip", "replica-agrees", "isolation", "shared", "alias".
  model::CheckOutcome outcome = model::CheckOutcome::kPass;
  std::string region;            // Where it was asked; empty: nowhere.
  std::string detail;            // What was found.
  std::string fix;               // What to do about it; empty when it passed.
  model::EncryptionCode code{};  // Of a failure or warning; 0 when it passed.
};

struct Report {
  std::string given_arn;    // As registered.
  std::string key_arn;      // The key that an alias was resolved to; empty while unauthorised.
  std::string replica_arn;  // In the backup region; empty: none.
  bool multi_region = false;
  std::vector<Check> checks;
  std::string mended_policy;  // What the key's policy should say; empty when nothing is missing.
  base::UtcTime at;

  // The worst of the checks.
  model::CheckOutcome outcome() const;
  const Check* first_failure() const;
  // The first failure, else the first warning that concerns the replica: Qlik's complianceError.
  const Check* first_problem() const;
  bool dr_compliant() const;  // Every check of the replica passed, or none is needed.
  // The replica has answered, and what it says keeps it from standing in.
  bool replica_fails() const;
};

nlohmann::json CheckJson(const Check& check);
nlohmann::json ReportJson(const Report& report);
std::string ReportText(const Report& report);         // ReportJson, dumped.
Result<Report> ParseReport(const std::string& text);  // Of ReportText; kIntegrity.

// The refusal of a registration or migration: the first failure's code, the whole report in `meta`.
// `as` replaces the code (kTargetInvalid).
Error RefusalOf(const Report& report, std::optional<model::EncryptionCode> as = {});

}  // namespace tenantseal::providers
