#include "server/backup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/limits.h"
#include "server/root_rotation.h"
#include "store/sqlite/copy_check.h"

namespace tenantseal::server {
namespace {

namespace fs = std::filesystem;

// A new directory beside the target, removed with what is in it unless it is renamed.
class PartialDirectory {
 public:
  static Result<PartialDirectory> Beside(std::string target) {
    while (target.size() > 1 && target.ends_with('/')) target.pop_back();
    std::string path = target + ".partial-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return base::FileError("create directory", path);
    return PartialDirectory(std::move(path));
  }
  PartialDirectory(PartialDirectory&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  PartialDirectory& operator=(PartialDirectory&&) = delete;
  ~PartialDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  Result<void> BecomeFinal(const std::string& target) {
    // Replaces an empty directory, never one with content.
    if (::rename(path_.c_str(), target.c_str()) != 0) return base::FileError("create", target);
    path_.clear();
    return base::SyncParentDirectory(target);
  }

 private:
  explicit PartialDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<void> CopyPrivately(const std::string& from, const std::string& to) {
  const base::UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.valid()) return base::FileError("open", from);
  const base::UniqueFd out(::open(to.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (!out.valid()) return base::FileError("create", to);
  base::SecretBytes buffer(64 << 10);
  while (true) {
    const auto room = buffer.RevealMutable();
    const ssize_t n = ::read(in.get(), room.data(), room.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::FileError("read", from);
    if (n == 0) break;
    for (ssize_t done = 0; done < n;) {
      const ssize_t m = ::write(out.get(), room.data() + done, static_cast<std::size_t>(n - done));
      if (m < 0 && errno != EINTR) return base::FileError("write", to);
      done += std::max<ssize_t>(m, 0);
    }
  }
  if (::fsync(out.get()) != 0) return base::FileError("sync", to);
  return base::SyncParentDirectory(to);
}

Result<void> RequireVacant(const std::string& data_dir) {
  std::error_code error;
  if (!fs::exists(data_dir, error)) return {};
  if (fs::is_directory(data_dir, error) && fs::is_empty(data_dir, error)) return {};
  return Error{ErrorCode::kAlreadyExists,
               data_dir + " has something in it; name a new directory with --data-dir", "data-dir"};
}

// Every tenant's rows and provider key.
Result<std::uint64_t> VerifyTenants(const DataDir& dir) {
  std::uint64_t verified = 0;
  store::TenantPage page;
  page.limit = base::kPageItemsMax;
  do {
    TS_ASSIGN_OR_RETURN(const auto tenants, dir.store->ListTenants(page));
    for (const model::Tenant& listed : tenants.items) {
      TS_ASSIGN_OR_RETURN(const model::TenantState state, dir.store->LoadTenant(listed.id));
      if (state.tenant.status == model::TenantStatus::kDestroyed) continue;
      const auto key = dir.kms->keystore().LoadKey(listed.id);
      // Destroyed after the database was copied: that was wanted, and stays so.
      if (!key && key.error().code == ErrorCode::kKeyRevoked) continue;
      if (!key) return key.error();
      ++verified;
    }
    page.after = tenants.next;
  } while (!page.after.empty());
  return verified;
}

Result<Restored> VerifyAll(const std::string& path, kms::RootSource root, const base::Clock& clock,
                           const base::Random& random) {
  DataDirOptions options;
  options.data_dir = path;
  options.root = std::move(root);
  TS_ASSIGN_OR_RETURN(DataDir dir, OpenDataDir(std::move(options), clock, random));
  // An older copy of the database names the root of its time.
  for (bool more = true; more;) {
    TS_ASSIGN_OR_RETURN(more, AdvanceRootRotation(dir));
  }
  Restored restored;
  TS_ASSIGN_OR_RETURN(restored.tenants, VerifyTenants(dir));
  restored.destructions_cancelled = dir.destructions_cancelled;
  restored.complete = true;
  return restored;
}

}  // namespace

Result<void> BackupDataDir(const DataDir& dir, const std::string& output,
                           const std::string& keystore_output) {
  if (!keystore_output.empty() && base::FileExists(keystore_output)) {
    return Error{ErrorCode::kAlreadyExists, keystore_output + " exists already; name a new file"};
  }
  TS_RETURN_IF_ERROR(dir.store->Backup(output));
  if (keystore_output.empty()) return {};
  return dir.kms->keystore().Backup(keystore_output);
}

Result<Restored> RestoreDataDir(RestoreOptions options, const base::Clock& clock,
                                const base::Random& random) {
  TS_RETURN_IF_ERROR(RequireVacant(options.data_dir));
  const bool root_file = options.root.kind == kms::RootSource::Kind::kFile;
  const bool has_root = !root_file || !options.root.path.empty();
  if (root_file && has_root) TS_RETURN_IF_ERROR(kms::LoadRootKeys(options.root));
  if (!options.keystore.empty()) TS_RETURN_IF_ERROR(kms::Keystore::Inspect(options.keystore));
  TS_ASSIGN_OR_RETURN(PartialDirectory partial, PartialDirectory::Beside(options.data_dir));
  TS_RETURN_IF_ERROR(CopyPrivately(options.from, partial.path() + "/tenantseal.db"));
  TS_RETURN_IF_ERROR(store::CheckCopy(partial.path() + "/tenantseal.db", options.from));
  if (!options.keystore.empty()) {
    TS_RETURN_IF_ERROR(CopyPrivately(options.keystore, partial.path() + "/keystore.db"));
  }
  if (root_file && has_root) {
    TS_RETURN_IF_ERROR(CopyPrivately(options.root.path, partial.path() + "/root.key"));
  }
  TS_RETURN_IF_ERROR(base::WriteFileAtomically(RestoredMark(partial.path()), {}));
  Restored restored;
  if (has_root && !options.keystore.empty()) {
    kms::RootSource root = root_file ? kms::RootSource() : options.root.Copy();
    TS_ASSIGN_OR_RETURN(restored, VerifyAll(partial.path(), std::move(root), clock, random));
  }
  TS_RETURN_IF_ERROR(partial.BecomeFinal(options.data_dir));
  return restored;
}

}  // namespace tenantseal::server
