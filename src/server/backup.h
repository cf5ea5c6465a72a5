// Backup of a data directory in use, and restoring it elsewhere. Database, keystore and root key
// are three parts that are kept apart: who has all three can open everything.
#pragma once

#include <cstdint>
#include <string>

#include "server/data_dir.h"

namespace tenantseal::server {

// Copies the database to a new file, then, where named, the keystore to another. In this order: the
// keystore copied later has the key of every tenant in the database copied before. kAlreadyExists.
Result<void> BackupDataDir(const DataDir& dir, const std::string& output,
                           const std::string& keystore_output);

struct RestoreOptions {
  std::string from;      // A copy of the database.
  std::string keystore;  // A copy of the keystore, or empty.
  kms::RootSource root;  // With a path: that file becomes <data-dir>/root.key.
  std::string data_dir;  // Must not exist, or be empty.
};
struct Restored {
  bool complete = false;      // Every part is there and was verified.
  std::uint64_t tenants = 0;  // Whose rows verify and whose provider keys open (destroyed apart).
  std::uint64_t destructions_cancelled = 0;
};
// Makes a data directory of copies: complete or not at all. A damaged copy is kIntegrity, whether
// or not the root is there. With keystore and root, every tenant's rows and provider key are
// verified before the directory appears under its name. Destructions that waited in the copy are
// cancelled: at once when complete, else when the directory is first opened.
Result<Restored> RestoreDataDir(RestoreOptions options, const base::Clock& clock,
                                const base::Random& random);

}  // namespace tenantseal::server
