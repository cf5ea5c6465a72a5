// FaultyDisk lets one operation of SQLite on the disk fail, as a full disk, a failing one or
// another process's lock would, for fault injection in tests of the layers above.
#pragma once

#include <sqlite3.h>

#include <array>
#include <atomic>
#include <functional>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"

namespace tenantseal::store {

// Thread-safe. Concerns every database that is opened while it lives; one at a time, and databases
// must be closed before it ends.
class FaultyDisk {
 public:
  enum class Fault {
    kFull,    // A write finds no space: SQLITE_FULL.
    kBroken,  // A write reaches the disk only in part: SQLITE_IOERR_WRITE.
    kNoSync,  // What was written may not last: SQLITE_IOERR_FSYNC.
    kBusy,    // Another process writes: SQLITE_BUSY.
  };

  FaultyDisk() {
    TS_CHECK(present_ == nullptr);
    present_ = this;
    under_ = sqlite3_vfs_find(nullptr);
    vfs_ = *under_;
    vfs_.zName = "faulty";
    vfs_.pNext = nullptr;
    vfs_.xOpen = Open;
    TS_CHECK(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK);
  }
  ~FaultyDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(under_, 1);
    present_ = nullptr;
  }
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  // The operation of the fault's kind number `nth` from now (1 is the next) fails, and `times - 1`
  // after it.
  void FailCall(Fault fault, std::uint64_t nth, std::uint64_t times = 1) {
    base::MutexLock lock(mutex_);
    fault_ = fault;
    first_ = calls_[Kind(fault)] + nth;
    last_ = first_ + times - 1;
  }
  void FailNothing() {
    base::MutexLock lock(mutex_);
    first_ = last_ = 0;
  }
  // Called by each sync before it happens, on its thread. Set it while nobody syncs.
  void OnSync(std::function<void()> called) { on_sync_ = std::move(called); }
  // Writes since the last sync, which a power cut would take.
  std::uint64_t unsynced() const { return unsynced_; }
  // Whether a sync of the log has failed, and something that it was to make durable has not been
  // written again: the system may have dropped it, and later syncs say nothing of it.
  bool lost() const {
    base::MutexLock lock(mutex_);
    return !lost_.empty();
  }
  // Operations of the fault's kind so far.
  std::uint64_t calls(Fault fault) const {
    base::MutexLock lock(mutex_);
    return calls_[Kind(fault)];
  }

 private:
  // The methods of a kind of file, and those that they stand in for.
  struct Methods {
    sqlite3_io_methods table{};  // First, so that a file's methods lead here.
    const sqlite3_io_methods* under = nullptr;
  };

  // Writes, syncs, locks for writing.
  static std::size_t Kind(Fault fault) {
    return fault == Fault::kNoSync ? 1 : fault == Fault::kBusy ? 2 : 0;
  }
  bool Fails(std::size_t kind, Fault* fault) {
    base::MutexLock lock(mutex_);
    const std::uint64_t call = ++calls_[kind];
    *fault = fault_;
    return kind == Kind(fault_) && call >= first_ && call <= last_;
  }

  static int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    FaultyDisk& disk = *present_;
    const int code = disk.under_->xOpen(disk.under_, name, file, flags, out_flags);
    if (file->pMethods != nullptr) file->pMethods = &disk.MethodsOver(file->pMethods)->table;
    base::MutexLock lock(disk.mutex_);
    if ((flags & SQLITE_OPEN_WAL) != 0) {
      disk.logs_.insert(file);
    } else {
      disk.logs_.erase(file);  // One of a log may have lain there before.
    }
    return code;
  }
  Methods* MethodsOver(const sqlite3_io_methods* under) {
    base::MutexLock lock(mutex_);
    for (Methods& methods : methods_) {
      if (methods.under == under) return &methods;
      if (methods.under != nullptr) continue;
      methods.table = *under;
      methods.table.xWrite = Write;
      methods.table.xSync = Sync;
      if (under->xShmLock != nullptr) methods.table.xShmLock = ShmLock;
      methods.under = under;
      return &methods;
    }
    TS_CHECK(false);
    return nullptr;
  }
  static const sqlite3_io_methods* Under(sqlite3_file* file) {
    return reinterpret_cast<const Methods*>(file->pMethods)->under;
  }

  void NoteWrite(sqlite3_file* file, sqlite3_int64 offset, int size) {
    base::MutexLock lock(mutex_);
    if (!logs_.contains(file)) return;
    dirty_.insert(offset);
    lost_.erase(lost_.lower_bound(offset), lost_.lower_bound(offset + size));
  }
  void NoteSync(sqlite3_file* file, bool fails) {
    base::MutexLock lock(mutex_);
    if (!logs_.contains(file)) return;
    if (fails) lost_.merge(dirty_);
    dirty_.clear();
  }

  static int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    Fault fault{};
    ++present_->unsynced_;
    present_->NoteWrite(file, offset, size);
    if (!present_->Fails(0, &fault)) return Under(file)->xWrite(file, data, size, offset);
    if (fault == Fault::kFull) return SQLITE_FULL;
    static_cast<void>(Under(file)->xWrite(file, data, size / 2, offset));
    return SQLITE_IOERR_WRITE;
  }
  static int Sync(sqlite3_file* file, int flags) {
    Fault fault{};
    if (present_->on_sync_) present_->on_sync_();
    const bool fails = present_->Fails(1, &fault);
    present_->NoteSync(file, fails);
    if (fails) return SQLITE_IOERR_FSYNC;
    present_->unsynced_ = 0;
    return Under(file)->xSync(file, flags);
  }
  // Lock 0 of the shared memory is the writer's (sqlite.org/walformat.html).
  static int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
    Fault fault{};
    const bool to_write =
        offset == 0 && (flags & SQLITE_SHM_LOCK) != 0 && (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    if (to_write && present_->Fails(2, &fault)) return SQLITE_BUSY;
    return Under(file)->xShmLock(file, offset, count, flags);
  }

  static inline FaultyDisk* present_ = nullptr;
  sqlite3_vfs* under_ = nullptr;
  sqlite3_vfs vfs_{};
  std::function<void()> on_sync_;
  std::atomic<std::uint64_t> unsynced_{0};
  mutable base::Mutex mutex_;
  std::array<Methods, 8> methods_;
  std::set<sqlite3_file*> logs_ TS_GUARDED_BY(mutex_);  // Of one database.
  // Where the log was written since its last sync, and what that lost.
  std::set<sqlite3_int64> dirty_ TS_GUARDED_BY(mutex_);
  std::set<sqlite3_int64> lost_ TS_GUARDED_BY(mutex_);
  std::array<std::uint64_t, 3> calls_ TS_GUARDED_BY(mutex_){};
  Fault fault_ TS_GUARDED_BY(mutex_) = Fault::kFull;
  std::uint64_t first_ TS_GUARDED_BY(mutex_) = 0;
  std::uint64_t last_ TS_GUARDED_BY(mutex_) = 0;
};

}  // namespace tenantseal::store
