#include "emulator/state_file.h"

#include <fcntl.h>
#include <sqlite3.h>

#include "base/file.h"

namespace tenantseal::emulator {
namespace {

constexpr int kApplicationId = 0x54534145;  // "TSAE", told apart by file(1) and by us.

}  // namespace

Result<std::unique_ptr<StateFile>> StateFile::Open(const std::string& path) {
  {
    // SQLite would create it with the process's umask.
    base::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd.valid()) {
      Error error = base::FileError("open", path);
      error.field = "state";
      return error;
    }
  }
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr);
  std::unique_ptr<StateFile> file(new StateFile(db, path));
  if (code != SQLITE_OK) return file->Failure();
  sqlite3_busy_timeout(db, 2000);
  TS_RETURN_IF_ERROR(file->Prepare());
  return file;
}

StateFile::~StateFile() {
  sqlite3_finalize(put_);
  sqlite3_finalize(remove_);
  sqlite3_close(db_);
}

Result<void> StateFile::Prepare() {
  // One process at a time: what another one wrote would not be seen.
  TS_RETURN_IF_ERROR(Execute("PRAGMA locking_mode=EXCLUSIVE"));
  TS_RETURN_IF_ERROR(Execute("PRAGMA journal_mode=WAL"));
  TS_RETURN_IF_ERROR(Execute("PRAGMA synchronous=NORMAL"));
  std::int64_t application = 0;
  std::int64_t tables = 0;
  auto read = [](void* out, int, char** columns, char**) {
    *static_cast<std::int64_t*>(out) = std::atoll(columns[0]);
    return 0;
  };
  if (sqlite3_exec(db_, "PRAGMA application_id", read, &application, nullptr) != SQLITE_OK ||
      sqlite3_exec(db_, "SELECT count(*) FROM sqlite_master", read, &tables, nullptr) !=
          SQLITE_OK) {
    return Failure();
  }
  if (application != kApplicationId && tables != 0) {
    return InvalidArgument("state", "The file " + path_ +
                                        " is a database of something else. Name another file; it "
                                        "is created when it is not there.");
  }
  TS_RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE"));
  const std::string mark = "PRAGMA application_id=" + std::to_string(kApplicationId);
  TS_RETURN_IF_ERROR(Execute(mark.c_str()));
  TS_RETURN_IF_ERROR(
      Execute("CREATE TABLE IF NOT EXISTS entities("
              "kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, "
              "PRIMARY KEY(kind, id)) WITHOUT ROWID"));
  TS_RETURN_IF_ERROR(Execute("COMMIT"));
  if (sqlite3_prepare_v2(db_, "INSERT OR REPLACE INTO entities VALUES(?,?,?)", -1, &put_,
                         nullptr) != SQLITE_OK ||
      sqlite3_prepare_v2(db_, "DELETE FROM entities WHERE kind=? AND id=?", -1, &remove_,
                         nullptr) != SQLITE_OK) {
    return Failure();
  }
  return {};
}

Error StateFile::Failure() const {
  switch (sqlite3_errcode(db_)) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return InvalidArgument("state", "The file " + path_ +
                                          " is not a state file of the emulator. Name another "
                                          "file; it is created when it is not there.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::kUnavailable,
              "The state file " + path_ + " is in use by another emulator. Stop that one first.",
              "state"};
    default:
      return {ErrorCode::kUnavailable,
              "The state file " + path_ + " cannot be used: " + sqlite3_errmsg(db_) + ".", "state"};
  }
}

Result<void> StateFile::Execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return Failure();
  return {};
}

Result<void> StateFile::ForEach(const Row& row) {
  sqlite3_stmt* select = nullptr;
  if (sqlite3_prepare_v2(db_, "SELECT kind, id, value FROM entities", -1, &select, nullptr) !=
      SQLITE_OK) {
    return Failure();
  }
  auto text = [&](int column) {
    return std::string_view(reinterpret_cast<const char*>(sqlite3_column_text(select, column)),
                            static_cast<std::size_t>(sqlite3_column_bytes(select, column)));
  };
  Result<void> result;
  int code = sqlite3_step(select);
  while (code == SQLITE_ROW && result) {
    result = row(text(0), text(1), text(2));
    code = sqlite3_step(select);
  }
  if (result && code != SQLITE_DONE) result = Failure();
  sqlite3_finalize(select);
  return result;
}

Result<void> StateFile::Begin() { return Execute("BEGIN IMMEDIATE"); }
Result<void> StateFile::Commit() { return Execute("COMMIT"); }
void StateFile::Rollback() { sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr); }
Result<void> StateFile::RemoveAll() { return Execute("DELETE FROM entities"); }

Result<void> StateFile::Step(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  Result<void> result;
  if (code != SQLITE_DONE) result = Failure();
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return result;
}

Result<void> StateFile::Put(std::string_view kind, std::string_view id, std::string_view value) {
  sqlite3_bind_text(put_, 1, kind.data(), static_cast<int>(kind.size()), SQLITE_STATIC);
  sqlite3_bind_text(put_, 2, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
  sqlite3_bind_text(put_, 3, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
  return Step(put_);
}

Result<void> StateFile::Remove(std::string_view kind, std::string_view id) {
  sqlite3_bind_text(remove_, 1, kind.data(), static_cast<int>(kind.size()), SQLITE_STATIC);
  sqlite3_bind_text(remove_, 2, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
  return Step(remove_);
}

}  // namespace tenantseal::emulator
