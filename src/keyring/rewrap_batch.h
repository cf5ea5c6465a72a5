// One batch of a rewrap job: rows in, updates out. Private to keyring/.
#pragma once

#include <vector>

#include "keyring/keyring.h"
#include "model/records.h"

namespace tenantseal::keyring {

struct RewrapBatch {
  std::vector<store::StoredDataKey> rows;
  std::vector<store::DataKeyUpdate> updates;
  std::vector<model::QuarantinedDataKey> quarantined;  // Rows that did not authenticate.
};

// A data key is tried this often, each time as the store has it then, before it is set aside.
inline constexpr int kRewrapAttempts = 3;

// Moves data keys to another version of their tenant's key. Thread-safe.
class Rewrapper {
 public:
  Rewrapper(Keyring& keyring, const store::Store& store, const base::Clock& clock,
            const base::Random& random)
      : keyring_(keyring), store_(store), clock_(clock), random_(random) {}

  // Moves every row: unwraps, wraps, unwraps again and compares before an update is made of it.
  // What does not authenticate at any attempt is logged and set aside, not moved. An error (a key
  // cannot be had, the store cannot be read) leaves the batch unusable and sets nothing aside.
  Result<void> Rewrap(const model::TenantId& tenant, std::uint32_t to_version,
                      RewrapBatch& batch) const;
  // `key` wrapped by the active version. DecryptFailed() when it does not authenticate; errors as
  // of Keyring::Version().
  Result<model::DataKey> RewrapOne(const model::DataKey& key, base::Deadline deadline) const;

 private:
  // Tries a row again that did not authenticate at the first attempt.
  Result<void> TryAgain(const model::TenantId& tenant, std::uint32_t to_version,
                        const store::StoredDataKey& row, RewrapBatch& batch) const;

  Keyring& keyring_;
  const store::Store& store_;
  const base::Clock& clock_;
  const base::Random& random_;
};

}  // namespace tenantseal::keyring
