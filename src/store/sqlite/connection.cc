#include "store/sqlite/connection.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "base/thread_priority.h"

namespace tenantseal::store {
namespace {

constexpr const char* kBeginRead = "BEGIN DEFERRED";
constexpr const char* kBeginWrite = "BEGIN IMMEDIATE";
constexpr const char* kCommit = "COMMIT";
constexpr const char* kRollback = "ROLLBACK";

// Steps of SQLite's virtual machine, some 0.2 ms: counting a million rows takes a second, and what
// reads a few rows should not pay for an offer.
constexpr int kStepsPerOffer = 2000;
constexpr int kPagesPerOffer = 16;  // Some 0.1 ms, of those that are written.

constexpr sqlite3_int64 kRewrittenAtOnce = 1 << 16;  // SQLite writes less than 128 KiB at once.

Error Unavailable(std::string message) { return {ErrorCode::kUnavailable, std::move(message)}; }

// What the file system is to blame for, whatever SQLite calls it.
std::optional<Error> DiskErrorOf(sqlite3* db, int code, const std::string& path) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return base::DiskError(ENOSPC, path);
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return base::DiskError(db ? sqlite3_system_errno(db) : 0, path);
    default:
      return std::nullopt;
  }
}

// The database's file or the log, null when it is not open.
sqlite3_file* FileOf(sqlite3* db, int which) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db, "main", which, static_cast<void*>(&file));
  return file != nullptr && file->pMethods != nullptr ? file : nullptr;
}

int SyncFile(sqlite3* db, int which) {
  sqlite3_file* file = FileOf(db, which);
  return file == nullptr ? SQLITE_IOERR_FSYNC : file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

int RewriteFile(sqlite3_file* file) {
  sqlite3_int64 size = 0;
  int code = file->pMethods->xFileSize(file, &size);
  std::vector<char> block(static_cast<std::size_t>(std::min(size, kRewrittenAtOnce)));
  for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size; at += kRewrittenAtOnce) {
    const int length = static_cast<int>(std::min(size - at, kRewrittenAtOnce));
    code = file->pMethods->xRead(file, block.data(), length, at);
    if (code == SQLITE_OK) code = file->pMethods->xWrite(file, block.data(), length, at);
  }
  return code;
}

// Settings of every connection that make a hostile or broken file harmless.
Result<void> Configure(Connection& connection, int busy_timeout_ms, int cache_kib) {
  sqlite3* db = connection.raw();
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, busy_timeout_ms);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, nullptr);
  // Statements are few and long-lived: the default of 100 lookaside slots would cost 120 KiB each.
  sqlite3_db_config(db, SQLITE_DBCONFIG_LOOKASIDE, nullptr, 256, 64);
  const std::string sql =
      "PRAGMA cell_size_check=ON; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
      "PRAGMA cache_size=-" +
      std::to_string(cache_kib) + ";";
  return connection.Execute(sql.c_str());
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const std::string& path, Mode mode,
                                                     int busy_timeout_ms, int cache_kib) {
  sqlite3* db = nullptr;
  // A reader needs the right to write too, for the WAL's shared memory; query_only keeps it honest.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  std::unique_ptr<Connection> connection(new Connection(db, path));
  if (code != SQLITE_OK) return connection->ErrorOf(db ? sqlite3_extended_errcode(db) : code);
  TS_RETURN_IF_ERROR(Configure(*connection, busy_timeout_ms, cache_kib));
  if (mode == Mode::kWriter) return connection;
  TS_RETURN_IF_ERROR(connection->Execute("PRAGMA query_only=ON"));
  // A writer offers nothing: others wait for it.
  const auto offer = [](void*) {
    base::OfferProcessor();
    return 0;
  };
  sqlite3_progress_handler(db, kStepsPerOffer, offer, nullptr);
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(db_);
}

Result<void> Connection::Execute(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return ErrorOf(sqlite3_extended_errcode(db_));
  return {};
}

