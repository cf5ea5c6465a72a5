// Keeps what the write-ahead log is about to be written over in memory. Once the log is begun anew,
// writes go over what is there. A frame of it does not end where a page of the system does, so
// that for a page which is on disk only, a write would wait until it is read, and others for the
// write.
#pragma once

#include <atomic>
#include <string>

#include "base/file.h"

namespace tenantseal::store {

// Thread-safe.
class LogAhead {
 public:
  // Of the log of the SQLite database at `path`, which must exist. Where it cannot be opened,
  // writes just take longer.
  explicit LogAhead(const std::string& path);

  // Says that the next frame to be written is `frame`, counted from 0: has the system read as much
  // as the next writes go over, without waiting for it. Cheap when called before each write.
  void Reach(int frame);

 private:
  const base::UniqueFd log_;
  std::atomic<int> end_{0};  // Of what the system has been asked for.
};

}  // namespace tenantseal::store
