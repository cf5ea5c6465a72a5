// API keys: minted, listed, deleted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "identity/principal.h"
#include "keyring/store_lease.h"
#include "store/store.h"

namespace tenantseal::identity {

struct MintedApiKey {
  model::ApiKey key;
  base::SecretBytes token;  // Shown once; only its hash is stored.
};

struct NewApiKey {
  std::string description;  // Up to kDescriptionBytesMax bytes of UTF-8.
  model::Role role = model::Role::kAuditor;
  std::optional<model::TenantId> tenant;
  std::optional<base::Duration> expiry;  // From now; 1 s to 10 years.
};

// Thread-safe.
class ApiKeys {
 public:
  ApiKeys(store::Store& store, keyring::StoreLease& lease, const base::Clock& clock,
          const base::Random& random, const base::Secret256& pepper)
      : store_(store), lease_(lease), clock_(clock), random_(random), pepper_(pepper.Copy()) {}

  // What `creator` may mint: an operator everything; a tenant's admin keys of its own tenant.
  // kPermissionDenied otherwise; kInvalidArgument names the field; kNotFound for an unknown tenant.
  Result<MintedApiKey> Create(const Principal& creator, const NewApiKey& request);

  // A token for a key to be made with it.
  base::SecretBytes NewKeyToken() const;
  // The first operator's key with the given token, made when the deployment has no operator yet.
  // Returns whether it was made.
  Result<bool> EnsureOperator(std::string_view token);
  // Whether a PlatformOperator's key is there that has not expired. kIntegrity when there is none
  // though the deployment's events tell that the first one was made: it cannot have been deleted by
  // the service, so a new one is not made for whoever deleted it.
  Result<bool> HasOperator() const;

  // The keys of the caller's tenant; an operator sees the deployment's, or `tenant`'s.
  Result<std::vector<model::ApiKey>> List(const Principal& caller,
                                          const std::optional<model::TenantId>& tenant) const;
  // kNotFound for an unknown key and for one that is not the caller's to see.
  Result<model::ApiKey> Get(const Principal& caller, const model::ApiKeyId& id) const;
  // Returns once every process refuses the key. kConflict for the last operator's key.
  Result<void> Delete(const Principal& caller, const model::ApiKeyId& id);

 private:
  Result<bool> FindOperator() const;
  Result<bool> OperatorWasMade() const;
  model::NewEvent EventOf(std::string_view type, const model::ApiKey& key,
                          const std::string& actor) const;

  store::Store& store_;
  keyring::StoreLease& lease_;
  const base::Clock& clock_;
  const base::Random& random_;
  const base::Secret256 pepper_;
};

// An ISO 8601 duration of weeks, days, hours, minutes and seconds, e.g. "P30D", "PT12H".
Result<base::Duration> ParseDuration(std::string_view text);

}  // namespace tenantseal::identity
