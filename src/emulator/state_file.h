// The emulator's state file: one SQLite table of JSON rows, (kind, id) -> value.
//
// A write that has returned survives the death of the process (write-ahead log); only a power cut
// may take the last ones. Secrets lie in it in clear: an emulator holds nothing that matters.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tenantseal::emulator {

// Not thread-safe: the World locks.
class StateFile {
 public:
  // Opens or creates; readable by its owner only. kInvalidArgument (field "state") when the file is
  // something else, kUnavailable when another process has it or it cannot be written.
  static Result<std::unique_ptr<StateFile>> Open(const std::string& path);
  ~StateFile();
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;

  using Row = std::function<Result<void>(std::string_view kind, std::string_view id,
                                         std::string_view value)>;
  Result<void> ForEach(const Row& row);

  Result<void> Begin();
  Result<void> Put(std::string_view kind, std::string_view id, std::string_view value);
  Result<void> Remove(std::string_view kind, std::string_view id);
  Result<void> RemoveAll();
  Result<void> Commit();
  void Rollback();

 private:
  StateFile(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  Result<void> Prepare();
  Result<void> Execute(const char* sql);
  Result<void> Step(sqlite3_stmt* statement);
  Error Failure() const;

  sqlite3* db_;
  const std::string path_;
  sqlite3_stmt* put_ = nullptr;
  sqlite3_stmt* remove_ = nullptr;
};

}  // namespace tenantseal::emulator
