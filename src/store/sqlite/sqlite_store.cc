#include "store/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"
#include "store/rules.h"
#include "store/sqlite/access.h"
#include "store/sqlite/schema.h"

namespace tenantseal::store {
namespace {

// A file of at most this size is checked whole when it is opened (a few milliseconds).
constexpr off_t kQuickCheckBytesMax = 4 << 20;

constexpr std::int64_t kMinutesOfDay = 24 * 60;

constexpr int kSmallCacheKib = 64;  // Of connections that read and write next to nothing.

constexpr const char* kSelectDeployment = "SELECT id,root_id,root_check,created_at FROM deployment";
constexpr const char* kInsertDeployment =
    "INSERT INTO deployment(one,id,root_id,root_check,created_at) VALUES(1,?,?,?,?)";
constexpr const char* kUpdateRoot = "UPDATE deployment SET root_id=?,root_check=?";
constexpr const char* kSelectAcknowledged = "SELECT acknowledged FROM processes WHERE id=?";
constexpr const char* kPutProcess =
    "INSERT INTO processes(id,acknowledged) VALUES(?,?) "
    "ON CONFLICT(id) DO UPDATE SET acknowledged=excluded.acknowledged";
constexpr const char* kDeleteProcess = "DELETE FROM processes WHERE id=?";
constexpr const char* kDeleteLagging = "DELETE FROM processes WHERE acknowledged<?";
constexpr const char* kSelectLagging = "SELECT id FROM processes WHERE acknowledged<? ORDER BY id";
constexpr const char* kAddUsage =
    "INSERT INTO usage(scope,minute,principal,operation,outcome,count) VALUES(?,?,?,?,?,?) "
    "ON CONFLICT DO UPDATE SET count=count+excluded.count";
// One range of the primary key for each scope, not the whole table.
constexpr const char* kPruneUsage =
    "WITH RECURSIVE scopes(scope) AS (SELECT min(scope) FROM usage UNION ALL "
    "SELECT (SELECT min(scope) FROM usage u WHERE u.scope>s.scope) FROM scopes s "
    "WHERE s.scope IS NOT NULL) "
    "DELETE FROM usage WHERE scope IN (SELECT scope FROM scopes) AND minute<?";
constexpr const char* kSelectUsage =
    "SELECT minute,principal,operation,outcome,count FROM usage "
    "WHERE scope=? AND minute BETWEEN ? AND ? ORDER BY minute,principal,operation,outcome";
constexpr const char* kQuickCheck = "PRAGMA quick_check(1)";
constexpr const char* kPing = "SELECT count(*) FROM deployment";

// SQLite gives the log and the shared memory the mode of the file itself.
Result<void> MakePrivateFile(const std::string& path) {
  const base::UniqueFd fd(open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (!fd.valid() && errno != EEXIST) {
    const Error error = base::FileError("create", path);
    if (error.code == ErrorCode::kUnavailable) return error;  // It says what to do.
    return Error{
        ErrorCode::kUnavailable,
        error.message + ": check that its directory exists and that this user may write there"};
  }
  if (fd.valid()) return base::SyncParentDirectory(path);
  return base::RequirePrivateFile(path);
}

Result<void> CheckWhole(Connection& connection, const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 || status.st_size > kQuickCheckBytesMax) return {};
  TS_ASSIGN_OR_RETURN(const std::string verdict, connection.QueryText(kQuickCheck));
  if (verdict == "ok") return {};
  return IntegrityError(path +
                        " is damaged: stop the service, keep the file for inspection and "
                        "restore the latest backup with `tenantseal restore`.");
}

Result<void> PrepareFile(Connection& writer, const std::string& path) {
  TS_RETURN_IF_ERROR(CheckWhole(writer, path));
  TS_ASSIGN_OR_RETURN(const std::string mode, writer.QueryText("PRAGMA journal_mode=WAL"));
  if (mode != "wal") {
    return Error{ErrorCode::kUnavailable,
                 path + " is on a file system without shared memory: use a local one."};
  }
  TS_RETURN_IF_ERROR(writer.SyncCommits(true));
  // Beyond what the log has by itself, since to cut it takes long and others wait for it.
  TS_RETURN_IF_ERROR(writer.Execute("PRAGMA journal_size_limit=134217728;"));
  writer.KeepLog();
  return Upgrade(writer, path, SchemaSteps());
}

// The epoch that the process has acknowledged, nullopt when it is not registered.
Result<std::optional<std::int64_t>> ReadAcknowledged(Connection& db,
                                                     const model::ProcessId& process) {
  Statement row(db, kSelectAcknowledged);
  row.Bind(process);
  std::optional<std::int64_t> epoch;
  if (row.Step()) epoch = row.Int(0);
  TS_RETURN_IF_ERROR(row.Check());
  return epoch;
}

Result<std::optional<Deployment>> ReadDeployment(Connection& db) {
  Statement row(db, kSelectDeployment);
  if (!row.Step()) {
    TS_RETURN_IF_ERROR(row.Check());
    return std::optional<Deployment>();
  }
  Deployment out;
  out.id = row.Text(0);
  out.root_id = row.Text(1);
  if (!CopyHash(row.Blob(2), out.root_check)) return TamperedRow("deployment", out.id);
  out.created_at = row.Time(3);
  return std::optional(std::move(out));
}

// For a connection that reads and writes next to nothing by statements.
Result<std::unique_ptr<Connection>> OpenSmall(const std::string& path, Connection::Mode mode,
                                              const SqliteOptions& options) {
  return Connection::Open(path, mode, options.busy_timeout_ms, kSmallCacheKib);
}

}  // namespace

SqliteStore::SqliteStore(std::string path, RowMac row_mac, const SqliteOptions& options)
    : path_(std::move(path)), row_mac_(std::move(row_mac)), options_(options) {}

SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& path, RowMac row_mac,
                                                       const SqliteOptions& options) {
  TS_RETURN_IF_ERROR(MakePrivateFile(path));
  std::unique_ptr<SqliteStore> store(new SqliteStore(path, std::move(row_mac), options));
  TS_ASSIGN_OR_RETURN(auto writer,
                      Connection::Open(path, Connection::Mode::kWriter, options.busy_timeout_ms,
                                       options.writer_cache_kib));
  TS_RETURN_IF_ERROR(PrepareFile(*writer, path));
  store->log_ahead_.emplace(path);
  base::MutexLock lock(store->writer_mutex_);
  store->writer_ = std::move(writer);
  return store;
}

