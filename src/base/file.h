// Files: owned descriptors, bounded reads, atomic durable writes.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace tenantseal::base {

// Owns a file descriptor; closes it on destruction.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Reset();

 private:
  int fd_ = -1;
};

// What a full disk, a used-up quota or a read-only file system does to `path`, with the remedy, as
// kUnavailable. `error` is an errno or 0; whatever it is, a read-only file system is told by
// itself.
std::optional<Error> DiskError(int error, const std::string& path);

// DiskError() where errno is one of those; else "cannot <verb> <path>: <reason of errno>", as
// kNotFound for ENOENT, kPermissionDenied, else kInternal. Call at once after the failing call.
Error FileError(std::string_view verb, const std::string& path);

bool FileExists(const std::string& path);

// The whole of a file of at most `max` bytes. kNotFound when there is none, kTooLarge when longer.
Result<SecretBytes> ReadFile(const std::string& path, std::size_t max);

// Replaces `path` by `bytes` with owner-only permissions: either the old or the new content
// survives a crash, never a mixture, and the new one is durable on return.
Result<void> WriteFileAtomically(const std::string& path, ByteSpan bytes);
// The same of a new file. kAlreadyExists when there is one, which stays as it is.
Result<void> CreateFileAtomically(const std::string& path, ByteSpan bytes);

// Creates the directory with mode 0700 if it is missing; refuses one that others may enter.
// kNotFound when its parent is missing.
Result<void> EnsurePrivateDirectory(const std::string& path);

// Refuses a file that anyone but its owner may read or write.
Result<void> RequirePrivateFile(const std::string& path);

// Makes a rename or creation in `path`'s directory durable.
Result<void> SyncParentDirectory(const std::string& path);

}  // namespace tenantseal::base
