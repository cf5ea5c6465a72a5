#include "providers/validator.h"

#include "providers/inspection.h"

namespace tenantseal::providers {

Validator::Validator(const kms::KeyInspector& inspector, const base::Clock& clock,
                     const base::Random& random, ValidatorOptions options)
    : inspector_(inspector), clock_(clock), random_(random), options_(std::move(options)) {}

Result<Report> Validator::Validate(const Ask& ask, base::Deadline deadline) const {
  Report report;
  report.given_arn = ask.arn.substr(0, aws::kArnCharsMax);
  report.at = clock_.Utc();
  TS_RETURN_IF_ERROR(Inspection({inspector_, random_, options_}, ask, deadline, report).Run());
  return report;
}

}  // namespace tenantseal::providers
