// The keystore: the internal KMS's provider keys, in a file apart from the database.
//
// A small SQLite file, owner-only. Each tenant has one random provider key, wrapped under the root
// key and bound to deployment, tenant, key id and root id, so that swapped rows do not open.
// Destroying a tenant's key overwrites it and leaves a tombstone. The header holds the deployment
// secret, wrapped likewise, from which keys outside the hierarchy (the row MAC key) are derived, so
// that rotating the root never touches a database row.
//
// Several processes may use one keystore; every call reads the file, so what one destroys no other
// goes on using. Thread-safe. Every change is durable on return.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "kms/internal/root_key.h"
#include "model/ids.h"

struct sqlite3;

namespace tenantseal::kms {

class Keystore {
 public:
  // What can be told without any key. kNotFound; kIntegrity when damaged or something else;
  // kConflict when a newer release wrote it.
  struct Header {
    std::string deployment_id;  // UUID of the database that it belongs to.
    std::string root_id;        // The root that wraps what is in it.
    std::uint64_t live_keys = 0;
    std::uint64_t destroyed_keys = 0;
    std::uint64_t under_other_roots = 0;  // Rows that name another root: always 0 unless tampered.
  };
  static Result<Header> Inspect(const std::string& path);

  // Makes the file, complete or not at all. kAlreadyExists.
  static Result<std::unique_ptr<Keystore>> Create(const std::string& path, RootSource source,
                                                  RootKeys roots, const std::string& deployment_id,
                                                  const base::Random& random,
                                                  const base::Clock& clock);
  // Besides Inspect()'s errors: kInvalidArgument when no root of `roots` is the keystore's,
  // kIntegrity when it is and yet does not open the header. `source` is read again when another
  // process has rotated the root.
  static Result<std::unique_ptr<Keystore>> Open(const std::string& path, RootSource source,
                                                RootKeys roots, const base::Random& random,
                                                const base::Clock& clock);
  ~Keystore();
  Keystore(const Keystore&) = delete;
  Keystore& operator=(const Keystore&) = delete;

  const std::string& deployment_id() const { return deployment_id_; }
  // A key of this deployment for one purpose; the same under every root.
  base::Secret256 DeploymentKey(std::string_view label) const;
  Result<Header> ReadHeader() const;
  // Whether the file is there and this process has the root that it is under. kUnavailable.
  Result<void> CheckRoot() const;

  // The tenant's provider key. kKeyRevoked when it was destroyed; kIntegrity when there never was
  // one or it does not open; kServiceFault when another process has rotated to a root that this
  // one cannot get; kKeyUnavailable when the file cannot be read.
  Result<base::Secret256> LoadKey(const model::TenantId& tenant) const;
  // Does nothing if there is one; kConflict when it was destroyed.
  Result<void> CreateKey(const model::TenantId& tenant);
  // Does nothing if there is none.
  Result<void> DestroyKey(const model::TenantId& tenant);

  // Wraps everything anew under the active root of `roots`, in one transaction. Does nothing when
  // it is so already.
  Result<void> RewrapUnder(RootKeys roots);
  // Writes a consistent copy to a new owner-only file, while the keystore is in use.
  Result<void> Backup(const std::string& path) const;

 private:
  Keystore(std::string path, RootSource source, RootKeys roots, const base::Random& random,
           const base::Clock& clock);
  Result<void> Connect();
  Result<void> OpenHeader() TS_REQUIRES(mutex_);
  // The root that the file names, reading the source again if it is not known. kServiceFault.
  Result<const RootKey*> FindRoot(const std::string& id) const TS_REQUIRES(mutex_);
  Result<std::string> CurrentRootId() const TS_REQUIRES(mutex_);
  Result<void> RewrapRows(const RootKey& to) TS_REQUIRES(mutex_);
  Result<void> RewrapHeader(const RootKey& to) TS_REQUIRES(mutex_);
  base::Bytes KeyBinding(std::string_view tenant, std::string_view key_id,
                         std::string_view root_id) const;
  base::Bytes SecretBinding(std::string_view root_id) const;

  const std::string path_;
  const RootSource source_;
  const base::Random& random_;
  const base::Clock& clock_;
  std::string deployment_id_;
  base::Secret256 deployment_secret_;
  mutable base::Mutex mutex_;
  mutable RootKeys roots_ TS_GUARDED_BY(mutex_);
  sqlite3* db_ TS_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace tenantseal::kms
