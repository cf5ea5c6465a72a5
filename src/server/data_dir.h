// The data directory: where database, keystore and root key lie, each in a file of its own.
//
//   tenantseal.db   tenants, wrapped keys, events (or elsewhere, as --database says)
//   keystore.db     the internal KMS's keys, wrapped by the root
//   serving-*.lock  who serves it, and by which roots
//   event-heads.*   signed heads of the event chains, and the key that verifies them
//   root.key        the root key (or elsewhere: another file, TENANTSEAL_ROOT_KEY, a descriptor)
//
// The first start makes root, keystore and database in this order, each whole or not at all, so a
// crash between them is gone on from. Once there is something to lose, a missing part is never made
// anew: the error says which part is missing, wrong or damaged and how to mend it, and nothing is
// changed. Several processes may use one directory; making and rotating take turns by a lock.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "kms/internal/internal_kms.h"
#include "server/root_holder.h"
#include "store/sqlite/sqlite_store.h"

namespace tenantseal::server {

struct Settings;

struct DataDirOptions {
  std::string data_dir;
  std::string database;  // A path, "sqlite:PATH", or empty for <data-dir>/tenantseal.db.
  kms::RootSource root;  // Without path and text: <data-dir>/root.key.
  bool create_if_missing = false;
  bool serves = false;  // Rotations of the root see to it that this process can follow them.
};

struct DataDir {
  std::string path;
  std::string database_path;
  std::string keystore_path;
  kms::RootSource root;
  store::Deployment deployment;
  std::unique_ptr<kms::InternalKms> kms;
  std::unique_ptr<store::SqliteStore> store;
  std::optional<RootHolder> holder;          // Of a process that serves.
  std::uint64_t destructions_cancelled = 0;  // At this opening, the first of a restored directory.
};

// A file that says that the directory was made of a backup and has not been opened since. Opening
// cancels the destructions that wait in it and removes the file.
std::string RestoredMark(const std::string& data_dir);

// Opens, and with create_if_missing makes, a data directory. Errors carry a whole sentence for the
// operator: kNotFound (a part is missing), kInvalidArgument (wrong root, foreign keystore),
// kIntegrity (damaged), kConflict (written by a newer release), kPermissionDenied (others may read
// it), kUnavailable (full or read-only disk).
Result<DataDir> OpenDataDir(DataDirOptions options, const base::Clock& clock,
                            const base::Random& random);

// The same by the server's settings: the root from --root-key-fd, else from TENANTSEAL_ROOT_KEY,
// else from --root-key-file, else from the directory. Makes the directory on first start.
Result<DataDir> OpenDataDirFor(const Settings& settings, const base::Clock& clock,
                               const base::Random& random);

// Where the root comes from, as above. `file` empty and `fd` negative where not given.
Result<kms::RootSource> ChooseRootSource(const std::string& file, int fd);

// Held by whoever makes or rotates; released on destruction and when the process dies.
class DataDirLock {
 public:
  static Result<DataDirLock> Take(const std::string& data_dir);

 private:
  explicit DataDirLock(base::UniqueFd fd) : fd_(std::move(fd)) {}
  base::UniqueFd fd_;
};

}  // namespace tenantseal::server
