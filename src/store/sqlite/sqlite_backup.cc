// SqliteStore::Backup.
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdio>

#include "base/file.h"
#include "store/sqlite/access.h"

namespace tenantseal::store {
namespace {

Error Taken(const std::string& path) {
  return {ErrorCode::kAlreadyExists, path + " exists already: name a new file."};
}

// Removes the partial copy unless it was put in place.
class PartialFile {
 public:
  explicit PartialFile(std::string path) : path_(std::move(path)) {}
  ~PartialFile() { unlink(path_.c_str()); }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  const std::string& path() const { return path_; }

  Result<void> Create() const {
    unlink(path_.c_str());  // What a killed backup left behind.
    const base::UniqueFd fd(open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
    if (!fd.valid()) return base::FileError("create", path_);
    return {};
  }

  // Durable first, then under its name, where nothing may be overwritten.
  Result<void> Publish(const std::string& target) const {
    const base::UniqueFd fd(open(path_.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd.valid() || fsync(fd.get()) != 0) return base::FileError("write", path_);
    if (link(path_.c_str(), target.c_str()) != 0) {
      if (errno == EEXIST) return Taken(target);
      return base::FileError("create", target);
    }
    unlink(path_.c_str());
    return base::SyncParentDirectory(target);
  }

 private:
  const std::string path_;
};

// In one step: in WAL mode writers go on meanwhile, and the copy is of one moment.
Result<void> CopyAll(Connection& source, Connection& target) {
  sqlite3_backup* backup = sqlite3_backup_init(target.raw(), "main", source.raw(), "main");
  if (!backup) return target.ErrorOf(sqlite3_extended_errcode(target.raw()));
  const int stepped = sqlite3_backup_step(backup, -1);
  const int finished = sqlite3_backup_finish(backup);
  if (stepped == SQLITE_DONE && finished == SQLITE_OK) return {};
  return target.ErrorOf(finished != SQLITE_OK ? finished : stepped);
}

}  // namespace

Result<void> SqliteStore::Backup(const std::string& path) const {
  if (base::FileExists(path)) return Taken(path);
  const PartialFile partial(path + ".partial");
  TS_RETURN_IF_ERROR(partial.Create());
  {
    // Connections of its own, so that a long copy keeps no reader from others.
    TS_ASSIGN_OR_RETURN(auto source,
                        Connection::Open(path_, Connection::Mode::kReader, options_.busy_timeout_ms,
                                         options_.reader_cache_kib));
    TS_ASSIGN_OR_RETURN(auto target,
                        Connection::Open(partial.path(), Connection::Mode::kWriter,
                                         options_.busy_timeout_ms, options_.reader_cache_kib));
    TS_RETURN_IF_ERROR(target->Execute("PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF"));
    TS_RETURN_IF_ERROR(CopyAll(*source, *target));
  }
  return partial.Publish(path);
}

}  // namespace tenantseal::store
