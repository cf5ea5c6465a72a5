// Whole reads and writes on file descriptors.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace tenantseal::sdk {

// base::FileError() with the field "file", which tells a local failure (permissions, full disk)
// from one of the service with the same code. Call at once after the failing call.
Error LocalFileError(std::string_view verb, const std::string& path);

// Reads until `out` is full or the file ends; the bytes read.
Result<std::size_t> ReadAt(int fd, base::MutableByteSpan out, std::uint64_t offset);
Result<void> WriteAt(int fd, base::ByteSpan bytes, std::uint64_t offset);

}  // namespace tenantseal::sdk
