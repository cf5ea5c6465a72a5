// The few SQLite calls that the keystore needs. Private to kms/internal.
#pragma once

#include <sqlite3.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "base/result.h"

namespace tenantseal::kms {

struct CloseDb {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using Db = std::unique_ptr<sqlite3, CloseDb>;

// `path` is the file that the failure is about.
inline Error SqliteError(sqlite3* db, int status, std::string_view doing, const std::string& path) {
  ErrorCode code = ErrorCode::kInternal;
  switch (status & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      code = ErrorCode::kUnavailable;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      code = ErrorCode::kIntegrity;
      break;
    default:
      break;
  }
  const std::string what = "keystore: cannot " + std::string(doing) + ": ";
  if (code == ErrorCode::kUnavailable) {
    const bool full = (status & 0xff) == SQLITE_FULL;
    if (auto disk = base::DiskError(full ? ENOSPC : sqlite3_system_errno(db), path)) {
      return {code, what + disk->message + "; nothing was changed"};
    }
  }
  return {code, what + path + ": " + (db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(status))};
}

inline std::string FileOf(sqlite3* db) {
  const char* name = sqlite3_db_filename(db, "main");
  return name != nullptr ? name : "";
}

// One prepared statement. Bind by position from 1, then Step(). Errors are about `path`.
class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql) : Statement(db, sql, FileOf(db)) {}
  Statement(sqlite3* db, std::string_view sql, std::string path) : db_(db), path_(std::move(path)) {
    status_ =
        sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Bind(int at, std::string_view text) {
    if (status_ == SQLITE_OK) {
      status_ = sqlite3_bind_text(statement_, at, text.data(), static_cast<int>(text.size()),
                                  SQLITE_TRANSIENT);
    }
    return *this;
  }
  Statement& Bind(int at, base::ByteSpan bytes) {
    if (status_ == SQLITE_OK) {
      status_ = sqlite3_bind_blob(statement_, at, bytes.data(), static_cast<int>(bytes.size()),
                                  SQLITE_TRANSIENT);
    }
    return *this;
  }
  Statement& Bind(int at, std::int64_t number) {
    if (status_ == SQLITE_OK) status_ = sqlite3_bind_int64(statement_, at, number);
    return *this;
  }
  // Whether there is a row.
  Result<bool> Step(std::string_view doing) {
    if (status_ == SQLITE_OK) {
      const int status = sqlite3_step(statement_);
      if (status == SQLITE_ROW) return true;
      if (status == SQLITE_DONE) return false;
      return SqliteError(db_, status, doing, path_);
    }
    return SqliteError(db_, status_, doing, path_);
  }
  Result<void> Run(std::string_view doing) {
    TS_RETURN_IF_ERROR(Step(doing));
    return {};
  }
  std::string Text(int column) const { return std::string(base::AsText(Blob(column))); }
  base::Bytes Blob(int column) const {
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    const int size = sqlite3_column_bytes(statement_, column);
    return size > 0 ? base::Bytes(data, data + size) : base::Bytes();
  }
  std::int64_t Number(int column) const { return sqlite3_column_int64(statement_, column); }
  bool IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  sqlite3* db_;
  const std::string path_;
  sqlite3_stmt* statement_ = nullptr;
  int status_ = SQLITE_OK;
};

inline Result<void> Execute(sqlite3* db, const char* sql, std::string_view doing) {
  const int status = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return SqliteError(db, status, doing, FileOf(db));
  return {};
}

// A write transaction; rolled back unless committed.
class WriteTransaction {
 public:
  explicit WriteTransaction(sqlite3* db) : db_(db) {}
  ~WriteTransaction() {
    if (open_) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;
  Result<void> Begin() {
    TS_RETURN_IF_ERROR(Execute(db_, "BEGIN IMMEDIATE", "begin a change"));
    open_ = true;
    return {};
  }
  Result<void> Commit() {
    TS_RETURN_IF_ERROR(Execute(db_, "COMMIT", "commit a change"));
    open_ = false;
    return {};
  }

 private:
  sqlite3* db_;
  bool open_ = false;
};

}  // namespace tenantseal::kms
