#include "kms/aws/aws_kms.h"

#include "aws/arn.h"
#include "kms/aws/core.h"
#include "kms/aws/key_inspector.h"
#include "kms/aws/kms_protocol.h"

namespace tenantseal::kms {
namespace {

Result<void> CheckCiphertext(base::ByteSpan ciphertext) {
  if (!ciphertext.empty() && ciphertext.size() <= kCiphertextBytesMax) return {};
  return IntegrityError("A ciphertext of AWS KMS has 1 to 6144 bytes.");
}

}  // namespace

AwsKms::AwsKms(const net::HttpClient& http, aws::CredentialsProvider& credentials,
               const base::Clock& clock, const base::Random& random, AwsKmsOptions options,
               std::function<void(const AwsCall&)> on_call)
    : core_(std::make_unique<Core>(http, credentials, clock, random, std::move(options),
                                   std::move(on_call))),
      inspector_(std::make_unique<Inspector>(*core_)) {}
AwsKms::~AwsKms() = default;

const KeyInspector& AwsKms::inspector() const { return *inspector_; }

AwsKmsStats AwsKms::stats() const { return core_->stats(); }

Result<KmsGenerated> AwsKms::GenerateDataKey(const KmsKey& key, const model::TenantId& tenant,
                                             CallLimits limits) const {
  KmsGenerated made;
  const Core::Question question{
      {"GenerateDataKey", 1},
      [&](const std::string& arn) { return GenerateDataKeyBody(arn, tenant.text()); },
      [&](base::ByteSpan reply, const std::string& arn) -> Result<void> {
        TS_ASSIGN_OR_RETURN(made, ParseGenerateDataKey(reply, arn));
        return {};
      }};
  TS_RETURN_IF_ERROR(core_->Route(key, tenant, limits, question));
  return made;
}

Result<KmsCiphertext> AwsKms::Encrypt(const KmsKey& key, const model::TenantId& tenant,
                                      base::ByteSpan plaintext, CallLimits limits) const {
  if (plaintext.empty() || plaintext.size() > kPlaintextBytesMax) {
    return InvalidArgument("plaintext", "AWS KMS encrypts 1 to 4096 bytes.");
  }
  KmsCiphertext made;
  const Core::Question question{
      {"Encrypt", 2},
      [&](const std::string& arn) { return EncryptBody(arn, tenant.text(), plaintext); },
      [&](base::ByteSpan reply, const std::string& arn) -> Result<void> {
        TS_ASSIGN_OR_RETURN(made, ParseEncrypt(reply, arn));
        return {};
      }};
  TS_RETURN_IF_ERROR(core_->Route(key, tenant, limits, question));
  return made;
}

Result<KmsPlaintext> AwsKms::Decrypt(const KmsKey& key, const model::TenantId& tenant,
                                     base::ByteSpan ciphertext, CallLimits limits) const {
  TS_RETURN_IF_ERROR(CheckCiphertext(ciphertext));
  KmsPlaintext opened;
  const Core::Question question{
      {"Decrypt", Refusals::kDecrypt},
      [&](const std::string& arn) { return DecryptBody(arn, tenant.text(), ciphertext); },
      [&](base::ByteSpan reply, const std::string& arn) -> Result<void> {
        TS_ASSIGN_OR_RETURN(opened, ParseDecrypt(reply, arn));
        return {};
      }};
  TS_RETURN_IF_ERROR(core_->Route(key, tenant, limits, question));
  return opened;
}

Result<KmsCiphertext> AwsKms::ReEncrypt(const KmsKey& from, const KmsKey& to,
                                        const model::TenantId& tenant, base::ByteSpan ciphertext,
                                        CallLimits limits) const {
  TS_RETURN_IF_ERROR(CheckCiphertext(ciphertext));
  TS_ASSIGN_OR_RETURN(const aws::KmsArn source, ParseKey(from));
  TS_ASSIGN_OR_RETURN(const aws::KmsArn target, ParseKey(to));
  if (source.region != target.region) {
    return InvalidArgument("keyArn", "AWS KMS re-encrypts within one region: " + source.region +
                                         " is not " + target.region + ".");
  }
  KmsCiphertext made;
  const Core::Question question{
      {"ReEncrypt", 8},
      [&](const std::string& arn) { return ReEncryptBody(arn, to.arn, tenant.text(), ciphertext); },
      [&](base::ByteSpan reply, const std::string& arn) -> Result<void> {
        TS_ASSIGN_OR_RETURN(made, ParseReEncrypt(reply, arn, to.arn));
        return {};
      }};
  const RegionOutcome outcome = core_->AskOneRegion(source, tenant.text(), limits, question);
  if (outcome.error) return *outcome.error;
  return made;
}

}  // namespace tenantseal::kms
