// How SqliteStore's methods get a transaction. For the .cc files of sqlite_store only.
#pragma once

#include <chrono>

#include "base/thread_priority.h"
#include "store/sqlite/session.h"
#include "store/sqlite/sqlite_store.h"

namespace tenantseal::store {

// A reader connection, back in the pool at destruction.
class SqliteStore::ReaderLease {
 public:
  ReaderLease(const SqliteStore& store, std::unique_ptr<Connection> connection)
      : store_(store), connection_(std::move(connection)) {}
  ~ReaderLease() { store_.ReturnReader(std::move(connection_)); }
  ReaderLease(const ReaderLease&) = delete;
  ReaderLease& operator=(const ReaderLease&) = delete;
  Connection& operator*() const { return *connection_; }

 private:
  const SqliteStore& store_;
  std::unique_ptr<Connection> connection_;
};

// The right to write, in the order in which it was asked for.
class TS_SCOPED_CAPABILITY SqliteStore::WriterTurn {
 public:
  explicit WriterTurn(SqliteStore& store) TS_ACQUIRE(store.writer_mutex_) : store_(store) {
    store.turn_mutex_.Lock();
    store.writer_mutex_.Lock();
    store.turn_mutex_.Unlock();
  }
  ~WriterTurn() TS_RELEASE() TS_NO_THREAD_SAFETY_ANALYSIS { store_.writer_mutex_.Unlock(); }
  WriterTurn(const WriterTurn&) = delete;
  WriterTurn& operator=(const WriterTurn&) = delete;

 private:
  SqliteStore& store_;
};

// Notes how long a write has held the database, which others wait for.
class SqliteStore::HeldWrite {
 public:
  explicit HeldWrite(std::atomic<std::int64_t>& longest_ns) : longest_ns_(longest_ns) {}
  ~HeldWrite() {
    const std::chrono::nanoseconds held = hold_.duration();
    std::int64_t longest = longest_ns_.load(std::memory_order_relaxed);
    while (held.count() > longest && !longest_ns_.compare_exchange_weak(longest, held.count())) {
    }
  }
  HeldWrite(const HeldWrite&) = delete;
  HeldWrite& operator=(const HeldWrite&) = delete;

 private:
  std::atomic<std::int64_t>& longest_ns_;
  const base::WidelyAwaitedHold hold_;
};

template <typename Body>
auto SqliteStore::Write(Body&& body, Survives survives)
    -> decltype(body(std::declval<Session&>())) {
  // Whoever rewrites much lets the log be shortened first.
  const bool batch = survives == Survives::kKill;
  if (batch) shortening_.wait(true);
  const bool shortens = BeginShortening(batch ? kBatchPagesPerShortening : kPagesPerShortening);
  log_ahead_->Reach(log_pages_.load(std::memory_order_relaxed));
  auto result = WriteLocked(std::forward<Body>(body), survives);
  Result<void> lasts;
  if (result && survives == Survives::kPowerCutOnceReturned)
    lasts = SyncLog(CommitsOf::kThisProcess);
  if (shortens) ShortenLog();
  if (!lasts) return std::move(lasts).error();
  return result;
}

template <typename Body>
auto SqliteStore::WriteLocked(Body&& body, Survives survives)
    -> decltype(body(std::declval<Session&>())) {
  const WriterTurn turn(*this);
  TS_RETURN_IF_ERROR(writer_->SyncCommits(survives == Survives::kPowerCut));
  TS_RETURN_IF_ERROR(Transaction::Begin(*writer_, Transaction::Kind::kWrite));
  const HeldWrite held(longest_write_ns_);
  if (Result<void> mended = MendLog(); !mended) {
    Transaction::Rollback(*writer_);
    return std::move(mended).error();
  }
  Session session(*writer_, row_mac_, guard_);
  auto result = body(session);
  if (!result) {
    Transaction::Rollback(*writer_);
    return result;
  }
  if (Result<void> committed = Transaction::Commit(*writer_); !committed) {
    log_doubtful_ = true;  // Its sync may have been another write's, too.
    Transaction::Rollback(*writer_);
    return std::move(committed).error();
  }
  ++commits_;
  log_pages_.store(writer_->log_pages(), std::memory_order_relaxed);
  session.Settle();
  return result;
}

template <typename Body>
auto SqliteStore::Read(Body&& body) const -> decltype(body(std::declval<Session&>())) {
  TS_ASSIGN_OR_RETURN(auto connection, TakeReader());
  const ReaderLease lease(*this, std::move(connection));
  TS_RETURN_IF_ERROR(Transaction::Begin(*lease, Transaction::Kind::kRead));
  Session session(*lease, row_mac_, guard_);
  auto result = body(session);
  Transaction::Rollback(*lease);  // There is nothing to commit.
  if (result) session.Settle();
  return result;
}

}  // namespace tenantseal::store
