// The life of a tenant: created, deactivated, reactivated, destroyed after a waiting time.
#pragma once

#include <atomic>
#include <string>

#include "keyring/keyring.h"

namespace tenantseal::keyring {

class Tenants {
 public:
  // `destroy_after` is the waiting time between a request to destroy and the destruction.
  Tenants(Keyring& keyring, store::Store& store, StoreLease& lease,
          kms::InternalKeys& internal_keys, const base::Clock& clock, const base::Random& random,
          base::Duration destroy_after);

  // Makes the tenant's key in the internal KMS, its first tenant key, and the tenant.
  // `name`: 1 to kNameBytesMax bytes of UTF-8 without control characters; `region`: an AWS region
  // code such as "us-east-1".
  Result<model::Tenant> Create(const std::string& name, const std::string& region,
                               const std::string& actor, base::Deadline deadline);
  Result<model::Tenant> Get(const model::TenantId& id) const;  // From the store. kNotFound.
  Result<store::Page<model::Tenant>> List(const store::TenantPage& page) const;

  // active -> deactivated: returns once every process refuses to seal and open. kConflict
  // otherwise.
  Result<model::Tenant> Deactivate(const model::TenantId& id, const std::string& actor);
  // deactivated -> active; also cancels a waiting destruction.
  Result<model::Tenant> Reactivate(const model::TenantId& id, const std::string& actor);
  // Needs a deactivated tenant (kConflict). Sets destroy_at.
  Result<model::Tenant> ScheduleDestruction(const model::TenantId& id, const std::string& actor);
  Result<model::Tenant> CancelDestruction(const model::TenantId& id, const std::string& actor);

  // Destroys the tenants whose time has come: first the rows, then the key in the internal KMS.
  // Called by the server's background thread about once a minute.
  void DestroyDue();

 private:
  model::NewEvent EventOf(std::string_view type, const model::Tenant& tenant,
                          const std::string& actor) const;
  Result<model::Tenant> Change(const model::Tenant& now, model::TenantStatus status,
                               std::optional<base::UtcTime> destroy_at, std::string_view type,
                               const std::string& actor);
  Result<void> DestroyOne(const model::TenantId& id);
  Result<void> DestroyLeftKeys();

  Keyring& keyring_;
  store::Store& store_;
  StoreLease& lease_;
  kms::InternalKeys& internal_keys_;
  const base::Clock& clock_;
  const base::Random& random_;
  const base::Duration destroy_after_;
  std::atomic<bool> left_keys_destroyed_{false};
};

}  // namespace tenantseal::keyring
