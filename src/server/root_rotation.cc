#include "server/root_rotation.h"

#include "base/log.h"

namespace tenantseal::server {
namespace {

bool FromFile(const DataDir& dir) { return dir.root.kind == kms::RootSource::Kind::kFile; }

// An operator who keeps the root elsewhere than in a file does the first and the last step.
std::string OrderOf(const std::string& origin) {
  return "1. restart every process of the service with NEW,OLD in " + origin +
         " (base64 each, the new one first), 2. run this with the same, 3. back up the new root "
         "and the keystore, 4. restart every process with NEW alone";
}

// Of processes that run and would not have root `id`, which is empty while it is not made yet.
Result<void> CheckStranded(const DataDir& dir, std::string_view id, Stranded stranded) {
  TS_ASSIGN_OR_RETURN(const auto without, ProcessesWithoutRoot(dir.path, dir.root, id));
  if (without.empty()) return {};
  std::string who = without.front();
  for (std::size_t i = 1; i < without.size(); ++i) who += ", " + without[i];
  if (stranded == Stranded::kAllow) {
    base::LogWarning("rotating under processes that will serve nothing until they are restarted",
                     {{"processes", who}});
    return {};
  }
  const std::string mend =
      FromFile(dir) ? "restart each with its root from " + dir.root.path + ", then run this again"
                    : "do it in this order: " + OrderOf(dir.root.origin);
  return Error{ErrorCode::kConflict, "the new root key would be unknown to " + who +
                                         ", which would serve nothing any more; " + mend +
                                         " (or --force, and restart at once)"};
}

}  // namespace

Result<RootStatus> ReadRootStatus(const DataDir& dir) {
  TS_ASSIGN_OR_RETURN(const kms::RootKeys roots, kms::LoadRootKeys(dir.root));
  TS_ASSIGN_OR_RETURN(const kms::Keystore::Header header, dir.kms->keystore().ReadHeader());
  TS_ASSIGN_OR_RETURN(const auto deployment, dir.store->LoadDeployment());
  if (!deployment) return IntegrityError("the database has lost its deployment row");
  RootStatus status;
  status.origin = dir.root.origin;
  for (const kms::RootKeys::Entry& entry : roots.entries()) {
    status.roots.push_back({entry.root.id(), status.roots.empty(), entry.created_at});
  }
  status.keystore_root_id = header.root_id;
  status.database_root_id = deployment->root_id;
  status.keys = header.live_keys;
  const std::string& active = roots.active().id();
  status.pending =
      header.root_id != active || header.under_other_roots > 0 || deployment->root_id != active;
  status.retirable = !status.pending && roots.entries().size() > 1;
  return status;
}

Result<void> BeginRootRotation(const DataDir& dir, const base::Clock& clock,
                               const base::Random& random, Stranded stranded) {
  if (!FromFile(dir)) {
    return InvalidArgument("root-key", "the root key comes from " + dir.root.origin +
                                           ", which holds no new one: " + OrderOf(dir.root.origin));
  }
  TS_ASSIGN_OR_RETURN(const DataDirLock lock, DataDirLock::Take(dir.path));
  TS_ASSIGN_OR_RETURN(const RootStatus status, ReadRootStatus(dir));
  if (status.pending) {
    return Error{ErrorCode::kConflict, "a rotation of the root key is not finished"};
  }
  if (status.roots.size() > 1) {
    return Error{ErrorCode::kConflict, "the previous root key is still in " + dir.root.path +
                                           "; retire it first: tenantseal root retire"};
  }
  TS_RETURN_IF_ERROR(CheckStranded(dir, "", stranded));
  TS_ASSIGN_OR_RETURN(kms::RootKeys roots, kms::LoadRootKeys(dir.root));
  roots.AddActive(random, clock);
  return kms::WriteRootFile(dir.root.path, roots);
}

Result<bool> AdvanceRootRotation(DataDir& dir, Stranded stranded) {
  TS_ASSIGN_OR_RETURN(const DataDirLock lock, DataDirLock::Take(dir.path));
  TS_ASSIGN_OR_RETURN(const RootStatus status, ReadRootStatus(dir));
  TS_ASSIGN_OR_RETURN(kms::RootKeys roots, kms::LoadRootKeys(dir.root));
  const std::string active = roots.active().id();
  const auto check = roots.active().CheckValue();
  if (status.keystore_root_id != active) {
    TS_RETURN_IF_ERROR(CheckStranded(dir, active, stranded));
    TS_RETURN_IF_ERROR(dir.kms->keystore().RewrapUnder(std::move(roots)));
    return true;
  }
  if (status.database_root_id != active) {
    TS_RETURN_IF_ERROR(dir.store->ReplaceRoot(status.database_root_id, active, check));
    dir.deployment.root_id = active;
    dir.deployment.root_check = check;
    return true;
  }
  return false;
}

Result<void> RetireRoot(const DataDir& dir) {
  TS_ASSIGN_OR_RETURN(const DataDirLock lock, DataDirLock::Take(dir.path));
  TS_ASSIGN_OR_RETURN(const RootStatus status, ReadRootStatus(dir));
  if (status.pending) {
    return Error{ErrorCode::kConflict,
                 "the previous root key is still needed; finish first: tenantseal root rotate"};
  }
  if (status.roots.size() < 2) return NotFound("there is no previous root key to retire");
  if (!FromFile(dir)) {
    return InvalidArgument("root-key",
                           "nothing needs the previous root key any more: leave it out "
                           "of " +
                               dir.root.origin);
  }
  TS_ASSIGN_OR_RETURN(kms::RootKeys roots, kms::LoadRootKeys(dir.root));
  roots.DropPrevious();
  return kms::WriteRootFile(dir.root.path, roots);
}

}  // namespace tenantseal::server
