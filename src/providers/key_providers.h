// Registration of key providers. Every method blocks; all are thread-safe.
#pragma once

#include <atomic>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "keyring/store_lease.h"
#include "model/tenant.h"
#include "providers/validator.h"
#include "store/store.h"

namespace tenantseal::providers {

// A provider as it is shown.
struct ProviderView {
  model::KeyProvider provider;
  bool current = false;
  std::optional<Report> report;  // Of its last validation.
};

// What still depends on a provider.
struct ProviderUsage {
  std::uint64_t tenant_keys = 0;    // Versions that no other provider wraps.
  std::uint64_t data_keys = 0;      // Managed data keys under those versions.
  std::uint64_t quarantined = 0;    // Those of them that are set aside.
  std::uint64_t other_tenants = 0;  // That have registered the same key.
  // Whether the key may be deleted in AWS: nothing depends on it, it has no part in what goes on,
  // keep_key_until is past, and no other tenant has it. Never of the internal KMS.
  bool safe_to_delete = false;
  std::optional<base::UtcTime> keep_key_until;  // Demotion + backup retention.
};

// 32 hexadecimal digits: the first 128 bits of SHA-256 over tenant id and key ARN, length-prefixed.
model::Fingerprint FingerprintOf(const model::TenantId& tenant, const std::string& key_arn);

// A provider's "replicaKeys": [{"arn","region"}], or [] without a replica.
nlohmann::json ReplicaKeys(const std::string& replica_arn);

// The provider of `state` that a caller names. kProviderNotFound, kFingerprintTooLong.
Result<model::KeyProvider> FindProvider(const model::TenantState& state,
                                        const std::string& fingerprint);

class KeyProviders {
 public:
  KeyProviders(store::Store& store, keyring::StoreLease& lease, const Validator& validator,
               const base::Clock& clock, const base::Random& random,
               base::Duration backup_retention);

  struct NewProvider {
    std::string arn;   // Key ARN or alias ARN.
    std::string name;  // 1 to 256 bytes of UTF-8 without control characters.
    std::string description;
  };
  // Validates (with isolation probes) and registers. An alias is resolved once; the provider holds
  // the key's ARN. Errors carry an EncryptionCode; a refusal by validation carries the report.
  Result<ProviderView> Create(const model::TenantId& tenant, const NewProvider& provider,
                              const std::string& actor, base::Deadline deadline);
  // The internal one first, then by creation time.
  Result<std::vector<ProviderView>> List(const model::TenantId& tenant) const;
  Result<ProviderView> Get(const model::TenantId& tenant, const std::string& fingerprint) const;

  struct Change {
    std::optional<std::string> name;
    std::optional<std::string> description;
  };
  Result<void> Patch(const model::TenantId& tenant, const std::string& fingerprint,
                     const Change& change, const std::string& actor);
  Result<void> Delete(const model::TenantId& tenant, const std::string& fingerprint,
                      const std::string& actor);

  // Validates, stores the report (and a replica that has come or gone) and tells of it. Of the
  // internal provider: a report without checks that passes.
  Result<ProviderView> Test(const model::TenantId& tenant, const std::string& fingerprint,
                            bool isolation, const std::string& actor, base::Deadline deadline);
  // The same of an ARN that is not registered; changes nothing.
  Result<Report> DryRun(const model::TenantId& tenant, const std::string& arn,
                        base::Deadline deadline) const;
  // Also of a provider that was deleted: whoever asks wants to know what becomes of its key.
  Result<ProviderUsage> Usage(const model::TenantId& tenant, const std::string& fingerprint) const;

  // Validates the current providers of active tenants whose report is older than `every`, without
  // the isolation probes: a page of tenants a call, or what of it a few seconds allow; the next
  // call goes on from there, and so does one that `stop` has ended. Called about once a minute, by
  // one thread.
  void ValidateScheduled(base::Duration every, const std::atomic<bool>& stop);

 private:
  // Of a change that others forestall.
  static constexpr int kChangeAttemptsMax = 5;

  // Until when backups need the key of a provider that has been current until then.
  std::optional<base::UtcTime> KeepKeyUntil(std::optional<base::UtcTime> demoted_at) const;
  // Asks the validator. kProviderTimeout when there is no answer.
  Result<Report> Validate(const model::Tenant& tenant, const std::string& arn,
                          const std::string& pinned_arn, bool isolation,
                          base::Deadline deadline) const;
  Result<ProviderView> Register(const model::TenantState& state, const NewProvider& wanted,
                                const Report& report, const std::string& actor);
  // Its last report; none when it was never validated.
  Result<std::optional<Report>> LastReport(const model::KeyProvider& provider) const;
  Result<ProviderView> ViewOf(const model::TenantState& state,
                              const model::KeyProvider& provider) const;
  // Stores what ChangeProvider() may change, if anything does, and tells of it. kConflict when the
  // provider is not as `now` says any more.
  Result<void> ChangeTo(const model::KeyProvider& now, const model::KeyProvider& changed,
                        const std::string& actor);
  // Takes over a replica that has come or gone. Returns the provider as it is then.
  Result<model::KeyProvider> FollowReplica(model::KeyProvider provider, const Report& report,
                                           const std::string& actor);
  // Stores the report and tells of it when that is due.
  Result<void> Remember(const model::KeyProvider& provider, const Report& report,
                        const std::string& actor);
  // The tenant's current provider when its last report is older than `every`.
  Result<std::optional<model::Fingerprint>> Due(const model::TenantId& tenant,
                                                base::Duration every) const;
  model::NewEvent EventOf(std::string_view type, const model::KeyProvider& provider,
                          const std::string& actor, const nlohmann::json& more) const;

  store::Store& store_;
  keyring::StoreLease& lease_;
  const Validator& validator_;
  const base::Clock& clock_;
  const base::Random& random_;
  const base::Duration backup_retention_;
  // Where ValidateScheduled() is; touched by it alone.
  std::vector<model::TenantId> scheduled_;  // Of the page, yet to be looked at; the last is next.
  std::string schedule_after_;              // Cursor of the next page.
};

}  // namespace tenantseal::providers
