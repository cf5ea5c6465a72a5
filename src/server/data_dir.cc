#include "server/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/log.h"
#include "events/event.h"
#include "server/settings.h"
#include "store/sqlite/sqlite_store.h"

namespace tenantseal::server {
namespace {

constexpr std::string_view kRowMacLabel = "tenantseal row mac v1";

// A database file of no bytes is what a crash at the very beginning leaves: as good as none.
bool HasContent(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

Result<std::string> DatabasePath(const DataDirOptions& options) {
  std::string path = options.database;
  if (path.empty()) return options.data_dir + "/tenantseal.db";
  if (path.starts_with("sqlite:")) path.erase(0, 7);
  if (path.find("://") != std::string::npos || path.empty()) {
    return InvalidArgument("database",
                           "--database takes a path or sqlite:PATH; other stores are not built in");
  }
  return path;
}

// What is there before anything is made.
struct Parts {
  bool root = false;
  bool keystore = false;
  bool database = false;
};

Error Missing(const std::string& what, const std::string& path, const std::string& mend) {
  return NotFound(what + " " + path + " is missing. " + mend);
}

// Refuses what may not be made anew.
Result<void> CheckParts(const Parts& parts, const DataDir& dir, bool create) {
  if (!parts.root && (parts.keystore || parts.database)) {
    return Missing("the root key", dir.root.path,
                   "Without it nothing in this data directory can be opened: restore it from its "
                   "backup, or name it with --root-key-file, --root-key-fd or "
                   "TENANTSEAL_ROOT_KEY. A new one is never made beside existing data.");
  }
  if (!parts.keystore && parts.database) {
    return Missing("the keystore", dir.keystore_path,
                   "Restore it from its backup; the database cannot be opened without it.");
  }
  if (create || (parts.root && parts.keystore && parts.database)) return {};
  if (parts.keystore) {
    return Missing("the database", dir.database_path, "Restore it from its backup.");
  }
  return Missing("the data directory or a part of it,", dir.path + ",",
                 "Start the server once (tenantseal serve --data-dir " + dir.path + ").");
}

Result<kms::RootKeys> LoadOrMakeRoot(const DataDir& dir, const Parts& parts,
                                     const base::Clock& clock, const base::Random& random) {
  if (parts.root) return kms::LoadRootKeys(dir.root);
  base::LogInfo("making a root key; back it up apart from database and keystore",
                {{"file", dir.root.path}});
  return kms::CreateRootFile(dir.root.path, random, clock);
}

Result<std::unique_ptr<kms::Keystore>> OpenKeystore(const DataDir& dir, const Parts& parts,
                                                    kms::RootKeys roots, const base::Clock& clock,
                                                    const base::Random& random) {
  if (parts.keystore) {
    return kms::Keystore::Open(dir.keystore_path, dir.root.Copy(), std::move(roots), random, clock);
  }
  return kms::Keystore::Create(dir.keystore_path, dir.root.Copy(), std::move(roots),
                               model::NewUuid(random), random, clock);
}

// The database must be empty, or the keystore's.
Result<void> Match(DataDir& dir, const kms::RootKeys& roots, const base::Clock& clock) {
  kms::Keystore& keystore = dir.kms->keystore();
  TS_ASSIGN_OR_RETURN(const kms::Keystore::Header header, keystore.ReadHeader());
  TS_ASSIGN_OR_RETURN(const auto found, dir.store->LoadDeployment());
  const kms::RootKey* root = roots.Find(header.root_id);
  if (!found) {
    if (header.live_keys + header.destroyed_keys > 0 || root == nullptr) {
      return Missing("the database of this keystore,", dir.database_path + ",",
                     "The keystore holds keys of tenants, the database none: restore the database "
                     "from its backup.");
    }
    dir.deployment = {header.deployment_id, root->id(), root->CheckValue(), clock.Utc()};
    return dir.store->CreateDeployment(dir.deployment);
  }
  dir.deployment = *found;
  if (found->id != header.deployment_id) {
    return InvalidArgument(
        "data-dir", "the keystore " + dir.keystore_path + " belongs to deployment " +
                        header.deployment_id + ", the database " + dir.database_path + " to " +
                        found->id + "; put the keystore back that belongs to it");
  }
  if (found->root_id == header.root_id) return {};
  if (roots.Find(found->root_id) == nullptr) {
    base::LogWarning("the database names an earlier root key; run: tenantseal root rotate",
                     {{"database", found->root_id}, {"keystore", header.root_id}});
  } else {
    base::LogWarning("a rotation of the root key is not finished; run: tenantseal root rotate",
                     {{"database", found->root_id}, {"keystore", header.root_id}});
  }
  return {};
}

}  // namespace

std::string RestoredMark(const std::string& data_dir) { return data_dir + "/restored"; }

namespace {

// A destruction that waited when the copy was made may have been cancelled since, and its time is
// past: it must be ordered anew. The mark goes last, so a crash in between repeats this.
Result<void> CancelDestructionsOfRestored(DataDir& dir, const base::Clock& clock,
                                          const base::Random& random) {
  const std::string mark = RestoredMark(dir.path);
  if (!base::FileExists(mark)) return {};
  store::TenantPage page;
  page.limit = base::kPageItemsMax;
  do {
    TS_ASSIGN_OR_RETURN(const auto tenants, dir.store->ListTenants(page));
    for (const model::Tenant& tenant : tenants.items) {
      if (tenant.status != model::TenantStatus::kDeactivated || !tenant.destroy_at) continue;
      const model::NewEvent event = events::MakeEvent(
          clock, random, model::Scope::Of(tenant.id), events::kTenantDestructionCancelled, "system",
          {{"tenantId", tenant.id.text()}, {"reason", "restored from a backup"}});
      TS_RETURN_IF_ERROR(dir.store->ChangeTenant(tenant, tenant.status, std::nullopt, event));
      ++dir.destructions_cancelled;
      base::LogWarning("a restored tenant's destruction is cancelled; order it anew if it is meant",
                       {{"tenant", tenant.id.text()}});
    }
    page.after = tenants.next;
  } while (!page.after.empty());
  if (::unlink(mark.c_str()) != 0) return base::FileError("remove", mark);
  return base::SyncParentDirectory(mark);
}

}  // namespace

Result<DataDirLock> DataDirLock::Take(const std::string& data_dir) {
  base::UniqueFd fd(::open(data_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return base::FileError("open", data_dir);
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return base::FileError("lock", data_dir);
  }
  return DataDirLock(std::move(fd));
}

Result<kms::RootSource> ChooseRootSource(const std::string& file, int fd) {
  if (fd >= 0) return kms::RootSource::Descriptor(fd);
  if (auto given = kms::RootSource::Environment()) return given;
  return kms::RootSource::File(file);
}

Result<DataDir> OpenDataDir(DataDirOptions options, const base::Clock& clock,
                            const base::Random& random) {
  DataDir dir;
  dir.path = options.data_dir;
  TS_ASSIGN_OR_RETURN(dir.database_path, DatabasePath(options));
  dir.keystore_path = dir.path + "/keystore.db";
  dir.root = std::move(options.root);
  const bool from_file = dir.root.kind == kms::RootSource::Kind::kFile;
  if (from_file && dir.root.path.empty()) dir.root = kms::RootSource::File(dir.path + "/root.key");
  if (!options.create_if_missing && !base::FileExists(dir.path)) {
    return Missing("the data directory", dir.path, "Name an existing one with --data-dir.");
  }
  TS_RETURN_IF_ERROR(base::EnsurePrivateDirectory(dir.path));
  TS_ASSIGN_OR_RETURN(const DataDirLock lock, DataDirLock::Take(dir.path));
  const Parts parts{!from_file || base::FileExists(dir.root.path),
                    base::FileExists(dir.keystore_path), HasContent(dir.database_path)};
  TS_RETURN_IF_ERROR(CheckParts(parts, dir, options.create_if_missing));
  TS_ASSIGN_OR_RETURN(kms::RootKeys roots, LoadOrMakeRoot(dir, parts, clock, random));
  TS_ASSIGN_OR_RETURN(kms::RootKeys also, LoadRootKeys(dir.root));
  TS_ASSIGN_OR_RETURN(auto keystore, OpenKeystore(dir, parts, std::move(roots), clock, random));
  if (!parts.database) {
    TS_ASSIGN_OR_RETURN(const auto header, keystore->ReadHeader());
    if (header.live_keys + header.destroyed_keys > 0) {
      return Missing("the database", dir.database_path,
                     "The keystore holds keys of tenants: restore the database from its backup.");
    }
  }
  store::RowMac row_mac(keystore->DeploymentKey(kRowMacLabel));
  dir.kms = std::make_unique<kms::InternalKms>(std::move(keystore), random);
  TS_ASSIGN_OR_RETURN(dir.store, store::SqliteStore::Open(dir.database_path, std::move(row_mac)));
  TS_RETURN_IF_ERROR(Match(dir, also, clock));
  if (options.serves) {
    TS_ASSIGN_OR_RETURN(dir.holder, RootHolder::Register(dir.path, dir.root, also));
  }
  TS_RETURN_IF_ERROR(CancelDestructionsOfRestored(dir, clock, random));
  return dir;
}

Result<DataDir> OpenDataDirFor(const Settings& settings, const base::Clock& clock,
                               const base::Random& random) {
  DataDirOptions options;
  options.data_dir = settings.data_dir;
  options.database = settings.database;
  options.create_if_missing = true;
  options.serves = true;
  TS_ASSIGN_OR_RETURN(options.root, ChooseRootSource(settings.root_key_file, settings.root_key_fd));
  return OpenDataDir(std::move(options), clock, random);
}

}  // namespace tenantseal::server