// To move much takes tens of milliseconds. So it is done while others write, a part at a time. Once
// all of the log is in the database, the next write begins it anew, for which it waits for the disk
// while others wait for it. So that this is rare, a shortening leaves the last write where it is,
// until the log is long: then it moves what others have written meanwhile likewise, and the little
// that was written after that under the writer's lock. Where somebody still reads what is there,
// the log may grow by as much again before the next attempt. An error shows in a later write.
bool SqliteStore::BeginShortening(int pages) {
  const int log_pages = log_pages_.load(std::memory_order_relaxed);
  if (log_pages < shortened_at_.load(std::memory_order_relaxed)) shortened_at_ = 0;  // Begun anew.
  if (log_pages - shortened_at_.load(std::memory_order_relaxed) < pages) return false;
  if (shortening_.exchange(true)) return false;
  if (!log_mark_) {
    if (auto opened = OpenSmall(path_, Connection::Mode::kReader, options_))
      log_mark_ = std::move(*opened);
  }
  if (log_mark_ && Transaction::Begin(*log_mark_, Transaction::Kind::kRead))
    static_cast<void>(log_mark_->QueryInt(kPing));  // Only now it has its state.
  return true;
}

void SqliteStore::ShortenLog() {
  const bool whole = log_pages_.load(std::memory_order_relaxed) >= options_.log_pages_max;
  if (whole && log_mark_) Transaction::Rollback(*log_mark_);
  if (!checkpointer_) {
    if (auto opened = OpenSmall(path_, Connection::Mode::kWriter, options_)) {
      checkpointer_ = std::move(*opened);
      checkpointer_->OfferWhileWriting();
    }
  }
  if (checkpointer_ && EmptyLogBesideOthers() && whole && EmptyLogBesideOthers()) {
    log_ahead_->Reach(0);  // Where the next write begins it anew.
    const WriterTurn turn(*this);
    const HeldWrite held(longest_write_ns_);
    if (!writer_->EmptyLog()) log_doubtful_ = true;  // It offers the processor to nobody.
  }
  if (log_mark_) Transaction::Rollback(*log_mark_);
  shortened_at_ = log_pages_.load(std::memory_order_relaxed);
  shortening_ = false;
  shortening_.notify_all();
}