Result<std::int64_t> Connection::QueryInt(const char* sql) {
  Statement statement(*this, sql);
  const std::int64_t value = statement.Step() ? statement.Int(0) : 0;
  TS_RETURN_IF_ERROR(statement.Check());
  return value;
}

Result<std::string> Connection::QueryText(const char* sql) {
  Statement statement(*this, sql);
  std::string value(statement.Step() ? statement.Text(0) : std::string_view());
  TS_RETURN_IF_ERROR(statement.Check());
  return value;
}

Error Connection::ErrorOf(int code) const {
  const std::string detail = " (SQLite " + std::to_string(code) + ": " +
                             (db_ ? sqlite3_errmsg(db_) : sqlite3_errstr(code)) + ")";
  if (auto disk = DiskErrorOf(db_, code, path_)) {
    disk->message += "; nothing was changed" + detail;
    return std::move(*disk);
  }
  switch (code & 0xff) {
    case SQLITE_IOERR:
      return Unavailable("Reading or writing " + path_ +
                         " failed: check its disk, quota and file size "
                         "limit; nothing was changed" +
                         detail);
    case SQLITE_READONLY:
      return Unavailable(
          path_ + " cannot be written: make the file and its directory writable for this user" +
          detail);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Unavailable("Cannot open " + path_ +
                         ": check that its directory exists and that this user may "
                         "read and write both" +
                         detail);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Unavailable(
          path_ + " is locked by another process: try again, or end the program that holds it" +
          detail);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return IntegrityError(path_ +
                            " is damaged or not a database: stop the service, keep the file for "
                            "inspection and restore the latest backup with `tenantseal restore`" +
                            detail);
    case SQLITE_NOMEM:
      return Unavailable("There is too little memory to use " + path_ + detail);
    case SQLITE_CONSTRAINT:
      return IntegrityError("A row of " + path_ + " contradicts another" + detail);
    case SQLITE_ERROR:
      return IntegrityError("The tables of " + path_ +
                            " are not as Tenantseal made them: restore the latest "
                            "backup with `tenantseal restore`" +
                            detail);
    default:
      return Internal("The database " + path_ + " failed" + detail);
  }
}

std::int64_t Connection::changes() const { return sqlite3_changes64(db_); }
std::int64_t Connection::last_insert_row() const { return sqlite3_last_insert_rowid(db_); }

