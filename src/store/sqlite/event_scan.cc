#include "store/sqlite/event_scan.h"

#include "base/file.h"
#include "store/sqlite/session.h"

namespace tenantseal::store {
namespace {

constexpr const char* kSelectAll =
    "SELECT sequence,id,time,type,source,actor,data,previous_hash,hash,scope FROM events "
    "ORDER BY scope, sequence";
constexpr int kBusyTimeoutMs = 5000;
constexpr int kCacheKib = 2048;

Result<std::string> Scan(Connection& db, const std::function<void(const model::Event&)>& visit) {
  Statement rows(db, kSelectAll);
  while (rows.Step()) {
    const auto scope = model::Scope::Parse(rows.Text(9));
    if (!scope) return TamperedRow("events", rows.Text(9));
    model::Event event;
    // What does not fit its hash is the visitor's to find.
    ReadEventRow(rows, *scope, event);
    visit(event);
  }
  TS_RETURN_IF_ERROR(rows.Check());
  return db.QueryText("SELECT id FROM deployment");
}

}  // namespace

Result<std::string> ScanEvents(const std::string& path,
                               const std::function<void(const model::Event&)>& visit) {
  if (!base::FileExists(path)) return NotFound("There is no database " + path + ".");
  TS_ASSIGN_OR_RETURN(const auto db,
                      Connection::Open(path, Connection::Mode::kReader, kBusyTimeoutMs, kCacheKib));
  TS_RETURN_IF_ERROR(Transaction::Begin(*db, Transaction::Kind::kRead));
  auto deployment = Scan(*db, visit);
  Transaction::Rollback(*db);
  return deployment;
}

}  // namespace tenantseal::store
