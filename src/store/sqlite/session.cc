#include "store/sqlite/session.h"

#include <algorithm>
#include <limits>

#include "store/rules.h"

namespace tenantseal::store {
namespace {

using Hash = std::array<std::uint8_t, 32>;

constexpr const char* kSelectManifest =
    "SELECT version, mac FROM manifests WHERE kind=? AND scope=?";
constexpr const char* kPutManifest =
    "INSERT INTO manifests(kind,scope,version,mac) VALUES(?,?,?,?) "
    "ON CONFLICT(kind,scope) DO UPDATE SET version=excluded.version, mac=excluded.mac";
constexpr const char* kSelectLastEvent =
    "SELECT sequence, hash FROM events WHERE scope=? ORDER BY sequence DESC LIMIT 1";
constexpr const char* kSelectEventHash = "SELECT hash FROM events WHERE scope=? AND sequence=?";
constexpr const char* kSelectEvents =
    "SELECT sequence,id,time,type,source,actor,data,previous_hash,hash FROM events "
    "WHERE scope=? AND sequence>? ORDER BY sequence LIMIT ?";
constexpr const char* kInsertEvent =
    "INSERT INTO events(scope,sequence,id,time,type,source,actor,data,previous_hash,hash) "
    "VALUES(?,?,?,?,?,?,?,?,?,?)";
constexpr const char* kSelectEpoch = "SELECT max(epoch) FROM changes";
constexpr const char* kSelectFirstEpoch = "SELECT min(epoch) FROM changes";
constexpr const char* kInsertChange = "INSERT INTO changes(epoch,scope) VALUES(?,?)";
constexpr const char* kPruneChanges = "DELETE FROM changes WHERE epoch<=?";
constexpr const char* kSelectChanges =
    "SELECT max(epoch), scope FROM changes WHERE epoch>? GROUP BY scope";

std::vector<Mac> Members(const EventHead& head) {
  return head.sequence == 0 ? std::vector<Mac>() : std::vector<Mac>{head.hash};
}

std::string EventKey(const model::Scope& scope, std::uint64_t sequence) {
  return scope.text() + " " + std::to_string(sequence);
}

Result<Hash> HashBefore(Session& session, const model::Scope& scope, std::uint64_t sequence) {
  Hash hash{};
  if (sequence == 0) return hash;
  Statement statement(session.db, kSelectEventHash);
  statement.Bind(scope).Bind(sequence);
  const bool found = statement.Step();
  TS_RETURN_IF_ERROR(statement.Check());
  if (!found || !CopyHash(statement.Blob(0), hash))
    return TamperedRow("events", EventKey(scope, sequence));
  return hash;
}

}  // namespace

Result<EventHead> VerifiedHead(Session& session, const model::Scope& scope, std::uint64_t floor) {
  EventHead head{scope, 0, {}};
  Statement last(session.db, kSelectLastEvent);
  last.Bind(scope);
  if (last.Step()) {
    head.sequence = static_cast<std::uint64_t>(last.Int(0));
    if (!CopyHash(last.Blob(1), head.hash))
      return TamperedRow("events", EventKey(scope, head.sequence));
  }
  TS_RETURN_IF_ERROR(last.Check());
  TS_ASSIGN_OR_RETURN(const Manifest manifest, session.LoadManifest(kEventManifest, scope, floor));
  if (manifest.version != head.sequence)
    return TamperedRow("events", EventKey(scope, manifest.version));
  TS_RETURN_IF_ERROR(
      VerifyManifest(session.row_mac, kEventManifest, scope, manifest, Members(head)));
  session.Saw(kEventManifest, scope, manifest.version);
  return head;
}

bool ReadEventRow(const Statement& row, const model::Scope& scope, model::Event& out) {
  out.sequence = static_cast<std::uint64_t>(row.Int(0));
  out.content.scope = scope;
  out.content.id = row.Text(1);
  out.content.time = row.Time(2);
  out.content.type = row.Text(3);
  out.content.source = row.Text(4);
  out.content.actor = row.Text(5);
  out.content.data = row.Text(6);
  return CopyHash(row.Blob(7), out.previous_hash) && CopyHash(row.Blob(8), out.hash) &&
         out.hash == EventHash(out.previous_hash, out.sequence, out.content);
}

bool CopyHash(base::ByteSpan column, Hash& out) {
  if (column.size() != out.size()) return false;
  std::copy(column.begin(), column.end(), out.begin());
  return true;
}

Result<Manifest> Session::LoadManifest(std::string_view kind, const model::Scope& scope,
                                       std::uint64_t floor) {
  Manifest out;
  Statement statement(db, kSelectManifest);
  statement.Bind(kind).Bind(scope);
  if (statement.Step()) {
    out.version = static_cast<std::uint64_t>(statement.Int(0));
    out.mac = base::ToBytes(statement.Blob(1));
  }
  TS_RETURN_IF_ERROR(statement.Check());
  TS_RETURN_IF_ERROR(VersionGuard::Check(kind, scope, out.version, floor));
  return out;
}

Result<void> Session::StoreManifest(std::string_view kind, const model::Scope& scope,
                                    const Manifest& old, std::vector<Mac> members) {
  const std::uint64_t version = old.version + 1;
  const Mac mac = row_mac.OfManifest(kind, scope, version, std::move(members));
  Statement statement(db, kPutManifest);
  TS_RETURN_IF_ERROR(statement.Bind(kind).Bind(scope).Bind(version).Bind(mac).Run());
  Saw(kind, scope, version);
  return {};
}

void Session::Settle() {
  for (const Seen& seen : seen_) guard_.Saw(seen.kind, seen.scope, seen.version);
  seen_.clear();
}

Result<void> Session::Append(const model::NewEvent& event) {
  TS_ASSIGN_OR_RETURN(const EventHead old,
                      VerifiedHead(*this, event.scope, Floor(kEventManifest, event.scope)));
  const EventHead head{event.scope, old.sequence + 1, EventHash(old.hash, old.sequence + 1, event)};
  Statement insert(db, kInsertEvent);
  insert.Bind(event.scope).Bind(head.sequence).Bind(event.id).Bind(event.time).Bind(event.type);
  insert.Bind(event.source).Bind(event.actor).Bind(event.data).Bind(old.hash).Bind(head.hash);
  TS_RETURN_IF_ERROR(insert.Run());
  return StoreManifest(kEventManifest, event.scope, {old.sequence, {}}, Members(head));
}

Result<std::uint64_t> Session::Record(const model::Scope& changed,
                                      const std::optional<model::NewEvent>& event) {
  if (event) TS_RETURN_IF_ERROR(Append(*event));
  TS_ASSIGN_OR_RETURN(const std::int64_t present, db.QueryInt(kSelectEpoch));
  if (present < 0 || present == std::numeric_limits<std::int64_t>::max())
    return TamperedRow("changes", std::to_string(present));
  const std::int64_t epoch = present + 1;
  TS_RETURN_IF_ERROR(Statement(db, kInsertChange).Bind(epoch).Bind(changed).Run());
  TS_RETURN_IF_ERROR(Statement(db, kPruneChanges).Bind(epoch - kChangesMax).Run());
  return static_cast<std::uint64_t>(epoch);
}

Result<Changes> ReadChangesSince(Connection& db, std::uint64_t since) {
  Changes out;
  TS_ASSIGN_OR_RETURN(const std::int64_t present, db.QueryInt(kSelectEpoch));
  TS_ASSIGN_OR_RETURN(const std::int64_t first, db.QueryInt(kSelectFirstEpoch));
  if (present < 0) return TamperedRow("changes", std::to_string(present));
  out.epoch = static_cast<std::uint64_t>(present);
  if (!LogReachesBack(since, static_cast<std::uint64_t>(first), out.epoch)) {
    out.everything = true;
    return out;
  }
  Statement statement(db, kSelectChanges);
  statement.Bind(since);
  while (since < out.epoch && statement.Step()) {
    const std::string_view scope = statement.Text(1);
    const auto tenant = model::TenantId::Parse(scope);
    if (!tenant && scope != model::Scope::Deployment().text())
      return TamperedRow("changes", statement.Text(0));
    out.changed.push_back({static_cast<std::uint64_t>(statement.Int(0)),
                           tenant ? model::Scope::Of(*tenant) : model::Scope::Deployment()});
  }
  TS_RETURN_IF_ERROR(statement.Check());
  return out;
}

Result<std::vector<model::Event>> ReadEvents(Session& session, const model::Scope& scope,
                                             std::uint64_t after_sequence, std::size_t limit,
                                             std::uint64_t floor) {
  std::vector<model::Event> out;
  TS_ASSIGN_OR_RETURN(const EventHead head, VerifiedHead(session, scope, floor));
  if (after_sequence >= head.sequence) return out;
  TS_ASSIGN_OR_RETURN(Hash previous, HashBefore(session, scope, after_sequence));
  const std::uint64_t end =
      head.sequence - after_sequence <= limit ? head.sequence : after_sequence + limit;
  Statement rows(session.db, kSelectEvents);
  rows.Bind(scope).Bind(after_sequence).Bind(end - after_sequence);
  std::uint64_t sequence = after_sequence;
  while (rows.Step()) {
    model::Event& event = out.emplace_back();
    ++sequence;
    if (!ReadEventRow(rows, scope, event) || event.sequence != sequence ||
        event.previous_hash != previous)
      return TamperedRow("events", EventKey(scope, sequence));
    previous = event.hash;
  }
  TS_RETURN_IF_ERROR(rows.Check());
  if (sequence != end) return TamperedRow("events", EventKey(scope, sequence + 1));
  return out;
}

}  // namespace tenantseal::store
