// What the benchmarks of rewrapping share: a store of managed data keys, the parts of one process
// on it, and the plain loop that both are measured against.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "keyring/data_keys.h"
#include "keyring/rotation.h"
#include "keyring/tenants.h"
#include "kms/fake_kms.h"
#include "store/sqlite/sqlite_store.h"

namespace tenantseal::bench {

// Ends the program when there is an error.
template <typename T>
T Must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "benchmark: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// What outlives processes. The KMS counts its calls and takes no time.
struct Setup {
  base::SystemClock clock;
  base::SystemRandom random;
  kms::FakeKms kms{random};
  base::Secret256 mac_key = random.Key();

  base::Deadline Soon() const { return clock.Boot() + std::chrono::hours(1); }
  std::unique_ptr<store::SqliteStore> Open(const std::string& path) const {
    return Must(store::SqliteStore::Open(path, store::RowMac(mac_key.Copy())));
  }
};

// One process that uses a store.
struct Process {
  Process(Setup& setup, store::Store& store)
      : lease(store, setup.clock, model::ProcessId::New(setup.random)),
        keyring(store, setup.kms, lease, setup.clock, setup.random, {}),
        data_keys(keyring, store, setup.clock, setup.random),
        rotation(keyring, store, lease, setup.clock, setup.random),
        tenants(keyring, store, lease, setup.kms, setup.clock, setup.random,
                std::chrono::hours(1)) {
    Must(lease.Refresh());
  }
  // As the end of a service does, so that nobody waits for this one.
  ~Process() { lease.Leave(); }

  keyring::StoreLease lease;
  keyring::Keyring keyring;
  keyring::DataKeys data_keys;
  keyring::Rotation rotation;
  keyring::Tenants tenants;
};

model::EncryptionContext ContextOf(const model::TenantId& tenant);

// Makes `count` managed data keys of the tenant, which must be active.
void MintDataKeys(Setup& setup, Process& process, const model::TenantId& tenant, std::size_t count);

// Seconds that a single thread takes to move every data key of the only tenant to another tenant
// key with the same cryptography and the same pragmas: select, unwrap, wrap, unwrap, update, 10,000
// to a transaction. Leaves the database unusable. `count` is what must be there.
double TimeLoop(Setup& setup, const std::string& path, const model::TenantId& tenant,
                std::size_t count);

// Removes a database with its log.
void RemoveDatabase(const std::string& path);

// Resident memory of this process, MiB.
double ResidentMib();

}  // namespace tenantseal::bench
