#include "providers/inspection.h"

#include <algorithm>

#include "aws/key_policy.h"
#include "aws/quote.h"

namespace tenantseal::providers {
namespace {

using model::CheckOutcome;
using model::EncryptionCode;

constexpr std::size_t kSecretBytes = 32;  // Of what is wrapped for a trial: as a tenant key has.

bool IsOfState(std::string_view code) {
  return code == "DisabledException" || code == "KMSInvalidStateException";
}
// AWS looks at the policy first: whoever meets one of these was admitted.
bool ShowsAdmission(std::string_view code) {
  return IsOfState(code) || code == "InvalidKeyUsageException";
}

std::string Where(const std::string& region) { return " in " + region; }

}  // namespace

bool IsKeyBehind(const std::string& key, const std::string& asked) {
  const auto named = aws::ParseKmsArn(key), meant = aws::ParseKmsArn(asked);
  if (!named || !meant || named->kind != aws::KmsArn::Kind::kKey) return false;
  if (meant->kind == aws::KmsArn::Kind::kKey) return *named == *meant;
  return named->region == meant->region && named->account == meant->account;
}

Result<void> Inspection::Run() {
  if (!CheckName() || !CheckRegion()) return {};
  for (const auto step :
       {&Inspection::CheckAuthorised, &Inspection::CheckDescription, &Inspection::CheckRoundTrip}) {
    TS_ASSIGN_OR_RETURN(const bool go_on, (this->*step)());
    if (!go_on) return {};
  }
  TS_RETURN_IF_ERROR(CheckReplica());
  if (ask_.isolation) {
    TS_RETURN_IF_ERROR(CheckIsolation(primary_));
    if (replica_.generated && !replica_silent_) TS_RETURN_IF_ERROR(CheckIsolation(replica_));
  }
  TS_RETURN_IF_ERROR(CheckShared());
  return CheckAlias();
}

bool Inspection::CheckName() {
  const std::string home(aws::PartitionOfRegion(ask_.tenant.region).value_or("aws"));
  auto given = aws::ParseKmsArn(ask_.arn);
  if (!given) {
    Fail("arn", {}, given.error().message,
         "Copy the key's ARN from the AWS console, or from: aws kms describe-key --key-id KEY "
         "--region " +
             ask_.tenant.region + " --query KeyMetadata.Arn --output text",
         EncryptionCode::kArnMalformed);
    return false;
  }
  given_ = std::move(*given);
  if (given_.partition != home) {
    Fail("arn", {},
         "The key is in the partition " + aws::Quote(given_.partition) + ", the tenant's region " +
             aws::Quote(ask_.tenant.region) + " in the partition " + aws::Quote(home) + ".",
         "Give the ARN of a key in " + ask_.tenant.region + ": it begins with arn:" + home +
             ":kms:" + ask_.tenant.region + ":",
         EncryptionCode::kWrongRegion);
    return false;
  }
  if (given_.id.starts_with("alias/aws/")) {
    Fail("arn", {},
         "The alias " + aws::Quote(given_.id) +
             " is of a key that AWS manages, "
             "whose policy cannot be changed.",
         "Make a key of your own: aws kms create-key --multi-region --region " + ask_.tenant.region,
         EncryptionCode::kKeyUnsuitable);
    return false;
  }
  Pass("arn", {}, "The ARN is well-formed.");
  return true;
}

bool Inspection::CheckRegion() {
  const std::string& home = ask_.tenant.region;
  if (given_.region == home) {
    Pass("region", home, "The key is in the tenant's region.");
    return true;
  }
  const auto partner = parts_.options.backup_regions.Partner(home);
  // Either key of a pair may be AWS's primary; the one that is registered is the tenant's.
  const bool other_half = given_.multi_region() && partner == given_.region;
  Fail("region", home, "The key is in " + given_.region + ", the tenant in " + home + ".",
       other_half ? "Register its related key in the tenant's region, " +
                        given_.InRegion(home).text() + "; this one then backs it up."
                  : "Give the ARN of a key in " + home +
                        ". To make one: aws kms create-key "
                        "--multi-region --region " +
                        home,
       EncryptionCode::kWrongRegion);
  return false;
}

Result<bool> Inspection::CheckAuthorised() {
  const std::string& arn = ask_.pinned_arn.empty() ? ask_.arn : ask_.pinned_arn;
  primary_ = {arn, given_.region};
  TS_ASSIGN_OR_RETURN(auto heard, Hear(parts_.inspector.Generate(arn, ask_.tenant.id, limits_)));
  const Asked asked{"authorised", "GenerateDataKey"};
  switch (heard.word) {
    case Word::kYes:
      if (!IsKeyBehind(heard.value->wrapped.key_arn, arn)) {
        TS_RETURN_IF_ERROR(Note(asked, primary_, Word::kGarbled, {}));
        return false;
      }
      primary_.arn = report_.key_arn = heard.value->wrapped.key_arn;
      primary_.generated = std::move(heard.value);
      break;
    case Word::kRefused:
      if (ShowsAdmission(heard.reason)) {
        refusal_ = std::move(heard.reason);
        break;
      }
      [[fallthrough]];  // Whether there is such a key is not the caller's to know.
    case Word::kDenied:
      Deny(asked, primary_);
      report_.checks.back().fix +=
          " While the policy does not admit the tenant, nothing else about the key is told: see "
          "as well that the ARN is the right one.";
      return false;
    case Word::kGarbled:
    case Word::kSilent:
      TS_RETURN_IF_ERROR(Note(asked, primary_, heard.word, {}));
      return false;
  }
  Pass("authorised", primary_.region, "The key's policy admits this tenant.");
  return true;
}

Result<bool> Inspection::CheckRoundTrip() {
  constexpr const char* kCheck = "round-trip";
  TS_ASSIGN_OR_RETURN(const std::optional<Wrapped> wrapped, Wraps(kCheck, primary_));
  // Asked even so: one validation tells every action that the policy lacks.
  TS_ASSIGN_OR_RETURN(bool opens, Opens(kCheck, primary_, primary_.generated->wrapped.blob,
                                        primary_.generated->plaintext.Reveal()));
  if (wrapped && opens) {
    TS_ASSIGN_OR_RETURN(opens, Opens(kCheck, primary_, wrapped->blob, wrapped->secret.Reveal()));
  }
  if (!wrapped || !opens) return false;
  Pass(kCheck, primary_.region, "What the key wraps for this tenant, it unwraps.");
  return true;
}

Result<bool> Inspection::Opens(const char* check, const Side& by, base::ByteSpan blob,
                               base::ByteSpan expected) {
  TS_ASSIGN_OR_RETURN(auto heard,
                      Hear(parts_.inspector.Decrypt(by.arn, ask_.tenant.id, blob, limits_)));
  const Asked asked{check, "Decrypt"};
  if (heard.word != Word::kYes) {
    TS_RETURN_IF_ERROR(Note(asked, by, heard.word, heard.reason));
    return false;
  }
  if (heard.value->key_arn == by.arn &&
      base::ConstantTimeEqual(heard.value->plaintext.Reveal(), expected)) {
    return true;
  }
  TS_RETURN_IF_ERROR(Note(asked, by, Word::kGarbled, {}));
  return false;
}

Result<std::optional<Inspection::Wrapped>> Inspection::Wraps(const char* check, const Side& by) {
  Wrapped wrapped{base::SecretBytes(kSecretBytes), {}};
  parts_.random.Fill(wrapped.secret.RevealMutable());
  TS_ASSIGN_OR_RETURN(auto heard, Hear(parts_.inspector.Encrypt(by.arn, ask_.tenant.id,
                                                                wrapped.secret.Reveal(), limits_)));
  if (heard.word == Word::kYes && heard.value->key_arn != by.arn) heard.word = Word::kGarbled;
  if (heard.word != Word::kYes) {
    TS_RETURN_IF_ERROR(Note({check, "Encrypt"}, by, heard.word, heard.reason));
    return std::optional<Wrapped>();
  }
  wrapped.blob = std::move(heard.value->blob);
  return std::optional(std::move(wrapped));
}

Result<void> Inspection::Note(const Asked& asked, const Side& side, Word word,
                              const std::string& reason) {
  const std::string action = asked.action + Where(side.region);
  const std::string because = reason.empty() ? "" : " (" + reason + ")";
  switch (word) {
    case Word::kYes:
      break;
    case Word::kDenied:
      Deny(asked, side);
      break;
    case Word::kSilent:
      if (side.primary) {
        return model::EncryptionError(
            EncryptionCode::kProviderTimeout, ErrorCode::kKeyUnavailable,
            "AWS KMS does not answer" + Where(side.region) + because + ". Try again in a minute.");
      }
      replica_silent_ = true;
      Warn(asked.check, side.region,
           "AWS KMS does not answer " + action + because +
               "; until it does, nobody knows whether the replica can stand in.",
           "Validate again when AWS KMS answers" + Where(side.region) + ".",
           EncryptionCode::kProviderTimeout);
      break;
    case Word::kGarbled:
      Fail(asked.check, side.region,
           "What the key wraps does not unwrap: the answer to " + action + " is not the right one.",
           "Validate again. If it stays so, the key's material was replaced, or something between "
           "the service and AWS KMS alters answers: use another key, and tell the operator.",
           EncryptionCode::kRoundTripFailed);
      break;
    case Word::kRefused:
      if (IsOfState(reason)) {
        Fail(asked.check, side.region,
             "The key does not work: " + action + " is refused by " + reason + ".",
             "Enable it: aws kms enable-key --key-id " + side.arn + " --region " + side.region +
                 " (after aws kms cancel-key-deletion, if its deletion is pending).",
             EncryptionCode::kKeyNotEnabled);
      } else if (reason == "NotFoundException" && !side.primary) {
        Fail(asked.check, side.region, "There is no replica " + side.arn + ".",
             HowToReplicate(description_.primary_arn, side.region),
             EncryptionCode::kReplicaMissing);
      } else {
        Fail(asked.check, side.region, action + " is refused by " + reason + ".",
             "Use a key that can do it. To make one: aws kms create-key --multi-region --region " +
                 ask_.tenant.region,
             EncryptionCode::kKeyUnsuitable);
      }
      break;
  }
  return {};
}

void Inspection::Pass(const std::string& check, const std::string& region,
                      const std::string& detail) {
  report_.checks.push_back({check, CheckOutcome::kPass, region, detail, {}, {}});
}
void Inspection::Warn(const std::string& check, const std::string& region,
                      const std::string& detail, const std::string& fix, EncryptionCode code) {
  report_.checks.push_back({check, CheckOutcome::kWarn, region, detail, fix, code});
}
void Inspection::Fail(const std::string& check, const std::string& region,
                      const std::string& detail, const std::string& fix, EncryptionCode code) {
  report_.checks.push_back({check, CheckOutcome::kFail, region, detail, fix, code});
}

// The sentence is the published one.
void Inspection::Deny(const Asked& asked, const Side& side) {
  MendPolicy();
  const std::string statements =
      report_.mended_policy.empty()
          ? "a statement that allows the service's role kms:Encrypt, kms:Decrypt and "
            "kms:GenerateDataKey where kms:EncryptionContext:TenantId equals " +
                tenant() + ", and one that allows it kms:DescribeKey"
          : "the statements of the mended policy";
  Fail(asked.check, side.region,
       "The policy of the provided key does not allow the required action [" + side.region + "] [" +
           asked.action + "].",
       "Add to the policy of the key" + Where(side.region) + " " + statements +
           " (each region's key has a policy of its own), then try again.",
       EncryptionCode::kActionNotAllowed);
}

void Inspection::MendPolicy() {
  const auto statements =
      aws::KeyPolicyStatements({parts_.options.policy_principals, {tenant()}}, given_.partition);
  if (statements) report_.mended_policy = *statements;
}

}  // namespace tenantseal::providers