// SQLite does not wait for the disk when others have written meanwhile, and leaves that to whoever
// comes next.
bool SqliteStore::EmptyLogBesideOthers() {
  if (!checkpointer_->EmptyLog()) {
    log_doubtful_ = true;  // What failed may have been its sync.
    return false;
  }
  return checkpointer_->SyncDatabase().ok();
}

Result<void> SqliteStore::SyncLog(CommitsOf whose) const {
  const std::uint64_t wanted = commits_;
  base::MutexLock lock(sync_mutex_);
  if (whose == CommitsOf::kThisProcess && synced_ >= wanted) return {};
  if (log_doubtful_) {
    return Error{ErrorCode::kUnavailable, "The disk that holds " + path_ +
                                              " has failed to keep what was written: check it."};
  }
  if (!syncer_) {
    TS_ASSIGN_OR_RETURN(auto opened, OpenSmall(path_, Connection::Mode::kReader, options_));
    TS_RETURN_IF_ERROR(opened->QueryInt(kPing));  // Opens the log, too.
    syncer_ = std::move(opened);
  }
  const std::uint64_t commits = commits_;
  if (Result<void> synced = syncer_->SyncLog(); !synced) {
    log_doubtful_ = true;
    return synced;
  }
  synced_ = commits;
  return {};
}

Result<void> SqliteStore::MendLog() {
  if (!log_doubtful_) return {};
  base::MutexLock lock(sync_mutex_);
  log_doubtful_ = false;  // First, since whoever shortens the log may find a reason meanwhile.
  Result<void> rewritten = writer_->RewriteLog();
  if (!rewritten) log_doubtful_ = true;
  return rewritten;
}

// --- Readers ---

Result<std::unique_ptr<Connection>> SqliteStore::TakeReader() const {
  {
    base::MutexLock lock(readers_mutex_);
    while (idle_readers_.empty() && readers_ >= options_.readers_max) lock.Wait(reader_returned_);
    if (!idle_readers_.empty()) {
      std::unique_ptr<Connection> reader = std::move(idle_readers_.back());
      idle_readers_.pop_back();
      return reader;
    }
    ++readers_;
  }
  auto opened = Connection::Open(path_, Connection::Mode::kReader, options_.busy_timeout_ms,
                                 options_.reader_cache_kib);
  if (!opened) {
    base::MutexLock lock(readers_mutex_);
    --readers_;
    reader_returned_.notify_one();
  }
  return opened;
}

void SqliteStore::ReturnReader(std::unique_ptr<Connection> reader) const {
  base::MutexLock lock(readers_mutex_);
  idle_readers_.push_back(std::move(reader));
  reader_returned_.notify_one();
}

// --- Deployment ---

Result<std::optional<Deployment>> SqliteStore::LoadDeployment() const {
  return Read([](Session& session) { return ReadDeployment(session.db); });
}

Result<void> SqliteStore::CreateDeployment(const Deployment& deployment) {
  return Write([&](Session& session) -> Result<void> {
    Statement insert(session.db, kInsertDeployment);
    insert.Bind(deployment.id).Bind(deployment.root_id).Bind(deployment.root_check);
    return insert.Bind(deployment.created_at).RunInsert("The database belongs to a deployment.");
  });
}

Result<void> SqliteStore::ReplaceRoot(const std::string& old_root_id, const std::string& root_id,
                                      const std::array<std::uint8_t, 32>& root_check) {
  return Write([&](Session& session) -> Result<void> {
    TS_ASSIGN_OR_RETURN(const std::optional<Deployment> stored, ReadDeployment(session.db));
    TS_RETURN_IF_ERROR(CheckRootReplacement(stored, old_root_id));
    return Statement(session.db, kUpdateRoot).Bind(root_id).Bind(root_check).Run();
  });
}

// --- Epoch and processes ---

Result<Changes> SqliteStore::ReadChanges(std::uint64_t since) const {
  return Read([&](Session& session) { return ReadChangesSince(session.db, since); });
}

