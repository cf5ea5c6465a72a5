// What the methods of SqliteStore share inside one transaction: manifests, epoch, event chains.
#pragma once

#include <vector>

#include "store/manifest.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

namespace tenantseal::store {

// One transaction's view. Lives on the stack of the method; used by one thread.
class Session {
 public:
  Session(Connection& db, const RowMac& row_mac, VersionGuard& guard)
      : db(db), row_mac(row_mac), guard_(guard) {}

  Connection& db;
  const RowMac& row_mac;

  // The stored manifest; kIntegrity when it is older than `floor` (VersionGuard::Floor() taken
  // before the transaction began, or any time in a write transaction).
  Result<Manifest> LoadManifest(std::string_view kind, const model::Scope& scope,
                                std::uint64_t floor);
  // Replaces `old`, which was verified in this transaction.
  Result<void> StoreManifest(std::string_view kind, const model::Scope& scope, const Manifest& old,
                             std::vector<Mac> members);
  std::uint64_t Floor(std::string_view kind, const model::Scope& scope) const {
    return guard_.Floor(kind, scope);
  }
  // Remembers a version that was verified; it counts once Settle() is called.
  void Saw(std::string_view kind, const model::Scope& scope, std::uint64_t version) {
    seen_.push_back({kind, scope, version});
  }
  // Call when the transaction is over and has succeeded.
  void Settle();

  // Verifies the end of the event's chain, then appends to it.
  Result<void> Append(const model::NewEvent& event);
  // Appends the event, if any, increments the epoch and notes that `changed` did. Returns the
  // epoch.
  Result<std::uint64_t> Record(const model::Scope& changed,
                               const std::optional<model::NewEvent>& event);

 private:
  struct Seen {
    std::string_view kind;
    model::Scope scope;
    std::uint64_t version;
  };
  VersionGuard& guard_;
  std::vector<Seen> seen_;
};

// Changes kept for ReadChanges().
inline constexpr std::int64_t kChangesMax = 10'000;

Result<Changes> ReadChangesSince(Connection& db, std::uint64_t since);

// The last event of the chain, compared with the scope's manifest.
Result<EventHead> VerifiedHead(Session& session, const model::Scope& scope, std::uint64_t floor);

// Columns sequence, id, time, type, source, actor, data, previous_hash and hash of the present row;
// false when the hash is not that of the others.
bool ReadEventRow(const Statement& row, const model::Scope& scope, model::Event& out);

// Events in order, each verified against its hash and its predecessor, the last of the chain
// against the scope's manifest.
Result<std::vector<model::Event>> ReadEvents(Session& session, const model::Scope& scope,
                                             std::uint64_t after_sequence, std::size_t limit,
                                             std::uint64_t floor);

// A fixed-size hash out of a column; false when it has another size.
bool CopyHash(base::ByteSpan column, std::array<std::uint8_t, 32>& out);

}  // namespace tenantseal::store
