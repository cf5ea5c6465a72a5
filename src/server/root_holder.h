// Which root keys a serving process holds, so that a rotation strands none: one that reads its root
// from a file reads it again, one that got it from its environment has what it started with.
//
// A process holds a locked file DIR/serving-*.lock that says so. The lock goes when the process
// does, however it ends, so nothing needs a clock and what is left behind counts for nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "kms/internal/root_key.h"

namespace tenantseal::server {

class RootHolder {
 public:
  // Removes what dead processes have left, too. For whoever has the DataDirLock.
  static Result<RootHolder> Register(const std::string& data_dir, const kms::RootSource& source,
                                     const kms::RootKeys& roots);
  ~RootHolder();
  RootHolder(RootHolder&& other) noexcept;
  RootHolder& operator=(RootHolder&& other) noexcept;

 private:
  RootHolder(std::string path, base::UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  void Unregister();
  std::string path_;
  base::UniqueFd fd_;
};

// The living processes that could not open the keystore under root `id`, once `source` holds it; in
// words. For whoever has the DataDirLock.
Result<std::vector<std::string>> ProcessesWithoutRoot(const std::string& data_dir,
                                                      const kms::RootSource& source,
                                                      std::string_view id);

}  // namespace tenantseal::server
