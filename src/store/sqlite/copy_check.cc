#include "store/sqlite/copy_check.h"

#include "base/file.h"
#include "store/sqlite/connection.h"

namespace tenantseal::store {
namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr int kCacheKib = 2048;
constexpr const char* kQuickCheck = "PRAGMA quick_check(1)";
constexpr const char* kSelectDeployment = "SELECT id FROM deployment";

Result<std::string> Check(const std::string& path) {
  TS_ASSIGN_OR_RETURN(const auto db,
                      Connection::Open(path, Connection::Mode::kReader, kBusyTimeoutMs, kCacheKib));
  TS_ASSIGN_OR_RETURN(std::string verdict, db->QueryText(kQuickCheck));
  if (verdict != "ok") return verdict;
  TS_RETURN_IF_ERROR(db->QueryText(kSelectDeployment));
  return verdict;
}

}  // namespace

Result<void> CheckCopy(const std::string& path, const std::string& name) {
  if (!base::FileExists(path)) return NotFound("There is no database " + name + ".");
  const auto verdict = Check(path);
  if (verdict && *verdict == "ok") return {};
  if (!verdict && verdict.error().code != ErrorCode::kIntegrity) return verdict.error();
  return IntegrityError(name + " is damaged or no database of Tenantseal: take another backup (" +
                        (verdict ? *verdict : verdict.error().message) + ")");
}

}  // namespace tenantseal::store
