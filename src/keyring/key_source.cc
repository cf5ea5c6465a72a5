#include "keyring/key_source.h"

#include "formats/envelope.h"

namespace tenantseal::keyring {
namespace {

kms::KmsKey KmsKeyOf(const model::KeyProvider& provider, bool refuses) {
  return {provider.kind, provider.arn, provider.replica_arn,
          refuses || provider.revoked_at.has_value()};
}

// The internal KMS names its keys after their tenants; another service must say the pinned ARN.
std::string ExpectedArn(const model::KeyProvider& provider) {
  if (provider.kind == model::ProviderKind::kInternal) return "internal:" + provider.tenant.text();
  return provider.arn;
}

bool Names(const std::string& arn, const model::KeyProvider& provider) {
  return !arn.empty() && (arn == ExpectedArn(provider) || arn == provider.replica_arn);
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
  if (!Names(arn, provider)) {
    return IntegrityError("the provider answered with another key than " + ExpectedArn(provider));
  }
  if (plaintext.size() != 32) {
    return IntegrityError("the provider answered with a tenant key that is not 32 bytes long");
  }
  return base::Secret256(plaintext.Reveal().first<32>());
}

}  // namespace

Result<base::Secret256> KeySource::Decrypt(const model::TenantId& tenant,
                                           const model::KeyProvider& provider, bool refuses,
                                           base::ByteSpan wrapped, kms::CallLimits limits) const {
  auto reply = kms_.Decrypt(KmsKeyOf(provider, refuses), tenant, wrapped, limits);
  if (!reply) return Classed(std::move(reply.error()));
  if (refuses && reply->key_arn != ExpectedArn(provider))
    return IntegrityError("a replica answered for a key that its owner refuses");
  return Checked(reply->plaintext, reply->key_arn, provider);
}

Result<KeySource::Fetched> KeySource::FetchBy(const model::KeyProvider* provider,
                                              const model::TenantState& state,
                                              std::uint32_t version, bool refuses,
                                              kms::CallLimits limits) const {
  const model::TenantKey* row = state.FindKey(version);
  const model::TenantKeyWrap* wrap = state.FindWrap(version, state.tenant.current_provider);
  if (provider == nullptr || row == nullptr || wrap == nullptr) {
    return IntegrityError("version " + std::to_string(version) +
                          " has no wrapped form under the current provider");
  }
  const base::BootTime sent = clock_.Boot();
  TS_ASSIGN_OR_RETURN(base::Secret256 key,
                      Decrypt(state.tenant.id, *provider, refuses, wrap->wrapped, limits));
  if (!base::ConstantTimeEqual(formats::TenantKeyCheckValue(key, state.tenant.id, version),
                               row->check_value)) {
    return IntegrityError("version " + std::to_string(version) + " does not match its check value");
  }
  return Fetched{std::move(key), sent};
}

Result<KeySource::Fetched> KeySource::Fetch(const model::TenantState& state, std::uint32_t version,
                                            kms::CallLimits limits) const {
  const model::KeyProvider* provider = state.FindProvider(state.tenant.current_provider);
  const bool refuses = provider != nullptr && provider->revoked_at.has_value();
  return FetchBy(provider, state, version, refuses, limits);
}

Result<KeySource::Fetched> KeySource::Ask(const model::TenantState& state, std::uint32_t version,
                                          kms::CallLimits limits) const {
  return FetchBy(state.FindProvider(state.tenant.current_provider), state, version, true, limits);
}

// By the key itself and, apart from it, by its replica: what only one of them opens would be lost
// in an outage of the other's region.
Result<void> KeySource::Confirm(const base::Secret256& key, const model::TenantId& tenant,
                                const model::KeyProvider& provider, base::ByteSpan wrapped,
                                base::Deadline deadline) const {
  const bool refuses = provider.revoked_at.has_value();
  TS_ASSIGN_OR_RETURN(const base::Secret256 again,
                      Decrypt(tenant, provider, refuses, wrapped, deadline));
  if (!(again == key)) {
    return IntegrityError("the provider wrapped another key than the one it gave us");
  }
  if (provider.replica_arn.empty()) return {};
  model::KeyProvider replica = provider;
  replica.arn = provider.replica_arn;
  replica.replica_arn.clear();
  const auto there = Decrypt(tenant, replica, false, wrapped, deadline);
  if (there && *there == key) return {};
  if (there) return IntegrityError("the replica unwraps another key than its primary");
  if (there.error().code == ErrorCode::kIntegrity) return there.error();
  // Whatever it is, it is not the owner's word on the key: that is the primary's.
  return Error{ErrorCode::kKeyUnavailable,
               "The replica " + replica.arn +
                   " does not unwrap what its primary wrapped: " + there.error().message};
}

Result<KeySource::Minted> KeySource::Mint(const model::TenantId& tenant,
                                          const model::KeyProvider& provider, std::uint32_t version,
                                          base::Deadline deadline) const {
  const kms::KmsKey kms_key = KmsKeyOf(provider, false);
  auto generated = kms_.GenerateDataKey(kms_key, tenant, deadline);
  if (!generated) return Classed(std::move(generated.error()));
  kms::KmsCiphertext& wrapped = generated->wrapped;
  TS_ASSIGN_OR_RETURN(const base::Secret256 key,
                      Checked(generated->plaintext, wrapped.key_arn, provider));
  if (wrapped.blob.empty() || wrapped.blob.size() > kms::kCiphertextBytesMax) {
    return IntegrityError("the provider answered with a wrapped key of an impossible length");
  }
  TS_RETURN_IF_ERROR(Confirm(key, tenant, provider, wrapped.blob, deadline));
  Minted out;
  out.key = {tenant, version, formats::TenantKeyCheckValue(key, tenant, version), clock_.Utc()};
  out.wrap = {tenant, version, provider.fingerprint, std::move(wrapped.blob)};
  return out;
}

}  // namespace tenantseal::keyring
