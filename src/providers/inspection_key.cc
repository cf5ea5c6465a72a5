// What DescribeKey tells of a key, judged.
#include <algorithm>

#include "aws/quote.h"
#include "providers/inspection.h"

namespace tenantseal::providers {
namespace {

using model::CheckOutcome;
using model::EncryptionCode;

std::string Enabling(const kms::KeyDescription& key, const std::string& region) {
  const std::string which = " --key-id " + key.arn + " --region " + region;
  const std::string enable = "aws kms enable-key" + which;
  if (key.key_state == "Disabled") return "Enable it: " + enable;
  if (key.key_state == "PendingDeletion" || key.key_state == "PendingReplicaDeletion") {
    return "Keep it: aws kms cancel-key-deletion" + which + ", then " + enable;
  }
  return "Validate again when its state is Enabled: aws kms describe-key" + which;
}

}  // namespace

Result<bool> Inspection::CheckDescription() {
  TS_ASSIGN_OR_RETURN(auto heard, Hear(parts_.inspector.Describe(primary_.arn, limits_)));
  if (heard.word == Word::kYes && !IsKeyBehind(heard.value->arn, primary_.arn)) {
    heard.word = Word::kGarbled;
  }
  if (heard.word != Word::kYes) {
    TS_RETURN_IF_ERROR(Note({"describe", "DescribeKey"}, primary_, heard.word, heard.reason));
    // Whoever mends the policy should see at once what else it lacks.
    if (heard.word == Word::kDenied && primary_.generated) {
      TS_RETURN_IF_ERROR(CheckRoundTrip());
    }
    return false;
  }
  description_ = std::move(*heard.value);
  primary_.arn = report_.key_arn = description_.arn;
  report_.multi_region = description_.multi_region;
  Pass("describe", primary_.region, "The key can be looked up.");
  CheckEnabled();
  CheckKind();
  CheckMultiRegion();
  if (primary_.generated) return !failed();
  // It would not generate, though its description may have nothing against it by now.
  if (!failed()) {
    TS_RETURN_IF_ERROR(Note({"enabled", "GenerateDataKey"}, primary_, Word::kRefused, refusal_));
  }
  return false;
}

void Inspection::CheckEnabled() {
  if (description_.key_state == "Enabled") {
    if (primary_.generated) Pass("enabled", primary_.region, "The key is enabled.");
    return;
  }
  Fail("enabled", primary_.region,
       "The state of the key is " + aws::Quote(description_.key_state) + ", not 'Enabled'.",
       Enabling(description_, primary_.region), EncryptionCode::kKeyNotEnabled);
}

void Inspection::CheckKind() {
  struct Property {
    const char* check;
    const char* name;
    const std::string& is;
    const char* wanted;
  };
  const Property properties[] = {
      {"symmetric", "key spec", description_.key_spec, "SYMMETRIC_DEFAULT"},
      {"usage", "key usage", description_.key_usage, "ENCRYPT_DECRYPT"},
      {"origin", "origin", description_.origin, "AWS_KMS"}};
  for (const auto& [check, name, is, wanted] : properties) {
    if (is == wanted) {
      Pass(check, primary_.region, "The " + std::string(name) + " of the key is " + wanted + ".");
      continue;
    }
    Fail(
        check, primary_.region,
        "The " + std::string(name) + " of the key is " + aws::Quote(is) + ", not '" + wanted + "'.",
        "A key stays as it was made. Make another: aws kms create-key --multi-region --region " +
            primary_.region,
        EncryptionCode::kKeyUnsuitable);
  }
}

void Inspection::CheckMultiRegion() {
  constexpr const char* kCheck = "multi-region";
  const std::string& home = ask_.tenant.region;
  const auto backup = parts_.options.backup_regions.Partner(home);
  if (!backup) {
    Pass(kCheck, home, "Keys of " + home + " need no replica.");
    return;
  }
  const auto key = aws::ParseKmsArn(description_.arn);
  if (!description_.multi_region || !key || !key->multi_region()) {
    Fail(kCheck, *backup,
         "The key is a single-region key; a tenant of " + home +
             " needs a multi-region key with its related key in " + *backup + ".",
         "A single-region key stays one. Make another: aws kms create-key --multi-region "
         "--region " +
             home + ". Then, with its ARN as KEY: " + HowToReplicate("", *backup),
         EncryptionCode::kReplicaMissing);
    return;
  }
  const std::string wanted = key->InRegion(*backup).text();
  const auto& replicas = description_.replica_arns;
  const bool there = description_.primary_arn == wanted ||
                     std::find(replicas.begin(), replicas.end(), wanted) != replicas.end();
  if (!there) {
    Fail(kCheck, *backup,
         "The multi-region key has no related key in " + *backup + ", which backs up " + home + ".",
         HowToReplicate(description_.primary_arn, *backup), EncryptionCode::kReplicaMissing);
    return;
  }
  replica_ = {wanted, *backup, /*primary=*/false};
  report_.replica_arn = wanted;
  Pass(kCheck, *backup, "The key has its related key in " + *backup + ".");
}

// Without `from` the primary is yet to be made, in the tenant's region. The policy is given since
// AWS would put one on the replica that admits the account alone.
std::string Inspection::HowToReplicate(const std::string& from, const std::string& backup) const {
  const auto primary = aws::ParseKmsArn(from);
  const std::string which = " --key-id " + (primary ? from : std::string("KEY")) + " --region " +
                            (primary ? primary->region : ask_.tenant.region);
  return "Replicate the key to " + backup + " with its policy: aws kms get-key-policy" + which +
         " --policy-name default --query Policy --output text > policy.json && aws kms "
         "replicate-key" +
         which + " --replica-region " + backup + " --policy file://policy.json";
}

}  // namespace tenantseal::providers
