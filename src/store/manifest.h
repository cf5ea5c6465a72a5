// Manifests: what makes the set of a scope's rows, not only each row, unforgeable.
//
// A manifest row is (kind, scope, version, mac); its MAC covers the version and the sorted MACs of
// every member row. Each transaction that changes a member first verifies the old manifest, so that
// tampering is never laundered, and stores the new one with version + 1. Kinds: the tenant's rows,
// a scope's API keys, and the head of a scope's event chain (version = sequence, member = hash).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "model/tenant.h"
#include "store/row_mac.h"

namespace tenantseal::store {

inline constexpr std::string_view kTenantManifest = "tenant";
inline constexpr std::string_view kApiKeyManifest = "api-keys";
inline constexpr std::string_view kEventManifest = "events";

struct Manifest {
  std::uint64_t version = 0;  // 0: there is no row.
  base::Bytes mac;
};

// The MACs of all rows of a tenant: its own, its providers', keys', wraps' and its migration's.
std::vector<Mac> MemberMacs(const RowMac& row_mac, const model::TenantState& state,
                            std::int64_t number);

// The error of a row that is not what was written. Names table and key, never contents.
Error TamperedRow(std::string_view table, std::string_view key);

// Compares a stored manifest with the members read beside it. A scope without rows and without
// manifest is in order. kIntegrity.
Result<void> VerifyManifest(const RowMac& row_mac, std::string_view kind, const model::Scope& scope,
                            const Manifest& stored, std::vector<Mac> members);

// The highest manifest versions that this process has seen: while it runs, no scope can be rolled
// back under it. Forgets arbitrary scopes beyond kScopesMax. Thread-safe.
class VersionGuard {
 public:
  static constexpr std::size_t kScopesMax = 200'000;

  // Read it before the snapshot begins: a snapshot that begins later is never older.
  std::uint64_t Floor(std::string_view kind, const model::Scope& scope) const;
  // Call with versions that are committed.
  void Saw(std::string_view kind, const model::Scope& scope, std::uint64_t version);
  // kIntegrity when `version` is below `floor`.
  static Result<void> Check(std::string_view kind, const model::Scope& scope, std::uint64_t version,
                            std::uint64_t floor);

 private:
  mutable base::Mutex mutex_;
  std::unordered_map<std::size_t, std::uint64_t> versions_ TS_GUARDED_BY(mutex_);  // By hash.
};

}  // namespace tenantseal::store
