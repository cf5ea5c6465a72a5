#include "sdk/fd_io.h"

#include <sys/types.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "tenantseal/content.h"

namespace tenantseal {
namespace sdk {

Error LocalFileError(std::string_view verb, const std::string& path) {
  Error error = base::FileError(verb, path);
  error.field = "file";
  return error;
}

Result<std::size_t> ReadAt(int fd, base::MutableByteSpan out, std::uint64_t offset) {
  std::size_t have = 0;
  while (have < out.size()) {
    const ssize_t n =
        ::pread(fd, out.data() + have, out.size() - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sdk::LocalFileError("read", "the input");
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  return have;
}

Result<void> WriteAt(int fd, base::ByteSpan bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sdk::LocalFileError("write", "the output");
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace sdk

ReadFunction ReadFrom(int fd) {
  return [fd](MutableBytes out) -> Result<std::size_t> {
    std::size_t have = 0;
    while (have < out.size()) {
      const ssize_t n = ::read(fd, out.data() + have, out.size() - have);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return sdk::LocalFileError("read", "the input");
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    return have;
  };
}

WriteFunction WriteTo(int fd) {
  return [fd](ConstBytes bytes) -> Result<void> {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return sdk::LocalFileError("write", "the output");
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
  };
}

}  // namespace tenantseal
