// How SqliteStore's methods get a transaction. For the .cc files of sqlite_store only.
#pragma once

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

template <typename Body>
auto SqliteStore::Write(Body&& body) -> decltype(body(std::declval<Session&>())) {
  base::MutexLock lock(writer_mutex_);
  TS_RETURN_IF_ERROR(Transaction::Begin(*writer_, Transaction::Kind::kWrite));
  Session session(*writer_, row_mac_, guard_);
  auto result = body(session);
  if (!result) {
    Transaction::Rollback(*writer_);
    return result;
  }
  if (Result<void> committed = Transaction::Commit(*writer_); !committed) {
    Transaction::Rollback(*writer_);
    return std::move(committed).error();
  }
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