Result<bool> SqliteStore::Acknowledge(const model::ProcessId& process, std::uint64_t epoch) {
  const Result<std::optional<std::int64_t>> before =
      Read([&](Session& session) { return ReadAcknowledged(session.db, process); });
  if (!before) return before.error();
  if (*before == static_cast<std::int64_t>(epoch)) return true;
  return Write([&](Session& session) -> Result<bool> {
    TS_ASSIGN_OR_RETURN(const auto registered, ReadAcknowledged(session.db, process));
    TS_RETURN_IF_ERROR(Statement(session.db, kPutProcess).Bind(process).Bind(epoch).Run());
    return registered.has_value();
  });
}

Result<void> SqliteStore::RemoveLagging(std::uint64_t epoch) {
  return Write(
      [&](Session& session) { return Statement(session.db, kDeleteLagging).Bind(epoch).Run(); });
}

Result<void> SqliteStore::RemoveProcess(const model::ProcessId& process) {
  return Write(
      [&](Session& session) { return Statement(session.db, kDeleteProcess).Bind(process).Run(); });
}

Result<std::vector<model::ProcessId>> SqliteStore::LaggingProcesses(std::uint64_t epoch) const {
  return Read([&](Session& session) -> Result<std::vector<model::ProcessId>> {
    std::vector<model::ProcessId> out;
    Statement row(session.db, kSelectLagging);
    row.Bind(epoch);
    while (row.Step()) {
      TS_ASSIGN_OR_RETURN(model::ProcessId id, model::ProcessId::Parse(row.Text(0)));
      out.push_back(std::move(id));
    }
    TS_RETURN_IF_ERROR(row.Check());
    return out;
  });
}

// --- Events and counts ---

Result<std::vector<model::Event>> SqliteStore::ListEvents(const model::Scope& scope,
                                                          std::uint64_t after_sequence,
                                                          std::size_t limit) const {
  const std::uint64_t floor = guard_.Floor(kEventManifest, scope);
  return Read(
      [&](Session& session) { return ReadEvents(session, scope, after_sequence, limit, floor); });
}

Result<void> SqliteStore::AddUsage(std::span<const model::UsageCount> counts) {
  if (counts.empty()) return {};
  const auto write = [&](Session& session) -> Result<void> {
    Statement add(session.db, kAddUsage);
    std::int64_t newest = 0;
    for (const model::UsageCount& c : counts) {
      newest = std::max(newest, c.minute);
      add.Reset();
      add.Bind(c.scope)
          .Bind(c.minute)
          .Bind(c.principal)
          .Bind(c.operation)
          .Bind(c.outcome)
          .Bind(c.count);
      TS_RETURN_IF_ERROR(add.Run());
    }
    const std::int64_t day = newest / kMinutesOfDay;
    if (usage_pruned_on_.exchange(day) == day) return {};
    return Statement(session.db, kPruneUsage).Bind(newest - kUsageMinutesKept).Run();
  };
  TS_RETURN_IF_ERROR(Write(write, Survives::kKill));
  // When this fails they are counted all the same; an error would have them counted twice.
  static_cast<void>(SyncLog(CommitsOf::kThisProcess));
  return {};
}

Result<std::vector<model::UsageCount>> SqliteStore::ListUsage(const model::Scope& scope,
                                                              std::int64_t from_minute,
                                                              std::int64_t to_minute) const {
  return Read([&](Session& session) -> Result<std::vector<model::UsageCount>> {
    std::vector<model::UsageCount> out;
    Statement row(session.db, kSelectUsage);
    row.Bind(scope).Bind(from_minute).Bind(to_minute);
    while (row.Step()) {
      out.push_back({row.Int(0), scope, std::string(row.Text(1)), std::string(row.Text(2)),
                     std::string(row.Text(3)), static_cast<std::uint64_t>(row.Int(4))});
    }
    TS_RETURN_IF_ERROR(row.Check());
    return out;
  });
}

Result<void> SqliteStore::Ping() const {
  // A file that was deleted stays usable for whoever has it open, but no longer counts as there.
  if (!base::FileExists(path_)) {
    return Error{ErrorCode::kUnavailable, path_ + " is gone: restore it and start again."};
  }
  return Read([](Session& session) -> Result<void> {
    TS_RETURN_IF_ERROR(session.db.QueryInt(kPing));
    return {};
  });
}

}  // namespace tenantseal::store
