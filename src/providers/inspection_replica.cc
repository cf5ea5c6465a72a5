// Whether the replica can stand in, and whom the policies admit besides the tenant.
#include "aws/quote.h"
#include "providers/inspection.h"

namespace tenantseal::providers {

using model::EncryptionCode;

Result<void> Inspection::CheckReplica() {
  if (replica_.arn.empty()) return {};  // None is needed.
  for (const auto step : {&Inspection::ReplicaAuthorised, &Inspection::ReplicaRoundTrip}) {
    TS_ASSIGN_OR_RETURN(const bool go_on, (this->*step)());
    if (!go_on) return {};
  }
  return ReplicaAgrees();
}

Result<bool> Inspection::ReplicaAuthorised() {
  constexpr Asked kAsked{"replica-authorised", "GenerateDataKey"};
  TS_ASSIGN_OR_RETURN(auto heard,
                      Hear(parts_.inspector.Generate(replica_.arn, ask_.tenant.id, limits_)));
  if (heard.word == Word::kYes && heard.value->wrapped.key_arn != replica_.arn) {
    heard.word = Word::kGarbled;
  }
  if (heard.word != Word::kYes) {
    TS_RETURN_IF_ERROR(Note(kAsked, replica_, heard.word, heard.reason));
    return false;
  }
  replica_.generated = std::move(heard.value);
  Pass(kAsked.check, replica_.region, "The policy of the replica admits this tenant.");
  return true;
}

Result<bool> Inspection::ReplicaRoundTrip() {
  constexpr const char* kCheck = "replica-round-trip";
  TS_ASSIGN_OR_RETURN(const std::optional<Wrapped> wrapped, Wraps(kCheck, replica_));
  if (replica_silent_) return false;
  TS_ASSIGN_OR_RETURN(const bool there, Opens(kCheck, replica_, primary_.generated->wrapped.blob,
                                              primary_.generated->plaintext.Reveal()));
  if (replica_silent_) return false;
  TS_ASSIGN_OR_RETURN(bool back, Opens(kCheck, primary_, replica_.generated->wrapped.blob,
                                       replica_.generated->plaintext.Reveal()));
  if (wrapped && back) {
    TS_ASSIGN_OR_RETURN(back, Opens(kCheck, primary_, wrapped->blob, wrapped->secret.Reveal()));
  }
  if (!wrapped || !there || !back) return false;
  Pass(kCheck, replica_.region, "What either key wraps for this tenant, the other unwraps.");
  return true;
}

Result<void> Inspection::ReplicaAgrees() {
  constexpr Asked kAsked{"replica-agrees", "DescribeKey"};
  TS_ASSIGN_OR_RETURN(auto heard, Hear(parts_.inspector.Describe(replica_.arn, limits_)));
  if (heard.word != Word::kYes) return Note(kAsked, replica_, heard.word, heard.reason);
  const kms::KeyDescription& replica = *heard.value;
  const bool agrees = replica.arn == replica_.arn && replica.multi_region &&
                      replica.primary_arn == description_.primary_arn &&
                      replica.key_state == "Enabled";
  if (agrees) {
    Pass(kAsked.check, replica_.region, "Both keys name the same primary and are enabled.");
    return {};
  }
  Fail(kAsked.check, replica_.region,
       "The replica's state is " + aws::Quote(replica.key_state) + " and its primary is " +
           aws::Quote(replica.primary_arn) + "; they should be 'Enabled' and " +
           aws::Quote(description_.primary_arn) + ".",
       "Wait until AWS has finished with both keys, see that both are enabled, then validate "
       "again.",
       EncryptionCode::kReplicaMissing);
  return {};
}

// A tenant id that was never issued stands for every other tenant.
Result<void> Inspection::CheckIsolation(const Side& side) {
  constexpr const char* kCheck = "isolation";
  const std::optional<model::TenantId> nobody = model::TenantId::New(parts_.random);
  const base::Bytes probe(32, 0);
  std::string open;
  for (const auto& tenant : {nobody, std::optional<model::TenantId>()}) {
    const std::string context = tenant ? " with another tenant's context" : " without context";
    const auto add = [&](const char* action, const auto& heard) {
      const std::string what = heard.word == Word::kYes ? "" : ": " + heard.reason;
      if (heard.word != Word::kDenied)
        open += (open.empty() ? "" : ", ") + (action + context) + what;
    };
    TS_ASSIGN_OR_RETURN(const auto made,
                        Hear(parts_.inspector.Generate(side.arn, tenant, limits_)));
    if (made.word == Word::kSilent)
      return Note({kCheck, "GenerateDataKey"}, side, made.word, made.reason);
    add("GenerateDataKey", made);
    TS_ASSIGN_OR_RETURN(const auto wrapped,
                        Hear(parts_.inspector.Encrypt(side.arn, tenant, probe, limits_)));
    if (wrapped.word == Word::kSilent)
      return Note({kCheck, "Encrypt"}, side, wrapped.word, wrapped.reason);
    add("Encrypt", wrapped);
  }
  if (open.empty()) {
    Pass(kCheck, side.region, "The key is denied to other tenants.");
    return {};
  }
  MendPolicy();
  Warn(kCheck, side.region,
       "The policy of the key does not keep tenants apart; these were not denied: " + open + ".",
       "In the policy of the key in " + side.region +
           ", put the condition StringEquals kms:EncryptionContext:TenantId " + tenant() +
           " on every statement that lets the service's role Encrypt, Decrypt or "
           "GenerateDataKey" +
           (report_.mended_policy.empty()
                ? "."
                : ", or put the statements of the mended policy in their place."),
       EncryptionCode::kKeyShared);
  return {};
}

Result<void> Inspection::CheckShared() {
  constexpr const char* kCheck = "shared";
  TS_ASSIGN_OR_RETURN(const std::uint64_t count, ask_.count_others(report_.key_arn));
  if (count == 0) {
    Pass(kCheck, {}, "No other tenant uses the key.");
    return {};
  }
  const std::string others =
      count == 1 ? "1 other tenant uses" : std::to_string(count) + " other tenants use";
  const bool refused = parts_.options.shared_keys_refused;
  const std::string detail =
      others + " the same key." + (refused ? " This service does not allow that." : "");
  const std::string fix =
      "Revoking or deleting the key stops them all: give each tenant a key of its own. To make "
      "one: aws kms create-key --multi-region --region " +
      ask_.tenant.region;
  refused ? Fail(kCheck, {}, detail, fix, EncryptionCode::kKeyShared)
          : Warn(kCheck, {}, detail, fix, EncryptionCode::kKeyShared);
  return {};
}

// Which other key the alias names now is perhaps not the tenant's to know.
Result<void> Inspection::CheckAlias() {
  constexpr const char* kCheck = "alias";
  if (given_.kind != aws::KmsArn::Kind::kAlias) return {};
  TS_ASSIGN_OR_RETURN(const auto heard, Hear(parts_.inspector.Describe(ask_.arn, limits_)));
  if (heard.word == Word::kSilent) {
    return Note({kCheck, "DescribeKey"}, primary_, heard.word, heard.reason);
  }
  if (heard.word == Word::kYes && heard.value->arn == report_.key_arn) {
    Pass(kCheck, primary_.region, "The alias names the key " + report_.key_arn + ".");
    return {};
  }
  Warn(kCheck, primary_.region,
       "The alias " + given_.id + " no longer names the key that was registered, " +
           report_.key_arn + ". That key stays in use.",
       "To use the other key, register it by its ARN and migrate to it; to go on with this one, "
       "point the alias back: aws kms update-alias --alias-name " +
           given_.id + " --target-key-id " + report_.key_arn + " --region " + primary_.region,
       EncryptionCode::kArnRegistered);
  return {};
}

}  // namespace tenantseal::providers
