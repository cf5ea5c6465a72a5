#include "kms/internal/internal_kms.h"

#include "kms/sealed_box.h"

namespace tenantseal::kms {
namespace {

constexpr std::string_view kLabel = "tenantseal internal kms v1";

// The encryption context {"TenantId": id} and the key's name, each length-prefixed.
base::Bytes Binding(const model::TenantId& tenant) {
  base::ByteWriter out;
  out.Field("TenantId");
  out.Field(tenant.text());
  out.Field(InternalKeyArn(tenant));
  return out.Take();
}

Result<void> CheckKind(const KmsKey& key) {
  if (key.kind == model::ProviderKind::kInternal && key.arn.empty()) return {};
  return Internal("a key of another provider was asked of the internal KMS");
}

}  // namespace

std::string InternalKeyArn(const model::TenantId& tenant) { return "internal:" + tenant.text(); }

Result<KmsGenerated> InternalKms::GenerateDataKey(const KmsKey& key, const model::TenantId& tenant,
                                                  CallLimits limits) const {
  base::SecretBytes plaintext(32);
  random_.Fill(plaintext.RevealMutable());
  TS_ASSIGN_OR_RETURN(KmsCiphertext wrapped, Encrypt(key, tenant, plaintext.Reveal(), limits));
  return KmsGenerated{std::move(plaintext), std::move(wrapped)};
}

Result<KmsCiphertext> InternalKms::Encrypt(const KmsKey& key, const model::TenantId& tenant,
                                           base::ByteSpan plaintext, CallLimits) const {
  TS_RETURN_IF_ERROR(CheckKind(key));
  if (plaintext.size() > kPlaintextBytesMax)
    return InvalidArgument("plaintext", "more than 4096 bytes");
  TS_ASSIGN_OR_RETURN(const base::Secret256 provider_key, keystore_->LoadKey(tenant));
  return KmsCiphertext{SealBox(provider_key, kLabel, Binding(tenant), plaintext, random_),
                       InternalKeyArn(tenant)};
}

Result<KmsPlaintext> InternalKms::Decrypt(const KmsKey& key, const model::TenantId& tenant,
                                          base::ByteSpan ciphertext, CallLimits) const {
  TS_RETURN_IF_ERROR(CheckKind(key));
  if (ciphertext.size() > kCiphertextBytesMax)
    return IntegrityError("A wrapped tenant key is too long.");
  TS_ASSIGN_OR_RETURN(const base::Secret256 provider_key, keystore_->LoadKey(tenant));
  TS_ASSIGN_OR_RETURN(base::SecretBytes plaintext,
                      OpenBox(provider_key, kLabel, Binding(tenant), ciphertext));
  return KmsPlaintext{std::move(plaintext), InternalKeyArn(tenant)};
}

}  // namespace tenantseal::kms
