// Sessions and completed sign-ins.
#include "store/session_rules.h"
#include "store/sqlite/access.h"
#include "store/sqlite/columns.h"

namespace tenantseal::store {
namespace {

#define SESSION_COLUMNS                                                                    \
  "id,secret_hash,kind,signed_in_with,principal,name,email,role,scope,api_key,created_at," \
  "idle_expires_at,expires_at,mac"
constexpr const char* kSelectSession = "SELECT " SESSION_COLUMNS " FROM sessions WHERE id=?";
constexpr const char* kInsertSession =
    "INSERT INTO sessions(" SESSION_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
constexpr const char* kDeleteRunOut = "DELETE FROM sessions WHERE idle_expires_at<=?";
constexpr const char* kDeleteSurplus =
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE principal=? AND kind=? "
    "ORDER BY created_at DESC, id DESC LIMIT -1 OFFSET ?)";
constexpr const char* kCountSessions = "SELECT count(*) FROM sessions";
constexpr const char* kUpdateIdleness = "UPDATE sessions SET idle_expires_at=?, mac=? WHERE id=?";
constexpr const char* kDeleteSession = "DELETE FROM sessions WHERE id=?";
constexpr const char* kDeleteOldSignIns = "DELETE FROM spent_sign_ins WHERE expires_at<=?";
constexpr const char* kCountSignIns = "SELECT count(*) FROM spent_sign_ins";
constexpr const char* kInsertSignIn = "INSERT INTO spent_sign_ins(id,expires_at) VALUES(?,?)";

Result<model::Session> ReadSession(Session& session, const model::SessionId& id) {
  Statement row(session.db, kSelectSession);
  row.Bind(id);
  const bool found = row.Step();
  TS_RETURN_IF_ERROR(row.Check());
  if (!found) return SessionNotFound();
  Columns in(row);
  model::Session out;
  out.id = in.Id<model::SessionId>(0);
  const bool whole = CopyHash(row.Blob(1), out.secret_hash);
  out.kind = in.Enum<model::SessionKind>(2, 1, 2);
  out.signed_in_with = in.Enum<model::SignedInWith>(3, 1, 2);
  out.principal = row.Text(4);
  out.name = row.Text(5);
  out.email = row.Text(6);
  out.role = in.Enum<model::Role>(7, 1, 4);
  if (row.Text(8) != model::Scope::Deployment().text()) out.tenant = in.Id<model::TenantId>(8);
  if (!row.Null(9)) out.api_key = in.Id<model::ApiKeyId>(9);
  out.created_at = row.Time(10);
  out.idle_expires_at = row.Time(11);
  out.expires_at = row.Time(12);
  if (!whole || !in.ok() || !RowMac::Same(row.Blob(13), session.row_mac.Of(out)))
    return TamperedRow("sessions", id.text());
  return out;
}

Result<void> InsertSession(Session& session, const model::Session& row) {
  const Mac mac = session.row_mac.Of(row);
  const model::Scope scope = row.scope();
  Statement insert(session.db, kInsertSession);
  insert.Bind(row.id).Bind(row.secret_hash).Bind(row.kind).Bind(row.signed_in_with);
  insert.Bind(row.principal).Bind(row.name).Bind(row.email).Bind(row.role).Bind(scope);
  if (row.api_key)
    insert.Bind(*row.api_key);
  else
    insert.BindNull();
  insert.Bind(row.created_at).Bind(row.idle_expires_at).Bind(row.expires_at).Bind(mac);
  return insert.RunInsert("There is a session with this id.");
}

Result<std::uint64_t> Count(Session& session, const char* sql) {
  TS_ASSIGN_OR_RETURN(const std::int64_t count, session.db.QueryInt(sql));
  return static_cast<std::uint64_t>(count);
}

}  // namespace

Result<void> SqliteStore::CreateSession(const model::Session& row, const SessionBounds& bounds,
                                        const std::optional<model::NewEvent>& event) {
  return Write([&](Session& session) -> Result<void> {
    TS_RETURN_IF_ERROR(Statement(session.db, kDeleteRunOut).Bind(row.created_at).Run());
    Statement surplus(session.db, kDeleteSurplus);
    surplus.Bind(row.principal).Bind(row.kind).Bind(bounds.of_principal - 1);
    TS_RETURN_IF_ERROR(surplus.Run());
    TS_ASSIGN_OR_RETURN(const std::uint64_t kept, Count(session, kCountSessions));
    TS_RETURN_IF_ERROR(CheckRoomForSession(kept, bounds));
    TS_RETURN_IF_ERROR(InsertSession(session, row));
    if (event) TS_RETURN_IF_ERROR(session.Append(*event));
    return {};
  });
}

Result<model::Session> SqliteStore::LoadSession(const model::SessionId& id) const {
  return Read([&](Session& session) { return ReadSession(session, id); });
}

Result<void> SqliteStore::ExtendSession(const model::SessionId& id, base::UtcTime idle_expires_at) {
  return Write([&](Session& session) -> Result<void> {
    TS_ASSIGN_OR_RETURN(model::Session row, ReadSession(session, id));
    row.idle_expires_at = ExtendedIdleness(row, idle_expires_at);
    const Mac mac = session.row_mac.Of(row);
    return Statement(session.db, kUpdateIdleness)
        .Bind(row.idle_expires_at)
        .Bind(mac)
        .Bind(id)
        .Run();
  });
}

Result<std::uint64_t> SqliteStore::DeleteSession(const model::SessionId& id,
                                                 const std::optional<model::NewEvent>& event) {
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(const model::Session row, ReadSession(session, id));
    TS_RETURN_IF_ERROR(Statement(session.db, kDeleteSession).Bind(id).Run());
    return session.Record(row.scope(), event);
  });
}

Result<std::uint64_t> SqliteStore::CountSessions() const {
  return Read([&](Session& session) { return Count(session, kCountSessions); });
}

Result<void> SqliteStore::SpendSignIn(const std::string& id, base::UtcTime now,
                                      base::UtcTime expires_at) {
  return Write([&](Session& session) -> Result<void> {
    TS_RETURN_IF_ERROR(Statement(session.db, kDeleteOldSignIns).Bind(now).Run());
    Statement insert(session.db, kInsertSignIn);
    TS_RETURN_IF_ERROR(
        insert.Bind(id).Bind(expires_at).RunInsert("This sign-in has been completed."));
    TS_ASSIGN_OR_RETURN(const std::uint64_t remembered, Count(session, kCountSignIns));
    return CheckRoomForSignIn(remembered - 1);
  });
}

}  // namespace tenantseal::store
