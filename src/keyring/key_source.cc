#include "keyring/key_source.h"

#include "formats/envelope.h"

namespace tenantseal::keyring {
namespace {

kms::KmsKey KmsKeyOf(const model::KeyProvider& provider) { return {provider.kind, provider.arn}; }

// The internal KMS names its keys after their tenants; another service must say the pinned ARN.
std::string ExpectedArn(const model::KeyProvider& provider) {
  if (provider.kind == model::ProviderKind::kInternal) return "internal:" + provider.tenant.text();
  return provider.arn;
}

Error Classed(Error error) {
  switch (error.code) {
    case ErrorCode::kKeyRevoked:
    case ErrorCode::kIntegrity:
    case ErrorCode::kServiceFault:
    case ErrorCode::kKeyUnavailable:
      break;
    case ErrorCode::kDecryptFailed:
      error.code = ErrorCode::kIntegrity;
      break;
    default:
      error.code = ErrorCode::kKeyUnavailable;
  }
  return error;
}

Result<base::Secret256> Checked(const base::SecretBytes& plaintext, const std::string& arn,
                                const model::KeyProvider& provider) {
  if (arn != ExpectedArn(provider)) {
    return IntegrityError("the provider answered with another key than " + ExpectedArn(provider));
  }
  if (plaintext.size() != 32) {
    return IntegrityError("the provider answered with a tenant key that is not 32 bytes long");
  }
  return base::Secret256(plaintext.Reveal().first<32>());
}

}  // namespace

Result<base::Secret256> KeySource::Decrypt(const model::TenantId& tenant,
                                           const model::KeyProvider& provider,
                                           base::ByteSpan wrapped, base::Deadline deadline) const {
  auto reply = kms_.Decrypt(KmsKeyOf(provider), tenant, wrapped, deadline);
  if (!reply) return Classed(std::move(reply.error()));
  return Checked(reply->plaintext, reply->key_arn, provider);
}

Result<KeySource::Fetched> KeySource::Fetch(const model::TenantState& state, std::uint32_t version,
                                            base::Deadline deadline) const {
  const model::KeyProvider* provider = state.FindProvider(state.tenant.current_provider);
  const model::TenantKey* row = state.FindKey(version);
  const model::TenantKeyWrap* wrap = state.FindWrap(version, state.tenant.current_provider);
  if (provider == nullptr || row == nullptr || wrap == nullptr) {
    return IntegrityError("version " + std::to_string(version) +
                          " has no wrapped form under the current provider");
  }
  const base::BootTime sent = clock_.Boot();
  TS_ASSIGN_OR_RETURN(base::Secret256 key,
                      Decrypt(state.tenant.id, *provider, wrap->wrapped, deadline));
  if (!base::ConstantTimeEqual(formats::TenantKeyCheckValue(key, state.tenant.id, version),
                               row->check_value)) {
    return IntegrityError("version " + std::to_string(version) + " does not match its check value");
  }
  return Fetched{std::move(key), sent};
}

Result<KeySource::Minted> KeySource::Mint(const model::TenantId& tenant,
                                          const model::KeyProvider& provider, std::uint32_t version,
                                          base::Deadline deadline) const {
  auto generated = kms_.GenerateDataKey(KmsKeyOf(provider), tenant, deadline);
  if (!generated) return Classed(std::move(generated.error()));
  kms::KmsCiphertext& wrapped = generated->wrapped;
  TS_ASSIGN_OR_RETURN(const base::Secret256 key,
                      Checked(generated->plaintext, wrapped.key_arn, provider));
  if (wrapped.blob.empty() || wrapped.blob.size() > kms::kCiphertextBytesMax) {
    return IntegrityError("the provider answered with a wrapped key of an impossible length");
  }
  TS_ASSIGN_OR_RETURN(const base::Secret256 again,
                      Decrypt(tenant, provider, wrapped.blob, deadline));
  if (!(again == key)) {
    return IntegrityError("the provider wrapped another key than the one it gave us");
  }
  Minted out;
  out.key = {tenant, version, formats::TenantKeyCheckValue(key, tenant, version), clock_.Utc()};
  out.wrap = {tenant, version, provider.fingerprint, std::move(wrapped.blob)};
  return out;
}

}  // namespace tenantseal::keyring
