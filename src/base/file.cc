#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
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

}  // namespace

void UniqueFd::Reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Error FileError(std::string_view verb, const std::string& path) {
  const int error = errno;
  ErrorCode code = ErrorCode::kInternal;
  if (error == ENOENT) code = ErrorCode::kNotFound;
  if (error == EACCES || error == EPERM) code = ErrorCode::kPermissionDenied;
  if (error == ENOSPC || error == EROFS || error == EDQUOT) code = ErrorCode::kUnavailable;
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
  std::string temporary = path + ".XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));  // Mode 0600.
  if (!fd.valid()) return FileError("create", temporary);
  // Keeps the owner of what it replaces where that is permitted, so that what root replaces for a
  // service stays the service's.
  struct stat old {};
  if (::stat(path.c_str(), &old) == 0 && old.st_uid != ::geteuid()) {
    static_cast<void>(::fchown(fd.get(), old.st_uid, old.st_gid) == 0);
  }
  auto written = WriteAll(fd.get(), bytes, temporary);
  if (written && ::fsync(fd.get()) != 0) written = FileError("sync", temporary);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0)
    written = FileError("replace", path);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return SyncParentDirectory(path);
}

Result<void> EnsurePrivateDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return FileError("create directory", path);
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
