#include "store/sqlite/schema.h"

namespace tenantseal::store {
namespace {

// PRAGMA application_id of a Tenantseal database: "TSea".
constexpr std::int64_t kApplicationId = 0x54536561;

// Times are milliseconds since 1970. `mac` is the RowMac of the row, which covers every other
// column. data_keys have none: their wrapped form authenticates them. Data
// keys name their tenant by number, which takes a byte instead of 32 in the row and in the index,
// and hold kStoredVersionOffset + version. No index holds a column that a rewrap changes.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE deployment(
  one INTEGER PRIMARY KEY CHECK(one = 1),
  id TEXT NOT NULL, root_id TEXT NOT NULL, root_check BLOB NOT NULL, created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE changes(epoch INTEGER PRIMARY KEY, scope TEXT NOT NULL) STRICT;
CREATE TABLE processes(id TEXT PRIMARY KEY, acknowledged INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE manifests(
  kind TEXT NOT NULL, scope TEXT NOT NULL, version INTEGER NOT NULL, mac BLOB NOT NULL,
  PRIMARY KEY(kind, scope)
) STRICT, WITHOUT ROWID;

CREATE TABLE tenants(
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, region TEXT NOT NULL, status INTEGER NOT NULL,
  created_at INTEGER NOT NULL, destroy_at INTEGER, current_provider TEXT NOT NULL,
  active_version INTEGER NOT NULL, mac BLOB NOT NULL
) STRICT;
CREATE INDEX tenants_in_order ON tenants(created_at, id);
CREATE INDEX tenants_to_destroy ON tenants(destroy_at) WHERE destroy_at IS NOT NULL;

CREATE TABLE providers(
  tenant TEXT NOT NULL REFERENCES tenants(id), fingerprint TEXT NOT NULL, kind INTEGER NOT NULL,
  arn TEXT NOT NULL, replica_arn TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
  created_at INTEGER NOT NULL, promoted_at INTEGER, demoted_at INTEGER, revoked_at INTEGER,
  mac BLOB NOT NULL,
  PRIMARY KEY(tenant, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant_keys(
  tenant TEXT NOT NULL REFERENCES tenants(id), version INTEGER NOT NULL, check_value BLOB NOT NULL,
  created_at INTEGER NOT NULL, mac BLOB NOT NULL,
  PRIMARY KEY(tenant, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant_key_wraps(
  tenant TEXT NOT NULL, version INTEGER NOT NULL, provider TEXT NOT NULL, wrapped BLOB NOT NULL,
  mac BLOB NOT NULL,
  PRIMARY KEY(tenant, version, provider),
  FOREIGN KEY(tenant, version) REFERENCES tenant_keys(tenant, version),
  FOREIGN KEY(tenant, provider) REFERENCES providers(tenant, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE TABLE data_keys(
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE, tenant INTEGER NOT NULL REFERENCES tenants(number),
  version INTEGER NOT NULL, created_at INTEGER NOT NULL, context BLOB NOT NULL,
  wrapped TEXT NOT NULL
) STRICT;
CREATE INDEX data_keys_of_tenant ON data_keys(tenant);

CREATE TABLE rewrap_jobs(
  tenant TEXT PRIMARY KEY REFERENCES tenants(id), id TEXT NOT NULL, to_version INTEGER NOT NULL,
  state INTEGER NOT NULL, total INTEGER NOT NULL, done INTEGER NOT NULL, failed INTEGER NOT NULL,
  cursor INTEGER NOT NULL, fence INTEGER NOT NULL, started_by TEXT NOT NULL,
  started_at INTEGER NOT NULL, finished_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys(
  id TEXT PRIMARY KEY, scope TEXT NOT NULL, description TEXT NOT NULL, role INTEGER NOT NULL,
  secret_hash BLOB NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER,
  created_by TEXT NOT NULL, mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_of_scope ON api_keys(scope, mac);

CREATE TABLE events(
  scope TEXT NOT NULL, sequence INTEGER NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL,
  type TEXT NOT NULL, source TEXT NOT NULL, actor TEXT NOT NULL, data TEXT NOT NULL,
  previous_hash BLOB NOT NULL, hash BLOB NOT NULL,
  PRIMARY KEY(scope, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage(
  scope TEXT NOT NULL, minute INTEGER NOT NULL, principal TEXT NOT NULL, operation TEXT NOT NULL,
  outcome TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY(scope, minute, principal, operation, outcome)
) STRICT, WITHOUT ROWID;
)sql";

// For lists of events by time and by type.
constexpr const char* kEventIndexes = R"sql(
CREATE INDEX events_by_time ON events(scope, time);
CREATE INDEX events_by_type ON events(scope, type, time);
)sql";

// `fence` and `owner` are not under the MAC: they only tell which of our processes acts. Neither
// are validations, which are shown, nor quarantine: what is set aside wrongly is wrapped by the
// target all the same.
constexpr const char* kMigrations = R"sql(
CREATE TABLE migrations(
  tenant TEXT PRIMARY KEY REFERENCES tenants(id), id TEXT NOT NULL, from_provider TEXT NOT NULL,
  to_provider TEXT NOT NULL, state INTEGER NOT NULL, pause INTEGER NOT NULL, detail TEXT NOT NULL,
  to_version INTEGER NOT NULL, quarantine_accepted INTEGER NOT NULL, fence INTEGER NOT NULL,
  owner TEXT NOT NULL, started_by TEXT NOT NULL, started_at INTEGER NOT NULL,
  finished_at INTEGER, mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX migrations_unfinished ON migrations(tenant) WHERE state IN (1, 2);

CREATE TABLE quarantine(
  tenant TEXT NOT NULL REFERENCES tenants(id), id TEXT NOT NULL, version INTEGER NOT NULL,
  since INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY(tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE validations(
  tenant TEXT NOT NULL, provider TEXT NOT NULL, at INTEGER NOT NULL, outcome INTEGER NOT NULL,
  report TEXT NOT NULL,
  PRIMARY KEY(tenant, provider),
  FOREIGN KEY(tenant, provider) REFERENCES providers(tenant, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE INDEX providers_by_arn ON providers(arn) WHERE arn <> '';
)sql";

// Whoever reads a session needs its secret, of which the row has a keyed hash. spent_sign_ins are
// not under a MAC: whoever removes one lets a sign-in be completed twice, for which the provider
// would have to accept its code twice.
constexpr const char* kSessions = R"sql(
CREATE TABLE sessions(
  id TEXT PRIMARY KEY, secret_hash BLOB NOT NULL, kind INTEGER NOT NULL,
  signed_in_with INTEGER NOT NULL, principal TEXT NOT NULL, name TEXT NOT NULL,
  email TEXT NOT NULL, role INTEGER NOT NULL, scope TEXT NOT NULL, api_key TEXT,
  created_at INTEGER NOT NULL, idle_expires_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
  mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_idleness ON sessions(idle_expires_at);
CREATE INDEX sessions_of_principal ON sessions(principal, kind, created_at, id);

CREATE TABLE spent_sign_ins(
  id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_sign_ins_by_expiry ON spent_sign_ins(expires_at);
)sql";

// Rows of a call are many and small: what calls have in common is named by number, and a request id
// that is a UUID takes its 16 bytes. `last_day` is that of the latest row with the number.
constexpr const char* kKmsCalls = R"sql(
CREATE TABLE kms_call_keys(
  number INTEGER PRIMARY KEY, arn TEXT NOT NULL UNIQUE, last_day INTEGER NOT NULL
) STRICT;

CREATE TABLE kms_call_kinds(
  number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, operation TEXT NOT NULL,
  outcome TEXT NOT NULL, last_day INTEGER NOT NULL,
  UNIQUE(tenant, operation, outcome)
) STRICT;

CREATE TABLE kms_call_logs(
  number INTEGER PRIMARY KEY AUTOINCREMENT, process TEXT NOT NULL UNIQUE,
  started_at INTEGER NOT NULL, complete_until INTEGER NOT NULL, stopped INTEGER NOT NULL
) STRICT;

CREATE TABLE kms_call_gaps(
  log INTEGER NOT NULL, from_time INTEGER NOT NULL, until_time INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  PRIMARY KEY(log, from_time)
) STRICT, WITHOUT ROWID;

CREATE TABLE kms_calls(
  key INTEGER NOT NULL, time INTEGER NOT NULL, log INTEGER NOT NULL, sequence INTEGER NOT NULL,
  kind INTEGER NOT NULL, attempt INTEGER NOT NULL, request ANY,
  PRIMARY KEY(key, time, log, sequence)
) STRICT, WITHOUT ROWID;
)sql";

// Only webhooks are under a MAC; store/webhook_store.h says why. `due_at` is the time of an
// unfinished delivery's next attempt.
constexpr const char* kWebhooks = R"sql(
CREATE TABLE webhooks(
  scope TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
  url TEXT NOT NULL, event_types BLOB NOT NULL, filter TEXT NOT NULL, origin INTEGER NOT NULL,
  enabled INTEGER NOT NULL, check_revocation INTEGER NOT NULL, disabled_reason TEXT NOT NULL,
  headers BLOB NOT NULL, sealed_secret BLOB NOT NULL, encrypted_headers BLOB NOT NULL,
  sealed_headers BLOB NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  created_by TEXT NOT NULL, updated_by TEXT NOT NULL, revision INTEGER NOT NULL, mac BLOB NOT NULL,
  PRIMARY KEY(scope, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_enabled ON webhooks(scope, id) WHERE enabled = 1;

CREATE TABLE webhook_progress(
  webhook TEXT PRIMARY KEY, sequence INTEGER NOT NULL, failures INTEGER NOT NULL,
  failing_since INTEGER, resume_at INTEGER NOT NULL, fence INTEGER NOT NULL, lease_until INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_deliveries(
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE, webhook TEXT NOT NULL, scope TEXT NOT NULL, sequence INTEGER NOT NULL,
  event_type TEXT NOT NULL, state INTEGER NOT NULL, triggered_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL, due_at INTEGER, message TEXT NOT NULL, url TEXT NOT NULL,
  request_headers BLOB NOT NULL, response_status INTEGER NOT NULL, response_headers BLOB NOT NULL,
  response_body TEXT NOT NULL
) STRICT;
CREATE INDEX webhook_deliveries_in_order ON webhook_deliveries(webhook, triggered_at, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries(webhook, due_at)
  WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries(triggered_at) WHERE due_at IS NULL;
)sql";

// Every process asks several times a second.
constexpr const char* kRunningJobs = R"sql(
CREATE INDEX rewrap_jobs_running ON rewrap_jobs(started_at, tenant) WHERE state = 1;
)sql";

// Not under a MAC: it is shown, like validations.
constexpr const char* kFormerProviders = R"sql(
CREATE TABLE former_providers(
  tenant TEXT NOT NULL REFERENCES tenants(id), fingerprint TEXT NOT NULL, arn TEXT NOT NULL,
  demoted_at INTEGER,
  PRIMARY KEY(tenant, fingerprint)
) STRICT, WITHOUT ROWID;
)sql";

constexpr const char* kSteps[] = {kVersion1, kEventIndexes, kMigrations,  kKmsCalls,
                                  kSessions, kWebhooks,     kRunningJobs, kFormerProviders};

struct Stamp {
  std::int64_t version = 0;
  std::int64_t application = 0;
  std::int64_t tables = 0;
};

// All three of one moment: another process may be making the file just now.
Result<Stamp> ReadStamp(Connection& connection) {
  TS_RETURN_IF_ERROR(Transaction::Begin(connection, Transaction::Kind::kRead));
  Result<Stamp> stamp = [&]() -> Result<Stamp> {
    Stamp out;
    TS_ASSIGN_OR_RETURN(out.tables, connection.QueryInt("SELECT count(*) FROM sqlite_schema"));
    TS_ASSIGN_OR_RETURN(out.version, connection.QueryInt("PRAGMA user_version"));
    TS_ASSIGN_OR_RETURN(out.application, connection.QueryInt("PRAGMA application_id"));
    return out;
  }();
  Transaction::Rollback(connection);
  return stamp;
}

Result<void> RunStep(Connection& connection, const char* step, std::size_t version) {
  const std::string stamp = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                            "; PRAGMA user_version=" + std::to_string(version) + ";";
  TS_RETURN_IF_ERROR(connection.Execute(step));
  return connection.Execute(stamp.c_str());
}

// One step, or nothing when another process has been faster.
Result<void> UpgradeFrom(Connection& connection, std::size_t version, const char* step) {
  TS_RETURN_IF_ERROR(Transaction::Begin(connection, Transaction::Kind::kWrite));
  Result<void> done = [&]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const std::int64_t present, connection.QueryInt("PRAGMA user_version"));
    if (present == static_cast<std::int64_t>(version)) {
      TS_RETURN_IF_ERROR(RunStep(connection, step, version + 1));
    }
    return Transaction::Commit(connection);
  }();
  if (!done) Transaction::Rollback(connection);
  return done;
}

}  // namespace

std::span<const char* const> SchemaSteps() { return kSteps; }

Result<void> Upgrade(Connection& connection, const std::string& path,
                     std::span<const char* const> steps) {
  TS_ASSIGN_OR_RETURN(const Stamp stamp, ReadStamp(connection));
  const std::int64_t found = stamp.version;
  const auto known = static_cast<std::int64_t>(steps.size());
  const bool is_new = found == 0 && stamp.application == 0 && stamp.tables == 0;
  if (!is_new && (stamp.application != kApplicationId || found < 1)) {
    return IntegrityError(path + " is a database of another program: name another file.");
  }
  if (found > known) {
    return Error{ErrorCode::kConflict, path + " was written by a newer Tenantseal (schema " +
                                           std::to_string(found) + ", this knows " +
                                           std::to_string(known) + "): upgrade the program."};
  }
  for (std::int64_t version = found; version < known; ++version) {
    const auto index = static_cast<std::size_t>(version);
    TS_RETURN_IF_ERROR(UpgradeFrom(connection, index, steps[index]));
  }
  return {};
}

}  // namespace tenantseal::store
