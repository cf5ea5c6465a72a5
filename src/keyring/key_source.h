// Fetches tenant keys from their provider and checks every reply. Private to keyring/.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "kms/kms_client.h"
#include "model/tenant.h"

namespace tenantseal::keyring {

// Const, thread-safe. Errors are of four codes: kKeyRevoked, kIntegrity, kServiceFault,
// kKeyUnavailable (everything else that a provider may say).
class KeySource {
 public:
  KeySource(const kms::KmsClient& kms, const base::Clock& clock) : kms_(kms), clock_(clock) {}

  struct Fetched {
    base::Secret256 key;
    base::BootTime sent;  // When the Decrypt was sent: the lease counts from here.
  };
  // Decrypts `version` by the tenant's current provider. The reply must name the provider's key or
  // its registered replica, hold exactly 32 bytes and match the row's check value. A replica stands
  // in only for a provider that is not recorded as refusing.
  Result<Fetched> Fetch(const model::TenantState& state, std::uint32_t version,
                        kms::CallLimits limits) const;
  // The same of a provider that has refused, recorded or not: no replica stands in.
  Result<Fetched> Ask(const model::TenantState& state, std::uint32_t version,
                      kms::CallLimits limits) const;

  struct Minted {
    model::TenantKey key;
    model::TenantKeyWrap wrap;
  };
  // Makes a fresh key, decrypts its wrapped form again, by the replica, too, if there is one, and
  // compares.
  Result<Minted> Mint(const model::TenantId& tenant, const model::KeyProvider& provider,
                      std::uint32_t version, base::Deadline deadline) const;

  // For migrations: these say in Error::field whose fault it is, kSource's or kTarget's.
  static constexpr std::string_view kSource = "source";  // The current provider.
  static constexpr std::string_view kTarget = "target";

  // Decrypts `version` by the current provider and has `target` wrap it, confirmed as in Mint().
  Result<model::TenantKeyWrap> WrapFor(const model::TenantState& state, std::uint32_t version,
                                       const model::KeyProvider& target,
                                       base::Deadline deadline) const;
  struct MintedPair {
    model::TenantKey key;
    model::TenantKeyWrap by_target, by_current;
  };
  // Mint() by `target`, and the key's wrapped form by the current provider, confirmed likewise.
  Result<MintedPair> MintForBoth(const model::TenantState& state, std::uint32_t version,
                                 const model::KeyProvider& target, base::Deadline deadline) const;
  // Whether `provider` decrypts `version` to the right key.
  Result<void> CheckUnwraps(const model::TenantState& state, std::uint32_t version,
                            const model::KeyProvider& provider, base::Deadline deadline) const;

 private:
  struct NewKey {
    base::Secret256 key;
    Minted minted;
  };
  Result<Fetched> FetchBy(const model::KeyProvider* provider, const model::TenantState& state,
                          std::uint32_t version, bool refuses, kms::CallLimits limits) const;
  Result<NewKey> Generate(const model::TenantId& tenant, const model::KeyProvider& provider,
                          std::uint32_t version, base::Deadline deadline) const;
  Result<model::TenantKeyWrap> Wrap(const base::Secret256& key, const model::TenantId& tenant,
                                    const model::KeyProvider& provider, std::uint32_t version,
                                    base::Deadline deadline) const;
  Result<base::Secret256> Decrypt(const model::TenantId& tenant, const model::KeyProvider& provider,
                                  bool refuses, base::ByteSpan wrapped,
                                  kms::CallLimits limits) const;
  Result<void> Confirm(const base::Secret256& key, const model::TenantId& tenant,
                       const model::KeyProvider& provider, base::ByteSpan wrapped,
                       base::Deadline deadline) const;
  const kms::KmsClient& kms_;
  const base::Clock& clock_;
};

}  // namespace tenantseal::keyring
