// One batch of a rewrap job: rows in, updates out. Private to keyring/.
#pragma once

#include <vector>

#include "keyring/keyring.h"
#include "model/records.h"

namespace tenantseal::keyring {

struct RewrapBatch {
  std::vector<store::StoredDataKey> rows;
  std::vector<store::DataKeyUpdate> updates;
  std::uint64_t failed = 0;  // Rows that did not authenticate.
};

// Moves every row to `to_version`: unwraps, wraps, unwraps again and compares before an update is
// made of it. A row that does not authenticate is counted and logged, not moved. Does no work on
// the store. An error (a key cannot be had) leaves the batch unusable.
Result<void> RewrapRows(Keyring& keyring, const model::TenantId& tenant, std::uint32_t to_version,
                        const base::Clock& clock, const base::Random& random, RewrapBatch& batch);

}  // namespace tenantseal::keyring
