#include "kms/internal/keystore_file.h"

#include "base/file.h"

namespace tenantseal::kms {
namespace {

Result<std::int64_t> Pragma(sqlite3* db, std::string_view name) {
  Statement statement(db, "PRAGMA " + std::string(name));
  TS_RETURN_IF_ERROR(statement.Step("read its format"));
  return statement.Number(0);
}

}  // namespace

Result<Db> OpenKeystoreFile(const std::string& path) {
  if (!base::FileExists(path)) {
    return NotFound("the keystore " + path + " is missing; restore it from its backup");
  }
  TS_RETURN_IF_ERROR(base::RequirePrivateFile(path));
  sqlite3* raw = nullptr;
  const int status =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Db db(raw);
  if (status != SQLITE_OK) return SqliteError(raw, status, "open it", path);
  sqlite3_busy_timeout(raw, 5000);
  return db;
}

Error Damaged(const std::string& path, const std::string& what) {
  return IntegrityError("the keystore " + path + " is damaged or is something else (" + what +
                        "); restore it from its backup");
}

Result<void> CheckKeystoreFormat(sqlite3* db, const std::string& path) {
  const auto application = Pragma(db, "application_id");
  if (!application && application.error().code == ErrorCode::kIntegrity)
    return Damaged(path, "not a database");
  if (!application) return application.error();
  if (*application != kKeystoreApplicationId) return Damaged(path, "not a keystore");
  TS_ASSIGN_OR_RETURN(const std::int64_t format, Pragma(db, "user_version"));
  if (format > kKeystoreFormat) {
    return Error{ErrorCode::kConflict, "the keystore " + path +
                                           " was written by a newer release (format " +
                                           std::to_string(format) + "); use that release"};
  }
  if (format != kKeystoreFormat) return Damaged(path, "no format");
  Statement check(db, "PRAGMA quick_check(1)");
  const auto row = check.Step("check it");
  if (!row || !*row || check.Text(0) != "ok") return Damaged(path, "SQLite's quick_check fails");
  return {};
}

}  // namespace tenantseal::kms