Result<void> Connection::SyncCommits(bool sync) {
  if (syncs_ == sync) return {};
  TS_RETURN_IF_ERROR(Execute(sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
  syncs_ = sync;
  return {};
}

void Connection::OfferWhileWriting() {
  sqlite3_vfs* vfs = nullptr;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_VFS_POINTER, static_cast<void*>(&vfs));
  sqlite3_file* file = FileOf(db_, SQLITE_FCNTL_FILE_POINTER);
  // The methods of others may depend on where they lie.
  if (vfs == nullptr || file == nullptr || std::string_view(vfs->zName) != "unix") return;
  static const sqlite3_io_methods* const methods = file->pMethods;
  static const sqlite3_io_methods offering = [] {
    sqlite3_io_methods copy = *methods;
    copy.xWrite = [](sqlite3_file* to, const void* data, int size, sqlite3_int64 offset) {
      if (offset / size % kPagesPerOffer == 0) base::OfferProcessor();
      return methods->xWrite(to, data, size, offset);
    };
    return copy;
  }();
  file->pMethods = &offering;
}

void Connection::KeepLog() {
  const auto note = [](void* connection, sqlite3*, const char*, int pages) {
    static_cast<Connection*>(connection)->log_pages_ = pages;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(db_, note, this);  // In the place of SQLite's own, which would empty it.
}

Result<void> Connection::SyncLog() {
  const int synced = SyncFile(db_, SQLITE_FCNTL_JOURNAL_POINTER);
  if (synced != SQLITE_OK) return ErrorOf(synced);
  return {};
}

Result<void> Connection::RewriteLog() {
  sqlite3_file* log = FileOf(db_, SQLITE_FCNTL_JOURNAL_POINTER);
  const int rewritten = log == nullptr ? SQLITE_IOERR_WRITE : RewriteFile(log);
  if (rewritten != SQLITE_OK) return ErrorOf(rewritten);
  return SyncLog();
}

Result<void> Connection::EmptyLog() {
  const int code =
      sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
    return ErrorOf(sqlite3_extended_errcode(db_));
  return {};
}

Result<void> Connection::SyncDatabase() {
  const int synced = SyncFile(db_, SQLITE_FCNTL_FILE_POINTER);
  if (synced != SQLITE_OK) return ErrorOf(synced);
  return {};
}

Result<sqlite3_stmt*> Connection::Prepared(const char* sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
      SQLITE_OK) {
    return ErrorOf(sqlite3_extended_errcode(db_));
  }
  statements_.emplace(sql, statement);
  return statement;
}

Statement::Statement(Connection& connection, const char* sql) : connection_(connection) {
  Result<sqlite3_stmt*> prepared = connection.Prepared(sql);
  if (!prepared) {
    error_ = std::move(prepared).error();
    failure_ = SQLITE_ERROR;
    return;
  }
  statement_ = *prepared;
  TS_CHECK(!sqlite3_stmt_busy(statement_));
}

Statement::~Statement() { Reset(); }

void Statement::Note(int code) {
  if (code == SQLITE_OK || failure_ != 0) return;
  failure_ = code;
  error_ = connection_.ErrorOf(sqlite3_extended_errcode(connection_.db_));
}

Statement& Statement::BindInt(std::int64_t value) {
  if (failure_ == 0) Note(sqlite3_bind_int64(statement_, ++parameter_, value));
  return *this;
}

Statement& Statement::Bind(std::string_view text) {
  const char* data = text.data() ? text.data() : "";
  if (failure_ == 0) {
    Note(sqlite3_bind_text64(statement_, ++parameter_, data, text.size(), SQLITE_STATIC,
                             SQLITE_UTF8));
  }
  return *this;
}

Statement& Statement::Bind(base::ByteSpan bytes) {
  const void* data = bytes.data() ? static_cast<const void*>(bytes.data()) : "";
  if (failure_ == 0)
    Note(sqlite3_bind_blob64(statement_, ++parameter_, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::BindNull() {
  if (failure_ == 0) Note(sqlite3_bind_null(statement_, ++parameter_));
  return *this;
}

bool Statement::Step() {
  if (failure_ != 0) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) Note(code);
  return false;
}

Result<void> Statement::Check() const {
  if (error_) return *error_;
  return {};
}

Result<void> Statement::Run() {
  while (Step()) {
  }
  return Check();
}

Result<void> Statement::RunInsert(const char* message) {
  TS_CHECK(message != nullptr);
  while (Step()) {
  }
  if (failure_ == 0) return {};
  if (failure_ == SQLITE_CONSTRAINT_UNIQUE || failure_ == SQLITE_CONSTRAINT_PRIMARYKEY ||
      failure_ == SQLITE_CONSTRAINT_ROWID) {
    return Error{ErrorCode::kAlreadyExists, message};
  }
  return *error_;
}

void Statement::Reset() {
  if (statement_) sqlite3_reset(statement_);
  parameter_ = 0;
}

std::int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return text ? std::string_view(text, static_cast<std::size_t>(size)) : std::string_view();
}

base::ByteSpan Statement::Blob(int column) const {
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes ? base::ByteSpan(bytes, static_cast<std::size_t>(size)) : base::ByteSpan();
}

bool Statement::Null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<void> Transaction::Begin(Connection& connection, Kind kind) {
  return Statement(connection, kind == Kind::kRead ? kBeginRead : kBeginWrite).Run();
}

Result<void> Transaction::Commit(Connection& connection) {
  return Statement(connection, kCommit).Run();
}

void Transaction::Rollback(Connection& connection) {
  // Some errors roll back by themselves; then there is nothing left to do.
  if (!sqlite3_get_autocommit(connection.raw())) (void)Statement(connection, kRollback).Run();
}

}  // namespace tenantseal::store
