// A thin, owning face of SQLite's C API: one connection with its prepared statements. The only
// place (with schema and backup) that names sqlite3.
//
// Not thread-safe: whoever owns a Connection locks. Errors of SQLite become Errors whose message
// says how to mend the matter.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "model/ids.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tenantseal::store {

class Connection {
 public:
  enum class Mode { kWriter, kReader };

  // Opens an existing file. Triggers, views and untrusted functions of the file's own schema are
  // off, because whoever edits the file could hide code there. `cache_kib` bounds the page cache.
  static Result<std::unique_ptr<Connection>> Open(const std::string& path, Mode mode,
                                                  int busy_timeout_ms, int cache_kib);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs statements without results and without parameters.
  Result<void> Execute(const char* sql);
  // The first column of the first row, 0 when there is none.
  Result<std::int64_t> QueryInt(const char* sql);
  Result<std::string> QueryText(const char* sql);

  // What the last failure means. `code` is an extended result code.
  Error ErrorOf(int code) const;
  std::int64_t changes() const;  // Rows that the last statement changed.
  std::int64_t last_insert_row() const;

  // Whether commits from now on wait until they are on the disk (the default). Those that do not
  // survive a kill, and a power cut from the next one that does. Outside of transactions only.
  Result<void> SyncCommits(bool sync);

  // The write-ahead log. Commits of this connection leave it as it is from now on.
  void KeepLog();
  int log_pages() const { return log_pages_; }  // After the last commit, since KeepLog().
  // Moves the log into the database, as far as others have written it and unless another process
  // does. When nobody writes meanwhile, that is durable, and the next write begins the log anew.
  Result<void> EmptyLog();
  // Make durable what anybody has written to either.
  Result<void> SyncLog();
  Result<void> SyncDatabase();
  // Writes what the log holds once more and syncs it, since after a sync that failed the system
  // may take for written what it could not write. For whoever has begun a write.
  Result<void> RewriteLog();
  // EmptyLog() of this connection offers the processor every few pages from now on. Not for whoever
  // holds a lock that others wait for.
  void OfferWhileWriting();

  sqlite3* raw() const { return db_; }

 private:
  friend class Statement;
  Connection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  // A prepared statement, kept by the address of its text, which must be a literal.
  Result<sqlite3_stmt*> Prepared(const char* sql);

  sqlite3* db_;
  const std::string path_;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
  int log_pages_ = 0;
  bool syncs_ = false;  // Nothing is known until it has been set.
};

// One use of a prepared statement: bind all parameters in order, then step. Errors stick: after the
// first one Step() returns false, and Check() or Run() tells it. Bound texts and bytes are not
// copied and must outlive the stepping. The same literal must not be in use twice at a time.
class Statement {
 public:
  Statement(Connection& connection, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  template <typename Int>
  requires std::is_integral_v<Int> Statement& Bind(Int value) {
    return BindInt(static_cast<std::int64_t>(value));
  }
  template <typename Enum>
  requires std::is_enum_v<Enum> Statement& Bind(Enum value) {
    return BindInt(static_cast<std::int64_t>(value));
  }
  Statement& Bind(std::string_view text);
  Statement& Bind(const std::string& text) { return Bind(std::string_view(text)); }
  Statement& Bind(std::string&&) = delete;
  Statement& Bind(base::ByteSpan bytes);
  Statement& Bind(base::UtcTime time) { return BindInt(time.time_since_epoch().count()); }
  Statement& Bind(const std::optional<base::UtcTime>& time) {
    return time ? Bind(*time) : BindNull();
  }
  template <typename Tag>
  Statement& Bind(const model::Id<Tag>& id) {
    return Bind(std::string_view(id.text()));
  }
  Statement& Bind(const model::Scope& scope) { return Bind(std::string_view(scope.text())); }
  Statement& BindNull();

  bool Step();                 // Whether there is a (further) row.
  Result<void> Check() const;  // The error, if one has happened.
  Result<void> Run();          // Steps to the end.
  // Run() of a statement that inserts: kAlreadyExists with `message` when a key is taken.
  Result<void> RunInsert(const char* message);
  // Makes it ready for other parameters.
  void Reset();

  // Columns of the present row. Texts and bytes live until the next Step() or Reset().
  std::int64_t Int(int column) const;
  std::string_view Text(int column) const;
  base::ByteSpan Blob(int column) const;
  bool Null(int column) const;
  base::UtcTime Time(int column) const {
    return base::UtcTime(std::chrono::milliseconds(Int(column)));
  }
  std::optional<base::UtcTime> OptionalTime(int column) const {
    return Null(column) ? std::nullopt : std::optional(Time(column));
  }

 private:
  Statement& BindInt(std::int64_t value);
  void Note(int code);

  Connection& connection_;
  sqlite3_stmt* statement_ = nullptr;
  int parameter_ = 0;
  int failure_ = 0;  // SQLite's code, 0 while all is well.
  std::optional<Error> error_;
};

// A read sees one moment throughout. A write takes the write lock at once, so that it cannot fail
// half-way for another's sake. After a failed Commit(), roll back.
struct Transaction {
  enum class Kind { kRead, kWrite };
  static Result<void> Begin(Connection& connection, Kind kind);
  static Result<void> Commit(Connection& connection);
  static void Rollback(Connection& connection);
};

}  // namespace tenantseal::store
