#include "sdk/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "base/encoding.h"
#include "base/random.h"
#include "sdk/fd_io.h"

namespace tenantseal::sdk {
namespace {

constexpr mode_t kPermissionBits = 0777;

// Reading the umask means setting it; other threads that create files in between would be
// affected, so it is read from the kernel's description of the process instead.
mode_t Umask() {
  const auto status = base::ReadFile("/proc/self/status", 64 << 10);
  if (!status) return 077;
  const std::string_view text = status->RevealText();
  const std::size_t at = text.find("\nUmask:\t");
  if (at == std::string_view::npos) return 077;
  return static_cast<mode_t>(std::strtoul(std::string(text.substr(at + 8, 4)).c_str(), nullptr, 8));
}

std::string HiddenName(const std::string& directory) {
  std::array<std::uint8_t, 9> random;
  base::SystemRandom().FillPublic(random);
  return directory + "/.tenantseal-" + base::Base64UrlEncode(random);
}

}  // namespace

Result<OutputFile> OutputFile::Create(const std::string& path, Mode mode) {
  OutputFile out;
  out.path_ = path;
  if (char resolved[PATH_MAX]; ::realpath(path.c_str(), resolved) != nullptr) out.path_ = resolved;
  const std::string parent = std::filesystem::path(out.path_).parent_path().string();
  out.directory_ = parent.empty() ? "." : parent;
  struct stat there {};
  const bool exists = ::lstat(out.path_.c_str(), &there) == 0;
  if (exists && !S_ISREG(there.st_mode)) {
    return InvalidArgument("output", path + " is not a regular file, so it cannot be replaced.");
  }
  mode_t permissions = 0600;
  if (mode == Mode::kByUmask) permissions = 0666 & ~Umask();
  if (mode == Mode::kPrivate && exists) permissions = there.st_mode & kPermissionBits;
  out.fd_ = base::UniqueFd(::open(out.directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!out.fd_.valid()) {
    // EISDIR and EOPNOTSUPP: a kernel or file system without O_TMPFILE.
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
      return LocalFileError("create a file in", out.directory_);
    }
    TS_RETURN_IF_ERROR(out.CreateNamed(permissions));
  }
  if (::fchmod(out.fd(), permissions) != 0) return LocalFileError("set permissions of", path);
  return out;
}

Result<void> OutputFile::CreateNamed(mode_t mode) {
  hidden_ = HiddenName(directory_);
  fd_ = base::UniqueFd(::open(hidden_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, mode));
  if (fd_.valid()) return {};
  Error error = LocalFileError("create", hidden_);
  hidden_.clear();
  return error;
}

OutputFile::~OutputFile() {
  if (fd_.valid() && !hidden_.empty()) ::unlink(hidden_.c_str());
}

Result<void> OutputFile::CopyPermissions(int from_fd) {
  struct stat from {};
  if (::fstat(from_fd, &from) != 0) return LocalFileError("stat the original of", path_);
  // Only root may give files away; for others a foreign owner's file becomes their own.
  if (::fchown(fd(), from.st_uid, from.st_gid) != 0 && errno != EPERM) {
    return LocalFileError("set the owner of", path_);
  }
  if (::fchmod(fd(), from.st_mode & kPermissionBits) != 0) {
    return LocalFileError("set permissions of", path_);
  }
  return {};
}

Result<void> OutputFile::Reserve(std::uint64_t bytes) {
  if (bytes == 0) return {};
  // fallocate(2) itself: the C library's posix_fallocate() would write every block where the file
  // system cannot reserve.
  int result = 0;
  do {
    result = ::fallocate(fd(), 0, 0, static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return {};
  return LocalFileError("reserve " + std::to_string(bytes) + " bytes for", path_);
}

Result<void> OutputFile::LinkHidden() {
  const std::string self = "/proc/self/fd/" + std::to_string(fd());
  // Straight to the target if nothing is there; only renaming can replace.
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
  if (errno != EEXIST) return LocalFileError("create", path_);
  std::string name = HiddenName(directory_);
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return LocalFileError("create", name);
  }
  hidden_ = std::move(name);
  return {};
}

Result<void> OutputFile::Commit(bool sync) {
  if (sync && ::fsync(fd()) != 0) return LocalFileError("sync", path_);
  if (hidden_.empty()) TS_RETURN_IF_ERROR(LinkHidden());
  if (!hidden_.empty()) {
    if (::rename(hidden_.c_str(), path_.c_str()) != 0) return LocalFileError("replace", path_);
    hidden_.clear();
  }
  fd_.Reset();
  if (sync) return base::SyncParentDirectory(path_);
  return {};
}

}  // namespace tenantseal::sdk
