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

Error AnotherKey(const model::KeyProvider& provider) {
  return IntegrityError("the provider answered with another key than " + ExpectedArn(provider));
}

Result<base::Secret256> Checked(const base::SecretBytes& plaintext, const std::string& arn,
                                const model::KeyProvider& provider) {
  if (!Names(arn, provider)) return AnotherKey(provider);
  if (plaintext.size() != 32) {
    return IntegrityError("the provider answered with a tenant key that is not 32 bytes long");
  }
  return base::Secret256(plaintext.Reveal().first<32>());
}

// The provider may have wrapped it in its own region or its replica's; Confirm() tells both.
Result<void> CheckWrapped(const kms::KmsCiphertext& wrapped, const model::KeyProvider& provider) {
  if (!Names(wrapped.key_arn, provider)) return AnotherKey(provider);
  if (wrapped.blob.empty() || wrapped.blob.size() > kms::kCiphertextBytesMax) {
    return IntegrityError("the provider answered with a wrapped key of an impossible length");
  }
  return {};
}

Error OfSide(std::string_view side, Error error) {
  error.message = "The " + std::string(side) + " key provider: " + error.message;
  error.field = side;
  return error;
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
  const model::TenantKeyWrap* wrap =
      provider == nullptr ? nullptr : state.FindWrap(version, provider->fingerprint);
  if (row == nullptr || wrap == nullptr) {
    return IntegrityError("version " + std::to_string(version) +
                          " has no wrapped form under its provider");
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
  model::KeyProvider primary = provider;
  primary.replica_arn.clear();  // It does not stand in here.
  TS_ASSIGN_OR_RETURN(const base::Secret256 again,
                      Decrypt(tenant, primary, provider.revoked_at.has_value(), wrapped, deadline));
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

Result<KeySource::NewKey> KeySource::Generate(const model::TenantId& tenant,
                                              const model::KeyProvider& provider,
                                              std::uint32_t version,
                                              base::Deadline deadline) const {
  auto generated = kms_.GenerateDataKey(KmsKeyOf(provider, false), tenant, deadline);
  if (!generated) return Classed(std::move(generated.error()));
  kms::KmsCiphertext& wrapped = generated->wrapped;
  TS_ASSIGN_OR_RETURN(base::Secret256 key,
                      Checked(generated->plaintext, wrapped.key_arn, provider));
  TS_RETURN_IF_ERROR(CheckWrapped(wrapped, provider));
  TS_RETURN_IF_ERROR(Confirm(key, tenant, provider, wrapped.blob, deadline));
  NewKey out{std::move(key), {}};
  out.minted.key = {tenant, version, formats::TenantKeyCheckValue(out.key, tenant, version),
                    clock_.Utc()};
  out.minted.wrap = {tenant, version, provider.fingerprint, std::move(wrapped.blob)};
  return out;
}

Result<model::TenantKeyWrap> KeySource::Wrap(const base::Secret256& key,
                                             const model::TenantId& tenant,
                                             const model::KeyProvider& provider,
                                             std::uint32_t version, base::Deadline deadline) const {
  auto wrapped = kms_.Encrypt(KmsKeyOf(provider, false), tenant, key.Reveal(), deadline);
  if (!wrapped) return Classed(std::move(wrapped.error()));
  TS_RETURN_IF_ERROR(CheckWrapped(*wrapped, provider));
  TS_RETURN_IF_ERROR(Confirm(key, tenant, provider, wrapped->blob, deadline));
  return model::TenantKeyWrap{tenant, version, provider.fingerprint, std::move(wrapped->blob)};
}

Result<KeySource::Minted> KeySource::Mint(const model::TenantId& tenant,
                                          const model::KeyProvider& provider, std::uint32_t version,
                                          base::Deadline deadline) const {
  TS_ASSIGN_OR_RETURN(NewKey made, Generate(tenant, provider, version, deadline));
  return std::move(made.minted);
}

// --- For migrations ---

Result<model::TenantKeyWrap> KeySource::WrapFor(const model::TenantState& state,
                                                std::uint32_t version,
                                                const model::KeyProvider& target,
                                                base::Deadline deadline) const {
  const auto fetched = Fetch(state, version, deadline);
  if (!fetched) return OfSide(kSource, fetched.error());
  auto wrap = Wrap(fetched->key, state.tenant.id, target, version, deadline);
  if (!wrap) return OfSide(kTarget, wrap.error());
  return wrap;
}

Result<KeySource::MintedPair> KeySource::MintForBoth(const model::TenantState& state,
                                                     std::uint32_t version,
                                                     const model::KeyProvider& target,
                                                     base::Deadline deadline) const {
  const model::KeyProvider* current = state.FindProvider(state.tenant.current_provider);
  if (current == nullptr)
    return OfSide(kSource, IntegrityError("the tenant's current provider is not there"));
  auto made = Generate(state.tenant.id, target, version, deadline);
  if (!made) return OfSide(kTarget, made.error());
  auto wrap = Wrap(made->key, state.tenant.id, *current, version, deadline);
  if (!wrap) return OfSide(kSource, wrap.error());
  return MintedPair{std::move(made->minted.key), std::move(made->minted.wrap), std::move(*wrap)};
}

Result<void> KeySource::CheckUnwraps(const model::TenantState& state, std::uint32_t version,
                                     const model::KeyProvider& provider,
                                     base::Deadline deadline) const {
  const auto fetched =
      FetchBy(&provider, state, version, provider.revoked_at.has_value(), deadline);
  const bool current = provider.fingerprint == state.tenant.current_provider;
  if (!fetched) return OfSide(current ? kSource : kTarget, fetched.error());
  return {};
}

}  // namespace tenantseal::keyring
