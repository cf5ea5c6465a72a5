// Tenants, their key providers and their tenant keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "model/ids.h"
#include "model/migration.h"

namespace tenantseal::model {

enum class TenantStatus : std::uint8_t { kActive = 1, kDeactivated = 2, kDestroyed = 3 };
std::string_view TenantStatusName(TenantStatus status);  // "active" ...

struct Tenant {
  TenantId id;
  std::string name;
  std::string region;  // AWS region code, e.g. "us-east-1".
  TenantStatus status = TenantStatus::kActive;
  base::UtcTime created_at;
  std::optional<base::UtcTime> destroy_at;  // Set while a destruction waits.
  Fingerprint current_provider;
  std::uint32_t active_version = 0;  // The tenant key that seals; 0 once destroyed.
  bool operator==(const Tenant&) const = default;
};

enum class ProviderKind : std::uint8_t { kInternal = 1, kAwsKms = 2 };

// The internal KMS, or one key in AWS KMS, as one tenant uses it.
struct KeyProvider {
  TenantId tenant;
  Fingerprint fingerprint;
  ProviderKind kind = ProviderKind::kInternal;
  std::string arn;  // Empty for the internal KMS.
  std::string name;
  std::string description;
  base::UtcTime created_at;
  std::optional<base::UtcTime> promoted_at;
  std::optional<base::UtcTime> demoted_at;
  std::optional<base::UtcTime> revoked_at;  // Since when the provider refuses this tenant.
  std::string replica_arn = {};  // The related key in the backup region; empty: there is none.
  bool operator==(const KeyProvider&) const = default;
};

// What is kept of a provider that was deleted: the backups of its time still need its key.
struct FormerProvider {
  std::string arn;
  std::optional<base::UtcTime> demoted_at;  // Of its latest life in which it was current.
  bool operator==(const FormerProvider&) const = default;
};

// How the internal KMS is named where an ARN is expected; the API that this follows says so.
inline constexpr const char* kInternalArn = "#QLIK_MANAGED_KEY_PROVIDER#";
// The provider's ARN as it is shown: kInternalArn for the internal KMS.
const std::string& ShownArn(const KeyProvider& provider);

// The provider that every tenant starts with. Its fingerprint is the tenant id.
KeyProvider InternalProvider(const TenantId& tenant, base::UtcTime now);

// One version of a tenant's key. The key itself is stored only wrapped (TenantKeyWrap).
struct TenantKey {
  TenantId tenant;
  std::uint32_t version = 0;  // 1, 2, 3, ...
  base::Bytes check_value;    // Derived from the key; verified at each unwrap.
  base::UtcTime created_at;
  bool operator==(const TenantKey&) const = default;
};

// A tenant key version as one provider wrapped it.
struct TenantKeyWrap {
  TenantId tenant;
  std::uint32_t version = 0;
  Fingerprint provider;
  base::Bytes wrapped;  // The provider's ciphertext, opaque.
  bool operator==(const TenantKeyWrap&) const = default;
};

// Everything that decides whether and how a tenant's keys may be used, read in one transaction
// and verified as a whole.
struct TenantState {
  Tenant tenant;
  std::vector<KeyProvider> providers;  // By creation time.
  std::vector<TenantKey> keys;         // By version.
  std::vector<TenantKeyWrap> wraps;
  std::optional<Migration> migration = {};  // The latest, if there ever was one.
  bool operator==(const TenantState&) const = default;

  const KeyProvider* FindProvider(const Fingerprint& fingerprint) const;
  const TenantKey* FindKey(std::uint32_t version) const;
  const TenantKeyWrap* FindWrap(std::uint32_t version, const Fingerprint& provider) const;
  // The provider whose name new texts carry: the current one, or the target of a migration from
  // the moment at which its version is active.
  const Fingerprint& label() const;
};

}  // namespace tenantseal::model
