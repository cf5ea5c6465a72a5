// Keeps the trail in a file beside the state file: a thread writes what is new, in batches, so
// that no call waits for the disk. What was not yet written when the process is killed is lost.
#pragma once

#include <condition_variable>
#include <memory>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"
#include "emulator/trail.h"

struct sqlite3;

namespace tenantseal::emulator {

class TrailFile {
 public:
  // Opens or creates `path`, loads what it holds into `trail`, and starts the thread. Both
  // arguments outlive it. kInvalidArgument (field "state"): it is another file; kUnavailable: it
  // cannot be used.
  static Result<std::unique_ptr<TrailFile>> Open(const std::string& path, Trail& trail,
                                                 std::size_t records_max);
  ~TrailFile();  // Writes the rest.
  TrailFile(const TrailFile&) = delete;
  TrailFile& operator=(const TrailFile&) = delete;

  // Forgets every row. What the trail holds is not written again.
  Result<void> Clear();
  // Writes what is new. Thread-safe; the thread calls it twice a second.
  Result<void> Flush();

 private:
  TrailFile(sqlite3* db, std::string path, Trail& trail, std::size_t records_max)
      : db_(db), path_(std::move(path)), trail_(trail), records_max_(records_max) {}
  Result<void> Prepare();
  Result<void> LoadAll();
  Result<void> WriteBatch(const std::vector<TrailRecord>& batch);
  Result<void> Execute(const std::string& sql);
  Error Failure() const;
  void Run();

  sqlite3* db_;  // Under file_mutex_ once the thread runs.
  const std::string path_;
  Trail& trail_;
  const std::size_t records_max_;
  base::Mutex file_mutex_;
  std::uint64_t written_ = 0;  // Sequence number of the last record in the file.
  base::Mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ TS_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace tenantseal::emulator
