#include "kms/aws/key_inspector.h"

#include "kms/aws/kms_protocol.h"

namespace tenantseal::kms {
namespace {

// AWS refuses these for what the key is. For a call on a registered key they would be our mistake,
// and kms_errors.h has them so.
bool IsOfKeyKind(std::string_view code) {
  return code == "InvalidKeyUsageException" || code == "UnsupportedOperationException";
}

std::string TextOf(const std::optional<model::TenantId>& tenant) {
  return tenant ? tenant->text() : std::string();
}

}  // namespace

Result<std::string> AwsKms::Inspector::Ask(const std::string& arn, std::string_view tenant,
                                           CallLimits limits,
                                           const Core::Question& question) const {
  TS_ASSIGN_OR_RETURN(const aws::KmsArn key, ParseKey({model::ProviderKind::kAwsKms, arn}));
  RegionOutcome outcome = core_.AskOneRegion(key, tenant, limits, question);
  if (!outcome.error) return std::string();
  const bool refused = outcome.fault == FaultClass::kRevoked || IsOfKeyKind(outcome.code);
  if (refused && !outcome.code.empty()) return std::move(outcome.code);
  return std::move(*outcome.error);
}

Result<Answered<KeyDescription>> AwsKms::Inspector::Describe(const std::string& arn,
                                                             CallLimits limits) const {
  Answered<KeyDescription> answer;
  const Core::Question question{{"DescribeKey", 0},
                                [](const std::string& key) { return DescribeKeyBody(key); },
                                [&](base::ByteSpan reply, const std::string& key) -> Result<void> {
                                  TS_ASSIGN_OR_RETURN(answer.value, ParseDescribeKey(reply, key));
                                  return {};
                                }};
  TS_ASSIGN_OR_RETURN(answer.refusal, Ask(arn, {}, limits, question));
  return answer;
}

Result<Answered<KmsGenerated>> AwsKms::Inspector::Generate(
    const std::string& arn, const std::optional<model::TenantId>& tenant, CallLimits limits) const {
  const std::string context = TextOf(tenant);
  Answered<KmsGenerated> answer;
  const Core::Question question{
      {"GenerateDataKey", 0},
      [&](const std::string& key) { return GenerateDataKeyBody(key, context); },
      [&](base::ByteSpan reply, const std::string& key) -> Result<void> {
        TS_ASSIGN_OR_RETURN(answer.value, ParseGenerateDataKey(reply, key));
        return {};
      }};
  TS_ASSIGN_OR_RETURN(answer.refusal, Ask(arn, context, limits, question));
  return answer;
}

Result<Answered<KmsCiphertext>> AwsKms::Inspector::Encrypt(
    const std::string& arn, const std::optional<model::TenantId>& tenant, base::ByteSpan plaintext,
    CallLimits limits) const {
  if (plaintext.empty() || plaintext.size() > kPlaintextBytesMax) {
    return InvalidArgument("plaintext", "AWS KMS encrypts 1 to 4096 bytes.");
  }
  const std::string context = TextOf(tenant);
  Answered<KmsCiphertext> answer;
  const Core::Question question{
      {"Encrypt", 0},
      [&](const std::string& key) { return EncryptBody(key, context, plaintext); },
      [&](base::ByteSpan reply, const std::string& key) -> Result<void> {
        TS_ASSIGN_OR_RETURN(answer.value, ParseEncrypt(reply, key));
        return {};
      }};
  TS_ASSIGN_OR_RETURN(answer.refusal, Ask(arn, context, limits, question));
  return answer;
}

Result<Answered<KmsPlaintext>> AwsKms::Inspector::Decrypt(const std::string& arn,
                                                          const model::TenantId& tenant,
                                                          base::ByteSpan ciphertext,
                                                          CallLimits limits) const {
  if (ciphertext.empty() || ciphertext.size() > kCiphertextBytesMax) {
    return IntegrityError("A ciphertext of AWS KMS has 1 to 6144 bytes.");
  }
  Answered<KmsPlaintext> answer;
  const Core::Question question{
      {"Decrypt", 0},
      [&](const std::string& key) { return DecryptBody(key, tenant.text(), ciphertext); },
      [&](base::ByteSpan reply, const std::string& key) -> Result<void> {
        TS_ASSIGN_OR_RETURN(answer.value, ParseDecrypt(reply, key));
        return {};
      }};
  TS_ASSIGN_OR_RETURN(answer.refusal, Ask(arn, tenant.text(), limits, question));
  return answer;
}

}  // namespace tenantseal::kms
