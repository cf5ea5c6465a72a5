#include "emulator/trail_file.h"

#include <fcntl.h>
#include <sqlite3.h>

#include "base/file.h"
#include "base/log.h"

namespace tenantseal::emulator {
namespace {

constexpr std::size_t kBatch = 5000;
constexpr auto kInterval = std::chrono::milliseconds(500);

}  // namespace

Result<std::unique_ptr<TrailFile>> TrailFile::Open(const std::string& path, Trail& trail,
                                                   std::size_t records_max) {
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
  std::unique_ptr<TrailFile> file(new TrailFile(db, path, trail, records_max));
  if (code != SQLITE_OK) return file->Failure();
  TS_RETURN_IF_ERROR(file->Prepare());
  TS_RETURN_IF_ERROR(file->LoadAll());
  file->thread_ = std::thread([raw = file.get()] { raw->Run(); });
  return file;
}

TrailFile::~TrailFile() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  sqlite3_close(db_);
}

Error TrailFile::Failure() const {
  const int code = sqlite3_errcode(db_);
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
    return InvalidArgument("state", "The file " + path_ + " is not a trail of the emulator.");
  }
  return {ErrorCode::kUnavailable,
          "The trail's file " + path_ + " cannot be used: " + sqlite3_errmsg(db_) + ".", "state"};
}

Result<void> TrailFile::Execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return Failure();
  return {};
}

Result<void> TrailFile::Prepare() {
  sqlite3_busy_timeout(db_, 2000);
  for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL",
                          "CREATE TABLE IF NOT EXISTS trail(sequence INTEGER PRIMARY KEY "
                          "AUTOINCREMENT, record TEXT NOT NULL)"}) {
    TS_RETURN_IF_ERROR(Execute(sql));
  }
  return {};
}

Result<void> TrailFile::LoadAll() {
  sqlite3_stmt* select = nullptr;
  if (sqlite3_prepare_v2(db_, "SELECT record FROM trail ORDER BY sequence", -1, &select, nullptr) !=
      SQLITE_OK) {
    return Failure();
  }
  std::size_t unreadable = 0;
  int code = sqlite3_step(select);
  for (; code == SQLITE_ROW; code = sqlite3_step(select)) {
    Result<TrailRecord> record =
        TrailRecordFromRow({reinterpret_cast<const char*>(sqlite3_column_text(select, 0)),
                            static_cast<std::size_t>(sqlite3_column_bytes(select, 0))});
    if (record.ok()) {
      trail_.Load(std::move(*record));
    } else {
      ++unreadable;
    }
  }
  sqlite3_finalize(select);
  if (code != SQLITE_DONE) return Failure();
  if (unreadable > 0)
    base::LogWarning("rows of the trail cannot be read and are left out", {{"rows", unreadable}});
  written_ = trail_.last_sequence();
  return {};
}

Result<void> TrailFile::WriteBatch(const std::vector<TrailRecord>& batch) {
  sqlite3_stmt* insert = nullptr;
  if (sqlite3_prepare_v2(db_, "INSERT INTO trail(record) VALUES(?)", -1, &insert, nullptr) !=
      SQLITE_OK) {
    return Failure();
  }
  bool done = true;
  for (const TrailRecord& record : batch) {
    const std::string row = ToRow(record);
    sqlite3_bind_text(insert, 1, row.data(), static_cast<int>(row.size()), SQLITE_STATIC);
    done = done && sqlite3_step(insert) == SQLITE_DONE;
    sqlite3_reset(insert);
  }
  sqlite3_finalize(insert);
  if (!done) return Failure();
  return Execute("DELETE FROM trail WHERE sequence <= (SELECT max(sequence) FROM trail) - " +
                 std::to_string(records_max_));
}

Result<void> TrailFile::Flush() {
  base::MutexLock lock(file_mutex_);
  for (;;) {
    const std::vector<TrailRecord> batch = trail_.After(written_, kBatch);
    if (batch.empty()) return {};
    TS_RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE"));
    if (auto written = WriteBatch(batch); !written) {
      sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
      return written;
    }
    TS_RETURN_IF_ERROR(Execute("COMMIT"));
    written_ = batch.back().sequence;
  }
}

Result<void> TrailFile::Clear() {
  base::MutexLock lock(file_mutex_);
  written_ = trail_.last_sequence();
  return Execute("DELETE FROM trail");
}

void TrailFile::Run() {
  bool failing = false;
  for (bool stopping = false; !stopping;) {
    {
      base::MutexLock lock(mutex_);
      if (!stopping_) lock.WaitFor(wake_, kInterval);
      stopping = stopping_;
    }
    const Result<void> flushed = Flush();
    if (!flushed && !failing)
      base::LogError("the trail is not kept", {{"reason", flushed.error().message}});
    failing = !flushed.ok();
  }
}

}  // namespace tenantseal::emulator
