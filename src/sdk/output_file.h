// A file that appears under its name only when it is complete.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace tenantseal::sdk {

// Not thread-safe, apart from fd(), to which several threads may pwrite.
class OutputFile {
 public:
  enum class Mode {
    kByUmask,  // What the umask leaves of 0666.
    kPrivate,  // 0600, or the permissions of the regular file that is replaced.
  };

  // Nothing appears in the file system yet (or, where the file system lacks O_TMPFILE, a hidden
  // file in the target's directory). A symbolic link is followed: its target is replaced.
  // kInvalidArgument when `path` is there and is not a regular file: it could not be replaced.
  static Result<OutputFile> Create(const std::string& path, Mode mode);
  OutputFile(OutputFile&& other) noexcept = default;
  OutputFile& operator=(OutputFile&& other) noexcept = default;
  ~OutputFile();  // Without Commit() nothing is left.

  int fd() const { return fd_.get(); }
  // The same permissions, and where allowed the same owner, as an open file.
  Result<void> CopyPermissions(int from_fd);
  // Takes the room on the disk now, so that a full disk shows at once and the pages of several
  // writers do not interleave. Does nothing where the file system cannot.
  Result<void> Reserve(std::uint64_t bytes);
  // Gives the file its name, in place of one that was there. With `sync`, durably.
  Result<void> Commit(bool sync);

 private:
  OutputFile() = default;
  Result<void> CreateNamed(mode_t mode);
  Result<void> LinkHidden();

  std::string path_;  // Where it will be.
  std::string directory_;
  std::string hidden_;  // Its name until then; empty while it has none.
  base::UniqueFd fd_;
};

}  // namespace tenantseal::sdk
