#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace tenantseal::base {
namespace {

Result<void> WriteAll(int fd, ByteSpan bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError("write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

std::string ParentOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

bool IsOnReadOnlyFileSystem(const std::string& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0 && ::statvfs(ParentOf(path).c_str(), &info) != 0)
    return false;
  return (info.f_flag & ST_RDONLY) != 0;
}

// A file of its own beside its target, removed unless it is put in place. Errors name the target.
class Aside {
 public:
  explicit Aside(const std::string& target) : target_(target), path_(target + ".XXXXXX") {
    fd_ = UniqueFd(::mkostemp(path_.data(), O_CLOEXEC));  // Mode 0600.
  }
  ~Aside() {
    if (fd_.valid()) ::unlink(path_.c_str());
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;
  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

  Result<void> Write(ByteSpan bytes) const {
    if (!fd_.valid()) return FileError("create", target_);
    TS_RETURN_IF_ERROR(WriteAll(fd_.get(), bytes, target_));
    if (::fsync(fd_.get()) != 0) return FileError("sync", target_);
    return {};
  }

 private:
  const std::string target_;
  std::string path_;
  UniqueFd fd_;
};

}  // namespace

void UniqueFd::Reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::optional<Error> DiskError(int error, const std::string& path) {
  if (error == EROFS || IsOnReadOnlyFileSystem(path)) {
    return Error{ErrorCode::kUnavailable,
                 "The file system that holds " + path + " is read-only: mount it writable"};
  }
  if (error == ENOSPC) {
    return Error{ErrorCode::kUnavailable,
                 "The disk that holds " + path + " is full: free some space"};
  }
  if (error == EDQUOT) {
    return Error{ErrorCode::kUnavailable,
                 "The disk quota for " + path + " is used up: free some space, or raise the quota"};
  }
  return std::nullopt;
}

Error FileError(std::string_view verb, const std::string& path) {
  const int error = errno;
  if (error == ENOSPC || error == EDQUOT || error == EROFS) return *DiskError(error, path);
  ErrorCode code = ErrorCode::kInternal;
  if (error == ENOENT) code = ErrorCode::kNotFound;
  if (error == EACCES || error == EPERM) code = ErrorCode::kPermissionDenied;
  return {code, "cannot " + std::string(verb) + " " + path + ": " + std::strerror(error)};
}

bool FileExists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

Result<SecretBytes> ReadFile(const std::string& path, std::size_t max) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return FileError("open", path);
  SecretBytes out(max + 1);
  std::size_t have = 0;
  while (have < out.size()) {
    const ssize_t n = ::read(fd.get(), out.RevealMutable().data() + have, out.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError("read", path);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  if (have > max) {
    return Error{ErrorCode::kTooLarge, path + " is larger than " + std::to_string(max) + " bytes"};
  }
  out.Truncate(have);
  return out;
}

Result<void> WriteFileAtomically(const std::string& path, ByteSpan bytes) {
  const Aside aside(path);
  // Keeps the owner of what it replaces where that is permitted, so that what root replaces for a
  // service stays the service's.
  struct stat old {};
  const bool replaces = ::stat(path.c_str(), &old) == 0;
  TS_RETURN_IF_ERROR(aside.Write(bytes));
  if (replaces && old.st_uid != ::geteuid()) {
    static_cast<void>(::fchown(aside.fd(), old.st_uid, old.st_gid) == 0);
  }
  if (::rename(aside.path().c_str(), path.c_str()) != 0) return FileError("replace", path);
  return SyncParentDirectory(path);
}

Result<void> CreateFileAtomically(const std::string& path, ByteSpan bytes) {
  const Aside aside(path);
  TS_RETURN_IF_ERROR(aside.Write(bytes));
  if (::link(aside.path().c_str(), path.c_str()) != 0) {
    if (errno == EEXIST) return Error{ErrorCode::kAlreadyExists, path + " exists already"};
    return FileError("create", path);
  }
  return SyncParentDirectory(path);
}

Result<void> EnsurePrivateDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    if (errno != ENOENT) return FileError("create directory", path);
    const std::string parent = ParentOf(path);
    return NotFound("cannot create directory " + path + ": " + parent +
                    " is missing; make it first: mkdir -p " + parent);
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return FileError("open", path);
  if (!S_ISDIR(info.st_mode)) return InvalidArgument("data-dir", path + " is not a directory");
  if ((info.st_mode & 077) != 0) {
    return Error{ErrorCode::kPermissionDenied,
                 path + " may be entered by others; run: chmod 700 " + path, "data-dir"};
  }
  return {};
}

Result<void> RequirePrivateFile(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return FileError("open", path);
  if ((info.st_mode & 077) != 0) {
    return Error{ErrorCode::kPermissionDenied,
                 path + " may be read or written by others; run: chmod 600 " + path};
  }
  return {};
}

Result<void> SyncParentDirectory(const std::string& path) {
  const std::string parent = ParentOf(path);
  UniqueFd fd(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return FileError("open", parent);
  if (::fsync(fd.get()) != 0) return FileError("sync", parent);
  return {};
}

}  // namespace tenantseal::base
